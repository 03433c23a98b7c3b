// The pack station: function keys press their buttons, and the label of the parcel that was closed last prints once.
const DONE_KEY = "oms.pack.printed";
// How long a frame may take to print before the next paper goes into it.
const PRINT_MS = 20000;
let printing = Promise.resolve();

/** Print a paper in the page's own frame: no window opens that a blocker could stop. Who prints labels in another way
 * prevents the default of `oms:print-label`, whose detail names the parcel and the address of its label. */
function print(mark) {
  const detail = { parcel: mark.dataset.packPrint, url: mark.dataset.packLabel };
  const frame = document.querySelector("[data-pack-frame]");
  if (!document.dispatchEvent(new CustomEvent("oms:print-label", { detail, cancelable: true })) || !frame) return;
  printing = printing.then(() => inFrame(frame, detail.url));
}

/** One paper after the other: resolves when the browser's own dialog is closed. */
function inFrame(frame, url) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, PRINT_MS);
    frame.onload = () => {
      frame.contentWindow.addEventListener("afterprint", () => {
        clearTimeout(timer);
        resolve();
      });
      frame.contentWindow.focus();
      frame.contentWindow.print();
    };
    frame.src = url;
  });
}

/** Parcels whose label was asked for on this device; the last few are enough. */
const printed = () => (sessionStorage.getItem(DONE_KEY) ?? "").split(",");

/** Each parcel's label is asked for once by itself; "print again" asks once more. */
function look() {
  for (const mark of document.querySelectorAll("[data-pack-print]")) {
    const again = mark.hasAttribute("data-pack-again");
    const before = printed();
    if (!again && before.includes(mark.dataset.packPrint)) continue;
    mark.removeAttribute("data-pack-again");
    sessionStorage.setItem(DONE_KEY, [mark.dataset.packPrint, ...before].slice(0, 50).join(","));
    print(mark);
  }
  // A question that was opened by a key is answered by keys: its first button has the focus.
  document.querySelector(".bench-asking .bench-reasons .btn")?.focus();
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
