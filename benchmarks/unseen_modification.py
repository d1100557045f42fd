"""A modification that a network never met, with and without offering it by its mass.

python -m benchmarks.unseen_modification --model DIR --shards DIR --validation-share 0.05

The network's own unseen peptides, each with one phosphorylated S, T or Y, predicted by MS2PIP.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.batches import spectra_of_shards
from data.peptides import PEPTIDES
from data.schema import Spectrum
from data.settings import SynthesisSettings
from data.splits import validation_mask
from data.synthesis import synthesize
from model.inference import Sequencer
from model.metrics import evaluate

SITES = "STY"
TOKENS = [f"{site}[UNIMOD:21]" for site in SITES]


def main() -> None:
    """Print peptide recall with and without the offer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("workspace/models/pretrained"))
    parser.add_argument("--shards", type=Path, default=Path("workspace/shards/clean"))
    parser.add_argument("--validation-share", type=float, default=0.05)
    parser.add_argument("--spectra", type=int, default=500)
    parser.add_argument("--seed", type=int, default=20260101)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    plain = list(spectra_of_shards(options.shards, lambda table: _unseen(table, options.validation_share)))
    plain = [s for s in plain if any(site in (s.peptidoform or "") for site in SITES)]
    chosen = [plain[row] for row in rng.permutation(len(plain))[: options.spectra]]
    modified = _predicted([_phosphorylated(s, rng) for s in chosen], [s.precursor_charge for s in chosen])
    print(f"{len(chosen)} peptides, seed {options.seed}")
    print(f"{'spectra':24} {'offered':9} {'AA precision':>12} {'peptide recall':>15}")
    for label, spectra in (("unmodified", chosen), ("one phosphorylation", modified)):
        for offered in ([], TOKENS):
            sequencer = Sequencer(options.model, threads=1, offered=offered)
            found = evaluate(list(sequencer.sequence(spectra)))
            said = "phospho" if offered else "nothing"
            print(f"{label:24} {said:9} {found.aa_precision:12.3f} {found.peptide_recall:15.3f}")


def _unseen(table: pa.Table, share: float) -> np.ndarray:
    return np.asarray(table.column("fold").is_null(), bool) & validation_mask(table, share)


def _phosphorylated(spectrum: Spectrum, rng: np.random.Generator) -> str:
    text = spectrum.peptidoform or ""
    places = [place for place, letter in enumerate(text) if letter in SITES and text[place + 1 : place + 2] != "["]
    place = int(rng.choice(places))
    return f"{text[: place + 1]}[UNIMOD:21]{text[place + 1 :]}"


def _predicted(peptidoforms: list[str], charges: list[int]) -> list[Spectrum]:
    """The spectra of these peptides."""
    rows = [
        {"peptidoform": text, "precursor_charge": charge, "species": "", "fold": None, "split": "test", "occurs_in": []}
        for text, charge in zip(peptidoforms, charges, strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "peptides.parquet"
        pq.write_table(pa.Table.from_pylist(rows, PEPTIDES), table)
        synthesize(table, SynthesisSettings(processes=1), 0, Path(folder) / "shards")
        return list(spectra_of_shards(Path(folder) / "shards"))


if __name__ == "__main__":
    main()
