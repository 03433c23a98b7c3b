// Selecting rows: one, a range, the page, or everything that matches. The bar below acts on the selection.
import { announce } from "./dom.js";

let anchor = null;

const boxes = (table) => [...table.querySelectorAll("tbody [data-select]")];
const barOf = (table) => document.querySelector(`[data-bulk="${CSS.escape(table.id)}"]`);

function setAll(bar, on) {
  bar.dataset.all = on ? "1" : "";
  const field = bar.querySelector("[data-select-all-field]");
  if (field) field.value = on ? "1" : "";
}

/** Bring the bar, the header box and the counts in line with the rows. */
export function refreshSelection(table) {
  const all = boxes(table);
  const chosen = all.filter((box) => box.checked).length;
  const head = table.querySelector("[data-select-page]");
  if (head) {
    head.checked = chosen > 0 && chosen === all.length;
    head.indeterminate = chosen > 0 && chosen < all.length;
  }
  const bar = barOf(table);
  if (!bar) return;
  if (chosen < all.length) setAll(bar, false);
  bar.classList.toggle("is-on", chosen > 0);
  const total = Number(bar.dataset.total) || 0;
  const every = bar.dataset.all === "1";
  bar.querySelector("[data-selected-count]").textContent = (every ? total : chosen).toLocaleString(
    document.documentElement.lang === "en" ? "en-IN" : undefined,
  );
  const more = bar.querySelector("[data-select-all]");
  if (more) more.hidden = every || chosen < all.length || total <= chosen;
}

function toggleRange(table, from, to, on) {
  const all = boxes(table);
  const [low, high] = [all.indexOf(from), all.indexOf(to)].sort((left, right) => left - right);
  all.slice(Math.max(low, 0), high + 1).forEach((box) => {
    box.checked = on;
  });
}

/** Turn the box of a row over; with `range` everything since the last touched row follows. */
export function toggleRow(row, range = false) {
  const box = row?.querySelector("[data-select]");
  const table = row?.closest("[data-table]");
  if (!box || !table) return;
  box.checked = !box.checked;
  if (range && anchor && table.contains(anchor)) toggleRange(table, anchor, box, box.checked);
  anchor = box;
  refreshSelection(table);
}

function click(event) {
  const box = event.target.closest?.("[data-select]");
  if (box) {
    const table = box.closest("[data-table]");
    if (!table) return;
    if (event.shiftKey && anchor && table.contains(anchor)) toggleRange(table, anchor, box, box.checked);
    anchor = box;
    refreshSelection(table);
    return;
  }
  const bar = event.target.closest?.("[data-bulk]");
  if (!bar) return;
  const table = document.getElementById(bar.dataset.bulk);
  if (!table) return;
  if (event.target.closest("[data-clear]")) {
    boxes(table).forEach((each) => {
      each.checked = false;
    });
    setAll(bar, false);
    refreshSelection(table);
  } else if (event.target.closest("[data-select-all]")) {
    setAll(bar, true);
    refreshSelection(table);
    announce(bar.querySelector("[data-selected-count]").textContent);
  }
}

function change(event) {
  const head = event.target.closest?.("[data-select-page]");
  if (!head) return;
  const table = head.closest("[data-table]");
  boxes(table).forEach((box) => {
    box.checked = head.checked;
  });
  refreshSelection(table);
}

const refreshAll = () => document.querySelectorAll("[data-table]").forEach(refreshSelection);

/** Start listening. Call once per page. */
export function startTables() {
  document.addEventListener("click", click);
  document.addEventListener("change", change);
  document.addEventListener("htmx:afterSettle", refreshAll);
  addEventListener("pageshow", refreshAll);
  refreshAll();
}
