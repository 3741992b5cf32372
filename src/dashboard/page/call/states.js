// Where a call stands, as a chip.

import { plain } from "../words.js";

/** @typedef {import("../parts/chip.js").Tone} Tone */

/** @type {Record<string, {tone: Tone, mark: string, words: string}>} */
const STATES = {
  placing: { tone: "info", mark: "ring", words: "Placing" },
  uncertain: { tone: "warn", mark: "question", words: "In doubt" },
  active: { tone: "ok", mark: "dot", words: "Active" },
  terminating: { tone: "warn", mark: "hangup", words: "Hanging up" },
  ended: { tone: "idle", mark: "check", words: "Ended" },
  failed: { tone: "bad", mark: "cross", words: "Failed" },
  terminated_capacity: { tone: "bad", mark: "ban", words: "No slot" },
};

/** The states of a call that is not over. */
export const LIVE = ["placing", "uncertain", "active", "terminating"];

/** What a chip shows of a status. */
export const state = (status) => STATES[status] ?? { tone: "idle", mark: "ring", words: plain(status) };

/** What a chip shows of a direction. */
export const direction = (word) => word === "inbound"
  ? { tone: "idle", mark: "in", words: "Inbound" }
  : { tone: "idle", mark: "out", words: "Outbound" };
