// Ticking promise clocks. The server's time counts, not the time of this device.
import { meta } from "./dom.js";

const WARN_MS = 2 * 3600 * 1000;
const BAD_MS = 30 * 60 * 1000;
const offset = (Number(meta("server-time")) || Date.now() / 1000) * 1000 - Date.now();

/** Present instant by the server's clock, in milliseconds. Sound to about a second: the page's own age is unknown. */
export const now = () => Date.now() + offset;

/** `1 h 05 m`, `18 m`, `45 s`, `2 d 3 h`. */
export function span(ms) {
  const seconds = Math.floor(Math.abs(ms) / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")} m`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

function words(left) {
  const pattern = left < 0 ? meta("text-late") || "{span} late" : meta("text-left") || "{span} left";
  return pattern.replace("{span}", span(left));
}

function tick() {
  if (document.hidden) return;
  for (const clock of document.querySelectorAll("[data-sla]")) {
    const left = Number(clock.dataset.sla) - now();
    const tone = left < BAD_MS ? "bad" : left < WARN_MS ? "warn" : "plain";
    if (!clock.classList.contains(`sla-${tone}`)) clock.className = `sla sla-${tone}`;
    const text = clock.lastElementChild;
    const next = words(left);
    if (text && text.textContent !== next) text.textContent = next;
  }
}

/** Somebody waits since a moment; after three minutes it is too long. */
const LONG_MS = 3 * 60 * 1000;

function tickWaits() {
  if (document.hidden) return;
  for (const clock of document.querySelectorAll("[data-since]")) {
    const waited = Math.max(0, now() - Number(clock.dataset.since));
    clock.closest(".curb")?.classList.toggle("curb-late", waited > LONG_MS);
    clock.lastElementChild.textContent = `${Math.floor(waited / 60_000)}:${String(Math.floor(waited / 1000) % 60).padStart(2, "0")}`;
  }
}

/** Start ticking once a second; hidden pages rest. */
export function startClocks() {
  const both = () => {
    tick();
    tickWaits();
  };
  both();
  setInterval(both, 1000);
  document.addEventListener("visibilitychange", both);
  document.addEventListener("htmx:afterSettle", both);
}
