// The overview: everything at a glance. It puts the rooms together and hands them what is heard.

import { read } from "../gate.js";
import { h } from "../element.js";
import { Actors } from "./actors.js";
import { Calls } from "./calls.js";
import { Capacity } from "./capacity.js";
import { Feed } from "./feed.js";
import { Shares } from "./shares.js";
import { Sweep } from "./sweep.js";
import { Tiles } from "./tiles.js";

export class OverviewPage {
  title = "Overview";

  constructor() {
    this.capacity = new Capacity();
    this.tiles = new Tiles(this.capacity.history);
    this.sweep = new Sweep();
    this.shares = new Shares();
    this.calls = new Calls();
    this.feed = new Feed();
    this.actors = new Actors();
    this.heading = h("h1", { class: "unseen", tabindex: -1 }, "Overview");
    this.element = h("div", { class: "overview" },
      this.heading,
      this.capacity.element,
      h("div", { class: "tiles" }, ...this.tiles.elements, this.sweep.element),
      ...this.shares.elements,
      this.calls.element,
      this.feed.element,
      this.actors.element);
  }

  /** What is so far, at the beginning of a connection. */
  async begin(events) {
    this.feed.replace(events);
    this.calls.refresh();
    const history = await read("api/overview/history").catch(() => null);
    if (history) this.capacity.history.load(history.samples);
  }

  update(overview) {
    for (const room of [this.capacity, this.tiles, this.sweep, this.shares, this.calls, this.actors]) room.update(overview);
  }

  hear(event) {
    this.feed.add(event);
    if (event.type !== "AdmissionRejected" && event.type !== "PoolChanged") this.calls.hear(event);
  }
}
