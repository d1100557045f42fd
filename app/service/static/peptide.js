// A peptide for the eye: letters in a row of the table, tiles with numbers in the detail. Red → blue by confidence.

import { element } from "./dom.js";

const STOPS = [[178, 24, 43], [239, 138, 98], [243, 233, 214], [103, 169, 207], [33, 102, 172]];
const CHANNEL = [0.2126, 0.7152, 0.0722];

export function colours(score) {
  const place = Math.min(Math.max(score, 0), 1) * (STOPS.length - 1);
  const low = Math.min(Math.floor(place), STOPS.length - 2);
  const rgb = STOPS[low].map((from, i) => Math.round(from + (STOPS[low + 1][i] - from) * (place - low)));
  const luminance = rgb.reduce((sum, value, i) => sum + CHANNEL[i] * ((value / 255) ** 2.2), 0);
  return { background: `rgb(${rgb.join(",")})`, ink: luminance > 0.2 ? "#10161c" : "#ffffff" };
}

function paint(node, score) {
  const { background, ink } = colours(score);
  node.style.background = background;
  node.style.color = ink;
}

const symbol = (residue) => residue.letter || "n";
const spoken = (residue) => `${residue.letter || "N terminus"}${residue.modification ? ` with ${residue.modification}` : ""}`;

export function letters(residues) {
  const line = element("span", { class: "letters" });
  for (const residue of residues) {
    const letter = element("span", { class: residue.modification && "modified", title: residue.modification || null }, symbol(residue));
    paint(letter, residue.score);
    line.append(letter);
  }
  return line;
}

// Which residues a peptide does not share with another, as a set of positions: the ends that agree are left out.
export function differing(residues, others) {
  const same = (a, b) => a.text === b.text;
  let start = 0;
  while (start < residues.length && start < others.length && same(residues[start], others[start])) start += 1;
  let end = 0;
  const room = Math.min(residues.length, others.length) - start;
  while (end < room && same(residues.at(-1 - end), others.at(-1 - end))) end += 1;
  return new Set(Array.from({ length: residues.length - start - end }, (_, i) => start + i));
}

export function withDifferences(residues, others) {
  const changed = differing(residues, others);
  return element("code", {}, ...residues.map((each, i) => (changed.has(i) ? element("mark", {}, each.text) : each.text)));
}

// The tiles; between them a stroke above for a y ion that is seen, below for a b ion.
export function tiles(peptide, { changed = new Set(), ambiguities = [] } = {}) {
  const terminal = peptide.residues.length > 0 && !peptide.residues[0].letter ? 1 : 0;
  const count = peptide.residues.length - terminal;
  const seen = new Set();
  for (const ion of peptide.ions ?? []) {
    const place = Number.parseInt(ion.name.slice(1), 10);
    seen.add(ion.name[0] === "b" ? `b${place}` : `y${count - place}`);
  }
  const scored = peptide.residues.some((residue) => residue.score !== null);
  const list = element("ol", { class: scored ? "tiles" : "tiles plain", "aria-label": "Peptide" });
  peptide.residues.forEach((residue, i) => {
    const place = i + 1 - terminal;
    const unsure = place > 0 && ambiguities.some((each) => each.first <= place && place <= each.last);
    const face = element(
      "span",
      { class: changed.has(i) ? "face changed" : "face", title: residue.modification || null, "aria-hidden": "true" },
      symbol(residue),
      residue.modification ? element("small", { class: "attached" }, residue.modification) : null,
      element("small", {}, scored ? residue.score.toFixed(2) : "\u00a0"),
    );
    if (scored) paint(face, residue.score);
    const says = [spoken(residue), scored && `confidence ${residue.score.toFixed(2)}`, changed.has(i) && "changed", unsure && "ambiguous"];
    const cut = element("span", { class: "cut", "aria-hidden": "true" });
    if (seen.has(`y${place}`)) cut.append(element("i", { class: "y" }));
    if (seen.has(`b${place}`)) cut.append(element("i", { class: "b" }));
    const text = element("span", { class: "unseen" }, says.filter(Boolean).join(", "));
    list.append(element("li", { class: unsure ? "tile unsure" : "tile" }, face, text, cut));
  });
  return list;
}
