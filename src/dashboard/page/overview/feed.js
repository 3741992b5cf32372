// The latest events as sentences, the newest first.

import { h, reconcile, say, show } from "../element.js";
import { card } from "../parts/card.js";
import { icon } from "../parts/icon.js";
import { grow } from "../clock.js";
import { ask, known, overhear } from "../call/known.js";
import { sentence } from "../call/sentences.js";
import { shortId } from "../words.js";
import { nameOf, onNames } from "../names.js";

const KEPT = 100;
/** What is always followed, in the same commit, by what became of it; and names, which matter on the call's own page. */
const SILENT = new Set(["CallRequested", "InboundReceived", "ReferencesLearned"]);
/** Notes of the gate itself; they belong to no call. */
const NOTES = new Set(["AdmissionRejected", "PoolChanged"]);

/** Refusals of one business for one reason in a row are one line. */
const sameRefusal = (line, { type, data }) => type === "AdmissionRejected" && line?.event.type === type
  && line.event.data.businessId === data.businessId && line.event.data.reason === data.reason;

function whose({ callId, type, data }) {
  if (type === "PoolChanged") return data.pool;
  if (NOTES.has(type)) return nameOf(data.businessId);
  const call = known(callId);
  return call ? [nameOf(call.businessId), call.number].filter(Boolean).join(" · ") : `call ${shortId(callId)}`;
}

function entry(line) {
  const mark = h("span", { class: "feed-mark" });
  const title = h(NOTES.has(line.event.type) ? "span" : "a", { class: "feed-title" });
  if (title.tagName === "A") title.setAttribute("href", `#/calls/${encodeURIComponent(line.event.callId)}`);
  const times = h("span", { class: "times" });
  const subject = h("span", { class: "feed-subject" });
  const detail = h("span", { class: "feed-detail" });
  const when = h("time", { class: "feed-when" });
  return {
    element: h("li", { class: "feed-entry" }, mark, h("p", {}, title, times, subject), when, detail),
    update({ event, times: many }) {
      const said = sentence(event);
      if (!mark.firstChild) mark.append(icon(said.mark));
      mark.dataset.tone = said.tone;
      say(title, said.title);
      say(subject, whose(event));
      say(detail, event.type === "CallPlaced" ? "" : said.detail ?? "");
      say(times, many > 1 ? `× ${many}` : "");
      show(times, many > 1);
      grow(when, event.recordedAt, "ago");
    },
  };
}

export class Feed {
  constructor() {
    this.lines = [];
    this.asked = new Set();
    this.list = h("ol", { class: "feed", tabindex: 0, "aria-label": "Latest events, the newest first" });
    this.nothing = h("p", { class: "empty" }, "Nothing has happened so far.");
    this.element = card("Latest events", { class: "events" }, this.list, this.nothing);
    onNames(() => this.later());
  }

  /** Begins anew with what happened last, the newest first. */
  replace(events) {
    this.lines = [];
    [...events].reverse().forEach((event) => this.take(event));
    this.draw();
  }

  add(event) {
    this.take(event);
    this.later();
  }

  take(event) {
    overhear(event);
    if (SILENT.has(event.type)) return;
    const newest = this.lines[0];
    if (sameRefusal(newest, event)) {
      this.lines[0] = { ...newest, event, times: newest.times + 1 };
      return;
    }
    this.lines.unshift({ key: String(event.position), event, times: 1 });
    this.lines.length = Math.min(this.lines.length, KEPT);
  }

  /** Many events at once are drawn once. */
  later() {
    if (this.drawing) return;
    this.drawing = true;
    setTimeout(() => {
      this.drawing = false;
      this.draw();
    }, 100);
  }

  draw() {
    reconcile(this.list, this.lines, (line) => line.key, entry);
    show(this.list, this.lines.length > 0);
    show(this.nothing, this.lines.length === 0);
    this.learn();
  }

  /** Asks for the calls of which only later events are known; those on screen first, a few at a time. */
  async learn() {
    const unknown = this.lines.find(({ event }) => !NOTES.has(event.type) && !known(event.callId) && !this.asked.has(event.callId));
    if (!unknown || this.learning || document.hidden) return;
    this.learning = true;
    if (this.asked.size > 1000) this.asked.clear();
    this.asked.add(unknown.event.callId);
    await ask(unknown.event.callId).catch(() => {});
    this.learning = false;
    this.later();
  }
}
