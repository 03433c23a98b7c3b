// The pack station: function keys press their buttons, and the label of the parcel that was closed last prints once.
const DONE_KEY = "oms.pack.printed";

/** Print a label in the page's own frame: no window opens that a blocker could stop. Who prints labels in another way
 * prevents the default of `oms:print-label`, whose detail names the parcel and the address of its label. */
function print(mark) {
  const detail = { parcel: mark.dataset.packPrint, url: mark.dataset.packLabel };
  const frame = document.querySelector("[data-pack-frame]");
  if (!document.dispatchEvent(new CustomEvent("oms:print-label", { detail, cancelable: true })) || !frame) return;
  frame.onload = () => {
    frame.contentWindow.focus();
    frame.contentWindow.print();
  };
  frame.src = detail.url;
}

/** Each parcel's label is asked for once by itself; "print again" asks once more. */
function look() {
  const mark = document.querySelector("[data-pack-print]");
  if (!mark) return;
  const again = mark.hasAttribute("data-pack-again");
  if (!again && sessionStorage.getItem(DONE_KEY) === mark.dataset.packPrint) return;
  mark.removeAttribute("data-pack-again");
  sessionStorage.setItem(DONE_KEY, mark.dataset.packPrint);
  print(mark);
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const button = document.querySelector(`[data-pack-key="${CSS.escape(event.key)}"]`);
  if (!button || document.querySelector("dialog[open], [popover]:popover-open")) return;
  event.preventDefault();
  button.click();
});
document.addEventListener("htmx:afterSettle", look);
look();
