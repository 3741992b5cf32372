// The API key. It lives as long as this tab, and nowhere else; only as long as this page where the browser keeps nothing.

const PLACE = "callgate.key";

let held = null;
try {
  held = sessionStorage.getItem(PLACE);
} catch {
  // A browser that blocks storage throws at the mere look.
}

/** The key, if somebody gave one. */
export const key = () => held;

/** Keeps the key for this tab. */
export function keep(value) {
  held = value;
  try {
    sessionStorage.setItem(PLACE, value);
  } catch {
    // It is held for as long as the page is open.
  }
}

/** Forgets it. */
export function forget() {
  held = null;
  try {
    sessionStorage.removeItem(PLACE);
  } catch {
    // What may not be kept was not kept.
  }
}
