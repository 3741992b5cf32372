// One call: what it is about, where it stands, and everything that happened to it.

import { read } from "../gate.js";
import { h, say, show } from "../element.js";
import { action } from "../parts/action.js";
import { card } from "../parts/card.js";
import { chip, fixedChip } from "../parts/chip.js";
import { icon } from "../parts/icon.js";
import { toast } from "../parts/toast.js";
import { grow, settle } from "../clock.js";
import { Reread } from "../reread.js";
import { dayAndTime, duration, UNKNOWN } from "../words.js";
import { nameOf, onNames } from "../names.js";
import { direction, LIVE, state } from "./states.js";
import { endCall, forceEnd } from "./ending.js";
import { ending } from "./sentences.js";
import { Timeline } from "./timeline.js";

const FACTS = [
  ["Business", (call) => call.businessId],
  ["Plan", (call) => call.plan],
  ["Agent", (call) => call.agentId],
  ["Phone number", (call) => call.phoneNumberId],
  ["To", (call) => call.toNumber],
  ["From", (call) => call.fromNumber],
  ["Source", (call) => call.source],
  ["User", (call) => call.userId],
  ["Provider's call", (call) => call.providerCallId],
  ["Created", (call) => dayAndTime(call.createdAt)],
  ["Started", (call) => call.startedAt && dayAndTime(call.startedAt)],
  ["Ended", (call) => call.endedAt && dayAndTime(call.endedAt)],
  ["End reason", (call) => call.endReason && `${ending(call.endReason)} (${call.endReason})`],
  ["Business now", (call) => `${call.slot.currentActive} of ${call.slot.limit} calls`],
  ["Pool now", (call) => `${call.slot.globalCurrent} of ${call.slot.globalLimit} slots`],
];

/** What the session says about a hang-up that takes its time. */
const HANG_UP = [
  ["Attempts", (session) => session.hangUpAttempts],
  ["Last error", (session) => session.lastHangUpError],
  ["Next attempt", (session) => session.nextHangUpAt && dayAndTime(session.nextHangUpAt)],
  ["Stuck", (session) => session.hangUpStalled ? "yes" : "no"],
];

function facts(list, rows, thing) {
  const known = rows.map(([name, of]) => [name, of(thing)]).filter(([, value]) => value != null && value !== "");
  const text = JSON.stringify(known);
  if (list.shown === text) return;
  list.shown = text;
  list.replaceChildren(...known.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

export class CallPage {
  title = "Call";

  constructor(callId) {
    this.callId = callId;
    this.call = null;
    this.status = chip();
    this.way = h("span");
    this.heading = h("h1", { tabindex: -1 }, "Call");
    this.length = h("time", { class: "figure" }, UNKNOWN);
    this.lengthLabel = h("span", { class: "hint" }, "so far");
    this.end = action("End call", { scope: "call", kind: "danger", mark: "hangup", run: () => endCall(this.call).then((done) => done && this.refresh()) });
    this.force = action("Force end", { scope: "admin", kind: "plain", run: () => forceEnd(this.call).then((done) => done && this.refresh()) });
    const copy = h("button", { type: "button", class: "button quiet small", "aria-label": "Copy the call's id" }, icon("copy"));
    copy.addEventListener("click", () => navigator.clipboard?.writeText(callId).then(() => toast("The id is copied."), () => toast("The browser did not let the page copy.", "warn")));
    this.facts = h("dl", { class: "facts-list" });
    this.hangUp = h("dl", { class: "facts-list" });
    this.hangUpCard = card("Hanging up", { class: "call-hang-up" }, this.hangUp);
    this.timeline = new Timeline();
    this.trouble = h("p", { class: "empty", role: "alert", hidden: true });
    this.body = h("div", { class: "call-body" }, this.timeline.element, h("div", { class: "call-side" }, card("Details", {}, this.facts), this.hangUpCard));
    this.actions = h("div", { class: "call-actions" }, this.end, this.force);
    show(this.actions, false);
    show(this.hangUpCard, false);
    this.element = h("div", { class: "call" },
      h("a", { class: "back", href: "#/" }, icon("back"), "Overview"),
      h("header", { class: "call-head" },
        h("div", {}, h("div", { class: "call-title" }, this.heading, this.status.element, this.way),
          h("p", { class: "call-id" }, h("span", { class: "mono" }, callId), copy)),
        h("p", { class: "call-length" }, this.length, this.lengthLabel), this.actions),
      this.trouble, this.body);
    this.forgo = onNames(() => this.call && this.show());
    this.reread = new Reread(() => this.read());
    this.refresh();
  }

  begin() {
    this.refresh();
  }

  hear(event) {
    if (event.callId === this.callId) this.refresh();
  }

  update() {
    if (this.call?.status === "terminating") this.refresh();
  }

  /** Reads the call again, soon. */
  refresh() {
    this.reread.ask();
  }

  close() {
    this.reread.close();
    this.forgo();
  }

  async read() {
    const path = `api/calls/${encodeURIComponent(this.callId)}`;
    try {
      const [call, { events }] = await Promise.all([read(path), read(`${path}/events`)]);
      this.call = call;
      this.timeline.update(events, call);
      this.session = call.status === "terminating" ? await read(`debug/actors/sessions/${encodeURIComponent(this.callId)}`).catch(() => null) : null;
      show(this.trouble, false);
      this.show();
    } catch (error) {
      show(this.trouble, true);
      show(this.body, Boolean(this.call));
      say(this.trouble, error.status === 404 ? "There is no call with this id." : `The call cannot be read: ${error.message}.`);
    }
  }

  show() {
    const { call } = this;
    const live = LIVE.includes(call.status);
    say(this.heading, nameOf(call.businessId));
    this.status.update(state(call.status));
    if (!this.way.firstChild) this.way.append(fixedChip(direction(call.direction)));
    const since = call.startedAt ?? call.createdAt;
    if (live) grow(this.length, since, "age");
    else {
      settle(this.length);
      say(this.length, duration((Date.parse(call.endedAt) - Date.parse(since)) / 1000));
    }
    say(this.lengthLabel, live ? (call.startedAt ? "since it was placed" : "since it was asked for") : "in all");
    facts(this.facts, FACTS, call);
    show(this.body, true);
    show(this.actions, live);
    show(this.end, call.status !== "terminating");
    show(this.hangUpCard, Boolean(this.session));
    if (this.session) facts(this.hangUp, HANG_UP, this.session);
  }
}
