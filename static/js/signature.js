// A place to sign with a finger, a pen or the mouse: what was drawn goes along with the form as a PNG picture.

/** Let people draw on a pad; its form carries the picture from the first stroke on. */
function start(place) {
  const pad = place.querySelector("[data-signature-pad]");
  const value = place.querySelector("[data-signature-value]");
  const pen = pad.getContext("2d");
  pen.lineWidth = 3;
  pen.lineCap = pen.lineJoin = "round";
  let last = null;

  const spot = (event) => {
    const box = pad.getBoundingClientRect();
    return { x: ((event.clientX - box.left) * pad.width) / box.width, y: ((event.clientY - box.top) * pad.height) / box.height };
  };
  const clear = () => {
    // On white, whatever the colours of the page are: it is printed.
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, pad.width, pad.height);
    pen.strokeStyle = "#111";
    value.value = "";
  };
  const draw = (event) => {
    if (!last) return;
    const next = spot(event);
    pen.beginPath();
    pen.moveTo(last.x, last.y);
    pen.lineTo(next.x, next.y);
    pen.stroke();
    last = next;
  };
  const end = () => {
    if (!last) return;
    last = null;
    value.value = pad.toDataURL("image/png");
  };

  pad.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    pad.setPointerCapture(event.pointerId);
    last = spot(event);
    draw(event);
  });
  pad.addEventListener("pointermove", draw);
  pad.addEventListener("pointerup", end);
  pad.addEventListener("pointercancel", end);
  place.querySelector("[data-signature-clear]").addEventListener("click", clear);
  clear();
}

for (const place of document.querySelectorAll("[data-signature]")) start(place);
