// Wedge scanners: keyboards that type a code in one burst. The listener needs no focus and loses no scan.
// A burst that averages under 35 ms a key and ends in Enter or Tab is a scan; anything slower is a person typing.
import { feedback, startFeedback } from "./feedback.js";
import { freshKey, meta } from "./dom.js";

export { feedback };

const AVERAGE_MS = 35;
const HICCUP_MS = 300;
const SHORTEST = 4;
const RETRY_MS = 2000;
const GROUP_SEPARATOR = "\u001d";

/** Recognises scans in a stream of keys. Pure apart from its buffer, so that it can be tested with made-up times. */
export class Burst {
  constructor() {
    this.reset();
  }

  /** Forget everything typed so far. */
  reset() {
    this.text = "";
    this.first = 0;
    this.last = 0;
  }

  /**
   * Take one key at a time in ms; gives the code when the key ends a scan, else null.
   * A hiccup inside a burst does not cut the code in two: a cut code would be taken for another one. Too many or too
   * long hiccups lose the scan instead, which a person notices and repeats.
   */
  take(key, at) {
    if (key === "Enter" || key === "Tab") {
      const length = this.text.length;
      const fast = length >= SHORTEST && at - this.last <= HICCUP_MS && (at - this.first) / length < AVERAGE_MS;
      const code = fast ? this.text : null;
      this.reset();
      return code;
    }
    if (key.length !== 1) return null;
    if (!this.text || at - this.last > HICCUP_MS) {
      this.text = "";
      this.first = at;
    }
    this.text += key;
    this.last = at;
    return null;
  }

  /** True when the keys so far are too fast for a person: they are kept from scrolling or pressing buttons. */
  isFast() {
    return this.text.length > 1 && (this.last - this.first) / (this.text.length - 1) < AVERAGE_MS;
  }
}

const listeners = new Set();
const queue = [];
let working = false;

async function work() {
  if (working) return;
  working = true;
  while (queue.length) {
    const code = queue[0];
    for (const listener of listeners) {
      try {
        await listener(code);
      } catch (error) {
        console.error("A scan could not be handled", error);
        feedback("unknown", meta("text-error") || "The server could not do this.");
      }
    }
    queue.shift();
    document.dispatchEvent(new CustomEvent("oms:scan-queue", { detail: queue.length }));
  }
  working = false;
}

/** Hand a code in as if it had been scanned: camera, typed field, test. Codes are handled one after another. */
export function submitScan(code) {
  const clean = code.trim();
  if (!clean) return;
  queue.push(clean);
  document.dispatchEvent(new CustomEvent("oms:scan", { detail: clean }));
  document.dispatchEvent(new CustomEvent("oms:scan-queue", { detail: queue.length }));
  work();
}

/** Call `listener(code)` for every scan; the next waits until its promise is done. Gives the function that stops it. */
export function onScan(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const burst = new Burst();
let held = null;

function keydown(event) {
  if (event.isComposing || event.key === "Shift" || event.key === "CapsLock") return;
  let { key } = event;
  if (event.ctrlKey && key === "]") key = GROUP_SEPARATOR;
  else if (event.ctrlKey || event.metaKey || event.altKey) {
    burst.reset();
    return;
  }
  const field = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement ? event.target : null;
  const before = field ? field.value : "";
  const code = burst.take(key, event.timeStamp);
  if (burst.text.length === 1) held = field ? { field, value: before } : null;
  if (code !== null) {
    event.preventDefault();
    event.stopImmediatePropagation();
    // The burst also landed in whatever field had the focus: give the field its text back.
    if (held && held.field === field && !field.hasAttribute("data-scan-raw")) {
      held.field.value = held.value;
      held.field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    held = null;
    submitScan(code);
    return;
  }
  if (!burst.text) held = null;
  else if (!field && burst.isFast()) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}

const pause = (ms) =>
  new Promise((done) => {
    setTimeout(done, ms);
  });

/** Post one code and swap the answer in; a lost connection is retried with the same key, so nothing is counted twice. */
async function post(page, code) {
  const key = freshKey();
  for (;;) {
    const status = await new Promise((done) => {
      const finish = (event) => {
        if (
          event.detail.requestConfig?.parameters?.idempotency_key !== key &&
          event.detail.requestConfig?.parameters?.get?.("idempotency_key") !== key
        )
          return;
        document.removeEventListener("htmx:afterRequest", finish);
        done(event.detail.xhr.status);
      };
      document.addEventListener("htmx:afterRequest", finish);
      globalThis.htmx
        .ajax("POST", page.dataset.scanUrl, {
          source: page,
          target: page.dataset.scanTarget,
          swap: page.dataset.scanSwap || "outerHTML",
          values: { code, idempotency_key: key },
        })
        .catch(() => {});
    });
    if (status) return;
    feedback("unknown", meta("text-scan-waiting") || `No connection. ${code} is kept and sent again.`);
    await pause(RETRY_MS);
  }
}

/** Listen for scans on this page. A page with `data-scan-url` posts them by itself. */
export function startScan() {
  addEventListener("keydown", keydown, true);
  startFeedback();
  onScan(async (code) => {
    const page = document.querySelector("[data-scan-url]");
    if (page) await post(page, code);
  });
}
