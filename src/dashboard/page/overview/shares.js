// Who takes the slots, and why calls are refused: plans, businesses, reasons.

import { h, reconcile, say, show } from "../element.js";
import { card } from "../parts/card.js";
import { meter } from "../parts/meter.js";
import { count, counted, reason } from "../words.js";
import { learnName } from "../names.js";

const FIRST = 4;

function list(title, name, empty) {
  const rows = h("ul", { class: "meters" });
  const nothing = h("p", { class: "empty" }, empty);
  const side = h("span", { class: "hint" });
  const element = card(title, { class: name, side: [side] }, rows, nothing);
  let shown;
  return {
    element,
    update(items, keyOf, rowOf, words) {
      // A row outlives the figures that it was made with.
      shown = rowOf;
      reconcile(rows, items, keyOf, () => {
        const made = meter();
        return { element: made.element, update: (item) => made.update(shown(item)) };
      });
      show(nothing, items.length === 0);
      say(side, words);
    },
  };
}

export class Shares {
  constructor() {
    this.plans = list("Plans", "plans", "No plans.");
    this.businesses = list("Businesses", "businesses", "No business has a live call.");
    this.reasons = list("Refusals by reason", "reasons", "Nothing was refused since this replica started.");
    this.all = false;
    this.more = h("button", { type: "button", class: "button quiet small", hidden: true }, "Show all");
    this.more.addEventListener("click", () => {
      this.all = !this.all;
      if (this.last) this.update(this.last);
    });
    this.businesses.element.append(this.more);
    this.elements = [this.plans.element, this.businesses.element, this.reasons.element];
  }

  update(overview) {
    this.last = overview;
    this.showPlans(overview);
    this.showBusinesses(overview);
    this.showReasons(overview);
  }

  /** A bar is the whole pool; hatched is what a plan has reserved and does not use. */
  showPlans({ plans, pool }) {
    this.plans.update(plans, (plan) => plan.plan, (plan) => ({
      name: plan.plan,
      figure: count(plan.held),
      filled: (plan.held ?? 0) / pool.cap,
      over: (plan.overflow ?? 0) / pool.cap,
      reserved: Math.max(0, plan.reserved - (plan.held ?? 0)) / pool.cap,
      note: [
        plan.businesses === 0 ? "no business" : `${count(plan.sold)} sold to ${counted(plan.businesses, "business", "businesses")}`,
        plan.limit > 0 && `${count(plan.limit)} each`,
        plan.reserved > 0 && `${plan.reserved} reserved`,
        plan.overflow > 0 && `${plan.overflow} overflow`,
      ].filter(Boolean).join(" · "),
    }), "slots held");
  }

  showBusinesses({ businesses }) {
    for (const { businessId, name } of businesses.busiest) learnName(businessId, name);
    const shown = this.all ? businesses.busiest : businesses.busiest.slice(0, FIRST);
    this.businesses.update(shown, (business) => business.businessId, (business) => {
      const full = business.limit != null && business.active >= business.limit;
      return {
        name: business.name || business.businessId,
        code: business.businessId,
        figure: `${count(business.active)} of ${count(business.limit)}`,
        filled: business.active / Math.max(1, business.limit ?? 1),
        tone: full ? "warn" : "",
        note: [business.plan, full && (business.active > business.limit ? "above its limit" : "at its limit")].filter(Boolean).join(" · "),
      };
    }, `${count(businesses.withCalls)} with calls · ${count(businesses.atLimit)} at their limit`);
    show(this.more, businesses.busiest.length > FIRST);
    say(this.more, this.all ? "Show fewer" : `Show all ${businesses.busiest.length}`);
  }

  showReasons({ rejections }) {
    const reasons = Object.entries(rejections.byReason).sort(([, a], [, b]) => b - a);
    const most = reasons[0]?.[1] ?? 1;
    const all = reasons.reduce((sum, [, times]) => sum + times, 0);
    this.reasons.update(reasons, ([code]) => code, ([code, times]) => ({
      name: reason(code),
      code,
      figure: count(times),
      filled: times / most,
      tone: "bad",
      note: `${Math.round((times / all) * 100)} % of all`,
    }), this.byPlan(rejections.byPlan));
  }

  byPlan(plans) {
    return Object.entries(plans).filter(([, times]) => times > 0).sort(([, a], [, b]) => b - a).slice(0, 3).map(([plan, times]) => `${plan} ${count(times)}`).join(" · ");
  }
}
