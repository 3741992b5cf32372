// Everything that happened to a call, in order, with the time between.

import { h, reconcile, say } from "../element.js";
import { card } from "../parts/card.js";
import { icon } from "../parts/icon.js";
import { counted, dayAndTime, gap, plain, preciseTime } from "../words.js";
import { LIVE } from "./states.js";
import { sentence } from "./sentences.js";

/** `businessLimit` becomes "Business limit". */
function title(name) {
  const words = name.replaceAll(/([A-Z])/g, " $1").toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const KINDS = { conversation_id: "Conversation", call_sid: "Carrier's call", sip_call_id: "SIP call" };

/** The data of an event as pairs; what is nested becomes pairs of its own. */
function pairs(data) {
  return Object.entries(data ?? {}).flatMap(([name, value]) => {
    if (value == null) return [];
    if (name === "references") return value.map((reference) => [KINDS[reference.kind] ?? plain(reference.kind), reference.value]);
    if (name === "profile") return [];
    if (typeof value === "object") return [[title(name), JSON.stringify(value)]];
    return [[title(name), name === "reason" || name === "witness" || name === "doubt" ? plain(value) : String(value)]];
  });
}

function moment(event) {
  const said = sentence(event);
  const between = h("span", { class: "gap" });
  const known = pairs(event.data);
  const facts = h("dl", { class: "pairs" }, ...known.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  const raw = h("details", { class: "raw" }, h("summary", {}, "Event ", h("span", { class: "unseen" }, `${event.sequence} `), "as JSON"), h("pre", { tabindex: 0 }, JSON.stringify(event, null, 2)));
  const element = h("li", { class: "moment", data: { tone: said.tone } },
    h("span", { class: "moment-mark" }, icon(said.mark)),
    h("div", { class: "moment-head" },
      h("h3", {}, said.title),
      between,
      h("time", { datetime: event.occurredAt, title: dayAndTime(event.occurredAt) }, preciseTime(event.occurredAt))),
    h("div", { class: "moment-body" }, said.detail && event.data?.references == null && h("p", {}, said.detail), known.length > 0 && facts, raw));
  return { element, update: ({ sinceLast }) => say(between, sinceLast == null ? "" : gap(sinceLast)) };
}

export class Timeline {
  constructor() {
    this.list = h("ol", { class: "timeline" });
    this.side = h("span", { class: "hint" });
    this.element = card("Timeline", { class: "call-timeline", side: [this.side] }, this.list);
  }

  update(events, call) {
    const moments = events.map((event, place) => ({ ...event, sinceLast: place ? Date.parse(event.occurredAt) - Date.parse(events[place - 1].occurredAt) : null }));
    reconcile(this.list, moments, (event) => String(event.sequence), ({ sinceLast, ...event }) => moment(event));
    this.list.dataset.live = String(LIVE.includes(call.status));
    say(this.side, counted(events.length, "event"));
  }
}
