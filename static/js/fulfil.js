// Desks that look things up: a scan fills the form that asks for a code, and sends it.
document.addEventListener("oms:scan", (event) => {
  const form = document.querySelector("[data-scan-form]");
  const field = form?.querySelector("input[type=text], input:not([type])");
  if (!field) return;
  field.value = event.detail;
  form.requestSubmit();
});
