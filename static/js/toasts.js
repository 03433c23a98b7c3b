// Short messages of success with Undo, and a panel of failures that stays until it is closed.
import { icon, make, meta } from "./dom.js";

const SHOWN_MS = 5_000;
const UNDO_MS = 10_000;
const MOST = 3;

/** Top layer when a dialog is open, so that a message is never behind it. */
function place() {
  const region = document.getElementById("toasts");
  if (region && region.popover !== undefined && document.querySelector("dialog:modal")) {
    region.popover = "manual";
    if (region.matches(":popover-open")) region.hidePopover();
    region.showPopover();
  }
  return region;
}

function settle(node) {
  const wait = node.dataset.undo ? UNDO_MS : SHOWN_MS;
  let timer = setTimeout(() => node.remove(), wait);
  // Reading with the pointer or the keyboard on it stops the clock (WCAG 2.2.1).
  const hold = () => clearTimeout(timer);
  const go = () => {
    timer = setTimeout(() => node.remove(), wait);
  };
  node.addEventListener("pointerenter", hold);
  node.addEventListener("pointerleave", go);
  node.addEventListener("focusin", hold);
  node.addEventListener("focusout", go);
  node.addEventListener("click", (event) => {
    if (event.target.closest("[data-dismiss]")) node.remove();
  });
}

async function undo(url, node) {
  node.remove();
  await globalThis.htmx.ajax("POST", url, { source: document.body, target: "#toasts", swap: "none" });
  document.dispatchEvent(new CustomEvent("oms:changed"));
}

/** Show a message of success; with `undo_url` it stays 10 seconds and can be undone. */
export function toast({ text, tone = "good", undo_url: undoUrl = "" }) {
  const region = place();
  if (!region) return;
  const node = make(
    "div",
    { className: "toast-x", "data-toast": "" },
    icon(tone === "good" ? "circle-check" : "info-circle", 18),
    make("span", { textContent: text }),
  );
  if (undoUrl) {
    node.dataset.undo = undoUrl;
    const button = make("button", { type: "button", textContent: meta("text-undo") || "Undo" });
    button.addEventListener("click", () => undo(undoUrl, node));
    node.append(button);
  }
  node.append(make("button", { type: "button", "data-dismiss": "", "aria-label": meta("text-close") || "Close" }, icon("x", 16)));
  region.append(node);
  settle(node);
  while (region.children.length > MOST) region.firstElementChild.remove();
}

/** Show a failure that stays: what happened, a reference, and where possible a way to try again. */
export function problem({ text, ref = "", retry = null, retry_url: retryUrl = "" }) {
  const panel = document.getElementById("problems");
  if (!panel) return;
  const same = [...panel.children].find((child) => child.dataset.text === text);
  if (same) same.remove();
  const acts = make("div", { className: "acts" });
  if (retry || retryUrl) {
    const again = make(
      "button",
      { type: "button", className: "btn btn-secondary btn-sm" },
      icon("refresh", 14),
      meta("text-retry") || "Try again",
    );
    again.addEventListener("click", () => {
      node.remove();
      if (retry) retry();
      else globalThis.htmx.ajax("POST", retryUrl, { source: document.body, target: "#problems", swap: "none" });
    });
    acts.append(again);
  }
  if (ref) {
    acts.append(
      make(
        "button",
        {
          type: "button",
          className: "btn btn-secondary btn-sm",
          "data-copy": `${text} [${ref}] ${location.pathname} ${new Date().toISOString()}`,
        },
        icon("copy", 14),
        meta("text-copy") || "Copy details",
      ),
    );
  }
  const close = make(
    "button",
    { type: "button", className: "btn btn-quiet btn-icon btn-sm", "aria-label": meta("text-close") || "Close" },
    icon("x", 16),
  );
  close.addEventListener("click", () => node.remove());
  acts.append(close);
  const node = make(
    "div",
    { className: "banner banner-bad", "data-text": text },
    icon("alert-octagon", 20),
    make("div", { className: "t", textContent: text }),
  );
  node.append(make("div", { className: "body", textContent: ref }), acts);
  panel.append(node);
  panel.scrollIntoView({ block: "nearest" });
}

/** Start listening. Call once per page. */
export function startToasts() {
  document.addEventListener("toast", (event) => toast(event.detail));
  document.addEventListener("problem", (event) => problem(event.detail));
  const region = document.getElementById("toasts");
  if (!region) return;
  region.querySelectorAll("[data-toast]").forEach(settle);
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) {
        if (node instanceof HTMLElement && node.matches("[data-toast]") && node.querySelector("form")) settle(node);
      }
    }
  }).observe(region, { childList: true });
}

document.addEventListener("click", (event) => event.target.closest?.("[data-dismiss]")?.closest(".banner")?.remove());
