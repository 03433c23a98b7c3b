// Picking: every scan and tap is an action of the outbox. With a connection the server answers at once and shows the
// walk; without one this page goes on alone, from what it knows of the walk and what was not sent yet.
import { make } from "./dom.js";
import { feedback, onScan } from "./scan.js";
import { isTaken, keep, keepPage, onSync, waiting } from "./sync.js";

const texts = document.querySelector("[data-pick-texts]").dataset;
const at = (name) => document.querySelector(`[data-${name}]`);
const sheets = { short: at("short-sheet"), pack: at("pack-sheet") };
const hoped = new Map();
let keeping = 0;

const server = () => JSON.parse(document.getElementById("walk").dataset.facts);

/** Units of one action fall on the lines of the walk as the server shares them: the first due get goods first. */
function share(work, sku, units, bucket) {
  let left = units;
  for (const item of bucket === 3 ? [...work].reverse() : work) {
    for (const line of item.lines.filter(([code]) => code === sku)) {
      const some = Math.min(left, line[1] - line[2] - line[3]);
      line[bucket] += some;
      left -= some;
    }
  }
}

function apply(facts, row) {
  if (row.kind === "pack") {
    for (const item of facts.work) item.packed ||= item.pk === row.work[0];
    return;
  }
  const item = facts.rows.find((each) => each.sku === (row.sku || row.means));
  const units = Math.min(item ? item.quantity - item.picked - item.short : 0, row.quantity ?? 1);
  if (!units) return;
  item[row.kind === "pick" ? "picked" : "short"] += units;
  share(facts.work, item.sku, units, row.kind === "pick" ? 2 : 3);
}

/** The walk as it will be once everything that waits was sent. */
async function present() {
  const facts = server();
  const rows = (await waiting()).filter((row) => row.walk === facts.walk);
  for (const row of rows) if (!row.discarded) apply(facts, row);
  return { facts, isAhead: rows.length > 0 };
}

const left = (row) => row.quantity - row.picked - row.short;

function current(facts) {
  const open = facts.rows.filter(left);
  const shown = open.find((row) => document.getElementById(`row-${row.pk}`)?.classList.contains("item-current"));
  return shown ?? open[0];
}

/** Work of which everything was found or reported, and that was not packed yet. */
const complete = (facts) =>
  facts.work.filter(({ lines, packed }) => !packed && lines.every(([, all, done, short]) => all === done + short) && lines.some(([, , done]) => done));

function showRow(row, isCurrent) {
  const article = document.getElementById(`row-${row.pk}`);
  if (!article) return;
  article.querySelector(".item-qty b").textContent = row.picked;
  article.classList.toggle("item-done", !left(row));
  article.classList.toggle("item-current", isCurrent);
  const stepper = article.querySelector("[data-stepper]");
  if (stepper && (!isCurrent || left(row) < 2)) stepper.remove();
  else if (stepper) Object.assign(stepper.querySelector("input"), { max: left(row), value: Math.min(left(row), stepper.querySelector("input").value) });
  else if (isCurrent && left(row) > 1) {
    article.append(at("stepper-template").content.cloneNode(true));
    Object.assign(article.querySelector("[data-stepper] input"), { max: left(row), value: left(row) });
  }
}

function showAction(facts, now) {
  const bar = document.getElementById("walk-action");
  const form = bar.querySelector("#take");
  if (now && form) {
    form.elements.sku.value = now.sku;
    form.querySelector('input[type="hidden"][name="quantity"]')?.remove();
    if (left(now) === 1) form.append(make("input", { type: "hidden", name: "quantity", value: "1" }));
    bar.querySelector("[data-short]").dataset.short = now.sku;
    return;
  }
  const [next] = complete(facts);
  const end = at("end-template").content.cloneNode(true);
  const pack = end.querySelector("[data-pack]");
  if (next) {
    pack.dataset.pack = next.pk;
    pack.append(texts.textPack.replace("{number}", next.number));
    end.querySelector("a").remove();
  } else pack.remove();
  bar.replaceChildren(end);
}

/** Show what waits on top of what the server said last. */
async function show() {
  const { facts, isAhead } = await present();
  document.getElementById("walk").toggleAttribute("data-ahead", isAhead);
  if (!isAhead) return;
  const now = current(facts);
  for (const row of facts.rows) showRow(row, row === now);
  const done = facts.rows.reduce((sum, row) => sum + row.picked, 0);
  const wanted = facts.rows.reduce((sum, row) => sum + row.quantity - row.short, 0);
  at("walk-done").textContent = texts.textItems.replace("{done}", done).replace("{all}", wanted);
  Object.assign(document.querySelector("#walk progress"), { max: wanted || 1, value: done });
  showAction(facts, now);
}

/** Keep one action of this walk; the answer is heard later, or, without a connection, given from what is known. */
async function act(said, alone) {
  const { facts } = await present();
  const versions = Object.fromEntries(facts.work.map(({ pk, version }) => [pk, version]));
  const isAlone = !isTaken();
  const uid = await keep({ walk: facts.walk, work: facts.walk.split(",").map(Number), versions, quantity: 1, ...said });
  if (isAlone) feedback("ok", alone);
  else hoped.set(uid, alone);
}

function known(facts, code) {
  const text = code.toLowerCase();
  return facts.rows.find((row) => row.codes.includes(code) || row.sku.toLowerCase() === text);
}

/** One code. Alone, the page judges it by the walk; codes that it cannot know are kept for the server. */
async function scanned(code) {
  const { facts } = await present();
  const row = known(facts, code);
  if (!isTaken()) {
    if (row && !left(row)) return feedback("wrong", texts.textAll.replace("{n}", row.picked).replace("{item}", row.name));
    if (!row && facts.rows.every(({ plain }) => plain)) return feedback("wrong", texts.textNot.replace("{code}", code));
    if (!row) return act({ kind: "pick", code }, texts.textKept.replace("{code}", code));
  }
  const said = row ? `${row.name}: ${row.picked + 1} / ${row.quantity - row.short}` : "";
  return act({ kind: "pick", code, means: row?.sku ?? "" }, said);
}

async function taken(form) {
  const fields = new FormData(form);
  const { facts } = await present();
  const row = facts.rows.find(({ sku }) => sku === fields.get("sku"));
  const quantity = Number(fields.get("quantity"));
  if (!row || !Number.isInteger(quantity) || quantity < 1 || quantity > left(row)) return feedback("wrong", texts.textTooMany);
  const said = `${row.name}: ${row.picked + quantity} / ${row.quantity - row.short}`;
  return act({ kind: "pick", sku: row.sku, quantity, lot: fields.get("lot") ?? "" }, said);
}

// -- sheets ------------------------------------------------------------------------------------------------------------

/** Report units short on this page; lots and serial numbers have a page of their own. */
async function openShort(link, event) {
  const { facts } = await present();
  const row = facts.rows.find(({ sku }) => sku === link.dataset.short);
  if (!row?.plain && isTaken()) return;
  event.preventDefault();
  const form = sheets.short.querySelector("form");
  form.reset();
  form.elements.sku.value = row.sku;
  sheets.short.querySelector("[data-short-name]").textContent = row.name;
  Object.assign(form.elements.quantity, { max: left(row), value: left(row) });
  form.querySelector("[data-stepper]").hidden = left(row) < 2;
  sheets.short.showModal();
}

function report(form) {
  const fields = new FormData(form);
  sheets.short.close();
  return act({ kind: "short", sku: fields.get("sku"), quantity: Number(fields.get("quantity")), reason: fields.get("reason") }, texts.textReported);
}

async function openPack(button) {
  const { facts } = await present();
  const item = facts.work.find(({ pk }) => pk === Number(button.dataset.pack));
  const form = sheets.pack.querySelector("form");
  const lines = item.lines.filter(([, , done]) => done);
  const rowOf = (sku) => facts.rows.find((row) => row.sku === sku);
  const goods = lines.reduce((sum, [sku, , done]) => sum + done * (rowOf(sku)?.grams ?? 0), 0);
  const box = facts.boxes.find(({ holds }) => goods <= holds) ?? facts.boxes.at(-1);
  form.dataset.pack = item.pk;
  form.elements.box.value = box.key;
  form.elements.weight.value = goods + box.grams;
  sheets.pack.querySelector("[data-pack-number]").textContent = item.number;
  sheets.pack.querySelector("[data-pack-label]").hidden = !item.labelled;
  sheets.pack
    .querySelector("[data-pack-lines]")
    .replaceChildren(...lines.map(([sku, , done]) => make("li", {}, make("span", { textContent: rowOf(sku)?.name ?? sku }), make("b", { textContent: `×${done}` }))));
  sheets.pack.showModal();
}

async function packed(form) {
  const fields = new FormData(form);
  const { facts } = await present();
  const item = facts.work.find(({ pk }) => pk === Number(form.dataset.pack));
  const contents = {};
  for (const [sku, , done] of item.lines) if (done) contents[sku] = (contents[sku] ?? 0) + done;
  sheets.pack.close();
  await act(
    { kind: "pack", work: [item.pk], quantity: 0, box: fields.get("box"), weight: Number(fields.get("weight")), contents },
    (item.labelled ? texts.textPacked : texts.textPackedPickup).replace("{number}", item.number),
  );
}

// -- what happens ------------------------------------------------------------------------------------------------------

function submit(event) {
  const form = event.target;
  const does = form.id === "take" ? taken : form.matches("[data-code-form]") ? typed : form.matches("[data-short-form]") ? report : form.matches("[data-pack-form]") ? packed : null;
  if (!does) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  does(form);
}

function typed(form) {
  const code = form.elements.code.value.trim();
  form.reset();
  if (code) scanned(code);
}

function click(event) {
  const link = event.target.closest?.("[data-short]");
  const pack = event.target.closest?.("button[data-pack]");
  if (link) openShort(link, event);
  if (pack) openPack(pack);
  if (event.target.closest?.("[data-close-sheet]")) event.target.closest("dialog").close();
}

function swap(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const id of ["walk", "walk-action"]) {
    const part = fresh.getElementById(id);
    part.removeAttribute("hx-swap-oob");
    document.getElementById(id).replaceWith(part);
  }
}

async function heard({ answers, html }) {
  if (html && !document.querySelector("dialog[open]")) swap(html);
  const newest = answers.findLast(({ uid }) => hoped.has(uid));
  if (newest) feedback(newest.result, newest.text || hoped.get(newest.uid));
  for (const { uid } of answers) hoped.delete(uid);
  if (!isTaken() && hoped.size) {
    feedback("ok", [...hoped.values()].at(-1) || texts.textKeptAny);
    hoped.clear();
  }
  await show();
  if (!answers.length) return;
  clearTimeout(keeping);
  keeping = setTimeout(() => keepPage(location.href), 400);
}

addEventListener("submit", submit, true);
// Opening the sheet is decided after a look into the outbox: the link must not lead away meanwhile.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-short]");
  if (link && server().rows.find(({ sku }) => sku === link.dataset.short)?.plain) event.preventDefault();
  click(event);
});
onScan(scanned);
onSync(heard);
show();
