// The last sweep, when the next one is due, and a button to run one now.

import { ask } from "../gate.js";
import { h, say, show } from "../element.js";
import { action } from "../parts/action.js";
import { card } from "../parts/card.js";
import { chip } from "../parts/chip.js";
import { toast } from "../parts/toast.js";
import { grow, secondsSince } from "../clock.js";
import { counted, duration, plain } from "../words.js";

const TRIGGERS = {
  command: "by the command line",
  demand: "because it was full",
  doubt: "because of a doubt",
  interval: "on the interval",
  request: "on request",
  start: "at the start",
};

function result(last) {
  if (!last) return { tone: "idle", mark: "ring", words: "None yet" };
  if (!last.success) return { tone: "bad", mark: "cross", words: "Failed" };
  return last.corrections > 0 ? { tone: "info", mark: "check", words: "Corrected" } : { tone: "ok", mark: "check", words: "Clean" };
}

export class Sweep {
  constructor() {
    this.state = chip();
    this.when = h("time", { class: "tile-figure figure" });
    this.note = h("p", { class: "tile-note" });
    this.next = h("p", { class: "tile-note" });
    this.bar = h("progress", { "aria-label": "Progress of the sweep", max: 1, hidden: true });
    this.step = h("p", { class: "tile-note", hidden: true });
    this.button = action("Run a sweep", { scope: "admin", mark: "sweep", run: () => this.run() });
    this.element = card("Last sweep", { class: "sweep", side: [this.state.element] },
      h("div", { class: "sweep-body" }, h("div", {}, this.when, this.note, this.next, this.bar, this.step), this.button));
  }

  update({ sweep }) {
    const { last, step } = sweep;
    this.state.update(result(last));
    show(this.when, Boolean(last));
    if (last) grow(this.when, last.finishedAt, "ago");
    say(this.note, last ? this.words(last) : "No sweep of this database so far.");
    const due = last && sweep.intervalSeconds ? sweep.intervalSeconds - secondsSince(last.finishedAt) : null;
    const who = sweep.sweeper ? ` by ${sweep.sweeper}` : "";
    say(this.next, due == null ? "" : due > 0 ? `Next in about ${duration(due > 90 ? Math.round(due / 60) * 60 : due)}${who}` : `The next one is due${who}`);
    show(this.bar, Boolean(sweep.sweeping));
    show(this.step, Boolean(sweep.sweeping));
    show(this.next, !sweep.sweeping);
    if (!sweep.sweeping) return;
    if (step?.total) {
      this.bar.max = step.total;
      this.bar.value = step.done;
    } else this.bar.removeAttribute("value");
    say(this.step, step?.name ? `${step.name}${step.total ? `, ${step.done} of ${step.total}` : ""}` : "sweeping");
  }

  words({ success, error, corrections, inDoubt, durationMs, node, trigger }) {
    if (!success) return error ?? "It could not see all of it.";
    const doubt = inDoubt > 0 ? ` · ${inDoubt} in doubt` : "";
    return `${corrections > 0 ? counted(corrections, "correction") : "Nothing to correct"}${doubt} · ${durationMs} ms, ${TRIGGERS[trigger] ?? plain(trigger)}, by ${node}`;
  }

  async run() {
    show(this.bar, true);
    this.bar.removeAttribute("value");
    try {
      const report = await ask("POST", "api/reconciliations", { scope: "admin" });
      const made = report.corrections.length + (report.moreCorrections ?? 0);
      toast(report.success ? `Sweep done: ${made > 0 ? counted(made, "correction") : "nothing to correct"} in ${report.durationMs} ms.` : "The sweep could not see all of it.", report.success ? "ok" : "warn");
    } finally {
      show(this.bar, false);
    }
  }
}
