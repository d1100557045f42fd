"""Database search: the candidates of a database under the same scores as peptides that are read without one."""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.predictions import ProteinMatch
from data.vocabulary import PAD
from model.decoding import Decoded, DecodingSettings
from model.hypothesis import with_stop
from model.recursion import EncodedBatch, Network, State
from model.review import log_probability

_LEAST_LOG_PROBABILITY = -20.0


class Database(Protocol):
    """Candidate peptides by mass, as `data.database.CandidateIndex` makes them."""

    def within(self, mass: float, tolerance_ppm: float, isotope_errors: int) -> NDArray[np.int64]:
        """Candidates of a precursor's neutral mass."""

    def tokens(self, candidates: NDArray[np.int64]) -> NDArray[np.int64]:
        """(candidates, slots) int64."""

    def peptidoform(self, candidate: int) -> str:
        """ProForma."""

    def proteins(self, candidate: int) -> tuple[ProteinMatch, ...]:
        """Where the database holds it."""


@torch.no_grad()
def best_of_database(
    database: Database, network: Network, encoded: EncodedBatch, state: State, settings: DecodingSettings
) -> tuple[Decoded, NDArray[np.int64]]:
    """The candidates of each spectrum that the recursion's answer makes most probable.

    Parameters
    ----------
    state : the recursion's last.

    Returns
    -------
    They, best first, and their numbers in the database, (batch, candidates), -1 where there are fewer.
    """
    probability = log_probability(network, state)
    batch, slots, _ = probability.shape
    device = probability.device
    tokens = torch.full((batch, settings.candidates, slots), PAD, device=device)
    score = torch.full((batch, settings.candidates), -torch.inf, device=device)
    numbers = np.full((batch, settings.candidates), -1)
    for row, mass in enumerate(encoded.index.peptide_mass.tolist()):
        found = database.within(mass, settings.tolerance_ppm, settings.isotope_errors)
        if len(found) == 0:
            continue
        forms = torch.from_numpy(database.tokens(found)).to(device)
        scores = _scores(probability[row], forms)
        best = scores.topk(min(settings.candidates, len(found)))
        tokens[row, : len(best.indices)] = forms[best.indices]
        score[row, : len(best.indices)] = best.values
        numbers[row, : len(best.indices)] = found[best.indices.cpu().numpy()]
    return Decoded(tokens, score, torch.ones(batch, dtype=torch.bool, device=device)), numbers


def _scores(probability: Tensor, forms: Tensor) -> Tensor:
    """(candidates,): summed log-probability of the tokens and the stop; no token counts less than ``e^-20``."""
    closed = with_stop(forms)
    place = torch.arange(forms.shape[1], device=forms.device)
    each = probability[place, closed].clamp(min=_LEAST_LOG_PROBABILITY)
    return (each * (closed != PAD)).sum(1)
