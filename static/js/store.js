// Entry of the store screens: no shortcuts, scans everywhere, large controls, camera, device settings.
import { startClocks } from "./clock.js";
import { startForms } from "./forms.js";
import { startLive } from "./live.js";
import { feedback, setVolume, sound, volume } from "./feedback.js";
import { onScan, startScan, submitScan } from "./scan.js";
import { recall, remember } from "./dom.js";
import { startSync } from "./sync.js";
import { startToasts } from "./toasts.js";

function step(event) {
  const button = event.target.closest?.("[data-step]");
  const input = button?.closest("[data-stepper]")?.querySelector("input");
  if (!input) return;
  const next = (Number(input.value) || 0) + Number(button.dataset.step);
  input.value = Math.min(Number(input.max), Math.max(Number(input.min), next));
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

/** Scans of this page that are not answered yet. */
let waiting = 0;
/** Actions in the outbox of the phone, and whether the server answers. */
let outbox = { left: 0, refused: 0, connected: true };
let settling = 0;

/** Header mark: whether there is a connection, and how much was not sent yet. */
function showOutbox() {
  const mark = document.querySelector("[data-outbox]");
  if (!mark) return;
  const unsent = Math.max(waiting, outbox.left + outbox.refused);
  const lost = !navigator.onLine || !outbox.connected;
  const state = lost ? "offline" : unsent ? "waiting" : "sent";
  const { textWaiting = "{n}", textSent = "", textOffline = "", textOfflineN = "{n}" } = mark.dataset;
  const texts = { waiting: textWaiting, sent: textSent, offline: unsent ? textOfflineN : textOffline };
  const text = texts[state].replace("{n}", unsent);
  if (mark.dataset.state === state && mark.dataset.count === String(unsent)) return;
  mark.dataset.state = state;
  mark.dataset.count = unsent;
  mark.querySelector("[data-outbox-text]").textContent = text;
}

/** An answer usually comes at once; only what takes longer is shown. */
function queued(event) {
  waiting = event.detail;
  clearTimeout(settling);
  settling = setTimeout(showOutbox, waiting ? 600 : 0);
}

/** Where the server does not take what waits, the page says why, and leads to where one signs in again. */
function showHindrance() {
  const note = document.querySelector("[data-hindrance]");
  if (!note) return;
  const why = outbox.left ? outbox.hindrance : "";
  note.hidden = !why;
  for (const each of note.querySelectorAll("[data-why]")) each.hidden = each.dataset.why !== why;
  if (why === "signin" && outbox.door) note.querySelector("a").href = `${outbox.door}?next=${encodeURIComponent(location.pathname + location.search)}`;
}

function outboxChanged(event) {
  outbox = event.detail;
  showHindrance();
  clearTimeout(settling);
  settling = setTimeout(showOutbox, outbox.left && outbox.connected ? 600 : 0);
}

let camera = null;

function cameraProblem(key) {
  const place = document.querySelector("[data-camera-problem]");
  if (!place) return;
  place.hidden = !key;
  place.textContent = key ? place.dataset[key] : "";
}

async function openCameraBox(box) {
  cameraProblem("");
  if (!navigator.mediaDevices) {
    cameraProblem("textInsecure");
    return;
  }
  box.hidden = false;
  try {
    const { openCamera } = await import("./camera.js");
    camera = await openCamera(box.querySelector("video"), submitScan);
    const torch = box.querySelector("[data-camera-torch]");
    torch.hidden = !camera.hasTorch;
  } catch (error) {
    box.hidden = true;
    cameraProblem(error.name === "NotAllowedError" ? "textDenied" : "textNone");
  }
  document.querySelectorAll("[data-camera]").forEach((each) => each.setAttribute("aria-pressed", String(Boolean(camera))));
}

/** The camera stays open between scans; the same button closes it. */
async function toggleCamera(event) {
  if (event.target.closest?.("[data-camera-torch]") && camera) {
    const button = event.target.closest("[data-camera-torch]");
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    await camera.torch(on);
    return;
  }
  if (!event.target.closest?.("[data-camera]")) return;
  const box = document.querySelector("[data-camera-box]");
  if (!box) return;
  if (!camera) {
    await openCameraBox(box);
    return;
  }
  camera.stop();
  camera = null;
  box.hidden = true;
  document.querySelectorAll("[data-camera]").forEach((each) => each.setAttribute("aria-pressed", "false"));
}

/** Labels are printed from the frame that shows them: no new window, nothing for a blocker to stop. */
function printFrame(event) {
  const button = event.target.closest?.("[data-print-frame]");
  const frame = button && document.getElementById(button.dataset.printFrame);
  if (!frame) return;
  frame.contentWindow.focus();
  frame.contentWindow.print();
}

/** A scan on a look-up page opens what was scanned. */
function lookUp(code) {
  const url = document.querySelector("[data-lookup-url]")?.dataset.lookupUrl;
  if (url) location.assign(`${url}?code=${encodeURIComponent(code)}`);
}

function startSettings() {
  const slider = document.querySelector("[data-volume]");
  if (slider) {
    slider.value = volume();
    slider.addEventListener("change", () => {
      setVolume(Number(slider.value));
      feedback("ok");
    });
  }
  const chosen = recall("oms.theme") ?? "auto";
  document.querySelectorAll("[data-theme-choice] input").forEach((input) => {
    input.checked = input.value === chosen;
    input.addEventListener("change", () => {
      remember("oms.theme", input.value);
      document.dispatchEvent(new CustomEvent("oms:theme"));
    });
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-try-sound]");
    if (!button) return;
    feedback(button.dataset.trySound);
    delete document.documentElement.dataset.scan;
  });
}

/** Whoever waits in the car is heard once on each phone, when they appear. */
const heard = new Set();

function hearVisits() {
  for (const card of document.querySelectorAll("[data-visit]")) {
    if (heard.has(card.dataset.visit)) continue;
    heard.add(card.dataset.visit);
    sound("unknown");
    if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.([200, 100, 200]);
  }
}

/** A shared phone that nobody touches locks by itself, also without a connection; the server ends the session too. */
function startIdleLock() {
  const seconds = Number(document.body.dataset.idleSeconds) || 0;
  const form = document.getElementById("lock");
  if (!seconds || !form) return;
  let touched = Date.now();
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => (touched = Date.now()), true);
  const watch = setInterval(() => {
    if (Date.now() - touched <= seconds * 1000) return;
    clearInterval(watch);
    form.requestSubmit();
  }, 1000);
}

document.addEventListener("click", step);
document.addEventListener("click", toggleCamera);
document.addEventListener("click", printFrame);
document.addEventListener("oms:scan-queue", queued);
document.addEventListener("oms:outbox", outboxChanged);
document.addEventListener("htmx:afterSettle", hearVisits);
addEventListener("online", () => showOutbox());
addEventListener("offline", () => showOutbox());
startForms();
startToasts();
startClocks();
startLive();
startScan();
onScan(lookUp);
startSettings();
startSync();
startIdleLock();
showOutbox();
