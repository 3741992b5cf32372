// The small figures beside the capacity: each a number, what it is, and what it means now.

import { h, say, share, svg } from "../element.js";
import { count, counted, ratio, UNKNOWN } from "../words.js";
import { now } from "../clock.js";

const WINDOW = 300;
const BARS = 24;

function tile(title, extra = null) {
  const figure = h("p", { class: "tile-figure figure" }, UNKNOWN);
  const note = h("p", { class: "tile-note" });
  const id = `tile-${title.toLowerCase().replaceAll(" ", "-")}`;
  const element = h("section", { class: "card tile", "aria-labelledby": id }, h("h2", { id }, title), figure, extra, note);
  return {
    element,
    update(words, under, tone = "") {
      say(figure, words);
      say(note, under);
      element.dataset.tone = tone;
    },
  };
}

/** Refusals of the last minutes as small bars. */
function spark() {
  const bars = Array.from({ length: BARS }, (_, place) => svg("rect", { x: place * 4, y: 0, width: 3, height: 0, rx: 1 }));
  const element = svg("svg", { class: "spark", viewBox: `0 0 ${BARS * 4 - 1} 20`, preserveAspectRatio: "none", "aria-hidden": "true" }, ...bars);
  return {
    element,
    update(values) {
      const most = Math.max(1, ...values);
      values.forEach((value, place) => {
        const height = value > 0 ? Math.max(2, (value / most) * 20) : 1;
        bars[place].setAttribute("height", String(height));
        bars[place].setAttribute("y", String(20 - height));
      });
    },
  };
}

export class Tiles {
  /** @param {import("./history.js").History} history */
  constructor(history) {
    this.history = history;
    this.spark = spark();
    this.sold = h("span", { class: "thin-bar", "aria-hidden": "true" }, h("i"));
    this.refused = tile("Refused", this.spark.element);
    this.hangUps = tile("Being hung up");
    this.drift = tile("Ledger drift");
    this.oversold = tile("Oversubscription", this.sold);
    this.elements = [this.refused, this.hangUps, this.drift, this.oversold].map((each) => each.element);
  }

  update({ calls, ledger, oversubscription, rejections }) {
    const end = now() / 1000;
    const before = this.history.rejectedAt(end - WINDOW);
    const recent = Math.max(0, rejections.total - before);
    const full = rejections.elevenlabs429 > 0 ? ` · ${rejections.elevenlabs429} by the provider (429)` : "";
    this.refused.update(count(rejections.total), `${counted(recent, "refusal")} in 5 min${full}`, recent > 0 ? "warn" : "");
    const step = WINDOW / BARS;
    this.spark.update(Array.from({ length: BARS }, (_, place) => {
      const at = end - WINDOW + place * step;
      return Math.max(0, this.history.rejectedAt(at + step) - this.history.rejectedAt(at));
    }));
    const stuck = calls.stuckTerminations;
    const doubt = calls.uncertain > 0 ? ` · ${counted(calls.uncertain, "call")} in doubt` : "";
    this.hangUps.update(count(calls.terminating), stuck == null ? "unknown: the database is away" : `${stuck > 0 ? `${stuck} of them stuck` : "none stuck"}${doubt}`, stuck > 0 ? "bad" : "");
    const { drift } = ledger;
    this.drift.update(count(drift), drift == null ? "no sweep compared them yet" : drift === 0 ? "ledger and table agree" : "ledger and table differ", drift ? "bad" : "");
    const { sold, cap, ratio: times, thresholdRatio, exceeded } = oversubscription;
    const alert = thresholdRatio > 0 ? `alert above ${ratio(thresholdRatio)}` : "no alert set";
    this.oversold.update(ratio(times), `${count(sold)} sold on ${count(cap)} · ${alert}`, exceeded ? "bad" : "");
    share(this.sold, "--filled", times / (thresholdRatio || times));
  }
}
