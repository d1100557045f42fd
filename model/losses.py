"""The losses: tokens, precursor mass, spectrum, gap mass, confidence and halting; and how the steps share them.

Every loss is one number a row, so that rows of different ages can be weighted and processes can share a batch.
"""

import torch
from torch import Tensor
from torch.nn import functional

from data.chemistry import ION_SERIES, WATER, fragment_mz
from data.vocabulary import GAP, PAD, STOP

MEAN_RESIDUE_DA = 111.1254
"""Da; averagine (Senko et al. 1995, J. Am. Soc. Mass Spectrom. 6:229): one unit of the precursor loss."""

STEP_GROWTH = 0.5
"""Exponential step weights grow by e^0.5 a step: the last of 8 carries 40%."""

GAP_SCALE_DA = 10.0
"""Below this the gap's loss is quadratic, above linear."""


def step_weights(kind: str, steps: int) -> Tensor:
    """Weights of the supervision steps, (steps,) float32, mean 1.

    Parameters
    ----------
    kind : ``uniform``, ``linear`` (1, 2, 3 …) or ``exponential`` (e^(0.5 k)).
    """
    if kind == "linear":
        weights = torch.arange(1.0, steps + 1)
    elif kind == "exponential":
        weights = (STEP_GROWTH * torch.arange(steps, dtype=torch.float32)).exp()
    else:
        weights = torch.ones(steps)
    return weights * steps / weights.sum()


def sigma_by_step(sigmas_da: tuple[float, ...], steps: int) -> list[float]:
    """Width of the spectrum loss's Gaussians at each step: the given ones in turn, each for an equal share of steps."""
    return [sigmas_da[min(step * len(sigmas_da) // steps, len(sigmas_da) - 1)] for step in range(steps)]


def teacher_loss(answer: Tensor, teacher: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy with a teacher's probabilities, summed over a row's true tokens and stop, (batch,).

    Parameters
    ----------
    answer : (batch, slots, tokens), logits.
    teacher : (batch, slots, tokens), probabilities.
    target : (batch, slots) int64; padding does not count.
    """
    return (-(teacher * answer.log_softmax(-1)).sum(-1) * (target != PAD)).sum(1)


def token_loss(answer: Tensor, target: Tensor, forbidden: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
    """Cross-entropy summed over a row's tokens and stop, (batch,); bounded by 0 from below.

    Parameters
    ----------
    answer : (batch, slots, tokens), logits.
    target : (batch, slots) int64; padding does not count.
    forbidden : (slots, tokens) bool, tokens that take no part in the smoothing.
    smoothing : ε of label smoothing, spread over the tokens that are not forbidden (Szegedy et al. 2016).
    """
    log_probability = answer.log_softmax(-1)
    picked = -log_probability.gather(-1, target[..., None]).squeeze(-1)
    if smoothing:
        usable = torch.ones_like(answer[0], dtype=torch.bool) if forbidden is None else ~forbidden
        spread = -(log_probability * usable).sum(-1) / usable.sum(-1)
        picked = (1 - smoothing) * picked + smoothing * spread
    return (picked * (target != PAD)).sum(1)


def soft_masses(answer: Tensor, gap_mass: Tensor, masses: Tensor) -> Tensor:
    """Expected mass of each slot's token, (batch, slots) float32, Da, were it a residue.

    The probabilities are those among the residues: what padding and stop have of them is not missing mass.

    Parameters
    ----------
    answer : (batch, slots, tokens), logits.
    gap_mass : (batch, slots), Da, of a gap in each slot.
    masses : (tokens,), Da.
    """
    share = answer[..., STOP + 1 :].float().softmax(-1)
    expected = share @ masses[STOP + 1 :].float()
    expected = expected + share[..., GAP - STOP - 1] * gap_mass
    return expected


def precursor_loss(expected: Tensor, target: Tensor, peptide_mass: Tensor) -> Tensor:
    """How far the expected mass of the residues is from the precursor's, in residues; (batch,), 0 at best.

    Huber's loss: quadratic below one residue, linear above, so that an early, hopeless answer does not drown the rest.

    Parameters
    ----------
    expected : (batch, slots), Da, from ``soft_masses``.
    target : (batch, slots) int64: which slots hold residues is taken from the truth.
    peptide_mass : (batch,), Da, neutral, water included.
    """
    mass = (expected * (target > STOP)).sum(1)
    units = (mass - (peptide_mass - WATER).float()) / MEAN_RESIDUE_DA
    return functional.huber_loss(units, torch.zeros_like(units), reduction="none")


def rendered_ions(expected: Tensor, target: Tensor, peptide_mass: Tensor, fragment_charge: Tensor) -> Tensor:
    """m/z of the ions of the expected masses, (batch, series × slots); +inf where there is none.

    Parameters
    ----------
    fragment_charge : (batch,) int64, the highest charge of a fragment.
    """
    prefix = expected.cumsum(1)
    inner = (target > STOP)[:, :-1] & (target > STOP)[:, 1:]
    inner = functional.pad(inner, (0, 1))
    mass = peptide_mass[:, None].float()
    mz = []
    for series in ION_SERIES:
        possible = inner & (fragment_charge >= series.charge)[:, None]
        mz.append(fragment_mz(prefix, mass, series).masked_fill(~possible, torch.inf))
    return torch.cat(mz, 1)


def matched_filter_loss(mz: Tensor, intensity: Tensor, ions: Tensor, sigma_da: float) -> Tensor:
    """Share of the observed intensity that no rendered ion explains; (batch,), 0…1.

    Recall only: an ion that nobody observed costs nothing. A peak is explained by 1 − Π(1 − exp(−d² / 2σ²)) over the
    ions at distance d.

    Parameters
    ----------
    mz, intensity : (batch, peaks), Th padded with +inf, and heights padded with 0.
    ions : (batch, ions), Th, +inf where there is none.
    """
    missed = (1 - _gaussian(mz, ions, sigma_da)).clamp(min=1e-6).log().sum(-1).exp()
    total = intensity.sum(1).clamp(min=1e-9)
    return (intensity * missed).sum(1) / total


def gaussian_spectrum_loss(mz: Tensor, intensity: Tensor, ions: Tensor, sigma_da: float) -> Tensor:
    """1 − cosine of the observed and the rendered spectrum, both as sums of Gaussians of width σ; (batch,), 0…1.

    Rendered ions have unit height. The inner product of two Gaussians at distance d is exp(−d² / 4σ²).

    Parameters
    ----------
    mz, intensity : (batch, peaks), Th padded with +inf, and heights padded with 0.
    ions : (batch, ions), Th, +inf where there is none.
    """
    wide = sigma_da * 2**0.5
    height = ions.isfinite().to(intensity.dtype)
    cross = torch.einsum("bp,bpi,bi->b", intensity, _gaussian(mz, ions, wide), height)
    observed = torch.einsum("bp,bpq,bq->b", intensity, _gaussian(mz, mz, wide), intensity)
    rendered = torch.einsum("bi,bij,bj->b", height, _gaussian(ions, ions, wide), height)
    return 1 - cross / (observed * rendered).clamp(min=1e-9).sqrt()


def _gaussian(left: Tensor, right: Tensor, sigma: float) -> Tensor:
    """exp(−d² / 2σ²) of every pair, (batch, left, right); 0 where one of the two is infinite."""
    usable = left.isfinite()[:, :, None] & right.isfinite()[:, None, :]
    distance = left.nan_to_num(posinf=0.0)[:, :, None] - right.masked_fill(~right.isfinite(), 0.0)[:, None, :]
    return (-(distance**2) / (2 * sigma**2)).exp() * usable


def gap_loss(gap_mass: Tensor, true_mass: Tensor, target: Tensor) -> Tensor:
    """Huber's loss of the masses of a row's gaps in units of 10 Da, summed; (batch,), 0 without gaps."""
    error = (gap_mass - true_mass.float()) / GAP_SCALE_DA
    each = functional.huber_loss(error, torch.zeros_like(error), reduction="none")
    return (each * (target == GAP)).sum(1)


def confidence_loss(trust: Tensor, answer: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of the trust in each token against whether it is right, mean of a row's tokens; (batch,).

    Parameters
    ----------
    trust : (batch, slots), logits.
    """
    wanted = target != PAD
    right = (answer.argmax(-1) == target).float()
    each = functional.binary_cross_entropy_with_logits(trust, right, reduction="none")
    return (each * wanted).sum(1) / wanted.sum(1).clamp(min=1)


def halting_loss(done: Tensor, answer: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of "the whole answer is right"; (batch,)."""
    return functional.binary_cross_entropy_with_logits(done, solved(answer, target).float(), reduction="none")


def solved(answer: Tensor, target: Tensor) -> Tensor:
    """(batch,) bool: every token up to the stop is right."""
    return ((answer.argmax(-1) == target) | (target == PAD)).all(1)
