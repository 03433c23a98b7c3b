// Drawers, dialogs and menus on native elements. Every opener is a plain link or form when scripts are off.
const WIDE = matchMedia("(min-width: 900px)");
let opener = null;

const drawer = () => document.getElementById("drawer");
const modal = () => document.getElementById("modal");

function focusTitle(dialog) {
  dialog.querySelector("[data-pane-title], [autofocus]")?.focus({ preventScroll: true });
}

/** Load an address into the drawer; wide screens keep the page usable beside it. */
export async function openDrawer(url, from = document.activeElement) {
  const dialog = drawer();
  if (!dialog) {
    location.assign(url);
    return;
  }
  const same = dialog.open;
  if (!same) opener = from;
  await globalThis.htmx.ajax("GET", url, { source: dialog, target: "#drawer-body", swap: "innerHTML" });
  if (!dialog.open) {
    if (WIDE.matches) dialog.show();
    else dialog.showModal();
    if (!from?.matches?.("[data-row]")) focusTitle(dialog);
  }
}

/** True while the drawer is open. */
export const drawerIsOpen = () => Boolean(drawer()?.open);

/** Close the drawer and give the focus back. */
export function closeDrawer() {
  const dialog = drawer();
  if (!dialog?.open) return false;
  dialog.close();
  return true;
}

/** Open a dialog of the page by id. */
export function openDialog(id) {
  const dialog = document.getElementById(id);
  if (dialog instanceof HTMLDialogElement && !dialog.open) dialog.showModal();
}

async function openModal(url) {
  await globalThis.htmx.ajax("GET", url, { source: modal(), target: "#modal-body", swap: "innerHTML" });
  if (document.getElementById("modal-body").childElementCount) {
    modal().showModal();
    focusTitle(modal());
  }
}

const plain = (event) => event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;

function click(event) {
  const target = event.target.closest?.("[data-drawer], [data-modal], [data-dialog], [data-close]");
  if (target && plain(event)) {
    if (target.dataset.drawer !== undefined) {
      event.preventDefault();
      openDrawer(target.dataset.drawer || target.href, target);
    } else if (target.dataset.modal !== undefined) {
      event.preventDefault();
      openModal(target.dataset.modal || target.href);
    } else if (target.dataset.dialog !== undefined) {
      event.preventDefault();
      openDialog(target.dataset.dialog);
    } else if (target.dataset.close !== undefined) {
      event.preventDefault();
      target.closest("dialog")?.close();
    }
    return;
  }
  // A click on the backdrop closes, a click that only ended there (text selection) does not.
  if (event.target instanceof HTMLDialogElement && event.target.matches(":modal") && event.detail === 1) {
    const box = event.target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) event.target.close();
  }
}

/** A form that names a confirmation opens it instead of being sent. */
function confirmFirst(event) {
  const id = event.target.dataset?.confirm;
  if (!id) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  openDialog(id);
}

function placeMenu(event) {
  const menu = event.target;
  if (!menu.matches?.(".menu[popover]") || event.newState !== "open") return;
  const button = document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`);
  if (!button) return;
  const at = button.getBoundingClientRect();
  requestAnimationFrame(() => {
    const box = menu.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.left, innerWidth - box.width - 8));
    const below = at.bottom + box.height + 8 < innerHeight;
    menu.style.left = `${left}px`;
    menu.style.top = below ? `${at.bottom}px` : `${Math.max(8, at.top - box.height - 8)}px`;
  });
}

/** Arrow keys inside a menu, as in a native one. */
function walkMenu(event) {
  const menu = event.target.closest?.(".menu[popover]");
  if (!menu || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  event.preventDefault();
  const items = [...menu.querySelectorAll("a, button")];
  const step = event.key === "ArrowDown" ? 1 : -1;
  items[(items.indexOf(document.activeElement) + step + items.length) % items.length]?.focus();
}

/** Start listening. Call once per page. */
export function startOverlays() {
  document.addEventListener("click", click);
  document.addEventListener("submit", confirmFirst, true);
  document.addEventListener("toggle", placeMenu, true);
  document.addEventListener("keydown", walkMenu);
  document.addEventListener("htmx:afterRequest", (event) => {
    const form = event.detail.elt;
    if (form?.matches?.("[data-close-after]") && event.detail.successful) form.closest("dialog")?.close();
  });
  document.addEventListener("drawer:close", closeDrawer);
  document.addEventListener("dialog:close", () => document.querySelectorAll("dialog.dialog[open]").forEach((dialog) => dialog.close()));
  drawer()?.addEventListener("close", () => {
    document.querySelectorAll(".is-peeked").forEach((row) => row.classList.remove("is-peeked"));
    if (opener?.isConnected) opener.focus({ preventScroll: true });
    opener = null;
  });
}
