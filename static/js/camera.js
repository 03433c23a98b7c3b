// Reading codes with the camera. The reader (412 KB) is fetched the first time a camera is opened.
const FORMATS = ["ean_13", "ean_8", "upc_a", "upc_e", "code_128", "code_39", "itf", "qr_code", "data_matrix"];
const REARM_MS = 700;
const SAME_CODE_MS = 1500;

async function nativeReader() {
  if (!("BarcodeDetector" in globalThis)) return null;
  try {
    const known = await globalThis.BarcodeDetector.getSupportedFormats();
    const formats = FORMATS.filter((format) => known.includes(format));
    if (!formats.includes("code_128") || !formats.includes("ean_13")) return null;
    const reader = new globalThis.BarcodeDetector({ formats });
    // The class can exist and still throw at the first picture (desktop, old services): try before trusting it.
    await reader.detect(new OffscreenCanvas(16, 16).transferToImageBitmap());
    return reader;
  } catch {
    return null;
  }
}

async function wasmReader() {
  const { BarcodeDetector, prepareZXingModule } = await import("../vendor/barcode-detector.js");
  const wasm = document.body.dataset.zxingWasm || new URL("../vendor/zxing_reader.wasm", import.meta.url).href;
  prepareZXingModule({ overrides: { locateFile: (path, prefix) => (path.endsWith(".wasm") ? wasm : prefix + path) } });
  return new BarcodeDetector({ formats: FORMATS });
}

/** Keeps one code from being taken many times: a second scan of it counts only after it left the picture for a while. */
export class Rearm {
  constructor() {
    this.seen = new Map();
    this.lastTaken = -Infinity;
  }

  /** True when a code seen at this time in ms is a new scan. */
  accept(code, at) {
    const before = this.seen.get(code) ?? -Infinity;
    this.seen.set(code, at);
    if (at - before < SAME_CODE_MS || at - this.lastTaken < REARM_MS) return false;
    this.lastTaken = at;
    return true;
  }
}

/**
 * Show the back camera in `video` and call `onCode(code)` for each scan until `stop()`.
 * Throws NotAllowedError or NotFoundError as the browser does; phones need HTTPS.
 */
export async function openCamera(video, onCode) {
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } },
  });
  video.srcObject = stream;
  video.setAttribute("playsinline", "");
  video.muted = true;
  await video.play();
  const reader = (await nativeReader()) ?? (await wasmReader());
  const rearm = new Rearm();
  const [track] = stream.getVideoTracks();
  let open = true;

  const look = async () => {
    if (!open) return;
    if (!document.hidden && video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
      const found = await reader.detect(video).catch(() => []);
      for (const { rawValue } of found) {
        if (open && rawValue && rearm.accept(rawValue, performance.now())) onCode(rawValue);
      }
    }
    setTimeout(look, 90);
  };
  look();

  return {
    /** Whether this camera has a light. */
    hasTorch: Boolean(track.getCapabilities?.().torch),
    /** Switch the light. */
    torch: (on) => track.applyConstraints({ advanced: [{ torch: on }] }),
    /** Close the camera. */
    stop: () => {
      open = false;
      stream.getTracks().forEach((each) => each.stop());
      video.srcObject = null;
    },
  };
}
