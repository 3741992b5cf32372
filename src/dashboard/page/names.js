// Names of businesses: learnt from what passes by, and asked for one by one where they are not known yet.

import { onOtherKey, read } from "./gate.js";

const names = new Map();
/** When each may be asked for again. */
const asked = new Map();
const heard = new EventTarget();
const KEPT = 5_000;
/** What could not be read is asked for again after this, in milliseconds. */
const AGAIN = 30_000;
let queue = Promise.resolve();

/** Learns a name. */
export function learnName(businessId, name) {
  if (!name || names.get(businessId) === name) return;
  if (names.size >= KEPT) names.clear();
  names.set(businessId, name);
}

/** The name of a business, or its id as long as that is all there is. */
export function nameOf(businessId) {
  if (businessId == null) return "nobody's";
  if (!document.hidden && !names.has(businessId) && Date.now() >= (asked.get(businessId) ?? 0)) {
    if (asked.size >= KEPT) asked.clear();
    asked.set(businessId, Infinity);
    queue = queue.then(() => fetchName(businessId));
  }
  return names.get(businessId) ?? businessId;
}

/** Calls `listener` when a name became known, until what it returns is called. */
export function onNames(listener) {
  heard.addEventListener("names", listener);
  return () => heard.removeEventListener("names", listener);
}

async function fetchName(businessId) {
  try {
    const business = await read(`api/businesses/${encodeURIComponent(businessId)}`);
    learnName(businessId, business.name);
    heard.dispatchEvent(new Event("names"));
  } catch (error) {
    // An unknown business keeps its id as a name.
    if (error.status !== 404) asked.set(businessId, Date.now() + AGAIN);
  }
}

onOtherKey(() => asked.clear());
