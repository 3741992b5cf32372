// The live calls as a table: searched, filtered, opened, ended.

import { read } from "../gate.js";
import { h, reconcile, say, show } from "../element.js";
import { action } from "../parts/action.js";
import { card } from "../parts/card.js";
import { chip, fixedChip } from "../parts/chip.js";
import { choice, field } from "../parts/field.js";
import { icon } from "../parts/icon.js";
import { grow } from "../clock.js";
import { direction, LIVE, state } from "../call/states.js";
import { endCall } from "../call/ending.js";
import { count, counted, shortId, UNKNOWN } from "../words.js";
import { nameOf, onNames } from "../names.js";
import { meet } from "../call/known.js";
import { Reread } from "../reread.js";

/** Calls of one page. */
const PAGE = 200;
/** Long calls, quiet gates, and what lies beyond the first page: all of it is read again after this even if nothing was heard. */
const REST = 30_000;

const COLUMNS = ["State", "Business", "Plan", "Direction", "Agent", "Number", "Age"];

function cell(label, ...children) {
  return h("td", { role: "cell", data: { label } }, ...children);
}

/** A row of the table. It stays the same element while its call is live. */
function row(first) {
  let call = first;
  const status = chip();
  const link = h("a", { href: `#/calls/${encodeURIComponent(call.callId)}` });
  const id = h("span", { class: "sub mono", title: call.callId }, shortId(call.callId));
  const plan = h("span");
  const agent = h("span", { class: "mono" });
  const number = h("span", { class: "mono" });
  const age = h("time");
  const end = action("End", { scope: "call", kind: "quiet danger-text", mark: "hangup", run: () => endCall(call) });
  const element = h("tr", { role: "row" },
    cell("State", status.element),
    h("th", { role: "rowheader", scope: "row", data: { label: "Business" } }, link, id),
    cell("Plan", plan),
    cell("Direction", fixedChip(direction(call.direction))),
    cell("Agent", agent),
    cell("Number", number),
    cell("Age", age),
    cell("", end));
  return {
    element,
    update(next) {
      call = next;
      status.update(state(call.status));
      say(link, nameOf(call.businessId));
      say(plan, call.plan ?? UNKNOWN);
      say(agent, call.agentId ?? UNKNOWN);
      say(number, call.toNumber ?? call.fromNumber ?? UNKNOWN);
      grow(age, call.createdAt, "age");
      end.setAttribute("aria-label", `End the call of ${nameOf(call.businessId)}, ${call.toNumber ?? call.fromNumber ?? ""}`);
      show(end, call.status !== "terminating");
    },
  };
}

export class Calls {
  constructor() {
    this.calls = [];
    /** Those that ended since the last reading began, which may still have seen them. */
    this.ended = new Set();
    this.pages = 1;
    this.next = null;
    this.whole = true;
    this.failed = "";
    this.reread = new Reread(() => this.read());
    const search = field("Search", { type: "search", placeholder: "Business, agent, number or id", autocomplete: "off", spellcheck: "false" });
    search.element.classList.add("search");
    search.element.querySelector("label").classList.add("unseen");
    search.element.prepend(icon("search"));
    this.search = search.input;
    const status = choice("State", [["", "Any state"], ...LIVE.map((word) => [word, state(word).words])]);
    const way = choice("Direction", [["", "Both directions"], ["outbound", "Outbound"], ["inbound", "Inbound"]]);
    const plan = choice("Plan", [["", "Every plan"]]);
    [this.status, this.way, this.plan] = [status.input, way.input, plan.input];
    this.rows = h("tbody", { role: "rowgroup" });
    this.table = h("table", { class: "table calls-table", role: "table", "aria-label": "Live calls" },
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" },
        ...COLUMNS.map((name) => h("th", { role: "columnheader", scope: "col" }, name)),
        h("th", { role: "columnheader", scope: "col" }, h("span", { class: "unseen" }, "Actions")))),
      this.rows);
    this.nothing = h("p", { class: "empty" });
    this.trouble = h("p", { class: "trouble", role: "alert", hidden: true });
    this.shown = h("p", { class: "hint", role: "status" });
    this.more = h("button", { type: "button", class: "button plain small", hidden: true }, "Load more");
    this.total = h("span", { class: "hint" });
    this.element = card("Live calls", { class: "calls", side: [this.total] },
      h("div", { class: "filters", role: "search", "aria-label": "Live calls" }, search.element, status.element, way.element, plan.element),
      this.trouble, h("div", { class: "scroll" }, this.table), this.nothing,
      h("div", { class: "table-foot" }, this.shown, this.more));
    this.search.addEventListener("input", () => this.show());
    this.way.addEventListener("change", () => this.show());
    this.plan.addEventListener("change", () => this.show());
    this.status.addEventListener("change", () => this.restart());
    this.more.addEventListener("click", () => {
      this.pages += 1;
      this.refresh();
    });
    onNames(() => this.show());
    setInterval(() => this.refresh(), REST);
  }

  update({ plans, calls }) {
    const live = calls.active == null ? null : calls.placing + calls.uncertain + calls.active + calls.terminating;
    say(this.total, counted(live, "live call"));
    const names = plans.map((plan) => plan.plan).join();
    if (this.names === names) return;
    this.names = names;
    const chosen = this.plan.value;
    this.plan.replaceChildren(h("option", { value: "" }, "Every plan"), ...plans.map((plan) => h("option", { value: plan.plan }, plan.plan)));
    this.plan.value = plans.some((plan) => plan.plan === chosen) ? chosen : "";
  }

  /** Reads all that is loaded again, soon. */
  refresh() {
    this.whole = true;
    this.reread.ask();
  }

  /** An event was heard. What it changes is on the first page, or gone. */
  hear({ type, callId }) {
    if (type === "CallEnded") {
      this.ended.add(callId);
      this.calls = this.calls.filter((call) => call.callId !== callId);
    }
    this.reread.ask();
  }

  restart() {
    this.pages = 1;
    this.refresh();
  }

  async read() {
    const { whole } = this;
    this.whole = false;
    this.ended.clear();
    try {
      const { found, next } = whole ? await this.pagesUpTo(this.pages) : await this.pagesUpTo(1);
      const beyond = whole || !next ? [] : this.beyond(found);
      this.calls = [...found, ...beyond].filter((call) => !this.ended.has(call.callId));
      this.failed = "";
      if (whole || beyond.length === 0) this.next = next;
      found.forEach(meet);
    } catch (error) {
      this.whole ||= whole;
      this.failed = error.message;
    }
    this.show();
  }

  async pagesUpTo(last) {
    const chosen = this.status.value;
    const found = [];
    let next = null;
    for (let page = 0; page < last; page += 1) {
      const query = new URLSearchParams({ status: chosen || LIVE.join(), limit: String(PAGE) });
      if (next) query.set("cursor", next);
      const answer = await read(`api/calls?${query}`);
      found.push(...answer.calls);
      next = answer.nextCursor;
      if (!next) break;
    }
    return { found, next };
  }

  /** What was loaded of the pages after the first one: whatever is older than its last call. */
  beyond(first) {
    const known = new Set(first.map((call) => call.callId));
    const since = first.at(-1)?.createdAt ?? "";
    return this.calls.filter((call) => call.createdAt <= since && !known.has(call.callId));
  }

  matches(call) {
    if (this.way.value && call.direction !== this.way.value) return false;
    if (this.plan.value && call.plan !== this.plan.value) return false;
    const wanted = this.search.value.trim().toLowerCase();
    if (!wanted) return true;
    const texts = [call.callId, call.providerCallId, call.businessId, nameOf(call.businessId), call.agentId, call.phoneNumberId, call.toNumber, call.fromNumber, call.userId];
    return texts.some((text) => text && String(text).toLowerCase().includes(wanted));
  }

  show() {
    const shown = this.calls.filter((call) => this.matches(call));
    const filtered = Boolean(this.search.value.trim() || this.status.value || this.way.value || this.plan.value);
    const focused = this.rows.contains(document.activeElement);
    reconcile(this.rows, shown, (call) => call.callId, row);
    if (focused && !this.rows.contains(document.activeElement)) this.search.focus({ preventScroll: true });
    show(this.table.parentElement, shown.length > 0);
    show(this.trouble, this.failed !== "");
    say(this.trouble, this.failed && `The calls cannot be read: ${this.failed}.${this.calls.length > 0 ? " These are from before." : ""}`);
    show(this.nothing, shown.length === 0 && (this.failed === "" || this.calls.length > 0));
    say(this.nothing, filtered ? "No live call matches the search." : "No live calls. They appear here as they start.");
    say(this.shown, this.next ? `${count(shown.length)} of the ${count(this.calls.length)} calls that are loaded` : filtered ? `${count(shown.length)} of ${counted(this.calls.length, "call")}` : "");
    show(this.more, Boolean(this.next));
  }
}
