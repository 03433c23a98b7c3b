// Forms and HTMX requests: CSRF token, one send per click, fresh idempotency keys, focus on errors, copying.
import { announce, freshKey, icon, make, meta } from "./dom.js";
import { problem } from "./toasts.js";

const busy = new WeakSet();

function setBusy(form, button, on) {
  if (on) busy.add(form);
  else busy.delete(form);
  const target = button ?? form.querySelector('button[type="submit"], button:not([type])');
  if (!target) return;
  if (on) target.setAttribute("aria-busy", "true");
  else target.removeAttribute("aria-busy");
}

/** A second submit of the same form is dropped until the first has its answer. */
function guard(event) {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || form.method !== "post" || event.defaultPrevented) return;
  if (busy.has(form)) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  setBusy(form, event.submitter, true);
  if (!form.hasAttribute("hx-post")) {
    // A plain POST leaves the page; if the answer is a download it does not, so the form is freed after a while.
    setTimeout(() => setBusy(form, event.submitter, false), 10_000);
  }
}

function free(element) {
  const form = element?.closest?.("form");
  if (!form) return;
  busy.delete(form);
  form.querySelectorAll('[aria-busy="true"]').forEach((button) => button.removeAttribute("aria-busy"));
}

/** After a write was taken, the same form may only be sent again as a new write. */
function renewKeys(element) {
  element
    ?.closest?.("form")
    ?.querySelectorAll('input[name="idempotency_key"]')
    .forEach((input) => {
      input.value = freshKey();
    });
}

function focusErrors(scope) {
  const summary = scope.querySelector?.("[data-error-summary]:not([data-error-summary=quiet])");
  if (summary) summary.focus();
  else if (!scope.querySelector?.("[data-error-summary]")) scope.querySelector?.('[aria-invalid="true"]')?.focus();
}

/** The link of an error goes to the field itself, inside radio groups to the first choice. */
function followError(event) {
  const link = event.target.closest?.("[data-error-summary] a");
  if (!link) return;
  const target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
  if (!target) return;
  event.preventDefault();
  const field = target.matches("input, select, textarea, button") ? target : (target.querySelector("input, select, textarea") ?? target);
  field.focus();
  field.scrollIntoView({ block: "center" });
}

async function copy(event) {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // The clipboard needs HTTPS; the old way still works on a plain address inside a warehouse.
    const area = make("textarea", { value: button.dataset.copy, className: "visually-hidden" });
    button.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  const shown = button.querySelector(".icon");
  if (shown) {
    const tick = icon("check", shown.getAttribute("width"));
    shown.replaceWith(tick);
    setTimeout(() => tick.replaceWith(shown), 1500);
  }
  announce(meta("text-copied") || "Copied");
}

function configure(event) {
  event.detail.headers["X-CSRFToken"] = meta("csrf-token");
  const version = event.detail.elt.dataset?.version;
  if (version) event.detail.headers["X-Fragment-Version"] = version;
}

/** A refusal that the server wrote for people goes to the problem panel, never over the part that was to change. */
function redirectRefusal(event) {
  const { detail } = event;
  if (!detail.serverResponse?.includes?.("data-refused")) return;
  detail.shouldSwap = true;
  detail.isError = false;
  detail.target = document.getElementById("problems") ?? detail.target;
  detail.swapOverride = "afterbegin";
  detail.target.scrollIntoView({ block: "nearest" });
}

function failed(event) {
  const { xhr, requestConfig } = event.detail;
  free(event.detail.elt);
  if (event.detail.elt?.closest?.("[data-live]") && requestConfig?.verb === "get") return;
  const lost = !xhr?.status;
  problem({
    text: lost
      ? meta("text-offline") || "The connection was lost. Nothing was saved."
      : `${meta("text-error") || "The server could not do this."} (${xhr.status})`,
    ref: xhr?.getResponseHeader?.("X-Request-ID") ?? "",
    retry: () => {
      const elt = event.detail.elt;
      if (!elt?.isConnected) location.reload();
      else if (elt instanceof HTMLFormElement) elt.requestSubmit();
      else globalThis.htmx.trigger(elt, elt.getAttribute("hx-trigger")?.split(/[\s,]/)[0] || "click");
    },
  });
}

/** Start listening. Call once per page. */
export function startForms() {
  document.addEventListener("submit", guard, true);
  document.addEventListener("click", followError);
  document.addEventListener("click", copy);
  document.addEventListener("change", (event) => event.target.closest?.("form[data-autosubmit]")?.requestSubmit());
  document.addEventListener("htmx:configRequest", configure);
  document.addEventListener("htmx:beforeSwap", redirectRefusal);
  document.addEventListener("htmx:afterRequest", (event) => {
    free(event.detail.elt);
    if (event.detail.successful && event.detail.requestConfig?.verb !== "get") renewKeys(event.detail.elt);
  });
  document.addEventListener("htmx:responseError", failed);
  document.addEventListener("htmx:sendError", failed);
  document.addEventListener("htmx:timeout", failed);
  document.addEventListener("htmx:afterSwap", (event) => {
    if ([409, 422].includes(event.detail.xhr?.status)) focusErrors(event.detail.target.isConnected ? event.detail.target : document);
  });
  // Coming back with the browser's back button must not show a form that is still busy.
  addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form").forEach(free);
  });
  focusErrors(document);
}
