// The outbox page: what this phone did not send yet, with its time, to send again or to discard with a reason.
import { icon, make } from "./dom.js";
import { actions, discard, onSync, retry } from "./sync.js";

const page = document.querySelector("[data-unsent]");
const texts = page.dataset;
const list = page.querySelector("[data-unsent-list]");
const when = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

function title(row) {
  const pattern = { pick: texts.textPick, short: texts.textShort, pack: texts.textPack }[row.kind];
  const what = row.kind === "pack" ? Object.entries(row.contents).map(([sku, n]) => `${n} × ${sku}`).join(", ") : `${row.quantity} × ${row.sku || row.means || row.code}`;
  return pattern.replace("{what}", what);
}

function card(row) {
  const why = make("input", { className: "form-control", id: `why-${row.uid}`, maxLength: 200, required: true, autocomplete: "off" });
  const form = make("form", { className: "stack" }, make("label", { htmlFor: why.id, textContent: texts.textWhy }), why, make("button", { className: "btn", textContent: texts.textDiscard }));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
    discard(row.uid, why.value.trim());
  });
  const said = make("div", { className: "card-body" }, make("strong", { textContent: title(row) }), make("p", { className: "sub", textContent: row.refused || texts.textBy.replace("{when}", when.format(new Date(row.at))) }));
  if (row.refused) {
    const again = make("button", { type: "button", className: "btn btn-wide" }, icon("refresh", 22), texts.textRetry);
    again.addEventListener("click", () => retry(row.uid));
    said.append(again);
  }
  if (!row.discarded) said.append(make("details", {}, make("summary", { className: "btn btn-wide", textContent: texts.textDiscard }), form));
  return make("div", { className: "card-x" }, said);
}

async function show() {
  if (list.contains(document.activeElement) && document.activeElement.matches("input")) return;
  const rows = await actions();
  list.replaceChildren(...(rows.length ? rows.map(card) : [make("p", { className: "sub", textContent: texts.textNone })]));
}

onSync(show);
show();
