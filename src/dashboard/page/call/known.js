// What is known of calls by their id, so that an event can say whose it is.

import { read } from "../gate.js";

const KEPT = 5_000;
const calls = new Map();

/** @typedef {{businessId: string, number?: string | null}} Known */

function remember(callId, known) {
  if (calls.size >= KEPT) calls.delete(calls.keys().next().value);
  calls.set(callId, known);
}

/** Learns from a call of the API. */
export function meet(call) {
  if (!calls.has(call.callId)) remember(call.callId, { businessId: call.businessId, number: call.toNumber ?? call.fromNumber });
}

/** Learns from an event; its first one has the profile. */
export function overhear({ callId, data }) {
  const profile = data?.profile;
  if (profile) remember(callId, { businessId: profile.businessId, number: profile.counterpart });
}

/** @returns {Known | undefined} */
export const known = (callId) => calls.get(callId);

/** Asks for a call that began before this page did. */
export async function ask(callId) {
  meet(await read(`api/calls/${encodeURIComponent(callId)}`));
}
