// Small things every module needs: reading page facts, remembering choices, making elements.

/** Content of a `<meta name>`; empty when it is absent. */
export const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

/** Remembered choice of this device; null when nothing is stored or storage is refused. */
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Remember a choice on this device; silently forgotten when storage is refused. */
export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    /* private mode: the choice lasts for this page */
  }
}

/** An icon of the sprite as an element, hidden from screen readers. */
export function icon(name, size = 16) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("width", size);
  svg.setAttribute("height", size);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(ns, "use");
  use.setAttribute("href", `${meta("oms-icons")}#${name}`);
  svg.append(use);
  return svg;
}

/** An element with properties and children; text is never parsed as HTML. */
export function make(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (key.includes("-")) node.setAttribute(key, value);
    else node[key] = value;
  }
  node.append(...children);
  return node;
}

/** True while the person types text, so that single keys must not act. */
export function isTyping(target) {
  if (!(target instanceof Element)) return false;
  if (target.closest("[contenteditable='true']")) return true;
  const field = target.closest("input, textarea, select");
  if (!field) return false;
  return !(field instanceof HTMLInputElement && ["checkbox", "radio", "button", "submit", "range"].includes(field.type));
}

/** A fresh key for a request that must do its work once. Works without HTTPS too, where randomUUID is absent. */
export function freshKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Message to screen readers without moving anything on the page. */
export function announce(text) {
  const id = "oms-announcer";
  let region = document.getElementById(id);
  if (!region) {
    region = make("div", { id, className: "visually-hidden", role: "status", "aria-live": "polite" });
    document.body.append(region);
  }
  region.textContent = text;
}
