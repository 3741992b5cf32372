// Light, dark, or as the system has it. Loaded before the first paint, so that nothing flashes.

const PLACE = "callgate.theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };

/** @typedef {"auto" | "light" | "dark"} Theme */

/** @returns {Theme} */
export function theme() {
  const chosen = localStorage.getItem(PLACE);
  return chosen === "light" || chosen === "dark" ? chosen : "auto";
}

/** Chooses the next theme; everything that paints by itself hears the event `themechange`. */
export function nextTheme() {
  const next = NEXT[theme()];
  localStorage.setItem(PLACE, next);
  show();
}

function show() {
  const chosen = theme();
  if (chosen === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  document.dispatchEvent(new Event("themechange"));
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
show();
