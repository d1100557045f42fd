// The mirror plot: the observed spectrum above, MS2PIP's prediction below. Drag or + − 0 ← → to zoom and move.

import { element, shape } from "./dom.js";

const MARGIN = { left: 40, right: 12, top: 16, bottom: 30 };
const LABEL = { width: 7, height: 12, least: 0.02 };
const NEAR_PX = 10;

const kindOf = (name) => (name ? name[0] : "");

export class MirrorPlot {
  constructor() {
    this.svg = shape("svg", { role: "img", tabindex: "0" });
    this.text = element("span", {}, "");
    const key = element("span", { class: "key" }, element("b", { class: "b" }, "b ions"), element("b", { class: "y" }, "y ions"), element("span", { class: "mouse" }, "drag to zoom, double-click to see all"));
    this.node = element("div", { class: "figure" }, this.svg, element("div", { class: "reading" }, this.text, key));
    this.observed = [];
    this.predicted = null;
    this.range = this.whole = [0, 1];
    new ResizeObserver(() => this.draw()).observe(this.svg);
    this.svg.addEventListener("pointermove", (event) => this.point(event));
    this.svg.addEventListener("pointerdown", (event) => this.grab(event));
    this.svg.addEventListener("pointerup", (event) => this.release(event));
    this.svg.addEventListener("pointerleave", () => this.read(null));
    this.svg.addEventListener("dblclick", () => this.zoom(this.whole));
    this.svg.addEventListener("keydown", (event) => this.press(event));
  }

  // A new spectrum: peaks, and the predicted peaks or null.
  load(detail) {
    const { mz, intensity, answer } = detail;
    this.peaks = mz.map((value, i) => ({ mz: value, height: intensity[i] }));
    this.precursor = answer.precursor_mz;
    this.predicted = answer.prediction;
    const all = [...mz, ...(this.predicted ?? []).map((peak) => peak.mz)];
    const low = Math.min(...all), high = Math.max(...all), pad = Math.max((high - low) * 0.02, 5);
    this.range = this.whole = [low - pad, high + pad];
  }

  // Which peaks are ions of the peptide that is looked at.
  explain(ions, label) {
    const names = new Map((ions ?? []).map((ion) => [ion.peak, ion]));
    this.observed = this.peaks.map((peak, i) => ({ ...peak, ion: names.get(i) }));
    this.svg.setAttribute("aria-label", label);
    this.draw();
  }

  zoom([low, high]) {
    const [from, to] = this.whole;
    const span = Math.min(Math.max(high - low, 2), to - from);
    const start = Math.min(Math.max(low, from), to - span);
    this.range = [start, start + span];
    this.draw();
  }

  x(mz) {
    const [low, high] = this.range;
    return MARGIN.left + ((mz - low) / (high - low)) * (this.width - MARGIN.left - MARGIN.right);
  }

  mzAt(x) {
    const [low, high] = this.range;
    return low + ((x - MARGIN.left) / (this.width - MARGIN.left - MARGIN.right)) * (high - low);
  }

  draw() {
    const box = this.svg.getBoundingClientRect();
    if (!box.width || !this.peaks) return;
    this.width = box.width;
    this.height = box.height;
    this.svg.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
    const inner = box.height - MARGIN.top - MARGIN.bottom;
    this.zero = MARGIN.top + inner * (this.predicted ? 0.58 : 1);
    const up = this.zero - MARGIN.top - LABEL.height, down = box.height - MARGIN.bottom - this.zero - LABEL.height;
    const parts = [...this.axes()];
    this.drawn = [];
    this.placed = [];
    parts.push(...this.side(this.observed.map((peak) => ({ ...peak, name: peak.ion?.name })), -up, "observed"));
    if (this.predicted) parts.push(...this.side(this.predicted.map((peak) => ({ ...peak, height: peak.intensity })), down, "predicted"));
    this.svg.replaceChildren(...parts);
  }

  // The peaks of one side as lines, faint ones first, and the labels for which there is room, strongest first.
  side(peaks, scale, side) {
    const seen = peaks.filter((peak) => peak.mz >= this.range[0] && peak.mz <= this.range[1]);
    const tallest = Math.max(...seen.map((peak) => peak.height), 1e-9);
    const lines = [];
    const labels = [];
    for (const peak of seen.toSorted((a, b) => Boolean(a.name) - Boolean(b.name) || a.height - b.height)) {
      const x = this.x(peak.mz), y = this.zero + (peak.height / tallest) * scale;
      const line = shape("line", { class: `peak ${kindOf(peak.name)}`, x1: x, x2: x, y1: this.zero, y2: y });
      lines.push(line);
      this.drawn.push({ ...peak, x, y, line, side });
    }
    for (const { name, x, y } of this.drawn.filter((peak) => peak.side === side && peak.name && peak.height >= LABEL.least * tallest).reverse()) {
      const half = (name.length * LABEL.width) / 2 + 1;
      const middle = Math.min(Math.max(x, MARGIN.left + half), this.width - half);
      const base = y + (scale < 0 ? -4 : 11);
      const clash = this.placed.some((other) => Math.abs(other.x - middle) < other.half + half && Math.abs(other.base - base) < LABEL.height);
      if (clash) continue;
      this.placed.push({ x: middle, base, half });
      labels.push(shape("text", { class: kindOf(name), x: middle, y: base, "text-anchor": "middle" }, name));
    }
    return [...lines, ...labels];
  }

  *axes() {
    const bottom = this.height - MARGIN.bottom, right = this.width - MARGIN.right;
    const step = niceStep((this.range[1] - this.range[0]) / Math.max(3, this.width / 80));
    for (let mz = Math.ceil(this.range[0] / step) * step; mz <= this.range[1]; mz += step) {
      const x = this.x(mz);
      yield shape("line", { class: "guide", x1: x, x2: x, y1: MARGIN.top, y2: bottom });
      yield shape("text", { x, y: bottom + 14, "text-anchor": "middle" }, String(Number(mz.toFixed(4))));
    }
    yield shape("line", { class: "axis", x1: MARGIN.left, x2: right, y1: this.zero, y2: this.zero });
    yield shape("text", { x: right, y: bottom + 26, "text-anchor": "end" }, "m/z");
    yield this.sideName("observed", (MARGIN.top + this.zero) / 2);
    if (this.predicted) yield this.sideName("predicted", (this.zero + bottom) / 2);
    const x = this.x(this.precursor);
    if (x >= MARGIN.left && x <= right) {
      yield shape("path", { class: "precursor", d: `M${x - 5} ${bottom + 1}h10l-5 -7z` }, shape("title", {}, "precursor"));
    }
  }

  sideName(name, y) {
    return shape("text", { transform: `translate(16 ${y}) rotate(-90)`, "text-anchor": "middle" }, name);
  }

  point(event) {
    const x = event.clientX - this.svg.getBoundingClientRect().left;
    const y = event.clientY - this.svg.getBoundingClientRect().top;
    if (this.dragFrom !== undefined) {
      this.drag?.remove();
      const [left, right] = [this.dragFrom, x].sort((a, b) => a - b);
      this.drag = shape("rect", { class: "drag", x: left, width: right - left, y: MARGIN.top, height: this.height - MARGIN.top - MARGIN.bottom });
      this.svg.append(this.drag);
      return;
    }
    const side = y > this.zero && this.predicted ? "predicted" : "observed";
    const near = (this.drawn ?? []).filter((peak) => peak.side === side && Math.abs(peak.x - x) <= NEAR_PX);
    this.read(near.sort((a, b) => Math.abs(a.x - x) - Math.abs(b.x - x) || b.height - a.height)[0] ?? null);
  }

  read(peak) {
    this.near?.classList.remove("near");
    this.near = peak?.line;
    this.near?.classList.add("near");
    const error = peak?.ion ? ` ${peak.ion.error_ppm >= 0 ? "+" : "−"}${Math.abs(peak.ion.error_ppm).toFixed(1)} ppm` : "";
    this.text.textContent = peak ? `m/z ${peak.mz.toFixed(4)} · ${(100 * peak.height).toFixed(1)}% ${peak.name ? `· ${peak.name}${error}` : ""}` : "";
  }

  grab(event) {
    if (event.pointerType === "touch" || event.button) return;
    this.svg.setPointerCapture(event.pointerId);
    this.dragFrom = event.clientX - this.svg.getBoundingClientRect().left;
  }

  release(event) {
    if (this.dragFrom === undefined) return;
    const to = event.clientX - this.svg.getBoundingClientRect().left;
    const ends = [this.mzAt(this.dragFrom), this.mzAt(to)].sort((a, b) => a - b);
    const isDrag = Math.abs(to - this.dragFrom) > 8;
    this.dragFrom = undefined;
    this.drag?.remove();
    if (isDrag) this.zoom(ends);
  }

  press(event) {
    const [low, high] = this.range, span = high - low;
    const goals = {
      "+": [low + span / 4, high - span / 4], "=": [low + span / 4, high - span / 4], "-": [low - span / 2, high + span / 2],
      0: this.whole, ArrowLeft: [low - span / 4, high - span / 4], ArrowRight: [low + span / 4, high + span / 4],
    };
    if (!(event.key in goals) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.zoom(goals[event.key]);
  }
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
}
