/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is shown, and that it stays so: the address is the state, and every few seconds it is asked for anew. */
"use strict";

const WINDOWS = [[300, "5 min"], [900, "15 min"], [3600, "1 h"], [21600, "6 h"], [86400, "1 day"], [604800, "7 days"]];
const EVERY_MS = 5000, SLOWEST_MS = 30000;
const $ = (id) => document.getElementById(id);
let timer, asking, lastGood, drawn = "", shown;

function wanted() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const last = WINDOWS.some(([seconds]) => String(seconds) === parameters.get("last")) ? parameters.get("last") : "900";
  const chosen = parameters.has("route") && { service: parameters.get("service") || "", method: parameters.get("method") || "", route: parameters.get("route") };
  return { last, chosen };
}

/* Runs what replaces elements; what had the focus, or its like, has it afterwards. */
function keepFocus(change) {
  const active = document.activeElement, key = active && active.dataset && active.dataset.key, from = active && active.selectionStart, to = active && active.selectionEnd;
  change();
  if (!key || document.activeElement === active) return;
  const again = [...document.querySelectorAll("[data-key]")].find((element) => element.dataset.key === key);
  if (!again) return;
  again.focus({ preventScroll: true });
  if (again.tagName === "INPUT" && from !== null) again.setSelectionRange(from, to);
}

async function load(want, signal) {
  const status = await ask("status", {}, signal);
  kinds = status.kinds;
  if (!status.recorded) return { status, endpoints: { endpoints: [], window: {} } };
  if (!want.chosen) {
    const [endpoints, series] = await Promise.all([ask("endpoints", { last: want.last }, signal), ask("series", { last: want.last }, signal)]);
    return { status, endpoints, series };
  }
  const parameters = { last: want.last, endpoint: globOf(want.chosen) };
  const stackKinds = { all: {}, compute: { kinds: "compute,gc" }, wait: { kinds: kinds.map((kind) => kind.name).filter((name) => name !== "compute" && name !== "gc").join() } }[view.flame];
  const [report, series, requests, stacks] = await Promise.all([ask("report", parameters, signal), ask("series", parameters, signal),
    ask("requests", { ...parameters, limit: 15, ...(view.requests === "failed" && { failed: 1 }) }, signal), ask("stacks", { ...parameters, ...stackKinds }, signal)]);
  return { status, chosen: want.chosen, report, series, requests, stacks };
}

function draw(data) {
  const place = location.hash, text = JSON.stringify([data.report, data.series, data.requests, data.stacks, data.endpoints, data.chosen, view.requests, view.flame]);
  if (text === drawn && place === shown) return;
  const moved = place !== shown;
  WIDTH = innerWidth > 820 ? 620 : Math.max(innerWidth - 60, 280);
  keepFocus(() => $("main").replaceChildren(h("div", { class: "stack" }, (data.report ? endpointView : overview)(data))));
  if (moved && shown !== undefined) { window.scrollTo(0, 0); if (document.activeElement === document.body) $("main").focus({ preventScroll: true }); }
  drawn = text;
  shown = place;
  document.title = data.chosen ? `${nameOf(data.chosen)} · whywait` : "whywait";
}

function tellState(status) {
  const state = $("state"), live = status && status.state === "observing";
  state.className = `state ${!status ? "off" : live ? "live" : ""}`;
  state.textContent = !status ? "no connection" : live ? "live" : status.state;
  state.title = status ? status.reason || `${count(status.requests)} requests since the start` : "";
}

function tellFoot(status, endpoints) {
  const lost = status.lost ? `${count(status.lost)} requests or parts of them were lost: see whywait_lost_total in /metrics` : "nothing was lost";
  const host = endpoints && endpoints.host ? endpoints.host : null, gap = endpoints && endpoints.losses && endpoints.losses.not_observed;
  if (host) $("host").textContent = host.name;
  $("foot").textContent = [`whywait ${status.version}`, host && `Linux ${host.kernel}, ${host.cpus} CPUs`, lost, gap && `for ${count(gap)} s of this window nothing was observed`, status.recorded && `recorded since ${new Date(status.recorded.start).toLocaleString()}`].filter(Boolean).join(" · ");
}

function tellTrouble(error, status) {
  const paused = status && status.recorded && status.state !== "observing";
  $("banner").hidden = !error && !paused;
  if (paused) $("banner").textContent = `whywait does not observe at the moment: ${status.reason || status.state}. What is shown is what was recorded before.`;
  if (!error) return;
  const since = lastGood ? `What is shown is of ${clock(lastGood, true)}. ` : "";
  $("banner").textContent = error instanceof Refused ? `whywait says: ${error.message}. ${since}` : `No connection to whywait. ${since}Trying again.`;
}

async function refresh() {
  clearTimeout(timer);
  if (asking) asking.abort();
  const mine = asking = new AbortController(), began = performance.now();
  let wait = EVERY_MS;
  try {
    const data = await load(wanted(), mine.signal);
    if (mine.signal.aborted) return;
    lastGood = new Date();
    tellTrouble(null, data.status);
    tellState(data.status);
    tellFoot(data.status, data.endpoints || data.report);
    draw(data);
    wait = Math.min(Math.max(EVERY_MS, 10 * (performance.now() - began)), SLOWEST_MS);
  } catch (error) {
    if (mine.signal.aborted) return;
    tellTrouble(error);
    if (!(error instanceof Refused)) tellState(null);
    wait = 2000;
  }
  timer = setTimeout(refresh, document.hidden ? SLOWEST_MS : wait);
}

function drawWindows() {
  const { last } = wanted();
  keepFocus(() => $("windows").replaceChildren(...WINDOWS.map(([seconds, name]) => h("button", { type: "button", "aria-pressed": String(String(seconds) === last), "data-key": `window ${seconds}`, onclick: () => { location.hash = hashOf({ last: seconds }); } }, name))));
}

addEventListener("resize", () => { drawn = ""; });
addEventListener("hashchange", () => {
  for (const id of Object.keys(selected)) delete selected[id];
  chosenFrame = null;
  drawWindows();
  refresh();
});
document.addEventListener("visibilitychange", () => document.hidden || refresh());
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && document.activeElement.tagName !== "INPUT") {
    const filter = document.querySelector("input[type=search]");
    if (filter) { event.preventDefault(); filter.focus(); }
  } else if (event.key === "Escape" && wanted().chosen && document.activeElement.tagName !== "INPUT") {
    location.hash = hashOf({ service: null, method: null, route: null });
  }
});
drawWindows();
refresh();
