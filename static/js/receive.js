// Receiving at the desk: a scan of an item counts one unit of its row; after an item with serial numbers, a code that no
// item has is one of its numbers. Labels can be printed on each scan.
import { feedback, onScan } from "./scan.js";

const form = document.querySelector("[data-receive]");
const rows = [...form.querySelectorAll("[data-receive-row]")];
const isOn = (name) => form.querySelector(`[data-receive-${name}]`).checked;
const say = (name, words) => Object.entries(words).reduce((text, [key, value]) => text.replace(`{${key}}`, value), form.dataset[`text${name}`]);
let current = null;

function printLabel(row, serial) {
  const frame = form.querySelector("[data-receive-frame]");
  frame.onload = () => frame.contentWindow.print();
  frame.src = `${row.dataset.label}${serial ? `?serial=${encodeURIComponent(serial)}` : ""}`;
}

function matches(row, code) {
  return row.dataset.codes.toUpperCase().split(" ").includes(code.toUpperCase());
}

/** Every serial number that stands in any row already. */
function knownNumbers() {
  return [...form.querySelectorAll("[data-serials], [data-damaged-serials]")].flatMap((box) => box.value.split(/[\s,;]+/));
}

function takeNumber(row, code) {
  if (knownNumbers().includes(code)) {
    feedback("wrong", say("Twice", { code }));
    return;
  }
  const box = row.querySelector(isOn("damaged") ? "[data-damaged-serials]" : "[data-serials]");
  box.value = box.value.trim() ? `${box.value.trim()}\n${code}` : code;
  const count = row.querySelector(isOn("damaged") ? "[data-damaged]" : "[data-good]");
  count.value = box.value.split("\n").length;
  feedback("ok", say("Serial", { item: row.dataset.item, code }));
  if (isOn("labels")) printLabel(row, code);
}

function countOne(row) {
  const box = row.querySelector(isOn("damaged") ? "[data-damaged]" : "[data-good]");
  box.value = Number(box.value || 0) + 1;
  feedback("ok", say("Ok", { item: row.dataset.item, n: box.value }));
  if (isOn("labels")) printLabel(row, "");
}

onScan((code) => {
  // Of several lots of an item the one in whose row the cursor stands, else the first.
  const found = rows.filter((row) => matches(row, code));
  const row = found.find((one) => one.contains(document.activeElement)) ?? found[0];
  if (!row) {
    if (current?.dataset.tracking === "serial") takeNumber(current, code);
    else feedback("unknown", say("Unknown", { code }));
    return;
  }
  current?.classList.remove("is-new");
  current = row;
  row.classList.add("is-new");
  row.scrollIntoView({ block: "nearest" });
  if (row.dataset.tracking === "serial") feedback("ok", say("First", {}));
  else countOne(row);
});
