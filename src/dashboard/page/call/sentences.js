// Events as people say them: a title, a tone and what is worth knowing of each.

import { plain, reason } from "../words.js";

/** @typedef {{title: string, tone: import("../parts/chip.js").Tone, mark: string, detail?: string}} Sentence */

const WITNESSES = {
  answer: "known by the provider's answer",
  webhook: "known by webhook",
  look_up: "known by a look at the provider",
  gate: "concluded by the gate",
  operator: "said by an operator",
};

const ENDS = {
  completed: "Talked to the end",
  busy: "The other end was busy",
  no_answer: "Nobody answered",
  initiation_failed: "The provider could not start it",
  provider_refused: "The provider refused it",
  provider_429: "The provider is full (429)",
  not_dialled: "Not dialled: the gate could no longer be sure that it may",
  cancelled: "Hung up before it was dialled",
  operator: "Ended by an operator",
  capacity: "There was no slot for it",
  inbound_disabled: "The business takes no inbound calls",
  max_duration: "Its longest duration was reached",
  late: "It came alive after it had been given up",
  never_bound: "Never heard of again",
  abandoned: "Its admission was abandoned",
  provider_ended: "A sweep learnt that it is over",
  provider_missing: "No trace of it at the provider",
  aged_out: "Older than any call may be",
  unmanaged: "Unknown to the gate, and unwanted",
};

const DOUBTS = {
  timeout: "No answer in time",
  connection_lost: "The connection broke",
  unclear_answer: "The answer was unclear",
  crash: "The process that placed it is gone",
};

/** Why a call is over, as a sentence. */
export const ending = (word) => ENDS[word] ?? plain(word);

const names = (references) => (references ?? []).map((reference) => reference.value).join(", ");
const failed = (data) => ["cancelled", "busy", "no_answer"].includes(data.reason) ? "idle" : "bad";

/** @type {Record<string, (data: any) => Sentence>} */
const SENTENCES = {
  CallRequested: () => ({ title: "Call requested", tone: "idle", mark: "out" }),
  InboundReceived: () => ({ title: "Call came in", tone: "idle", mark: "in" }),
  CallAdmitted: () => ({ title: "Slot taken", tone: "info", mark: "slots" }),
  CallOverflowed: (data) => ({ title: "Live without a slot", tone: "warn", mark: "warn", detail: reason(data.cause) }),
  CallPlaced: (data) => ({ title: "Call placed", tone: "ok", mark: "phone", detail: names(data.references) }),
  ReferencesLearned: (data) => ({ title: "Another name learnt", tone: "idle", mark: "search", detail: names(data.references) }),
  PlacementFailed: (data) => ({ title: "Not placed", tone: failed(data), mark: "cross", detail: ending(data.reason) }),
  PlacementUncertain: (data) => ({ title: "In doubt", tone: "warn", mark: "question", detail: DOUBTS[data.doubt] ?? plain(data.doubt) }),
  TerminationRequested: (data) => ({ title: "Hanging up", tone: "warn", mark: "hangup", detail: data.reason === "operator" ? "An operator asked for it" : ending(data.reason) }),
  HangUpStalled: (data) => ({ title: "Hang-up stuck", tone: "bad", mark: "warn", detail: `${data.attempts} attempts in ${data.seconds} s` }),
  CallEnded: (data) => ({ title: "Call ended", tone: "idle", mark: "check", detail: `${ending(data.reason)} · ${WITNESSES[data.witness] ?? plain(data.witness)}` }),
  CallRevived: () => ({ title: "Live after all", tone: "warn", mark: "warn", detail: "It had been given up; it is hung up" }),
  AdmissionAbandoned: () => ({ title: "Admission abandoned", tone: "warn", mark: "ban" }),
  AdmissionRejected: (data) => ({ title: "Refused", tone: "bad", mark: "ban", detail: reason(data.reason) }),
  PoolChanged: (data) => ({
    title: "Pool changed",
    tone: "info",
    mark: "slots",
    detail: `${data.cap} slots, ${data.paused ? "paused" : "open"}, by ${data.by}`,
  }),
};

/** @returns {Sentence} */
export function sentence({ type, data }) {
  return SENTENCES[type]?.(data ?? {}) ?? { title: type, tone: "idle", mark: "ring" };
}
