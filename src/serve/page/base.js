/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Elements, numbers, and what the daemon says. Text gets into the page as text only: names come from the network. */
"use strict";

const SVG = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}
const h = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);
const svg = (tag, properties, ...children) => fill(document.createElementNS(SVG, tag), properties, children);

/* Names and meanings of the kinds of time, from the daemon: the order is that of every list of them. */
let kinds = [];
const colour = (index) => `var(--k-${kinds[index] ? kinds[index].name : "other"})`;
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/* ---- numbers as people read them */

function digits(number, unit) {
  if (number === 0) return ["0", unit];
  const places = number >= 100 ? 0 : number >= 10 ? 1 : 2;
  return [number.toFixed(places), unit];
}
function timeParts(ns) {
  if (ns >= 1e10) return digits(ns / 1e9, "s");
  if (ns >= 1e9) return [(ns / 1e9).toFixed(2), "s"];
  if (ns >= 1e5 || ns === 0) return digits(ns / 1e6, "ms");
  return digits(ns / 1e3, "µs");
}
const time = (ns) => timeParts(ns).join("\u00a0");
function rate(number) {
  return number >= 1000 ? Math.round(number).toLocaleString("en") : number >= 100 ? number.toFixed(0) : number >= 10 ? number.toFixed(1) : number.toFixed(2);
}
const count = (number) => number.toLocaleString("en");
function share(part, whole) {
  if (!whole || !part) return "0\u00a0%";
  const percent = 100 * part / whole;
  return percent < 1 ? "<1\u00a0%" : `${percent.toFixed(percent < 10 && percent % 1 ? 1 : 0)}\u00a0%`;
}
function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) { number /= 1024; unit++; }
  return `${number.toFixed(number < 10 && unit ? 1 : 0)}\u00a0${units[unit]}`;
}
const clock = (date, seconds) => date.toLocaleTimeString([], seconds ? { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false } : { hour: "2-digit", minute: "2-digit", hour12: false });
function clockOf(unixSeconds, span) {
  const date = new Date(unixSeconds * 1000);
  return span > 86400 ? `${date.toLocaleDateString([], { month: "short", day: "numeric" })} ${clock(date)}` : clock(date, span < 900);
}

/* ---- what the daemon says */

class Refused extends Error {}

async function ask(name, parameters, signal) {
  const query = new URLSearchParams(parameters).toString();
  const response = await fetch(`/api/v1/${name}${query ? `?${query}` : ""}`, { signal, cache: "no-store" });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(body.error || `HTTP ${response.status}`);
  return body;
}

/* A glob that means this endpoint only. What the daemon wrote as an escape can't be asked for as it was: any text may stand there. */
function globOf(endpoint) {
  const literal = (text) => text.replace(/(?:\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}))+|[\\*?[\]]/g, (found) => found.length > 1 ? "*" : `\\${found}`);
  return `${literal(endpoint.service)} ${literal(endpoint.method)} ${literal(endpoint.route)}`;
}

/* ---- bars of kinds */

function kindBar(values, options = {}) {
  const total = sum(values), whole = options.whole || total;
  const said = values.map((value, i) => [value, i]).filter(([value]) => value / (total || 1) >= 0.005).sort((a, b) => b[0] - a[0])
    .map(([value, i]) => `${kinds[i].name} ${share(value, total)}`).join(", ");
  return h("div", { class: `kinds ${options.big ? "big" : ""}`, role: "img", "aria-label": said || "nothing", title: said, style: { width: `${100 * total / (whole || 1)}%` } },
    values.map((value, i) => value / (total || 1) >= 0.002 && h("i", { style: { flex: `${value} 0 0`, background: colour(i) } })));
}

function legend(values, describe) {
  const total = sum(values);
  return h("ul", { class: "legend" }, values.map((value, i) => [value, i]).filter(([value]) => value / (total || 1) >= 0.001).sort((a, b) => b[0] - a[0])
    .map(([value, i]) => h("li", { title: kinds[i].meaning }, h("span", { class: "chip", style: { background: colour(i) } }), h("b", {}, kinds[i].name), ` ${describe(value, total)}`)));
}
