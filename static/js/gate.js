// Sign-in pages: send once, focus on errors. No puzzles, paste is allowed.
import { startForms } from "./forms.js";

startForms();
// Whoever signed out, or was signed out, leaves no page of their work behind on a shared phone.
globalThis.caches?.keys().then((names) => names.filter((name) => name.startsWith("oms-pages-")).map((name) => caches.delete(name)));
