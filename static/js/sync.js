// The outbox of this phone: what people did is kept here first and sent after it, so that a lost connection loses
// nothing. Sent at once, when the connection is back, when the page is looked at again, every 15 s, and by button.
// Each action has a uid made here: sending it again changes nothing.
import { freshKey, recall, remember } from "./dom.js";

const AGAIN_MS = 15_000;
const MOST_AT_ONCE = 100;
const PAGES = "oms-pages-";
/** A kept page is fetched anew after so long, though nothing of its walk changed. */
const FRESH_MS = 3600_000;
/** Set while a phone that was locked alone waits for the server to end the session. */
const LOCKED = "oms.locked";
const phone = document.body.dataset;
const listeners = new Set();
let opening = null;
let sending = null;
/** Whether the last thing we heard from the server was an answer. */
let reached = true;
/** Why the server does not take what waits: `signin`, `right` or `server`; and where one signs in again. */
let hindrance = "";
let door = "";

function database() {
  opening ??= new Promise((done, fail) => {
    const asked = indexedDB.open("oms-store", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("actions", { keyPath: "uid" });
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => fail(asked.error);
  });
  return opening;
}

async function inStore(mode, work) {
  const base = await database();
  return new Promise((done, fail) => {
    const task = base.transaction("actions", mode);
    const asked = work(task.objectStore("actions"));
    task.oncomplete = () => done(asked?.result);
    task.onerror = () => fail(task.error);
    task.onabort = () => fail(task.error);
  });
}

/** Everything that was not answered for good, the oldest first. */
export async function actions() {
  const rows = await inStore("readonly", (store) => store.getAll());
  return rows.sort((one, other) => one.order - other.order);
}

/** Actions that wait to be sent. */
export const waiting = async () => (await actions()).filter((row) => !row.refused);

const save = (row) => inStore("readwrite", (store) => store.put(row));
/** Change what is kept of one action, as it is at this moment; nothing where it is gone. */
const change = (uid, changes) =>
  inStore("readwrite", (store) => {
    store.get(uid).onsuccess = ({ target }) => target.result && store.put({ ...target.result, ...changes });
  });
const forget = (uids) => inStore("readwrite", (store) => uids.map((uid) => store.delete(uid)).at(-1));

/** What was kept on this very page: nobody looks at the answer to anything older. */
const mine = new Set();
let last = 0;
/** The present moment, later than every one before. */
function moment() {
  last = Math.max(Date.now(), last + 1);
  return last;
}

/** True while the server answers, as far as this page knows. */
export const isConnected = () => navigator.onLine && reached;
/** True while the server also takes what is done here; otherwise the page goes on alone. */
export const isTaken = () => isConnected() && !hindrance;

/** Keep one action of the person whose page this is, and send it. Gives its uid as soon as it is safe here. */
export async function keep(said) {
  const order = moment();
  const row = { uid: freshKey(), stamp: phone.stamp, at: new Date(order).toISOString(), order, tries: isConnected() ? 0 : 1, ...said };
  mine.add(row.uid);
  await save(row);
  await tell([]);
  send();
  return row.uid;
}

/** Take back what was not sent, or what the server refused: it is told, should it have come through after all. */
export async function discard(uid, why) {
  const row = (await actions()).find((each) => each.uid === uid);
  if (!row) return;
  if (row.refused) await forget([uid]);
  else await change(uid, { discarded: why || "-", discarder: phone.stamp });
  await tell([]);
  send();
}

/** Send something once more that the server refused. */
export async function retry(uid) {
  await change(uid, { refused: "" });
  send();
}

/** Call `listener({answers, html, left})` after every answer, and whenever something was kept. */
export const onSync = (listener) => listeners.add(listener);

async function tell(answers, reply = {}) {
  const place = document.getElementById("overtaken");
  if (place && reply.cards !== undefined) place.innerHTML = reply.cards;
  if (answers.length) document.dispatchEvent(new CustomEvent("oms:changed"));
  const rows = await actions();
  const left = rows.filter((row) => !row.refused).length;
  document.dispatchEvent(new CustomEvent("oms:outbox", { detail: { left, refused: rows.length - left, connected: isConnected(), hindrance, door } }));
  for (const listener of listeners) await listener({ ...reply, answers, left });
}

/** The cookie of this moment: a kept page has the token of the day on which it was made. */
function token() {
  const found = document.cookie.split("; ").find((each) => each.startsWith(`${phone.csrfCookie}=`));
  return found ? found.slice(phone.csrfCookie.length + 1) : "";
}

async function post(rows) {
  const shown = document.querySelector("#walk[data-facts]");
  const walk = shown ? JSON.parse(shown.dataset.facts).walk : "";
  const events = rows.map(({ tries, order: _order, refused: _refused, walk: _walk, ...said }) => ({ ...said, late: tries > 0 || !mine.has(said.uid) }));
  const at = new URLSearchParams(location.search).get("at") ?? "";
  const response = await fetch(phone.eventsUrl, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json", "HX-Request": "true", "X-CSRFToken": token() },
    body: JSON.stringify({ now: new Date().toISOString(), events, walk, at }),
    redirect: "error",
  });
  hindrance = response.ok ? "" : ({ 401: "signin", 403: "right" }[response.status] ?? "server");
  door = response.headers.get("HX-Redirect") ?? "";
  // What is done on a shared phone once the session is over would be nobody's: its people come in first.
  if (hindrance === "signin" && door && phone.idleSeconds !== "0") location.assign(door);
  if (!response.ok) throw new Error(String(response.status));
  return response.json();
}

async function settle(rows, answers) {
  const byUid = new Map(answers.map((answer) => [answer.uid, answer]));
  const done = rows.filter(({ uid }) => byUid.get(uid)?.kept).map(({ uid }) => uid);
  if (done.length) await forget(done);
  for (const row of rows) {
    const answer = byUid.get(row.uid);
    if (answer && !answer.kept) await change(row.uid, { refused: answer.text });
  }
}

async function sendAll() {
  for (;;) {
    const rows = (await waiting()).slice(0, MOST_AT_ONCE);
    if (!rows.length) return;
    let reply;
    try {
      reply = await post(rows);
    } catch (error) {
      reached = error.name !== "TypeError";
      if (!reached) hindrance = "";
      for (const row of rows.filter(({ tries }) => !tries)) await change(row.uid, { tries: 1 });
      await tell([]);
      return;
    }
    reached = true;
    await settle(rows, reply.answers);
    await tell(reply.answers, reply);
    if (reply.answers.length < rows.length) return;
  }
}

/** Send what waits, the oldest first, until nothing is left or the connection is gone. */
export function send() {
  sending ??= sendAll().finally(() => {
    sending = null;
  });
  return sending;
}

// -- pages for the time without a connection --------------------------------------------------------------------------

/** Fetch a page anew into what is kept, as far as it is of the same person and store as this one. */
export async function keepPage(url) {
  if (!globalThis.caches || !navigator.serviceWorker?.controller || !isConnected()) return;
  try {
    const answer = await fetch(url, { headers: { Accept: "text/html" }, redirect: "error" });
    if (answer.ok && answer.headers.get("X-Store-Scope") === phone.scope) await (await caches.open(PAGES + phone.scope)).put(url, answer);
  } catch {
    /* the connection went; the page that is kept stays */
  }
}

/** Forget every kept page: another person comes, or nobody. */
export async function forgetPages() {
  if (!globalThis.caches) return;
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(PAGES)).map((name) => caches.delete(name)));
}

/** The phone keeps this page as it is: of this version, and not for long. */
async function isKept(url, version) {
  const found = await (await globalThis.caches?.open(PAGES + phone.scope))?.match(url);
  const isFresh = found && Date.now() - Date.parse(found.headers.get("Date")) < FRESH_MS;
  return Boolean(isFresh) && (found.headers.get("X-Walk-Version") ?? "") === version;
}

/** What a person may want without a connection, as far as it is not kept: the first page brought itself and the shell. */
async function keepTasks() {
  const walks = [...document.querySelectorAll('a[href*="/pick/?work="]')].map((link) => [link.href, link.dataset.walkVersion]);
  for (const [url, version] of [[location.href, ""], [phone.outboxUrl, ""], ...walks]) {
    if (!(await isKept(url, version))) await keepPage(url);
  }
}

async function startWorker() {
  if (!navigator.serviceWorker || !phone.workerUrl) return;
  try {
    await navigator.serviceWorker.register(phone.workerUrl, { scope: "/s/" });
    await navigator.serviceWorker.ready;
  } catch {
    return;
  }
  if (!navigator.serviceWorker.controller) {
    await new Promise((done) => navigator.serviceWorker.addEventListener("controllerchange", done, { once: true }));
  }
  if (document.getElementById("task-list")) await keepTasks();
  else if (document.querySelector("[data-pick]")) await keepPage(location.href);
}

/** Nothing of who leaves stays. Alone the phone shows no page any more, and the next one that opens ends the session. */
async function leave(event) {
  const form = event.target.closest?.("form[data-leave]");
  if (!form) return;
  event.preventDefault();
  if (form.dataset.left) return;
  form.dataset.left = "1";
  await forgetPages();
  const isAlone = form.id === "lock" && !isConnected();
  remember(LOCKED, isAlone ? "1" : "");
  if (isAlone) location.replace(phone.offlineUrl);
  else form.submit();
}

/** Somebody says who they are: the phone is theirs. */
export const unlock = () => remember(LOCKED, "");

/** Start sending. Call once per page of the store app. */
export function startSync() {
  for (const each of document.querySelectorAll("[data-if-locked]")) each.hidden = each.dataset.ifLocked !== (recall(LOCKED) || "");
  if (!phone.stamp) return;
  addEventListener("online", () => {
    reached = true;
    tell([]);
    send();
  });
  addEventListener("offline", () => tell([]));
  addEventListener("pageshow", (event) => event.persisted && (isConnected() || recall(LOCKED)) && location.reload());
  addEventListener("focus", send);
  document.addEventListener("visibilitychange", () => document.hidden || send());
  document.addEventListener("submit", leave, true);
  if (recall(LOCKED)) document.getElementById("lock")?.requestSubmit();
  document.addEventListener("click", (event) => event.target.closest?.("[data-send-now]") && send());
  setInterval(send, AGAIN_MS);
  tell([]);
  send();
  if (document.readyState === "complete") startWorker();
  else addEventListener("load", startWorker);
}
