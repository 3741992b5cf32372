// Light, dark, or as the system has it. Loaded before the first paint, so that nothing flashes.

const PLACE = "callgate.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };

/** @typedef {"auto" | "light" | "dark"} Theme */

let chosen = null;
try {
  chosen = localStorage.getItem(PLACE);
} catch {
  // A browser that blocks storage throws at the mere look.
}

/** @returns {Theme} */
export const theme = () => chosen === "light" || chosen === "dark" ? chosen : "auto";

/** Chooses the next theme; everything that paints by itself hears the event `themechange`. */
export function nextTheme() {
  chosen = NEXT[theme()];
  try {
    localStorage.setItem(PLACE, chosen);
  } catch {
    // It is shown for as long as the page is open.
  }
  show();
}

function show() {
  const wanted = theme();
  if (wanted === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = wanted;
  document.dispatchEvent(new Event("themechange"));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
show();
