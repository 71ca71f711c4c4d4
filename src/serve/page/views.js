/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The two views: all endpoints, and one of them. */
"use strict";

const ROWS = 100; // of endpoints, until more are asked for
const view = { sort: "time", up: false, filter: "", rows: ROWS, requests: "slowest", flame: "all" };

const card = (title, note, ...content) => h("section", { class: "card" }, h("header", {}, h("h2", {}, title), note && h("p", {}, note)), content);
const figure = (value, unit, label, bad) => h("div", { class: "figure" }, h("b", { class: bad ? "bad" : "" }, value, unit && h("small", {}, unit)), h("span", {}, label));
const timeFigure = (ns, label) => figure(...timeParts(ns), label);
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const nameOf = (endpoint) => `${endpoint.method} ${endpoint.route}`;

function hashOf(change) {
  const parameters = new URLSearchParams(location.hash.slice(1));
  for (const [name, value] of Object.entries(change)) if (value === null) parameters.delete(name); else parameters.set(name, value);
  return `#${parameters}`;
}
const linkOf = (endpoint) => hashOf({ service: endpoint.service, method: endpoint.method, route: endpoint.route });

/* ---- all endpoints */

const columns = [
  ["endpoint", "Endpoint", (e) => `${nameOf(e)} ${e.service}`],
  ["rate", "req/s", (e) => e.rate_per_s],
  ["errors", "Errors", (e) => e.errors / e.requests],
  ["p50", "p50", (e) => e.wall_ns.p50],
  ["p95", "p95", (e) => e.wall_ns.p95],
  ["p99", "p99", (e) => e.wall_ns.p99],
  ["time", "Time by kind", (e) => e.wall_ns.sum],
];

function sorted(endpoints) {
  const value = columns.find(([id]) => id === view.sort)[2], words = view.filter.toLowerCase().split(/\s+/).filter(Boolean);
  return endpoints.filter((e) => { const text = `${e.service} ${nameOf(e)}`.toLowerCase(); return words.every((word) => text.includes(word)); })
    .sort((a, b) => { const x = value(a), y = value(b); return (x < y ? -1 : x > y ? 1 : 0) * (view.up ? 1 : -1); });
}

function endpointRow(endpoint) {
  const link = h("a", { class: "name", title: nameOf(endpoint), href: linkOf(endpoint), "data-key": `endpoint ${linkOf(endpoint)}` }, h("span", { class: "method" }, endpoint.method), endpoint.route);
  const cell = (label, ...content) => h("td", { class: "num", "data-label": label }, content);
  return h("tr", { class: "go", onclick: (event) => event.target.closest("a") || link.click() },
    h("td", {}, link, h("span", { class: "service" }, endpoint.service)), cell("req/s", rate(endpoint.rate_per_s)),
    cell("errors", endpoint.errors ? h("span", { class: "bad" }, share(endpoint.errors, endpoint.requests)) : h("span", { class: "dim" }, "0")),
    cell("p50", time(endpoint.wall_ns.p50)), cell("p95", h("b", {}, time(endpoint.wall_ns.p95))), cell("p99", time(endpoint.wall_ns.p99)), h("td", { class: "wide" }, kindBar(endpoint.kinds_ns)));
}

function endpointTable(endpoints, redraw) {
  const chosen = sorted(endpoints), body = h("tbody", {}, chosen.slice(0, view.rows).map(endpointRow));
  body.addEventListener("keydown", (event) => {
    const links = [...body.querySelectorAll("a.name")], at = links.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
    if (at < 0 || next === undefined || !links[next]) return;
    event.preventDefault();
    links[next].focus();
  });
  const head = columns.map(([id, name]) => h("th", { class: id === "endpoint" || id === "time" ? "" : "num", scope: "col", "aria-sort": view.sort === id ? view.up ? "ascending" : "descending" : null },
    h("button", { type: "button", "data-key": `sort ${id}`, onclick: () => { view.up = view.sort === id ? !view.up : id === "endpoint"; view.sort = id; redraw(); } }, name)));
  return [h("table", { class: "endpoints" }, h("caption", { class: "hide" }, "Endpoints"), h("thead", {}, h("tr", {}, head)), body),
    !chosen.length && h("p", { class: "empty" }, `No endpoint has “${view.filter}” in its name.`),
    chosen.length > view.rows && h("button", { type: "button", class: "more", "data-key": "more", onclick: () => { view.rows = Infinity; redraw(); } }, `Show all ${count(chosen.length)}`)];
}

/* What the numbers come to, in a sentence. */
function lead(values) {
  const total = sum(values), largest = values.map((value, i) => [value, i]).sort((a, b) => b[0] - a[0])[0];
  const computing = values[0] + values[1];
  return h("p", { class: "lead" }, "Of the time of all requests ", h("b", {}, share(computing, total)), " is computing, ", h("b", {}, share(total - computing, total)), " is waiting",
    largest[1] > 1 ? [", most of all in ", h("b", {}, kinds[largest[1]].name), ` (${share(largest[0], total)}: ${kinds[largest[1]].meaning}).`] : ".");
}

function emptyView(status) {
  const since = new Date(status.started);
  return h("section", { class: "card empty" }, h("h1", {}, "No requests yet"),
    h("p", {}, status.state === "observing" ? "An endpoint shows up here as soon as a server on this host has answered its first request: HTTP/1, over TCP or a unix socket." : `whywait is not observing: ${status.reason || status.state}.`),
    h("p", {}, `It was started at ${clock(since, true)}. What it can see on this host: `, h("code", {}, "whywait doctor")));
}

function overview(data) {
  const { endpoints, window: span } = data.endpoints, tableHolder = h("div", {});
  if (!endpoints.length) return [emptyView(data.status)];
  const values = kinds.map((kind, i) => sum(endpoints.map((e) => e.kinds_ns[i]))), requests = sum(endpoints.map((e) => e.requests)), errors = sum(endpoints.map((e) => e.errors));
  const redraw = () => keepFocus(() => tableHolder.replaceChildren(...endpointTable(endpoints, redraw).filter(Boolean)));
  const filter = h("input", { type: "search", placeholder: "Filter endpoints", "aria-label": "Filter endpoints by words", value: view.filter, "data-key": "filter", spellcheck: "false", autocomplete: "off",
    oninput: (event) => { view.filter = event.target.value; redraw(); } });
  tableHolder.append(...endpointTable(endpoints, redraw).filter(Boolean));
  return [h("h1", { class: "hide" }, "Endpoints"),
    h("section", { class: "card stack" },
      h("div", { class: "figures" }, figure(rate(requests / (span.duration_s || 1)), "/s", "requests"), figure(share(errors, requests), "", "failed", errors > 0), timeFigure(sum(values) / requests, "mean"), figure(count(endpoints.length), "", "endpoints"),
        figure((sum(values) / 1e9 / (span.duration_s || 1)).toFixed(1), "", "in flight")),
      lead(values), h("div", {}, kindBar(values, { big: true }), legend(values, (value, total) => share(value, total)))),
    h("div", { class: "cols" }, card("Over time", null, stackChart(data.series, true)), card("Latency", null, heatChart(data.series))),
    h("section", { class: "card" }, h("div", { class: "tools" }, h("h2", {}, "Endpoints"), h("span", { class: "grow" }), filter), tableHolder)];
}

/* ---- one endpoint */

function tailCard(e) {
  const all = kinds.map((kind) => e.kinds_ns[kind.name].mean), tail = kinds.map((kind) => e.tail.kinds_ns[kind.name].mean), whole = Math.max(sum(all), sum(tail));
  const rows = kinds.map((kind, i) => [kind, i, tail[i] - all[i]]).filter(([, i]) => all[i] / sum(all) >= 0.005 || tail[i] / (sum(tail) || 1) >= 0.005).sort((a, b) => Math.abs(b[2]) - Math.abs(a[2]));
  return card("The tail against all", `the slowest 5 %: ${count(e.tail.requests)} of ${count(e.requests)} requests`,
    h("div", { class: "tail" }, h("span", {}, "all"), kindBar(all, { whole }), h("b", { class: "num" }, time(sum(all))), h("span", {}, "slowest"), kindBar(tail, { whole }), h("b", { class: "num" }, time(sum(tail)))),
    h("table", {}, h("caption", { class: "hide" }, "Mean time by kind, of all requests and of the slowest"), h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "kind"), ["all", "slowest", "more"].map((name) => h("th", { class: "num", scope: "col" }, name)))),
      h("tbody", {}, rows.map(([kind, i, more]) => h("tr", { title: kind.meaning }, h("td", {}, h("span", { class: "chip", style: { background: colour(i) } }), kind.name), h("td", { class: "num" }, time(all[i])), h("td", { class: "num" }, time(tail[i])),
        h("td", { class: "num" }, `${more < 0 ? "−" : "+"}${time(Math.abs(more))}`))))));
}

function findingsCard(e) {
  const findings = e.findings.map((f) => h("div", { class: "finding" }, h("h3", {}, capital(f.text), " ", h("span", { class: "tag" }, f.id)),
    h("div", { class: "saves" }, h("b", {}, `saves ${time(f.saves_ns)}`), h("span", {}, `${share(f.saves_ns, e.wall_ns.mean)} of the mean; ${time(f.saves_p95_ns)} at p95`)), f.advice && h("p", { class: "dim" }, `${capital(f.advice)}.`)));
  return card("What to mend", findings.length ? "by what it saves" : null, findings.length ? findings : h("p", { class: "dim" }, "Nothing stands out: no wait is a large share, and no operation is repeated."));
}

function operationsCard(e) {
  const shown = e.operations.slice(0, 12);
  if (!shown.length) return null;
  return card("What it asks of others", e.operations_requests < e.requests ? `of the ${count(e.operations_requests)} requests whose operations are all known` : null, h("div", { class: "scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "operation"), ["per request", "mean", "p95", "failed"].map((name) => h("th", { class: "num", scope: "col" }, name)))),
    h("tbody", {}, shown.map((o) => h("tr", {}, h("td", {}, h("span", { class: "chip", style: { background: colour(kindIndex(o.kind)) } }), h("span", { class: o.statement ? "mono" : "" }, o.statement || o.summary || o.system || o.kind), h("div", { class: "service dim" }, `${o.system} ${o.peer}`)),
      h("td", { class: "num" }, o.per_request < 0.01 ? "<0.01" : o.per_request.toFixed(o.per_request < 10 ? 2 : 0)), h("td", { class: "num" }, time(o.mean_ns)), h("td", { class: "num" }, time(o.p95_ns)), h("td", { class: `num ${o.errors ? "bad" : "dim"}` }, count(o.errors))))))));
}

function requestsCard(requests) {
  const choice = (id, name) => h("button", { type: "button", "aria-pressed": String(view.requests === id), "data-key": `requests ${id}`, onclick: () => { view.requests = id; refresh(); } }, name);
  const section = card("Requests", "kept whole: the slowest, those that failed, and a fair sample", requests.length ? requests.map(requestLine) : h("p", { class: "dim" }, view.requests === "failed" ? "None failed in this window." : "None was kept in this window."));
  section.firstChild.append(h("div", { class: "pages" }, choice("slowest", "Slowest"), choice("failed", "Failed")));
  return section;
}

function flameCard(stacks) {
  if (!stacks.stacks.length) return card("In the code", null, h("p", { class: "dim" }, stacks.recorded ? "No stacks were taken of its requests in this window." : "No stacks are taken. With `stacks: 1%` in the settings they are, for so much of the host's CPU time at most."));
  const choice = (id, name) => h("button", { type: "button", "aria-pressed": String(view.flame === id), "data-key": `flame ${id}`, onclick: () => { view.flame = id; refresh(); } }, name);
  const section = card("In the code", `of ${count(stacks.sampled)} sampled requests; the width is time, Enter zooms`, flameGraph(stacks));
  section.firstChild.append(h("div", { class: "pages" }, choice("all", "All time"), choice("compute", "Computing"), choice("wait", "Waiting")));
  return section;
}

function endpointView(data) {
  const e = data.report.endpoints[0], chosen = data.chosen;
  const head = [h("p", { class: "crumbs" }, h("a", { href: hashOf({ service: null, method: null, route: null }), "data-key": "back" }, "← All endpoints"), ` · ${chosen.service}`), h("h1", {}, h("span", { class: "dim" }, chosen.method), ` ${chosen.route}`)];
  if (!e) return [h("div", {}, head), h("section", { class: "card empty" }, h("h1", {}, "No requests in this window"), h("p", {}, "Choose a longer one above, or wait for the next request."))];
  const values = kinds.map((kind) => e.kinds_ns[kind.name].sum);
  return [h("div", {}, head),
    h("section", { class: "card stack" },
      h("div", { class: "figures" }, figure(rate(e.rate_per_s), "/s", "requests"), figure(share(e.errors, e.requests), "", "failed", e.errors > 0), timeFigure(e.wall_ns.p50, "p50"), timeFigure(e.wall_ns.p95, "p95"), timeFigure(e.wall_ns.p99, "p99"), timeFigure(e.cpu_ns.mean, "CPU"), figure(e.in_flight.mean.toFixed(2), "", "in flight")),
      h("p", { class: "lead" }, `${capital(e.verdict.text)}.`),
      h("div", {}, kindBar(values, { big: true }), legend(values, (value, total) => `${share(value, total)}, ${time(value / e.requests)}`))),
    findingsCard(e),
    h("div", { class: "cols" }, card("Where its time goes", null, stackChart(data.series)), card("Latency", null, heatChart(data.series))),
    h("div", { class: "cols" }, tailCard(e), operationsCard(e) || card("What it asks of others", null, h("p", { class: "dim" }, "It asks no database and no other service."))),
    requestsCard(data.requests.requests), flameCard(data.stacks)];
}
