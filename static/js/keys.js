// Keyboard of the ops screens. Single keys can be switched off (WCAG 2.1.4) and never act on scanning pages.
import { isTyping, make, recall, remember } from "./dom.js";
import { closeDrawer, drawerIsOpen, openDialog, openDrawer } from "./drawer.js";
import { openPalette } from "./palette.js";
import { toggleRow } from "./table.js";

const KEY = "oms.keys";
const GO = {
  t: "/",
  o: "/orders/",
  f: "/fulfil/",
  i: "/inventory/",
  r: "/routing/",
  e: "/returns/",
  c: "/channels/",
  p: "/reports/",
  s: "/settings/",
};
const GO_MS = 1200;
let goUntil = 0;

const singleKeys = () => recall(KEY) !== "off" && document.body.dataset.shortcuts !== "off" && !document.querySelector("[data-scan-page]");

const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);

function currentRow() {
  return document.activeElement?.closest?.("[data-row]") ?? document.querySelector("[data-row].is-current");
}

function goToRow(step) {
  const all = rows();
  if (!all.length) return false;
  const at = all.indexOf(currentRow());
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step))];
  all.forEach((row) => row.classList.toggle("is-current", row === next));
  next.tabIndex = -1;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  if (drawerIsOpen() && next.dataset.peek) peek(next);
  return true;
}

function peek(row) {
  if (!row?.dataset.peek) return false;
  document.querySelectorAll(".is-peeked").forEach((other) => other.classList.remove("is-peeked"));
  row.classList.add("is-peeked");
  openDrawer(row.dataset.peek, row);
  return true;
}

function openRow(row) {
  const link = row?.querySelector("[data-open]") ?? row?.querySelector("a[href]");
  if (!link) return false;
  link.click();
  return true;
}

function clickIfThere(selector) {
  const target = document.querySelector(selector);
  if (!target) return false;
  if (target.matches("input, select, textarea")) target.focus();
  else target.click();
  return true;
}

/** Keys that act while typing too, as a page names them: Ctrl+S, Ctrl+Enter. */
function pageChord(event) {
  if (event.shiftKey || event.altKey || document.querySelector("dialog:modal, .menu:popover-open")) return false;
  const key = event.key.length === 1 ? event.key.toUpperCase() : event.key;
  return pageShortcut(`Ctrl+${key}`);
}

function pageShortcut(key) {
  const target = [...document.querySelectorAll("[data-shortcut]")].find(
    (each) => each.dataset.shortcut === key && each.offsetParent !== null,
  );
  if (!target || target.getAttribute("aria-disabled") === "true") return false;
  target.click();
  return true;
}

function focusSearch() {
  const field = document.querySelector("[data-search]");
  field?.focus();
  field?.select();
  return Boolean(field);
}

function single(event) {
  const { key } = event;
  if (Date.now() < goUntil) {
    goUntil = 0;
    const url = GO[key];
    const link = url && [...document.querySelectorAll("[data-nav-item]")].find((item) => new URL(item.href).pathname === url);
    link?.click();
    return Boolean(link);
  }
  const row = currentRow();
  const onControl = document.activeElement?.matches?.("a, button, summary, input, [role='option']");
  switch (key) {
    case "/":
      return focusSearch();
    case "?":
      openDialog("keys");
      return true;
    case "g":
      goUntil = Date.now() + GO_MS;
      return true;
    case "j":
      return goToRow(1);
    case "k":
      return goToRow(-1);
    case "x":
    case "X":
      toggleRow(row, event.shiftKey);
      return Boolean(row);
    case "Enter":
      return !onControl && openRow(row);
    case " ":
      return !onControl && peek(row);
    case "f":
      return pageShortcut("f") || clickIfThere("[data-filter]");
    case "v":
      return pageShortcut("v") || clickIfThere("[data-views]");
    case "[":
      return clickIfThere("[data-prev]");
    case "]":
      return clickIfThere("[data-next]");
    default:
      return key.length === 1 && pageShortcut(key);
  }
}

function keydown(event) {
  if (event.isComposing || event.defaultPrevented) return;
  const scanning = document.querySelector("[data-scan-page]");
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && !scanning) {
    event.preventDefault();
    openPalette();
    return;
  }
  if ((event.ctrlKey || event.metaKey) && pageChord(event)) {
    event.preventDefault();
    return;
  }
  if (event.key === "Escape") {
    if (document.querySelector("dialog:modal, .menu:popover-open")) return;
    if (closeDrawer()) event.preventDefault();
    else if (isTyping(event.target)) event.target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (document.querySelector("dialog:modal, .menu:popover-open") || !singleKeys()) return;
  if (single(event)) event.preventDefault();
}

function listPageKeys() {
  const box = document.querySelector("[data-page-keys]");
  if (!box) return;
  const list = box.querySelector("dl");
  list.replaceChildren();
  const seen = new Set();
  for (const target of document.querySelectorAll("[data-shortcut]")) {
    if (seen.has(target.dataset.shortcut)) continue;
    seen.add(target.dataset.shortcut);
    list.append(
      make(
        "div",
        {},
        make("dt", { textContent: target.dataset.shortcutLabel || target.textContent.trim() }),
        make("dd", {}, make("kbd", { textContent: target.dataset.shortcut })),
      ),
    );
  }
  box.hidden = seen.size === 0;
}

/** Start listening. Call once per page. */
export function startKeys() {
  document.addEventListener("keydown", keydown);
  const help = document.getElementById("keys");
  const box = help?.querySelector("[data-shortcuts-switch]");
  if (box) {
    box.checked = recall(KEY) !== "off" && document.body.dataset.shortcuts !== "off";
    box.addEventListener("change", () => {
      remember(KEY, box.checked ? "on" : "off");
      if (box.checked) delete document.body.dataset.shortcuts;
    });
  }
  help?.addEventListener("toggle", listPageKeys);
  listPageKeys();
}
