// The locked screen of a shared phone: digits by thumb, sent with the last one. Nothing of who was here before stays.
import { forgetPages, unlock } from "./sync.js";

const form = document.querySelector("[data-pin]");
const pin = form?.elements.pin;

function changed() {
  if (pin.value.length === Number(form.dataset.digits)) form.requestSubmit();
}

form?.addEventListener("input", changed);
addEventListener("submit", unlock);
form?.addEventListener("click", (event) => {
  const key = event.target.closest("[data-key]")?.dataset.key;
  if (!key) return;
  pin.value = key === "back" ? pin.value.slice(0, -1) : (pin.value + key).slice(0, 6);
  changed();
});
forgetPages();
