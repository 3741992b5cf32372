// The gate's API: one request, its answer or its refusal, and what the key has been refused so far.

import { key } from "./key.js";

/** The gate answered, and refused. */
export class Refusal extends Error {
  /** @param {number} status @param {{error?: string, detail?: string, title?: string}} problem */
  constructor(status, problem) {
    super(problem.detail || problem.title || `the gate answered with status ${status}`);
    this.status = status;
    this.code = problem.error ?? "";
  }
}

/** Nobody answered. */
export class Unreachable extends Error {
  constructor() {
    super("the gate does not answer");
  }
}

/** What an error says of something that was asked for. Without an answer it may have been done all the same. */
export const undone = (error) => `${error instanceof Unreachable ? "Not known to be done" : "Not done"}: ${error.message}.`;

/** What the key opens, from the least to the most. */
const SCOPES = ["read", "call", "admin"];
const heard = new EventTarget();
let missing = SCOPES.length;

/** Whether the key was refused this scope, or a smaller one. */
export const lacks = (scope) => SCOPES.indexOf(scope) >= missing;

/** Calls `listener` whenever it became known what the key lacks. */
export const onScopes = (listener) => heard.addEventListener("scopes", listener);

/** Calls `listener` whenever another key is used, or none. */
export const onOtherKey = (listener) => heard.addEventListener("other-key", listener);

/** Calls `listener` whenever the gate asks for a valid key. */
export const onLocked = (listener) => heard.addEventListener("locked", listener);

/** Another key: what the last one lacked says nothing any more. */
export function forgetScopes() {
  missing = SCOPES.length;
  heard.dispatchEvent(new Event("other-key"));
  heard.dispatchEvent(new Event("scopes"));
}

/** The headers of every request. */
export function headers() {
  const chosen = key();
  return chosen ? { Authorization: `Bearer ${chosen}` } : {};
}

/** Reads what a refusal says, and lets the page know of what the key lacks. */
export async function refusal(response, scope = "read") {
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401) heard.dispatchEvent(new Event("locked"));
  if (response.status === 403 && problem.error === "FORBIDDEN") {
    missing = Math.min(missing, SCOPES.indexOf(scope));
    heard.dispatchEvent(new Event("scopes"));
  }
  return new Refusal(response.status, problem);
}

/**
 * Asks the gate. Paths have no leading slash: the page may live behind a path of its own.
 * @param {string} method
 * @param {string} path
 * @param {{body?: object, scope?: "read" | "call" | "admin", signal?: AbortSignal}} [options]
 */
export async function ask(method, path, { body, scope = "read", signal } = {}) {
  const init = { method, headers: headers(), cache: "no-store", signal };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers["Content-Type"] = "application/json";
  }
  const unreachable = (error) => {
    throw signal?.aborted ? error : new Unreachable();
  };
  const response = await fetch(path, init).catch(unreachable);
  if (!response.ok) throw await refusal(response, scope);
  if (response.status === 204) return null;
  return response.json().catch(unreachable);
}

/** How long a key that is tried may go without an answer. */
const PROOF = 10_000;

/** Tries a key that is not kept yet: it throws what the gate says against it, and nobody else on the page hears of that. */
export async function prove(given) {
  const init = { headers: { Authorization: `Bearer ${given}` }, cache: "no-store", signal: AbortSignal.timeout(PROOF) };
  const response = await fetch("api/overview", init).catch(() => {
    throw new Unreachable();
  });
  if (!response.ok) throw new Refusal(response.status, await response.json().catch(() => ({})));
}

/** Reads a resource. */
export const read = (path, signal) => ask("GET", path, { signal });
