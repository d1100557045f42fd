// The results: only the rows in view exist, so thousands scroll without lag. Arrow keys move the selection.

import { element } from "./dom.js";
import { colours, letters } from "./peptide.js";

const ROW_PX = 34;
const SPARE_ROWS = 6;

const shortId = (id) => id.slice(id.lastIndexOf(":") + 1).replace("scan=", "");
const plainPeptide = (answer) => answer.residues.map((residue) => residue.letter).join("");
const fixed = (value, digits) => (value === null ? "" : value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1").replace("-", "−"));

const COLUMNS = [
  { name: "Scan", key: (row) => row.number, cell: (row) => element("span", { title: row.answer.spectrum_id }, shortId(row.answer.spectrum_id)) },
  { name: "Peptide", key: (row) => row.peptide, cell: (row) => (row.peptide ? letters(row.answer.residues) : "no answer") },
  { name: "Score", key: (row) => row.answer.peptide_score, down: true, cell: (row) => score(row.answer.peptide_score) },
  { name: "m/z", number: true, key: (row) => row.answer.precursor_mz, cell: (row) => fixed(row.answer.precursor_mz, 3) },
  { name: "z", number: true, key: (row) => row.answer.precursor_charge, cell: (row) => `${row.answer.precursor_charge}+` },
  { name: "ppm", number: true, key: (row) => Math.abs(row.answer.ppm_error ?? Infinity), cell: (row) => fixed(row.answer.ppm_error, 1) },
];

function score(value) {
  const bar = element("i");
  bar.style.width = `${Math.round(value * 100)}%`;
  bar.style.background = colours(value).background;
  return element("span", { class: "score" }, element("span", { class: "meter" }, bar), element("span", { class: "number" }, value.toFixed(3)));
}

export class ResultTable {
  constructor(host, { onSelect, onCount }) {
    this.onSelect = onSelect;
    this.onCount = onCount;
    this.rows = [];
    this.view = [];
    this.sorting = { column: 0, down: false };
    this.text = "";
    this.least = 0;
    this.selected = null;
    this.head = element("div", { class: "cells head", role: "row" });
    this.spacer = element("div", { class: "spacer", role: "presentation" });
    this.viewport = element("div", { class: "rows", role: "rowgroup" }, this.spacer);
    this.grid = element("div", { class: "grid", role: "grid", tabindex: "0", "aria-label": "Spectra and their peptides" }, this.head, this.viewport);
    host.replaceChildren(this.grid);
    this.headers = COLUMNS.map((column, i) => {
      const button = element("button", { type: "button", tabindex: "-1", onclick: () => this.sortBy(i) }, column.name);
      const header = element("div", { role: "columnheader", class: column.number && "number" }, button);
      this.head.append(header);
      return header;
    });
    this.viewport.addEventListener("scroll", () => this.draw(), { passive: true });
    this.grid.addEventListener("keydown", (event) => this.press(event));
    new ResizeObserver(() => this.draw()).observe(this.viewport);
    this.arrange();
  }

  clear() {
    this.rows = [];
    this.selected = null;
    this.arrange();
  }

  add(answers) {
    for (const answer of answers) this.rows.push({ number: this.rows.length, answer, peptide: plainPeptide(answer) });
    this.arrange();
  }

  filter(text, least) {
    this.text = text.trim().toUpperCase();
    this.least = least;
    this.arrange();
  }

  sortBy(i) {
    const again = this.sorting.column === i;
    this.sorting = { column: i, down: again ? !this.sorting.down : Boolean(COLUMNS[i].down) };
    this.arrange();
  }

  arrange() {
    const { column, down } = this.sorting;
    const key = COLUMNS[column].key;
    const peptide = this.text.replaceAll("I", "L");
    const fits = (row) =>
      row.answer.peptide_score >= this.least &&
      (!this.text || row.peptide.includes(peptide) || row.answer.spectrum_id.toUpperCase().includes(this.text));
    const order = (a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : a.number - b.number);
    this.view = this.rows.filter(fits).sort(down ? (a, b) => order(b, a) : order);
    this.headers.forEach((header, i) => {
      header.setAttribute("aria-sort", i !== column ? "none" : down ? "descending" : "ascending");
      header.firstChild.textContent = COLUMNS[i].name + (i !== column ? "" : down ? " ↓" : " ↑");
    });
    this.grid.setAttribute("aria-rowcount", this.view.length + 1);
    this.onCount(this.view.length, this.rows.length);
    this.draw();
  }

  draw() {
    this.spacer.style.height = `${this.view.length * ROW_PX}px`;
    const first = Math.max(0, Math.floor(this.viewport.scrollTop / ROW_PX) - SPARE_ROWS);
    const last = Math.min(this.view.length, Math.ceil((this.viewport.scrollTop + this.viewport.clientHeight) / ROW_PX) + SPARE_ROWS);
    const lines = [];
    for (let place = first; place < last; place += 1) lines.push(this.line(place));
    if (!this.view.length && this.rows.length) lines.push(element("p", { class: "none" }, "No spectrum fits the filter."));
    this.spacer.replaceChildren(...lines);
    const active = this.selected !== null && document.getElementById(`row-${this.selected}`);
    if (active) this.grid.setAttribute("aria-activedescendant", active.id);
    else this.grid.removeAttribute("aria-activedescendant");
  }

  line(place) {
    const row = this.view[place];
    const line = element(
      "div",
      {
        class: "cells line", role: "row", id: `row-${row.number}`, "aria-rowindex": place + 2,
        "aria-selected": String(row.number === this.selected), onclick: () => this.select(place),
      },
      ...COLUMNS.map((column) => element("div", { role: "gridcell", class: column.number && "number" }, column.cell(row))),
    );
    line.style.transform = `translateY(${place * ROW_PX}px)`;
    return line;
  }

  select(place) {
    const row = this.view[place];
    if (!row) return;
    this.selected = row.number;
    const top = place * ROW_PX;
    if (top < this.viewport.scrollTop) this.viewport.scrollTop = top;
    const bottom = top + ROW_PX - this.viewport.clientHeight;
    if (bottom > this.viewport.scrollTop) this.viewport.scrollTop = bottom;
    this.draw();
    this.onSelect(row.number);
  }

  press(event) {
    const page = Math.max(1, Math.floor(this.viewport.clientHeight / ROW_PX) - 1);
    const now = this.view.findIndex((row) => row.number === this.selected);
    const goals = { ArrowDown: now + 1, ArrowUp: Math.max(0, now - 1), PageDown: now + page, PageUp: now - page, Home: 0, End: Infinity };
    if (!(event.key in goals) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.select(Math.min(Math.max(goals[event.key], 0), this.view.length - 1));
  }
}
