// The actors of this replica, and how often they had to be restarted.

import { h, reconcile, say } from "../element.js";
import { card } from "../parts/card.js";
import { chip } from "../parts/chip.js";
import { grow, settle } from "../clock.js";
import { count, counted, duration } from "../words.js";

const COLUMNS = ["Actor", "State", "Mailbox", "Restarts", "Last crash", "Up"];

const state = (word) => word === "running" ? { tone: "ok", mark: "dot", words: "Running" } : { tone: "bad", mark: "warn", words: word.charAt(0).toUpperCase() + word.slice(1) };
const cell = (label, ...children) => h("td", { role: "cell", data: { label } }, ...children);

function row() {
  const name = h("span", { class: "mono" });
  const status = chip();
  const [mailbox, restarts, up] = [h("span", { class: "figure" }), h("span", { class: "figure" }), h("span", { class: "figure" })];
  const [crashed, why] = [h("time"), h("span", { class: "sub" })];
  return {
    element: h("tr", { role: "row" },
      h("th", { role: "rowheader", scope: "row", data: { label: "Actor" } }, name),
      cell("State", status.element), cell("Mailbox", mailbox), cell("Restarts", restarts), cell("Last crash", crashed, why), cell("Up", up)),
    update(actor) {
      say(name, actor.name);
      status.update(state(actor.state));
      say(mailbox, count(actor.mailbox));
      say(restarts, count(actor.restarts));
      restarts.dataset.tone = actor.restarts > 0 ? "warn" : "";
      if (actor.lastCrash) grow(crashed, actor.lastCrash.at, "ago");
      else {
        settle(crashed);
        say(crashed, "never");
      }
      say(why, actor.lastCrash?.reason ?? "");
      say(up, duration(actor.uptimeSeconds));
    },
  };
}

export class Actors {
  constructor() {
    this.rows = h("tbody", { role: "rowgroup" });
    this.side = h("span", { class: "hint" });
    this.element = card("Actors", { class: "actors", side: [this.side] },
      h("div", { class: "scroll" }, h("table", { class: "table", role: "table", "aria-label": "Actors of this replica" },
        h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...COLUMNS.map((name) => h("th", { role: "columnheader", scope: "col" }, name)))),
        this.rows)));
  }

  update({ actors, sessions }) {
    reconcile(this.rows, actors, (actor) => actor.name, row);
    const restarts = actors.reduce((sum, actor) => sum + actor.restarts, 0);
    say(this.side, `${counted(restarts, "restart")} · ${counted(sessions.live, "session")} in memory, ${count(sessions.activated)} activated`);
  }
}
