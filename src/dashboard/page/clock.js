// The gate's clock as far as this browser knows it, and everything on the page that grows older.

import { ago, dayAndTime, duration } from "./words.js";

let ahead = 0;

/** Learns from the time of a message how far this browser's clock is from the gate's. */
export function learnTime(at) {
  const heard = Date.parse(at);
  if (!Number.isNaN(heard)) ahead = heard - Date.now();
}

/** Now, by the gate's clock, in milliseconds. */
export const now = () => Date.now() + ahead;

/** Seconds since a time of the gate. */
export const secondsSince = (at) => (now() - Date.parse(at)) / 1000;

const WAYS = { age: duration, ago };

function tell(element) {
  const text = WAYS[element.dataset.tells](secondsSince(element.dateTime));
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Makes a `<time>` that tells how old it is, from now on.
 * @param {HTMLTimeElement} element
 * @param {string} at
 * @param {"age" | "ago"} way
 */
export function grow(element, at, way) {
  if (element.dateTime !== at || element.dataset.tells !== way) {
    element.dateTime = at;
    element.dataset.tells = way;
    element.title = dayAndTime(at);
  }
  tell(element);
}

/** Lets a `<time>` stand still. */
export function settle(element) {
  delete element.dataset.tells;
}

setInterval(() => {
  if (!document.hidden) document.querySelectorAll("time[data-tells]").forEach(tell);
}, 1000);
