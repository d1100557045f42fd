"""The weights of the path score: fitted to tell the right peptide's path through the spectrum graph from wrong ones.

PEPTRM_MIRROR=DIR python -m benchmarks.path_score --params FILE --shards DIR [--write]

The wrong peptides are those that the best paths lead to with the weights of each round before, their neighbours and the
right peptide's. The parameters name the measured files and what may be trained on;
``profiles/base.yaml`` is made for it.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from benchmarks.fitting import arguments, material
from benchmarks.match_score import LIGHT, each_once
from benchmarks.spectrum_graph import Batch, Judge, measured, predicted, with_noise
from data.chemistry import WATER
from data.vocabulary import PAD, VOCABULARY
from model.graph_decoding import PRECURSOR_DEVIATION_PPM, GraphDecoder
from model.neighbours import Neighbourhood
from model.path_score import GRID_DA, WEIGHTS_FILE, PathScore, most_probable, node_deviation_da, node_grid
from model.small_fragments import SmallFragments, small_fragments
from model.spectra import Spectra
from model.tensor_file import write_tensors
from tasks.params import Params, load_params

_GRAPH_ANSWERS = 16
_MEASURED_SHARE = 0.5
_HIGHLY_CHARGED = 2
"""Further copies of measured spectra of three charges and more: there are few."""
_ROWS, _RATE, _WEIGHT_DECAY = 48, 2e-3, 0.15
_PREDICTED = 4500
"""Spectra of each round, beside the measured ones."""
_UPDATES = (1200, 1200, 4000)
"""Of ``_ROWS`` spectra, in each round."""
_HOPELESS = 0.05
"""Probability of the right peptide well below which a spectrum teaches nothing: where hardly an ion is seen, another
peptide always explains the peaks better, and learning from that spoils what the others teach."""


@dataclass
class Questions:
    """Spectra, each with peptides of which the first is the right one.

    Attributes
    ----------
    tokens : (spectra, peptides, slots) uint8, all ``PAD`` where there are fewer.
    feature, posterior : (spectra, nodes, FEATURES) float16, (spectra, nodes), of the graph's nodes.
    node : (spectra, peptides, slots) int16, of the cleavage behind each slot, -1 for none.
    missed : (spectra, peptides, slots) float16, in units of the usual deviation.
    off : (spectra, peptides), what the peptide's mass costs.
    ions, pairs : float16, as `SmallFragments`.
    """

    tokens: Tensor
    feature: Tensor
    posterior: Tensor
    node: Tensor
    missed: Tensor
    off: Tensor
    ions: Tensor
    pairs: Tensor

    def drawn(self, rows: Tensor) -> "Questions":
        """These of them."""
        return Questions(*(part[rows] for part in vars(self).values()))


def joined(parts: list[Questions]) -> Questions:
    """All of them."""
    return Questions(*(torch.cat([getattr(part, name) for part in parts]) for name in vars(parts[0])))


class Examiner:
    """Asks which of several peptides is right, as a network with these parameters sees the spectra."""

    def __init__(self, params: Params) -> None:
        self.judge = Judge(params)
        self.evidence = self.judge.evidence
        self.tolerance_ppm = params.network.closure_tolerance_ppm
        self.path = PathScore(VOCABULARY).eval()

    def ask(self, of: list[Batch]) -> Questions:
        """Questions of batches of spectra, whose wrong peptides are those of the path score as it is."""
        decoder = GraphDecoder(VOCABULARY, self.judge.answered, self.tolerance_ppm, self.path)
        neighbours = Neighbourhood(VOCABULARY, self.judge.answered, self.tolerance_ppm, 0, self.path)
        return joined([self._ask(spectra, tokens, decoder, neighbours) for spectra, tokens in of])

    @torch.no_grad()
    def _ask(
        self, spectra: Spectra, tokens: NDArray[np.int64], decoder: GraphDecoder, neighbours: Neighbourhood
    ) -> Questions:
        index = self.evidence.index(spectra.mz, spectra.intensity, spectra.precursor_mz, spectra.charge)
        own = self.judge.peptides(tokens)[:, None]
        graph = decoder(self.evidence, index, self.judge.slots, _GRAPH_ANSWERS).tokens
        gains = self.path.gains(self.evidence, index)
        near = [neighbours(of, gains, index, count)[0] for of, count in ((own, 10), (graph[:, :2], 12))]
        peptides = each_once(torch.cat([own, graph, *near], 1))
        nodes = most_probable(index)
        deviation_da = node_deviation_da(index)
        grid, _ = node_grid(nodes, index.peptide_mass, deviation_da)
        mass = self.evidence.masses[peptides].cumsum(2)
        place = (mass / GRID_DA).round().long().clamp(0, grid.shape[1] - 1).flatten(1)
        node = grid.gather(1, place).long()
        missed = (place * GRID_DA - functional.pad(nodes.mass, (0, 1)).gather(1, node)) / deviation_da
        node = node.masked_fill(node == nodes.mass.shape[1], -1).view(peptides.shape)
        node = node.masked_fill(~self.evidence.is_cleavage(peptides), -1)
        off = (mass[..., -1] + WATER - index.peptide_mass[:, None]) / index.peptide_mass[:, None] * 1e6
        return Questions(
            peptides.to(torch.uint8),
            self.path.features(self.evidence, index, nodes).half(),
            nodes.posterior,
            node.to(torch.int16),
            (missed.view(peptides.shape) * (node >= 0)).half(),
            (off / PRECURSOR_DEVIATION_PPM).square().float() / 2,
            *(part.half() for part in small_fragments(self.evidence, index)),
        )


def scores(path: PathScore, of: Questions) -> Tensor:
    """(spectra, peptides), -inf for peptides that are missing."""
    tokens, node = of.tokens.long(), of.node.long()
    gain, turn = path.of_nodes(of.feature.float(), of.posterior)
    seen, here = node >= 0, node.clamp(min=0).flatten(1)
    cleavage = (gain.gather(1, here).view(node.shape) - path.missed * of.missed.float().square()) * seen
    turn = turn.gather(1, here[..., None].expand(-1, -1, turn.shape[2])).view(*node.shape, -1) * seen[..., None]
    small = path.small(SmallFragments(of.ions.float(), of.pairs.float()))
    whole = path.by_slot(tokens, cleavage, turn, small).sum(2) - of.off
    return whole.masked_fill((tokens == PAD).all(2), -torch.inf)


def fit(path: PathScore, measured: Questions, predicted: Questions, updates: int, seed: int) -> None:
    """Make the right peptides probable among those asked for; from new weights.

    Weights that were led astray would find hopeless what new ones find right.
    """
    torch.manual_seed(seed)
    path.load_state_dict(PathScore(VOCABULARY).state_dict())
    every = torch.cat([part.feature[part.posterior > 0].float() for part in (measured, predicted)])
    path.mean, path.deviation = every.mean(0), every.std(0) + 1e-2
    generator = torch.Generator().manual_seed(seed)
    path.requires_grad_(True)
    optimizer = torch.optim.AdamW(path.parameters(), weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=updates, pct_start=0.1)
    from_measured = round(_ROWS * _MEASURED_SHARE)
    for _ in range(updates):
        asked = joined(
            [
                part.drawn(torch.randint(len(part.tokens), (count,), generator=generator))
                for part, count in ((measured, from_measured), (predicted, _ROWS - from_measured))
            ]
        )
        right = scores(path, asked).softmax(1)[:, 0]
        loss = -(right + _HOPELESS).log().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(path.parameters(), 2.0)
        optimizer.step()
        schedule.step()
    path.requires_grad_(False)


def judged(path: PathScore, examiner: Examiner, of: list[Batch]) -> str:
    """How often the right peptide has the highest score, of all that are asked and of all that there are."""
    asked = examiner.ask(of)
    best = torch.cat([scores(path, asked.drawn(rows)).argmax(1) for rows in torch.arange(len(asked.tokens)).split(64)])
    decoder = GraphDecoder(VOCABULARY, examiner.judge.answered, examiner.tolerance_ppm, path)
    found = []
    for spectra, tokens in of:
        index = examiner.evidence.index(spectra.mz, spectra.intensity, spectra.precursor_mz, spectra.charge)
        answers = decoder(examiner.evidence, index, examiner.judge.slots, _GRAPH_ANSWERS).tokens
        found.append((answers == examiner.judge.peptides(tokens)[:, None]).all(2))
    right = torch.cat(found).float()
    shares = (float((best == 0).float().mean()), float(right[:, 0].mean()), float(right.amax(1).mean()))
    return "{:.3f} of the questions, {:.3f} by the best path, {:.3f} among the best".format(*shares)


def main() -> None:
    """Fit, judge on other peptides, and write the weights if asked."""
    options = arguments(__doc__, WEIGHTS_FILE)
    params = load_params(options.params)
    rng = np.random.default_rng(params.seed)
    given = material(params, options.shards)
    others = predicted(given.unseen.select(rng.permutation(len(given.unseen))[:600]), params, rng)
    examiner = Examiner(params)
    ask, of_measured, of_predicted = examiner.ask, [], []
    highly_charged = np.flatnonzero(given.ours.peaks.charge > 2)
    ours = given.ours.select(np.concatenate([np.arange(len(given.ours)), *[highly_charged] * _HIGHLY_CHARGED]))
    for updates in _UPDATES:
        level = rng.uniform(0.2, 1.0, len(ours)) * (rng.random(len(ours)) < 0.5)
        some = predicted(given.training.select(rng.permutation(len(given.training))[:_PREDICTED]), params, rng)
        of_measured.append(ask(with_noise(ours, LIGHT.settings(), level, rng)))
        of_predicted.append(ask([batch for of in some.values() for batch in of]))
        fit(examiner.path, joined(of_measured), joined(of_predicted), updates, params.seed)
    kept = {name: weight.bfloat16() for name, weight in examiner.path.state_dict().items()}
    examiner.path.load_state_dict({name: weight.float() for name, weight in kept.items()})
    if options.write:
        write_tensors(WEIGHTS_FILE, kept)
    for name, of in ({"measured": measured(given.held_out)} | others).items():
        print(f"{name}: {judged(examiner.path, examiner, of)}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
