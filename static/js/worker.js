// Keeps the store app usable without a connection. The server puts `OMS` before this: version, shell, offline page.
// The network always comes first; what was kept answers only where it does not. Pages are kept under the name of the
// person and store that they were made for, and never more than one such name.
const SHELL = `oms-shell-${OMS.version}`;
const PAGES = "oms-pages-";
const PATIENCE_MS = 6000;
/** A kept page is of today's work; the session of its person lasts as long. */
const KEEP_MS = 12 * 3600 * 1000;

async function install() {
  const shell = await caches.open(SHELL);
  await shell.addAll(OMS.shell.map((url) => new Request(url, { cache: "reload" })));
  await self.skipWaiting();
}

async function activate() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith("oms-shell-") && name !== SHELL).map((name) => caches.delete(name)));
  await self.clients.claim();
}

async function keepPage(url, answer) {
  const mine = PAGES + answer.headers.get("X-Store-Scope");
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name.startsWith(PAGES) && name !== mine).map((name) => caches.delete(name)));
  const pages = await caches.open(mine);
  await pages.put(url, answer);
}

async function keptPage(request) {
  const url = new URL(request.url);
  const plain = new URL(url);
  plain.searchParams.delete("at");
  for (const each of [url, plain]) {
    const found = await caches.match(each.href);
    const age = Date.now() - Date.parse(found?.headers.get("Date") ?? "");
    if (found && age < KEEP_MS) return found;
  }
  return null;
}

async function timely(request, isKept) {
  const stop = new AbortController();
  const timer = isKept ? setTimeout(() => stop.abort(), PATIENCE_MS) : 0;
  try {
    return await fetch(request, { signal: stop.signal });
  } finally {
    clearTimeout(timer);
  }
}

async function page(event) {
  const kept = await keptPage(event.request);
  try {
    const answer = await timely(event.request, Boolean(kept));
    if (answer.ok && answer.headers.has("X-Store-Scope")) event.waitUntil(keepPage(event.request.url, answer.clone()));
    return answer;
  } catch {
    return kept ?? (await caches.match(OMS.offline)) ?? Response.error();
  }
}

async function part(event) {
  try {
    return await fetch(event.request);
  } catch {
    return (await caches.match(event.request, { ignoreVary: true })) ?? Response.error();
  }
}

self.addEventListener("install", (event) => event.waitUntil(install()));
self.addEventListener("activate", (event) => event.waitUntil(activate()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(page(event));
  else if (["style", "script", "image", "font", "manifest"].includes(request.destination)) event.respondWith(part(event));
});
