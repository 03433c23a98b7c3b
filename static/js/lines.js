// A scan on a page with a list of items writes the code as the list's next line; repeats add up on the server.
import { feedback, onScan } from "./scan.js";

onScan((code) => {
  const list = document.querySelector("[data-scan-lines] textarea");
  if (!list) return;
  const text = list.value.trimEnd();
  list.value = text ? `${text}\n${code}\n` : `${code}\n`;
  list.scrollTop = list.scrollHeight;
  feedback("ok", code);
});
