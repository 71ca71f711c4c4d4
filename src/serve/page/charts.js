/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Charts over time, and the flame graph: drawn as SVG and buttons, read by pointer and by arrow keys. */
"use strict";

const HEIGHT = 220, LEFT = 52, BOTTOM = 22;
let WIDTH = 620; // of a chart, in units of its text: a phone has room for fewer

const tick = (ns) => time(ns).replace(/\.0+(?=\D)/, "");

/* Round numbers below `most`, about `wanted` of them. */
function ticks(most, wanted) {
  if (!(most > 0)) return [];
  const rough = most / wanted, unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * unit).find((size) => size >= rough);
  const found = [];
  for (let at = step; at <= most * 1.0001; at += step) found.push(at);
  return found;
}

/*
 * A chart whose columns can be pointed at. `draw(x, width)` gives its marks, `read(i)` what a column says; the readout tells it to screen readers, too.
 */
function columnChart(id, label, steps, stepSeconds, axis, draw, read) {
  const span = steps.length * stepSeconds, wide = (WIDTH - LEFT) / steps.length;
  const x = (i) => LEFT + i * wide;
  const readout = h("div", { class: "readout", "aria-live": "polite" });
  const cursor = svg("rect", { class: "cursor", y: 0, height: HEIGHT, width: wide, visibility: "hidden" });
  const every = Math.ceil(steps.length / (WIDTH / 100));
  const chart = svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT + BOTTOM}`, role: "img", tabindex: 0, "aria-label": `${label}. Left and right arrow keys read it step by step.`, "data-key": id },
    axis, draw(x, wide), cursor,
    steps.map((step, i) => i % every === 0 && i + every / 2 <= steps.length && svg("text", { x: x(i), y: HEIGHT + 16 }, clockOf(step.start_s, span))));
  let chosen = selected[id];
  const show = (i) => {
    chosen = i;
    selected[id] = i;
    cursor.setAttribute("visibility", i === undefined ? "hidden" : "visible");
    if (i === undefined) { readout.replaceChildren(...read(undefined)); return; }
    cursor.setAttribute("x", x(i));
    readout.replaceChildren(...[h("b", {}, `${clockOf(steps[i].start_s, Math.min(span, 899))} `), ...read(i)]);
  };
  const pointed = (event) => {
    const box = chart.getBoundingClientRect(), at = Math.floor(((event.clientX - box.left) / box.width * WIDTH - LEFT) / wide);
    show(at >= 0 && at < steps.length ? at : undefined);
  };
  chart.addEventListener("pointermove", pointed);
  chart.addEventListener("pointerdown", pointed);
  chart.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && show(undefined));
  chart.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move && event.key !== "Home" && event.key !== "End") return;
    event.preventDefault();
    show(event.key === "Home" ? 0 : event.key === "End" ? steps.length - 1 : Math.min(Math.max((chosen === undefined ? steps.length - 1 - (move < 0 ? 0 : 1) : chosen) + move, 0), steps.length - 1));
  });
  show(chosen !== undefined && chosen < steps.length ? chosen : undefined);
  return [chart, readout];
}

/* Which column of a chart is being read: it stays through a refresh. */
const selected = {};

/* The mean of a request in each step or, of all endpoints together, how many requests were at each kind at a time. */
function stackChart(series, together) {
  const steps = series.steps, means = steps.map((step) => step.requests && step.kinds_ns ? step.kinds_ns.map((ns) => together ? ns / Math.max(step.observed_s, 1) / 1e9 : ns / step.requests) : null);
  const say = together ? (number) => number < 0.01 ? "<0.01" : number.toFixed(number < 10 ? 2 : 0) : time, mark = together ? (number) => String(Number(number.toPrecision(3))) : tick;
  const most = Math.max(...means.map((mean) => mean ? sum(mean) : 0)) || 1, top = most * 1.06, y = (ns) => HEIGHT * (1 - ns / top);
  const axis = ticks(most, 4).map((at) => [svg("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y(at), y2: y(at) }), svg("text", { x: LEFT - 8, y: y(at) + 4, "text-anchor": "end" }, mark(at))]);
  axis.push(svg("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }));
  const draw = (x, wide) => means.map((mean, i) => {
    let at = 0;
    return mean && mean.map((ns, kind) => {
      at += ns;
      return ns / most > 0.001 && svg("rect", { x: x(i) + 0.5, width: Math.max(wide - 1, 1), y: y(at), height: Math.max(HEIGHT * ns / top, 0.4), style: { fill: colour(kind) } });
    });
  });
  const read = (i) => {
    if (i === undefined) return [`${together ? "Requests under way on the mean, by what they did or waited for" : "Mean time of a request, by what it went to"}. Point at a column, or use the arrow keys.`];
    const mean = means[i];
    if (!mean) return ["no requests"];
    const parts = mean.map((ns, kind) => [ns, kind]).filter(([ns]) => ns / sum(mean) > 0.01).sort((a, b) => b[0] - a[0]).slice(0, 5);
    return [`${count(steps[i].requests)} requests, ${steps[i].errors ? `${count(steps[i].errors)} failed, ` : ""}${together ? "under way" : "mean"} `, h("b", {}, say(sum(mean))), ", p95 ", h("b", {}, time(steps[i].p95_ns)), ": ",
      parts.map(([ns, kind], n) => [n ? ", " : "", h("span", { class: "chip", style: { background: colour(kind) } }), `${kinds[kind].name} ${say(ns)}`])].flat(2);
  };
  return columnChart("stack", together ? "Requests under way over time, by kind" : "Mean time of a request over time, by kind", steps, series.step_s, axis, draw, read);
}

function heatChart(series) {
  const rows = series.rows_ns, steps = series.steps, tall = HEIGHT / Math.max(rows.length - 1, 1);
  const most = Math.max(...steps.flatMap((step) => step.heat || [0]), 1);
  const y = (ns) => {
    const at = rows.findIndex((low, i) => ns < (rows[i + 1] || Infinity));
    return HEIGHT - (at + (rows[at + 1] ? (ns - rows[at]) / (rows[at + 1] - rows[at]) : 0)) * tall;
  };
  const decades = [];
  for (let at = 1e3; at < 1e12; at *= 10) for (const factor of rows[rows.length - 1] / rows[0] > 40 ? [1] : [1, 2, 5]) decades.push(at * factor);
  const axis = decades.filter((at) => at >= rows[0] && at <= rows[rows.length - 1]).map((at) => [svg("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y(at), y2: y(at) }), svg("text", { x: LEFT - 8, y: y(at) + 4, "text-anchor": "end" }, tick(at))]);
  const draw = (x, wide) => steps.map((step, i) => (step.heat || []).map((requests, row) => requests > 0 && svg("rect", {
    x: x(i) + 0.3, width: Math.max(wide - 0.6, 0.8), y: HEIGHT - (row + 1) * tall + 0.3, height: Math.max(tall - 0.6, 0.8), style: { fill: `rgba(var(--heat), ${(0.14 + 0.86 * Math.sqrt(requests / most)).toFixed(3)})` } })));
  const read = (i) => {
    if (i === undefined) return ["How long requests took: the darker, the more of them. Two bands are two kinds of requests."];
    const step = steps[i];
    if (!step.requests) return ["no requests"];
    return [`${count(step.requests)} requests: p50 `, h("b", {}, time(step.p50_ns)), ", p95 ", h("b", {}, time(step.p95_ns)), ", p99 ", h("b", {}, time(step.p99_ns))];
  };
  return columnChart("heat", "Latency of requests over time", steps, series.step_s, axis, draw, read);
}

/* ---- where in the code */

function flameTree(stacks) {
  const root = { name: "all", ns: 0, children: new Map(), kinds: new Map() };
  for (const stack of stacks.stacks) {
    let node = root;
    const add = () => { node.ns += stack.ns; node.kinds.set(stack.kind, (node.kinds.get(stack.kind) || 0) + stack.ns); };
    add();
    for (const frame of stack.frames.slice(2)) { // service and endpoint are what was asked for
      const name = stacks.names[frame];
      if (!node.children.has(name)) node.children.set(name, { name, ns: 0, children: new Map(), kinds: new Map(), parent: node });
      node = node.children.get(name);
      add();
    }
  }
  return root;
}

let chosenFrame = null; // what the graph is zoomed to, through refreshes; null: where ways part

function flameGraph(stacks) {
  const tree = flameTree(stacks), box = h("div", { class: "flame", role: "tree", "aria-label": "Flame graph" }), readout = h("div", { class: "readout", "aria-live": "polite" });
  const say = (node) => readout.replaceChildren(h("b", { class: "mono" }, node.name), ` ${time(node.ns / Math.max(stacks.requests, 1))} of a request on the mean, ${share(node.ns, tree.ns)} of all`);
  const mainKind = (node) => [...node.kinds].sort((a, b) => b[1] - a[1])[0][0];
  /* What all have in common says nothing: it begins where ways part. */
  const fork = () => {
    let node = tree, next;
    while ((next = [...node.children.values()].find((child) => child.ns > 0.9 * tree.ns))) node = next;
    return node;
  };
  const namesOf = (node) => node.parent ? [...namesOf(node.parent), node.name] : [];
  const find = (names) => names.reduce((node, name) => node.children.get(name) || node, tree);
  let zoomed = chosenFrame ? find(chosenFrame.names) : fork(), whole = !!chosenFrame && chosenFrame.whole;
  const zoom = (node, all) => { zoomed = node; whole = all; chosenFrame = { names: namesOf(node), whole: all }; draw(); };
  const draw = () => {
    const buttons = [], path = [];
    for (let node = zoomed; node; node = node.parent) path.unshift(node);
    const hidden = whole ? [] : path.splice(0, Math.max(path.length - 3, 0));
    if (hidden.length > 1) path.unshift({ name: `${hidden.length} functions that lead here, ${share(zoomed.ns, tree.ns)} of all`, ns: zoomed.ns, kinds: zoomed.kinds, hidden: true });
    else path.unshift(...hidden);
    let deepest = 0;
    const put = (node, left, wide, depth) => {
      if (wide < 0.15 || depth > 120) return;
      deepest = Math.max(deepest, depth);
      buttons.push(h("button", { type: "button", role: "treeitem", tabindex: buttons.length ? -1 : 0, title: node.name, "data-key": `frame ${buttons.length} ${node.name}`, "aria-label": `${node.name}, ${share(node.ns, tree.ns)}`,
        style: { left: `${left}%`, width: `${wide}%`, top: `${depth * 20}px`, background: node === tree || node.hidden ? "var(--k-other)" : colour(mainKind(node)), color: node === tree || node.hidden ? "" : `var(--t-${kinds[mainKind(node)].name}, #10131a)` },
        onclick: () => zoom(node.hidden ? tree : node, !!node.hidden || whole), onpointerenter: () => node.hidden || say(node), onfocus: () => node.hidden || say(node) }, wide > 2 ? node.name : ""));
    };
    const below = (node, left, wide, depth) => {
      let at = left;
      for (const child of [...node.children.values()].sort((a, b) => a.name < b.name ? -1 : 1)) {
        const part = wide * child.ns / node.ns;
        if (part >= 0.15) { put(child, at, part, depth); below(child, at, part, depth + 1); }
        at += part;
      }
    };
    path.forEach((node, depth) => put(node, 0, 100, depth));
    below(zoomed, 0, 100, path.length);
    box.style.height = `${(deepest + 1) * 20}px`;
    box.replaceChildren(...buttons);
  };
  box.addEventListener("keydown", (event) => {
    const all = [...box.children], at = all.indexOf(document.activeElement);
    const next = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === "Escape") { zoom(fork(), false); chosenFrame = null; box.firstChild.focus(); event.stopPropagation(); }
    if (next === undefined || !all[next]) return;
    event.preventDefault();
    all[at].tabIndex = -1;
    all[next].tabIndex = 0;
    all[next].focus();
  });
  draw();
  say(tree);
  return [box, readout];
}
