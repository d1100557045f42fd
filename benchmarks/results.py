"""The figures of docs/results.md: a model on measured test files beside classical engines, and on predicted spectra.

python -m benchmarks.results --model model/weights/base --annotated DIR --shards workspace/shards/corpus > results.md
"""

import argparse
import platform
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import torch
import yaml

from benchmarks.failures import drawn, mistakes
from data.batches import SpectrumSet
from data.errors import InputError
from data.noise import add_noise
from data.predictions import Prediction
from data.readers import read_spectra
from data.schema import Spectrum, from_table
from data.settings import NoiseSettings, UniformNoise
from data.shards import read_shards
from data.splits import is_validation
from data.vocabulary import PAD, STOP, VOCABULARY
from model.breakdown import break_downs, with_missing_fragments
from model.calibration import expected_calibration_error
from model.inference import Sequencer
from model.metrics import bootstrap_intervals, count, evaluate, token_accuracy_by_step

SEED = 20260101
PAGE = Path("docs/results.md")
TEST_FILES = ("casanovo_mouse_128", "massivekb_500", "qeplus_hair_608", "proteometools_225", "tripletof_test")
HARD = UniformNoise(noise_peaks=30, peak_dropout=0.45, peak_error_ppm=20.0, intensity_sigma=0.7)
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
FIGURES = ("aa_precision", "aa_recall", "peptide_recall", "auc")
_STEPS = (1, 2, 4, 8, 16)


def read(sequencer: Sequencer, spectra: Sequence[Spectrum], *, steps: bool = False) -> tuple[list[Prediction], float]:
    """The predictions, and processor milliseconds a spectrum."""
    began = time.process_time()
    found = with_missing_fragments(list(sequencer.sequence(spectra, keep_steps=steps)), spectra)
    return found, 1000 * (time.process_time() - began) / max(len(spectra), 1)


@dataclass(frozen=True)
class ReadFile:
    """A test file and what was read in it.

    Attributes
    ----------
    milliseconds : of the processor, a spectrum.
    """

    spectra: list[Spectrum]
    found: list[Prediction]
    milliseconds: float


def read_files(sequencer: Sequencer, folder: Path, names: Iterable[str] = TEST_FILES) -> dict[str, ReadFile]:
    """Test files, without the spectra whose annotation no answer could equal."""
    files = {}
    for name in names:
        spectra = [s for s in read_spectra(folder / f"{name}.mgf") if can_be_written(s.peptidoform)]
        files[name] = ReadFile(spectra, *read(sequencer, spectra))
    return files


def measured(files: Mapping[str, ReadFile]) -> Iterator[str]:
    """Every test file beside the engines, then all of them by groups of spectra."""
    engines = yaml.safe_load((Path(__file__).parent / "engines.yaml").read_text())
    yield "| file | spectra | | AA precision | AA recall | peptide recall | AUC | calibration error | ms |"
    yield "|---|---:|---|---:|---:|---:|---:|---:|---:|"
    for name, file in files.items():
        found = file.found
        metrics, interval = evaluate(found), bootstrap_intervals(found, 1000, SEED)
        score = np.array([prediction.peptide_score for prediction in found])
        error = expected_calibration_error(score, count(found).peptide.astype(bool))
        cells = [f"{getattr(metrics, key):.3f} ({interval[key][0]:.3f}–{interval[key][1]:.3f})" for key in FIGURES]
        yield f"| {name} | {len(found)} | PepTRM | {' | '.join(cells)} | {error:.3f} | {file.milliseconds:.0f} |"
        for engine, figures in engines.items():
            if name in figures:
                yield f"| | | {engine} | {' | '.join(f'{value:.3f}' for value in figures[name])} | | |"
        peptides: dict[str, list[bool]] = {}
        for prediction, right in zip(found, count(found).peptide.astype(bool), strict=True):
            peptides.setdefault(prediction.reference or "", []).append(bool(right))
        each = np.mean([np.mean(rights) for rights in peptides.values()])
        yield f"| | {len(peptides)} peptides | PepTRM, mean of peptides | | | {each:.3f} | | | |"
    every = [prediction for file in files.values() for prediction in file.found]
    for grouping, groups in break_downs(every).items():
        yield f"\n**By {grouping}**, the five files together\n"
        yield "| | spectra | AA precision | AA recall | peptide recall | AUC |"
        yield "|---|---:|---:|---:|---:|---:|"
        for group, metrics in groups.items():
            cells = [f"{getattr(metrics, key):.3f}" for key in FIGURES]
            yield f"| {group} | {metrics.n_spectra} | {' | '.join(cells)} |"


def brief(sequencer: Sequencer, folder: Path) -> Iterator[str]:
    """README's table: the files that Novor was run on, the better figure in bold."""
    novor = yaml.safe_load((Path(__file__).parent / "engines.yaml").read_text())["Novor"]
    yield "| measured spectra | | peptides: PepTRM | Novor 1.05 | residues: PepTRM | Novor | AUC: PepTRM | Novor |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for name, file in read_files(sequencer, folder, [name for name in TEST_FILES if name in novor]).items():
        ours, theirs = evaluate(file.found), dict(zip(FIGURES, novor[name], strict=True))
        cells: list[str] = []
        for key in ("peptide_recall", "aa_precision", "auc"):
            pair = (round(getattr(ours, key), 3), theirs[key])
            cells += [f"**{value:.3f}**" if value == max(pair) else f"{value:.3f}" for value in pair]
        yield f"| {name} | {len(file.found)} | {' | '.join(cells)} |"


def can_be_written(peptidoform: str | None) -> bool:
    """Whether the vocabulary has a token for every part; other annotations cannot be read right by any answer."""
    try:
        return peptidoform is not None and bool(VOCABULARY.encode(peptidoform))
    except InputError:
        return False


def predicted(sequencer: Sequencer, shards: Path, spectra: int, held_out_share: float) -> Iterator[str]:
    """Held-out peptides: clean, at noise levels, and with the hard noise; clean ones by groups and by step."""
    held: list[Spectrum] = []
    for table in read_shards(shards):
        held += [s for s in from_table(table) if is_validation(s.peptidoform or "", held_out_share)]
        if len(held) >= spectra:
            break
    base = SpectrumSet.from_spectra(held[:spectra])
    peptides = np.where(base.tokens > STOP, base.tokens, PAD)
    yield "| spectra | tokens: last step | answer | AA precision | AA recall | peptide recall | AUC |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    by_step, groups = {}, {}
    for name, noise, level in [
        *((f"noise {level:g}", NoiseSettings(), level) for level in LEVELS),
        ("hard", HARD.settings(), 1.0),
    ]:
        rng = np.random.default_rng(SEED)
        peaks = add_noise(base.peaks, peptides, noise, np.full(len(base), level), rng)
        found, _ = read(sequencer, peaks.to_spectra([VOCABULARY.decode(t) for t in base.tokens], name), steps=True)
        by_step[name], metrics = token_accuracy_by_step(found), evaluate(found)
        groups[name] = break_downs(found, ("length", "charge", "modification"))
        answers = [replace(each, peptidoform_by_step=(each.peptidoform,)) for each in found]
        shares = (by_step[name][-1], token_accuracy_by_step(answers)[-1])
        cells = [*(f"{share:.3f}" for share in shares), *(f"{getattr(metrics, key):.3f}" for key in FIGURES)]
        yield f"| {'clean' if level == 0 else name} | {' | '.join(cells)} |"
    yield "\n**Token accuracy after refinement steps**, before exact decoding\n"
    yield f"| spectra | {' | '.join(map(str, _STEPS))} | last |\n|---|{'---:|' * (len(_STEPS) + 1)}"
    for name, values in by_step.items():
        cells = [f"{values[min(step, len(values)) - 1]:.3f}" for step in _STEPS]
        yield f"| {name} | {' | '.join(cells)} | {values[-1]:.3f} |"
    for grouping in ("length", "charge", "modification"):
        yield f"\n**By {grouping}**: peptide recall clean, and with the hard noise\n"
        yield "| | spectra | clean | hard |\n|---|---:|---:|---:|"
        for group, metrics in groups["noise 0"][grouping].items():
            hard = groups["hard"][grouping][group].peptide_recall
            yield f"| {group} | {metrics.n_spectra} | {metrics.peptide_recall:.3f} | {hard:.3f} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--annotated", type=Path, required=True, help="folder of the annotated test files")
    parser.add_argument("--figures", type=Path, default=PAGE.parent / "images" / "failures", help="of wrong answers")
    parser.add_argument("--shards", type=Path, help="predicted spectra of the corpus; left out where not given")
    parser.add_argument("--spectra", type=int, default=400, help="predicted ones")
    parser.add_argument("--brief", action="store_true", help="print README's table alone")
    parser.add_argument("--held-out-share", type=float, default=0.02)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sequencer = Sequencer(options.model, threads=1)
    if options.brief:
        print("\n".join(brief(sequencer, options.annotated)))
        return
    print(f"{date.today()}, {platform.machine()}, one thread, seed {SEED}, model {options.model.name}\n")
    print("## Measured spectra\n")
    files = read_files(sequencer, options.annotated)
    pairs = {name: list(zip(file.spectra, file.found, strict=True)) for name, file in files.items()}
    for line in (*measured(files), *mistakes([pair for read in pairs.values() for pair in read])):
        print(line, flush=True)
    print("\n## Failing spectra, drawn\n")
    for line in drawn(pairs, options.figures, PAGE):
        print(line, flush=True)
    if options.shards:
        print(f"\n## Predicted spectra of {options.spectra} unseen peptides\n")
        for line in predicted(sequencer, options.shards, options.spectra, options.held_out_share):
            print(line, flush=True)


if __name__ == "__main__":
    main()
