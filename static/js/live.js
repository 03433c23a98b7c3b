// Polled fragments. A region is polled only while the page is visible and nobody is using the region,
// so rows never move under a pointer, a selection or an open editor.
import { meta } from "./dom.js";
import { span } from "./clock.js";

const due = new WeakMap();
const good = new WeakMap();
let lastAnswer = Date.now();

const period = (region) => Math.max(2, Number(region.dataset.live) || 10) * 1000;

function inUse(region) {
  if (region.querySelector("[data-select]:checked, dialog[open], [popover]:popover-open, [data-editing]")) return true;
  const focused = document.activeElement;
  if (region.contains(focused) && focused.matches("input, textarea, select")) return true;
  return region.matches("[data-live-hold]:hover");
}

function poll() {
  const regions = [...document.querySelectorAll("[data-live]")];
  show(regions);
  if (document.hidden || !regions.length || !navigator.onLine) return;
  for (const region of regions) {
    if (inUse(region)) continue;
    const at = due.get(region) ?? Date.now() + period(region);
    due.set(region, at);
    if (Date.now() < at) continue;
    due.set(region, Date.now() + period(region));
    globalThis.htmx.trigger(region, "oms:poll");
  }
}

function show(regions) {
  const dot = document.querySelector("[data-live-dot]");
  if (!dot) return;
  dot.hidden = regions.length === 0;
  if (dot.hidden) return;
  const age = Date.now() - lastAnswer;
  const slowest = Math.max(...regions.map(period));
  const stale = age > 2 * slowest + 5000;
  dot.dataset.state = navigator.onLine ? (stale ? "stale" : "live") : "off";
  const word = { live: meta("text-live") || "Live", stale: meta("text-stale") || "Stale", off: meta("text-off") || "Offline" }[
    dot.dataset.state
  ];
  const text = `${word}, ${span(age)}`;
  if (dot.firstElementChild.textContent !== text) dot.firstElementChild.textContent = text;
  for (const region of regions) {
    const old = Date.now() - (good.get(region) ?? lastAnswer) > 2 * period(region) + 5000;
    region.toggleAttribute("data-stale", old);
  }
}

function answered(event) {
  const region = event.detail.elt?.closest?.("[data-live]");
  if (!region || event.detail.failed || !event.detail.xhr?.status) return;
  lastAnswer = Date.now();
  good.set(region, lastAnswer);
}

/** Ask every region at once, for example after an undo or when the page is shown again. */
export function refresh() {
  document.querySelectorAll("[data-live]").forEach((region) => {
    if (!inUse(region)) globalThis.htmx.trigger(region, "oms:poll");
  });
}

/** Start polling. Call once per page. */
export function startLive() {
  setInterval(poll, 1000);
  document.addEventListener("htmx:afterRequest", answered);
  document.addEventListener("oms:changed", refresh);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
}
