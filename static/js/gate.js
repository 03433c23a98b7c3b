// Sign-in pages: send once, focus on errors. No puzzles, paste is allowed.
import { startForms } from "./forms.js";

startForms();
