// How many slots are taken: the figure, one cell for each slot, and what may be done about it.

import { ask } from "../gate.js";
import { h, say, share } from "../element.js";
import { action } from "../parts/action.js";
import { card } from "../parts/card.js";
import { chip } from "../parts/chip.js";
import { dialog } from "../parts/dialog.js";
import { field } from "../parts/field.js";
import { toast } from "../parts/toast.js";
import { count, counted, UNKNOWN } from "../words.js";
import { History } from "./history.js";

/** More slots than this are drawn as one bar. */
const MOST_CELLS = 80;

const put = (body) => ask("PUT", "api/pools/default", { body, scope: "admin" });

function standing({ pool, ledger }) {
  if (pool.paused) return { tone: "warn", mark: "pause", words: "Paused" };
  if (pool.held == null) return { tone: "bad", mark: "question", words: ledger.mode === "recovering" ? "Recovering" : "Unknown" };
  if (pool.available === 0) return { tone: "warn", mark: "half", words: "Full" };
  return { tone: "ok", mark: "dot", words: "Open" };
}

function fact(label) {
  const figure = h("dd", { class: "figure" }, UNKNOWN);
  return { element: h("div", { class: "fact" }, h("dt", {}, label), figure), figure };
}

export class Capacity {
  constructor() {
    this.overview = null;
    this.state = chip();
    this.pause = action("Pause", { scope: "admin", mark: "pause", run: () => this.turn() });
    this.cap = action("Change cap", { scope: "admin", kind: "quiet", run: () => this.changeCap() });
    // Both start from what is: until that is known there is nothing to change.
    this.pause.disabled = this.cap.disabled = true;
    this.held = h("span", { class: "figure", id: "held" }, UNKNOWN);
    this.of = h("span", { class: "big-of" });
    this.facts = { available: fact("Free"), overflow: fact("Overflow"), used: fact("In use") };
    this.cells = h("div", { class: "cells", "aria-hidden": "true" });
    this.meter = h("div", { class: "slots", role: "meter", "aria-label": "Slots held", "aria-valuemin": 0, "aria-valuenow": 0, "aria-valuemax": 0 }, this.cells);
    this.history = new History();
    this.element = card("Capacity", { class: "capacity", side: [this.state.element, this.cap, this.pause] },
      h("div", { class: "capacity-top" },
        h("p", { class: "big" }, this.held, this.of),
        h("dl", { class: "facts" }, ...Object.values(this.facts).map((each) => each.element))),
      this.meter,
      this.history.element);
  }

  update(overview) {
    this.overview = overview;
    this.pause.disabled = this.cap.disabled = false;
    const { pool } = overview;
    this.state.update(standing(overview));
    this.pause.say(pool.paused ? "Resume" : "Pause");
    say(this.held, count(pool.held));
    say(this.of, `of ${counted(pool.cap, "slot")}`);
    say(this.facts.available.figure, count(pool.available));
    say(this.facts.overflow.figure, count(pool.overflow));
    say(this.facts.used.figure, pool.utilizationPercent == null ? UNKNOWN : `${Math.round(pool.utilizationPercent)} %`);
    this.facts.overflow.element.dataset.tone = pool.overflow > 0 ? "warn" : "";
    this.draw(pool);
    this.history.add(overview);
  }

  /** One cell for each slot. What is live without one takes room from new calls, so it is drawn in the place of what would be free. */
  draw({ cap, held, overflow }) {
    const [taken, beyond] = [held ?? 0, overflow ?? 0];
    this.meter.setAttribute("aria-valuemax", String(cap));
    this.meter.setAttribute("aria-valuenow", String(Math.min(taken, cap)));
    this.meter.setAttribute("aria-valuetext", held == null ? "unknown" : `${counted(held, "slot")} of ${cap} held, ${beyond} overflow`);
    const single = cap + beyond > MOST_CELLS;
    this.cells.dataset.kind = single ? "bar" : "cells";
    if (single) {
      if (!this.cells.querySelector(".whole")) this.cells.replaceChildren(h("i", { class: "whole" }));
      share(this.cells, "--held", taken / Math.max(cap, taken + beyond));
      share(this.cells, "--beyond", beyond / Math.max(cap, taken + beyond));
      return;
    }
    const whole = Math.max(cap, taken + beyond);
    this.cells.querySelector(".whole")?.remove();
    while (this.cells.childElementCount > whole) this.cells.lastElementChild.remove();
    while (this.cells.childElementCount < whole) this.cells.append(h("i"));
    [...this.cells.children].forEach((cell, place) => {
      cell.className = place < taken ? "held" : place < taken + beyond ? "overflow" : "free";
      cell.classList.toggle("past-cap", place === cap);
    });
  }

  async turn() {
    const { paused } = this.overview.pool;
    const done = await dialog(paused
      ? { title: "Resume new calls?", body: [h("p", {}, "Calls are admitted again, as far as there are free slots.")], confirm: "Resume", run: () => put({ paused: false }) }
      : { title: "Pause new calls?", body: [h("p", {}, "Every new call is refused with POOL_PAUSED until you resume. Live calls go on.")], confirm: "Pause", run: () => put({ paused: true }) });
    if (done) toast(done.paused ? "New calls are paused." : "New calls are admitted again.");
  }

  async changeCap() {
    const { element, input } = field("Slots", { type: "number", min: 1, max: 100000, step: 1, inputmode: "numeric", value: this.overview.pool.cap });
    const done = await dialog({
      title: "Change the cap",
      body: [h("p", {}, "How many calls may be live at once. Lowering it cuts no live call; a change of the configured value replaces it at the next start."), element],
      confirm: "Change cap",
      run: () => {
        const cap = Number(input.value);
        if (!Number.isInteger(cap) || cap < 1) throw new Error("the cap is a whole number, at least 1");
        return put({ cap });
      },
    });
    if (done) toast(`The cap is ${count(done.cap)} now.`);
  }
}
