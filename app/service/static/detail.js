// One spectrum: its numbers, the peptide, the way to it step by step, the mirror plot, and what else it might be.

import { element } from "./dom.js";
import { differing, tiles, withDifferences } from "./peptide.js";
import { MirrorPlot } from "./plot.js";

const STEP_MS = 500;  // at most; the whole way takes no longer than
const WAY_MS = 5000;

const signed = (value, digits) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;

export class Detail {
  constructor(host) {
    this.host = host;
    this.plot = new MirrorPlot();
    this.calibrated = true;
    this.clear();
  }

  clear(message = "Choose a spectrum: click a row, or use the arrow keys in the table.") {
    this.pause();
    this.host.replaceChildren(element("p", { class: "none" }, message));
  }

  show(detail) {
    this.pause();
    this.answer = detail.answer;
    this.stops = [...(this.answer.steps ?? []), this.answer];
    this.plot.load(detail);
    this.peptide = element("div");
    this.says = element("output", { id: "step-says", "aria-live": "polite" });
    this.slider = element("input", {
      type: "range", min: 1, max: this.stops.length, value: this.stops.length, "aria-label": "Refinement step",
      oninput: () => { this.pause(); this.step(Number(this.slider.value)); },
    });
    this.play = element("button", { type: "button", onclick: () => (this.playing ? this.pause() : this.start()) }, "▶ Play");
    this.host.replaceChildren(
      ...[this.title(), this.facts(), this.peptide, this.stepper(), this.plot.node, this.others()].filter(Boolean),
    );
    this.step(this.stops.length);
  }

  title() {
    const copy = element("button", { type: "button", onclick: async () => {
      await navigator.clipboard.writeText(this.answer.peptidoform);
      copy.textContent = "Copied";
    } }, "Copy peptide");
    return element("div", { class: "title" }, element("h2", {}, this.answer.spectrum_id), this.answer.peptidoform ? copy : null);
  }

  facts() {
    const a = this.answer;
    const facts = [
      [this.calibrated ? "Probability" : "Score, not calibrated", a.peptide_score.toFixed(3)],
      ["Precursor", `${a.precursor_mz.toFixed(4)} Th, ${a.precursor_charge}+`],
      ["Mass error", a.ppm_error === null ? null : `${signed(a.ppm_error, 2)} ppm`],
      ["Outlier score", a.outlier_score?.toFixed(3)],
      ["Retention time", a.retention_time === null ? null : `${(a.retention_time / 60).toFixed(2)} min`],
      ["Best of its mass", a.is_proven === null ? null : a.is_proven ? "proven" : "not proven"],
      ["In the file", a.reference],
    ];
    return element("dl", { class: "facts" }, ...facts.filter(([, value]) => value).map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, value))));
  }

  stepper() {
    if (this.stops.length < 2) return null;
    const scale = element("span", { class: "scale" }, "confidence 0", element("i"), "1");
    return element("div", {}, element("div", { class: "title" }, element("h3", {}, "How the answer came about"), scale),
      element("div", { class: "stepper" }, this.play, this.slider, this.says));
  }

  others() {
    const { candidates, ambiguities, gap } = this.answer;
    const rest = (candidates ?? []).slice(1);
    this.buttons = rest.map((candidate) => element("button", { type: "button", "aria-pressed": "false", onclick: (event) => this.compare(candidate, event.currentTarget) },
      withDifferences(candidate.residues, this.answer.residues), element("span", {}, candidate.score.toFixed(3))));
    const parts = [];
    if (rest.length) {
      parts.push(element("section", {}, element("h3", {}, "Other candidates of this mass"),
        element("ul", { class: "others" }, ...this.buttons.map((button) => element("li", {}, button)))));
    }
    if (ambiguities.length) {
      parts.push(element("section", {}, element("h3", {}, "What the spectrum cannot tell apart"),
        element("ul", { class: "plainlist" }, ...ambiguities.map(ambiguity))));
    }
    if (gap) parts.push(element("section", {}, element("h3", {}, "Unknown masses"), element("p", {}, element("code", {}, gap))));
    return parts.length ? element("div", { class: "columns" }, ...parts) : null;
  }

  // Stop 1…n is a refinement step, the last one the answer.
  step(number) {
    const now = this.stops[number - 1], before = this.stops[number - 2];
    const isAnswer = number === this.stops.length;
    const changed = before ? differing(now.residues, before.residues) : new Set();
    const steps = this.stops.length - 1;
    const name = isAnswer ? "Answer" : `Step ${number} of ${steps}`;
    const news = changed.size ? `${plural(changed.size, "residue")} changed` : number === 1 ? "first guess" : "nothing changed";
    this.draw(now, `${name} · ${news}`, isAnswer ? new Set() : changed);
    this.slider.value = number;
    this.slider.setAttribute("aria-valuetext", name);
    this.press(null);
  }

  compare(candidate, button) {
    this.pause();
    if (button.getAttribute("aria-pressed") === "true") {
      this.step(this.stops.length);
      return;
    }
    this.draw(candidate, "Candidate", differing(candidate.residues, this.answer.residues));
    this.press(button);
  }

  press(button) {
    for (const other of this.buttons ?? []) other.setAttribute("aria-pressed", String(other === button));
  }

  draw(peptide, name, changed) {
    const explained = peptide.ions?.length ?? 0;
    const share = Math.round(100 * (peptide.explained_intensity ?? 0));
    const says = `${name} · ${plural(explained, "peak")} explained, ${share}% of the intensity`;
    const ambiguities = peptide === this.answer ? this.answer.ambiguities : [];
    this.peptide.replaceChildren(peptide.residues.length ? tiles(peptide, { changed, ambiguities }) : element("p", { class: "soft" }, "no peptide"));
    this.says.textContent = says;
    this.plot.explain(peptide.ions, `Mirror plot of ${this.answer.spectrum_id} with the ions of ${peptide.peptidoform || "no peptide"}. ${says}.`);
  }

  start() {
    let number = Number(this.slider.value) === this.stops.length ? 1 : Number(this.slider.value) + 1;
    this.step(number);
    this.play.textContent = "❚❚ Pause";
    this.playing = setInterval(() => {
      number += 1;
      if (number >= this.stops.length) this.pause();
      this.step(Math.min(number, this.stops.length));
    }, Math.min(STEP_MS, WAY_MS / this.stops.length));
  }

  pause() {
    clearInterval(this.playing);
    this.playing = null;
    if (this.play) this.play.textContent = "▶ Play";
  }
}

function ambiguity({ first, last, readings, has_more: hasMore }) {
  const [own, ...rest] = readings;
  const words = rest.map((reading) => element("code", {}, reading)).flatMap((node, i) => (i ? [", ", node] : [node]));
  const place = first === last ? `Residue ${first}` : `Residues ${first}–${last}`;
  const more = !rest.length ? " in any order" : hasMore ? " and more" : "";
  return element("li", {}, `${place}: `, element("code", {}, own), rest.length ? " or " : "", ...words, more);
}
