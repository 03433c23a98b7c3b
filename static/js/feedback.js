// Three outcomes, three channels: a band on the screen, a tone, a vibration. Volume belongs to the device.
import { icon, make, meta, recall, remember } from "./dom.js";

const VOLUME_KEY = "oms.volume";
const TONES = {
  ok: [[1318, 0, 0.09]],
  wrong: [
    [208, 0, 0.16],
    [175, 0.2, 0.26],
  ],
  unknown: [
    [523, 0, 0.1],
    [392, 0.13, 0.14],
  ],
};
const BUZZ = { ok: [40], wrong: [250, 80, 250], unknown: [90, 60, 90] };
const ICONS = { ok: "circle-check", wrong: "hand-stop", unknown: "zoom-question" };
let audio = null;

/** Volume between 0 (off) and 1. */
export const volume = () => {
  const stored = recall(VOLUME_KEY);
  return stored === null ? 0.6 : Math.min(1, Math.max(0, Number(stored) || 0));
};

/** Keep the volume of this device. */
export const setVolume = (value) => remember(VOLUME_KEY, String(value));

/** Browsers let a page sound only after a first touch or key; call this from one. */
export function wakeSound() {
  const Context = globalThis.AudioContext ?? globalThis.webkitAudioContext;
  if (!audio && Context) audio = new Context();
  if (audio?.state === "suspended") audio.resume();
}

/** Play the tone of a result: `ok` short and high, `wrong` low and double, `unknown` falling. */
export function sound(result) {
  const level = volume();
  if (!level) return;
  wakeSound();
  if (!audio) return;
  for (const [frequency, start, length] of TONES[result] ?? TONES.unknown) {
    const at = audio.currentTime + start;
    const tone = audio.createOscillator();
    const gain = audio.createGain();
    tone.type = result === "wrong" ? "square" : "sine";
    tone.frequency.value = frequency;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(level * (result === "wrong" ? 0.35 : 0.7), at + 0.008);
    gain.gain.exponentialRampToValueAtTime(0.0001, at + length);
    tone.connect(gain).connect(audio.destination);
    tone.start(at);
    tone.stop(at + length + 0.02);
  }
}

function band(result, text) {
  const old = document.querySelector("[data-scan-band]");
  if (!old) return;
  const node = make(
    "div",
    { className: `band band-${result}`, id: old.id, role: result === "ok" ? "status" : "alert", "data-scan-band": "" },
    icon(ICONS[result] ?? ICONS.unknown, 24),
    make("span", { textContent: text }),
  );
  if (result === "wrong") {
    node.append(
      make("button", {
        type: "button",
        className: "btn btn-secondary",
        "data-scan-ack": "",
        textContent: meta("text-ack") || "Understood",
      }),
    );
  }
  old.replaceWith(node);
}

/** Tell the person: `ok`, `wrong` or `unknown`, with one sentence. A wrong one stays until acknowledged or put right. */
export function feedback(result, text = "") {
  document.documentElement.dataset.scan = result;
  sound(result);
  // A browser refuses, and complains, before the first touch of the page.
  if (navigator.userActivation?.hasBeenActive ?? true) {
    navigator.vibrate?.(BUZZ[result] ?? BUZZ.unknown);
  }
  if (text) band(result, text);
  document.dispatchEvent(new CustomEvent("oms:feedback", { detail: { result, text } }));
}

/** Start listening for results the server sends as `HX-Trigger: {"scan": {...}}` and for acknowledgement. */
export function startFeedback() {
  document.addEventListener("scan", (event) => feedback(event.detail.result, event.detail.text));
  document.addEventListener("click", (event) => {
    wakeSound();
    const button = event.target.closest?.("[data-scan-ack]");
    if (!button) return;
    const node = button.closest("[data-scan-band]");
    node.replaceChildren();
    node.className = "band band-none";
    delete document.documentElement.dataset.scan;
  });
  // Opening the sound device can take long; it waits for a pause, so that it never stands between two keys of a scanner.
  let quiet = 0;
  const wait = () => {
    clearTimeout(quiet);
    if (audio) document.removeEventListener("keydown", wait);
    else quiet = setTimeout(wakeSound, 1500);
  };
  document.addEventListener("keydown", wait);
}
