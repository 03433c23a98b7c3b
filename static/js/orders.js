// Order page: what a person opened or typed survives the refresh of the page under it.
const open = new Map();

document.addEventListener(
  "toggle",
  (event) => {
    if (event.target instanceof HTMLDetailsElement && event.target.id) open.set(event.target.id, event.target.open);
  },
  true,
);

document.addEventListener("htmx:afterSwap", () => {
  for (const [id, wasOpen] of open) {
    const details = document.getElementById(id);
    if (details instanceof HTMLDetailsElement) details.open = wasOpen;
  }
});

// A region with an open editor is not refreshed; an unsent note is one.
document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-draft]")) event.target.toggleAttribute("data-editing", event.target.value !== "");
});
