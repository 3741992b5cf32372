// The API key. It lives as long as this tab, and nowhere else.

const PLACE = "callgate.key";

/** The key, if somebody gave one. */
export const key = () => sessionStorage.getItem(PLACE);

/** Keeps the key for this tab. */
export const keep = (value) => sessionStorage.setItem(PLACE, value);

/** Forgets it. */
export const forget = () => sessionStorage.removeItem(PLACE);
