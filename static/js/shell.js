// Entry of every ops page: starts the parts and looks after appearance and navigation.
import { startClocks } from "./clock.js";
import { recall, remember } from "./dom.js";
import { startOverlays } from "./drawer.js";
import { startForms } from "./forms.js";
import { startKeys } from "./keys.js";
import { startLive } from "./live.js";
import { startPalette } from "./palette.js";
import { startScan } from "./scan.js";
import { startTables } from "./table.js";
import { startToasts } from "./toasts.js";

function startTheme() {
  const show = () => {
    const choice = recall("oms.theme") || "auto";
    document
      .querySelectorAll("[data-theme-set]")
      .forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.themeSet === choice)));
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-theme-set]");
    if (!button) return;
    remember("oms.theme", button.dataset.themeSet);
    document.dispatchEvent(new Event("oms:theme"));
    show();
  });
  show();
}

// On a narrow screen the tab that is open may lie beyond the edge of its strip.
function showOpenTabs() {
  document.querySelectorAll(".tabs").forEach((strip) => {
    const tab = strip.querySelector("[aria-current]");
    if (!tab) return;
    const [room, place] = [strip.getBoundingClientRect(), tab.getBoundingClientRect()];
    strip.scrollLeft += place.left - room.left - (room.width - place.width) / 2;
  });
}

function startNavigation() {
  const root = document.documentElement;
  const nav = document.getElementById("nav");
  const narrow = document.querySelector("[data-nav-collapse]");
  const show = () => narrow?.setAttribute("aria-pressed", String(root.dataset.nav === "mini"));
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-nav-collapse]")) {
      if (root.dataset.nav === "mini") delete root.dataset.nav;
      else root.dataset.nav = "mini";
      remember("oms.nav", root.dataset.nav ?? "full");
      show();
    } else if (event.target.closest?.("[data-nav-open]")) {
      event.preventDefault();
      root.dataset.nav = "open";
      nav?.querySelector("a")?.focus();
    } else if (root.dataset.nav === "open" && !event.target.closest?.("#nav")) delete root.dataset.nav;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && root.dataset.nav === "open") {
      delete root.dataset.nav;
      document.querySelector("[data-nav-open]")?.focus();
    }
  });
  show();
}

startTheme();
startNavigation();
showOpenTabs();
startOverlays();
startForms();
startToasts();
startTables();
startClocks();
startLive();
startPalette();
// On scanning pages the scan listener stands before every other key, elsewhere single keys belong to the shortcuts.
if (document.querySelector("[data-scan-page]")) startScan();
startKeys();
