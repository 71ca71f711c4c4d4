/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Single requests: a line each, which opens to a waterfall. */
"use strict";

const opened = new Set(); // keys of the requests whose waterfall is shown
const keyOf = (request) => `${request.start}/${request.pid}/${request.tid}`;
const kindIndex = (name) => kinds.findIndex((kind) => kind.name === name);
const LANES = 40; // operations that get a line of their own

function axisOf(wall) {
  return h("div", { class: "axis", "aria-hidden": "true" }, [0, ...ticks(wall, 4).filter((at) => at < wall * 0.94)].map((at) => h("span", { style: { left: `${100 * at / wall}%` } }, at ? time(at) : "0")));
}

/* Operations that say the same, one behind the other, share a lane: an N+1 is one line of many. */
function operationLanes(request) {
  const lanes = new Map();
  for (const operation of request.operations) {
    const name = operation.summary || operation.statement || operation.system || operation.kind;
    const key = JSON.stringify([operation.kind, operation.system, operation.peer, name]);
    if (!lanes.has(key)) lanes.set(key, { name, operation, all: [] });
    lanes.get(key).all.push(operation);
  }
  return [...lanes.values()];
}

function lane(label, title, parts, wall, value) {
  return [h("div", { class: "label", title }, label),
    h("div", { class: "lane" }, parts.map((part) => h("i", { title: part.title, style: { left: `${100 * part.start / wall}%`, width: `${100 * part.ns / wall}%`, background: colour(part.kind) } }))),
    h("div", { class: "num dim" }, value)];
}

function waterfall(request) {
  const wall = request.wall_ns || 1, values = kinds.map((kind) => request.kinds_ns[kind.name]), segments = request.segments || [];
  const lanes = operationLanes(request), left = lanes.slice(LANES);
  const facts = [new Date(request.start).toLocaleString(), `${request.comm} ${request.pid}`, `${bytes(request.bytes_in)} in, ${bytes(request.bytes_out)} out`,
    request.first_byte_ns ? `first byte after ${time(request.first_byte_ns)}` : "no answer was sent", `${time(request.cpu_ns)} of CPU`, request.attribution,
    request.traceparent && `trace ${request.traceparent.split("-")[1] || request.traceparent}`, ...request.flags].filter(Boolean);
  return h("div", { class: "waterfall" },
    h("div", { class: "facts" }, facts.map((fact) => h("span", {}, fact))),
    h("div", { class: "lanes" }, h("div", {}), axisOf(wall), h("div", {}),
      segments.length ? lane("time line", "what the request did or waited for", segments.map((segment) => ({ start: segment.start_ns, ns: segment.duration_ns, kind: kindIndex(segment.kind),
        title: `${segment.kind}${segment.detail ? ` ${segment.detail}` : ""}: ${time(segment.duration_ns)} from ${time(segment.start_ns)}` })), wall, time(wall)) : null,
      lanes.slice(0, LANES).map(({ name, operation, all }) => lane(
        [h("span", { class: "chip", style: { background: colour(kindIndex(operation.kind)) } }), all.length > 1 ? `${all.length} × ` : "", name],
        `${name}\n${operation.statement || ""}\n${operation.system} ${operation.peer}`.trim(),
        all.map((one) => ({ start: one.start_ns, ns: one.duration_ns, kind: kindIndex(one.kind), title: `${one.statement || name}: ${time(one.duration_ns)} from ${time(one.start_ns)}${one.error ? `, failed: ${one.error}` : ""}` })),
        wall, time(sum(all.map((one) => one.duration_ns)))))),
    left.length ? h("p", { class: "dim" }, `and ${left.length} other operations`) : null,
    request.segments_truncated ? h("p", { class: "dim" }, "The end of the time line was not kept: it has too many pieces. What it went to is in the sums below.") : null,
    segments.length ? null : h("p", { class: "dim" }, "No time line was kept of this request: they are of the slow ones, and of a sample."),
    legend(values, (value) => time(value)));
}

function requestLine(request) {
  const key = keyOf(request), values = kinds.map((kind) => request.kinds_ns[kind.name]), failed = request.status >= 500 || !request.status || request.flags.includes("aborted");
  const holder = h("div", { class: "request" });
  const button = h("button", { type: "button", "aria-expanded": String(opened.has(key)), "data-key": `request ${key}`, onclick: () => {
    if (opened.has(key)) opened.delete(key); else opened.add(key);
    button.setAttribute("aria-expanded", String(opened.has(key)));
    button.nextSibling?.remove();
    if (opened.has(key)) holder.append(waterfall(request));
  } }, h("b", { class: "num" }, time(request.wall_ns)), h("span", { class: failed ? "bad" : "dim" }, request.status || "none"),
  h("span", { class: "path" }, h("span", { class: "method" }, request.method), request.path), kindBar(values), h("span", { class: "turn", "aria-hidden": "true" }));
  holder.append(button);
  if (opened.has(key)) holder.append(waterfall(request));
  return holder;
}
