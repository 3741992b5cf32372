// The last hour of the slots as a chart.

import { h, say, show } from "../element.js";
import { clockTime, counted } from "../words.js";
import { now } from "../clock.js";

const HOUR = 3600;
/** A chart of a gate that has just started begins with this much room. */
const SHORTEST = 300;
const LOWEST = 168;

const seconds = (at) => Date.parse(at) / 1000;

/** A colour of the theme, as a canvas understands it. */
function colour(name) {
  const probe = h("i");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export class History {
  constructor() {
    this.samples = [];
    this.plot = null;
    this.canvas = h("div", { class: "chart", role: "img", "aria-label": "Slots over the last hour" });
    this.readout = h("p", { class: "readout" });
    this.span = h("span", { class: "hint" });
    this.element = h("div", { class: "history" },
      h("div", { class: "history-head" },
        h("ul", { class: "legend" },
          h("li", { data: { series: "held" } }, "Held"),
          h("li", { data: { series: "overflow" } }, "Overflow"),
          h("li", { data: { series: "cap" } }, "Cap")),
        this.readout, this.span),
      this.canvas);
    new ResizeObserver(() => this.fit()).observe(this.canvas);
    document.addEventListener("themechange", () => this.build());
  }

  /** Everything that the gate remembers. */
  load(samples) {
    const newest = samples.at(-1);
    const later = this.samples.filter((sample) => newest && sample.t > seconds(newest.at));
    this.samples = samples.map(({ at, ...rest }) => ({ t: seconds(at), ...rest })).concat(later);
    this.draw();
  }

  /** What was just heard. */
  add({ at, pool, rejections }) {
    const sample = { t: seconds(at), cap: pool.cap, held: pool.held, overflow: pool.overflow, rejected: rejections.total };
    const last = this.samples.at(-1);
    if (last && sample.t <= last.t) return;
    this.samples.push(sample);
    const oldest = sample.t - HOUR;
    while (this.samples.length > 1 && this.samples[1].t < oldest) this.samples.shift();
    this.draw();
  }

  /** Refusals so far at a time, by the last sample before it. */
  rejectedAt(t) {
    return this.samples.findLast((sample) => sample.t <= t)?.rejected ?? this.samples[0]?.rejected ?? 0;
  }

  range() {
    const end = now() / 1000;
    const begin = this.samples[0]?.t ?? end;
    return [Math.max(end - HOUR, Math.min(begin, end - SHORTEST)), end];
  }

  /** The columns of the chart; the last value holds until now. */
  columns() {
    const end = now() / 1000;
    const last = this.samples.at(-1);
    const all = last && end > last.t ? [...this.samples, { ...last, t: end }] : this.samples;
    const column = (of) => all.map(of);
    return [
      column((sample) => sample.t),
      column((sample) => sample.held == null ? null : sample.held + (sample.overflow ?? 0)),
      column((sample) => sample.held),
      column((sample) => sample.cap),
    ];
  }

  draw() {
    if (!this.samples.length) return;
    const most = Math.max(...this.samples.map((sample) => Math.max(sample.cap, (sample.held ?? 0) + (sample.overflow ?? 0))));
    const held = this.samples.map((sample) => sample.held).filter((value) => value != null);
    const [begin, end] = this.range();
    const minutes = Math.round((end - begin) / 60);
    say(this.span, `last ${minutes} min`);
    this.canvas.setAttribute("aria-label", `Slots over the last ${minutes} minutes: ${held.length ? `between ${Math.min(...held)} and ${Math.max(...held)} held, now ${this.samples.at(-1).held ?? "unknown"}` : "unknown"}; the cap is ${this.samples.at(-1).cap}`);
    if (this.most !== most) {
      this.most = most;
      this.build();
    } else this.plot?.setData(this.columns());
  }

  fit() {
    const [width, height] = this.size();
    if (!width) return;
    if (!this.plot) this.build();
    else if (this.plot.width !== width || this.plot.height !== height) this.plot.setSize({ width, height });
  }

  size() {
    return [this.canvas.clientWidth, Math.max(LOWEST, this.canvas.clientHeight)];
  }

  build() {
    const [width, height] = this.size();
    if (!width || !this.samples.length || !window.uPlot) return;
    this.plot?.destroy();
    const stepped = window.uPlot.paths.stepped({ align: 1 });
    const ink = colour("--ink-3");
    const grid = { stroke: colour("--line"), width: 1 };
    const font = `11px ${getComputedStyle(document.body).fontFamily}`;
    const ticks = { show: false };
    const top = this.most ?? 1;
    this.plot = new window.uPlot({
      width,
      height,
      padding: [8, 16, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 7 }, y: false },
      scales: { x: { range: () => this.range() }, y: { range: () => [0, top * 1.08] } },
      axes: [
        { stroke: ink, font, grid: { show: false }, ticks, size: 26, space: 80, incrs: [60, 120, 300, 600, 900, 1800], values: (_, at) => at.map((t) => clockTime(t * 1000).slice(0, 5)) },
        { stroke: ink, font, grid, ticks, size: 30, space: 34, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 10000] },
      ],
      series: [
        {},
        { stroke: colour("--warn-fill"), width: 1.5, paths: stepped, points: { show: false } },
        { stroke: colour("--accent"), fill: colour("--accent-wash"), width: 2, paths: stepped, points: { show: false } },
        { stroke: colour("--ink-3"), dash: [5, 4], width: 1.2, paths: stepped, points: { show: false } },
      ],
      bands: [{ series: [1, 2], fill: colour("--warn-wash") }],
      hooks: { setCursor: [(plot) => this.tell(plot)] },
    }, this.columns(), this.canvas);
  }

  tell({ cursor: { idx } }) {
    const sample = idx == null ? null : this.samples[Math.min(idx, this.samples.length - 1)];
    show(this.readout, Boolean(sample));
    if (!sample) return;
    say(this.readout, sample.held == null
      ? `${clockTime(sample.t * 1000)} · unknown`
      : `${clockTime(sample.t * 1000)} · ${counted(sample.held, "slot")} held, ${sample.overflow ?? 0} overflow`);
  }
}
