// Customer pages are complete without this file. It refreshes a shown tracking page once a minute and prints on request.
const MINUTE_MS = 60_000;
const page = document.querySelector("[data-refresh-url]");

async function refresh() {
  if (!page || document.hidden) return;
  const answer = await fetch(page.dataset.refreshUrl, {
    headers: { "HX-Request": "true", "X-Fragment-Version": page.dataset.version ?? "" },
  }).catch(() => null);
  if (!answer || answer.status !== 200) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-refresh-url]");
  if (!fresh || page.contains(document.activeElement)) return;
  page.dataset.version = fresh.dataset.version ?? "";
  page.replaceChildren(...[...fresh.childNodes].map((node) => document.importNode(node, true)));
}

if (page) setInterval(refresh, Math.max(30_000, Number(page.dataset.refreshMs) || MINUTE_MS));
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-print]")) print();
});
// A form is sent once, however often the button is pressed.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  else event.target.dataset.sent = "1";
});
addEventListener("pageshow", () => document.querySelectorAll("[data-sent]").forEach((form) => delete form.dataset.sent));
