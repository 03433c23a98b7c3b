// Entry of the store screens: no shortcuts, scans everywhere, large controls. Offline work has its own module.
import { startClocks } from "./clock.js";
import { startForms } from "./forms.js";
import { startLive } from "./live.js";
import { startScan } from "./scan.js";
import { startToasts } from "./toasts.js";

function step(event) {
  const button = event.target.closest?.("[data-step]");
  const input = button?.closest("[data-stepper]")?.querySelector("input");
  if (!input) return;
  const next = (Number(input.value) || 0) + Number(button.dataset.step);
  input.value = Math.min(Number(input.max), Math.max(Number(input.min), next));
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Header mark: how many actions wait on this device. The offline module sends `oms:outbox` with the number. */
function showOutbox(event) {
  const mark = document.querySelector("[data-outbox]");
  if (!mark) return;
  const waiting = event?.detail ?? Number(mark.dataset.count) ?? 0;
  mark.dataset.count = waiting;
  mark.dataset.state = navigator.onLine ? (waiting ? "waiting" : "sent") : "offline";
  if (event?.detail !== undefined)
    mark.querySelector("[data-outbox-text]").textContent = waiting
      ? (mark.dataset.textWaiting?.replace("{n}", waiting) ?? String(waiting))
      : (mark.dataset.textSent ?? "✓");
}

document.addEventListener("click", step);
document.addEventListener("oms:outbox", showOutbox);
addEventListener("online", () => showOutbox());
addEventListener("offline", () => showOutbox());
startForms();
startToasts();
startClocks();
startLive();
startScan();
showOutbox();
