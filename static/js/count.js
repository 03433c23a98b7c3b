// Counting an area: every scan is kept on the device first and sent after it, so that a lost connection loses nothing.
// Sent at once, when the connection is back, when the page is looked at again, every 15 s, and by button. Each scan has
// a uid made here: sending it again changes nothing.
import { freshKey, make, meta, recall, remember } from "./dom.js";
import { feedback, onScan } from "./scan.js";

const AGAIN_MS = 15_000;
const MOST_AT_ONCE = 100;
const page = document.querySelector("[data-counting]");
const place = `oms.count.${page.dataset.counting}`;
const at = (name) => page.querySelector(`[data-${name}]`);

/** What is kept on the device: scans to send, and those that the server refused, with its reason. */
class Outbox {
  constructor(key) {
    this.key = key;
    const kept = JSON.parse(recall(key) ?? "null");
    this.scans = kept?.scans ?? [];
    this.failed = kept?.failed ?? [];
    this.last = kept?.last ?? 0;
    this.flying = [];
  }

  save() {
    remember(this.key, JSON.stringify({ scans: this.scans, failed: this.failed, last: this.last }));
  }

  /** The present moment, later than that of every scan before: their order decides what a typed total replaces. */
  moment() {
    this.last = Math.max(Date.now(), this.last + 1);
    return new Date(this.last).toISOString();
  }

  /** Keep one scan. */
  add(scan) {
    this.scans.push({ uid: freshKey(), at: this.moment(), quantity: 1, is_total: false, unit: "", undone: false, ...scan });
    this.save();
  }

  /** Take a scan back, whether it was sent or not. */
  undo(uid, code) {
    const waiting = this.scans.find((scan) => scan.uid === uid && !this.flying.includes(scan));
    if (waiting) waiting.undone = true;
    else this.add({ uid, code, undone: true });
    this.save();
  }

  /** The oldest scans, which are now on their way. */
  next() {
    this.flying = this.scans.slice(0, MOST_AT_ONCE);
    return this.flying;
  }

  /** Forget what the server answered; what it did not keep is shown. */
  settle(answers) {
    const done = new Map(answers.map((answer) => [answer.uid, answer]));
    for (const scan of this.flying) {
      const answer = done.get(scan.uid);
      if (!answer.kept && !answer.outcome.startsWith("needs_")) this.failed.push(`${scan.code}: ${answer.text}`);
    }
    this.scans = this.scans.filter((scan) => !this.flying.includes(scan));
    this.flying = [];
    this.save();
  }
}

const outbox = new Outbox(place);
/** A code whose lot or serial number is scanned next. */
let asked = null;
let sending = false;
let submitting = null;

function show() {
  at("unsent").hidden = !outbox.scans.length || (sending && navigator.onLine && !at("unsent").dataset.stuck);
  at("unsent-n").textContent = outbox.scans.length;
  at("failed").hidden = !outbox.failed.length;
  at("failed-list").replaceChildren(...outbox.failed.map((text) => make("div", { textContent: text })));
  at("ask").hidden = !asked;
  if (asked) at("ask-text").textContent = asked.text;
  // After the listener of the scan, which counts what it has in hand itself.
  setTimeout(() => document.dispatchEvent(new CustomEvent("oms:scan-queue", { detail: outbox.scans.length })));
}

/** What the scanner hears: the answer to the newest scan that was sent. */
function tell(answers, newest) {
  const answer = answers.find(({ uid }) => uid === newest);
  if (!answer) return;
  if (answer.outcome.startsWith("needs_")) asked = { code: answer.sku || answer.text, text: answer.text };
  const result = { counted: "ok", undone: "ok", refused: "wrong" }[answer.outcome] ?? "unknown";
  feedback(result, answer.text);
}

async function post(scans) {
  const response = await fetch(page.dataset.url, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": meta("csrf-token") },
    body: JSON.stringify({ token: page.dataset.token, now: new Date().toISOString(), scans }),
    redirect: "error",
  });
  const reply = await response.json();
  if (!response.ok) throw new Error(reply.message || page.dataset.textRefused);
  return reply;
}

/** Send what is kept, the oldest first, until nothing is left or the connection is gone. */
async function send() {
  if (sending || !outbox.scans.length) return;
  sending = true;
  show();
  try {
    while (outbox.scans.length) {
      const batch = outbox.next();
      const { answers, html } = await post(batch);
      outbox.settle(answers);
      tell(answers, batch.at(-1).uid);
      document.getElementById("counting").innerHTML = html;
      delete at("unsent").dataset.stuck;
    }
  } catch (error) {
    at("unsent").dataset.stuck = "1";
    outbox.flying = [];
    const newest = outbox.scans.at(-1);
    feedback("unknown", navigator.onLine && error.name === "Error" ? error.message : page.dataset.textKept.replace("{code}", newest?.code ?? ""));
  }
  sending = false;
  show();
  if (submitting && !outbox.scans.length) submitting.submit();
}

function take(scan) {
  outbox.add(scan);
  show();
  return send();
}

function scanned(code) {
  if (!asked) return take({ code });
  const scan = { code: asked.code, unit: code };
  asked = null;
  return take(scan);
}

function typed(form) {
  const fields = new FormData(form);
  take({
    code: fields.get("code").trim(),
    quantity: Number(fields.get("quantity")),
    is_total: fields.has("is_total"),
    unit: (fields.get("unit") ?? "").trim(),
  });
  form.reset();
}

/** Forms of this page that a device without a connection can do too. */
function submit(event) {
  const form = event.target;
  if (form.matches("[data-count-form], [data-count-none]")) typed(form);
  else if (form.matches("[data-count-undo]")) {
    outbox.undo(form.dataset.countUndo, form.dataset.code);
    send();
  } else if (form.matches("[data-count-submit]") && outbox.scans.length) {
    submitting = form;
    feedback("unknown", page.dataset.textFirst);
    send();
  } else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}

// Before the guard against double sending, which would keep these forms busy.
addEventListener("submit", submit, true);
addEventListener("online", send);
addEventListener("focus", send);
document.addEventListener("visibilitychange", () => document.hidden || send());
setInterval(send, AGAIN_MS);
at("send").addEventListener("click", send);
at("ask-cancel").addEventListener("click", () => {
  asked = null;
  show();
});
at("failed-clear").addEventListener("click", () => {
  outbox.failed = [];
  outbox.save();
  show();
});
onScan(scanned);
show();
send();
