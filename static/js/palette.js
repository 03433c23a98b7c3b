// Ctrl+K: pages, actions of the present page, and objects that the server finds.
import { icon, make } from "./dom.js";

const ASK_MS = 150;
let chosen = 0;
let timer = 0;
let asked = 0;

const dialog = () => document.getElementById("palette");
const field = () => dialog().querySelector("input");
const list = () => dialog().querySelector("[role='listbox']");
const options = () => [...list().querySelectorAll("[role='option']")];

function localItems() {
  const pages = [...document.querySelectorAll("[data-nav-item]")].map((link) => ({
    label: (link.querySelector(".nav-text") ?? link).textContent.trim(),
    iconName: "arrow-right",
    run: () => link.click(),
  }));
  const acts = [...document.querySelectorAll("main [data-shortcut]")]
    .filter((target) => target.getAttribute("aria-disabled") !== "true")
    .map((target) => ({
      label: target.dataset.shortcutLabel || target.textContent.trim(),
      key: target.dataset.shortcut,
      iconName: "bolt",
      run: () => target.click(),
    }));
  return [...acts, ...pages];
}

function option(item, index) {
  const node = make(
    "div",
    { id: `palette-${index}`, role: "option", "aria-selected": "false" },
    icon(item.iconName, 16),
    make("span", { textContent: item.label }),
  );
  if (item.key) node.append(make("kbd", { textContent: item.key }));
  node.addEventListener("click", () => {
    dialog().close();
    item.run();
  });
  return node;
}

function mark(index) {
  const all = options();
  chosen = all.length ? (index + all.length) % all.length : 0;
  all.forEach((node, at) => {
    node.id ||= `palette-r${at}`;
    node.setAttribute("aria-selected", String(at === chosen));
  });
  const current = all[chosen];
  if (current) {
    field().setAttribute("aria-activedescendant", current.id);
    current.scrollIntoView({ block: "nearest" });
  } else field().removeAttribute("aria-activedescendant");
  dialog().querySelector("p").hidden = all.length > 0;
}

async function ask(text) {
  const url = dialog().dataset.searchUrl;
  if (!url || text.length < 2) return;
  const turn = ++asked;
  const answer = await fetch(`${url}?q=${encodeURIComponent(text)}`, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer?.ok || turn !== asked) return;
  // The fragment holds links with role="option"; it comes from this server and is escaped there.
  const found = new DOMParser().parseFromString(await answer.text(), "text/html").querySelectorAll("a[role='option']");
  list().append(...[...found].map((node) => document.importNode(node, true)));
  mark(chosen);
}

function search() {
  const text = field().value.trim().toLowerCase();
  asked += 1;
  list().replaceChildren(
    ...localItems()
      .filter((item) => item.label.toLowerCase().includes(text))
      .map(option),
  );
  mark(0);
  clearTimeout(timer);
  timer = setTimeout(() => ask(field().value.trim()), ASK_MS);
}

function keydown(event) {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    mark(chosen + (event.key === "ArrowDown" ? 1 : -1));
  } else if (event.key === "Enter") {
    event.preventDefault();
    const current = options()[chosen];
    if (current) current.click();
    else {
      const form = document.querySelector("form[role='search']");
      if (form && field().value.trim()) {
        form.querySelector("[data-search]").value = field().value.trim();
        form.requestSubmit();
      }
    }
  }
}

/** Show the palette with an empty field. */
export function openPalette() {
  if (!dialog() || dialog().open) return;
  field().value = "";
  search();
  dialog().showModal();
}

/** Start listening. Call once per page. */
export function startPalette() {
  if (!dialog()) return;
  field().addEventListener("input", search);
  field().addEventListener("keydown", keydown);
}
