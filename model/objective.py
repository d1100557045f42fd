"""The objective: some supervision steps of a batch, and the weighted sum of their losses."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from data.vocabulary import PAD
from model.carry import Carry
from model.checkpoint import autocast
from model.domain import DomainDiscriminator, domain_loss
from model.losses import (
    confidence_loss,
    gap_loss,
    gaussian_spectrum_loss,
    halting_loss,
    matched_filter_loss,
    precursor_loss,
    rendered_ions,
    sigma_by_step,
    soft_masses,
    solved,
    step_weights,
    teacher_loss,
    token_loss,
)
from model.recursion import EncodedBatch, Network, State
from model.settings import StageSettings, TrainingSettings


@dataclass
class Outcome:
    """What some steps gave.

    Attributes
    ----------
    losses : name → sum over the rows of a batch, without gradient; ``tokens`` is the cross-entropy.
    loss : what is minimised: the sum over rows, each row's tokens weighing alike.
    state : of the rows after the steps, without gradient.
    finished : (batch,) bool, rows to replace.
    """

    loss: Tensor
    losses: dict[str, Tensor]
    state: State
    finished: Tensor


class Objective(nn.Module):
    """A network with its losses; one call is one update's forward pass, which is what several processes share."""

    weights: Tensor

    def __init__(self, network: Network, training: TrainingSettings, device: str) -> None:
        super().__init__()
        self.network, self.training_settings, self.device = network, training, device
        self.loss_settings = training.loss
        steps = training.max_age
        self.register_buffer("weights", step_weights(training.loss.step_weights, steps).to(device), persistent=False)
        self.sigmas = sigma_by_step(training.loss.sigmas_da, steps)
        adversarial = training.loss.domain_weight > 0
        self.domain = DomainDiscriminator(network.settings.width).to(device) if adversarial else None

    def forward(
        self, carry: Carry, stage: StageSettings, tokens: Tensor, explore: Tensor, reversal: float = 0.0
    ) -> Outcome:
        """Supervise some steps.

        Parameters
        ----------
        tokens : () float32: tokens and stops of the whole batch, over all processes, that the loss is averaged over.
        explore : (batch,) bool: rows that may not halt yet, however sure they are.
        reversal : strength of the domain adversary's reversed gradient, 0…1.
        """
        state, steps = carry.state, self.training_settings.steps_per_update
        loss = torch.zeros((), device=self.device)
        sums: dict[str, Tensor] = {}
        with autocast(self.device, self.training_settings.precision):
            encoded = self.network.encode(carry.spectra, carry.index)
            if self.domain is not None:
                rows = domain_loss(self.domain(encoded.pooled, reversal), carry.measured)
                rows = steps * (carry.target != PAD).sum(1) * rows
                loss = loss + self.loss_settings.domain_weight * rows.sum()
                sums["domain"] = rows.detach().sum()
            for _ in range(steps):
                ages = state.step.clamp(max=len(self.weights) - 1)
                state = self.network(encoded, state.detach())
                for name, (weight, rows) in self._losses(carry, encoded, state, stage, ages).items():
                    loss = loss + weight * (self.weights[ages] * rows).sum()
                    sums[name] = sums.get(name, 0) + rows.detach().sum()
            finished = self._finished(carry.target, state, explore)
        return Outcome(loss / (steps * tokens), {k: v / steps for k, v in sums.items()}, state.detach(), finished)

    def _losses(
        self, carry: Carry, encoded: EncodedBatch, state: State, stage: StageSettings, ages: Tensor
    ) -> dict[str, tuple[float, Tensor]]:
        """Name → weight and loss of each row; all but the tokens' count once a token, so that they weigh as it does."""
        settings, network, target = self.loss_settings, self.network, carry.target
        count = (target != PAD).sum(1)
        forbidden = network.forbidden[: target.shape[1]]
        parts = {"tokens": (1.0, token_loss(state.answer, target, forbidden, settings.label_smoothing))}
        if carry.teacher.shape[-1]:
            parts["teacher"] = (settings.teacher_weight, teacher_loss(state.answer, carry.teacher, target))
        if stage.precursor_weight or settings.spectrum != "none":
            expected = soft_masses(state.answer, state.gap_mass, network.mass_evidence.masses)
            mass = encoded.index.peptide_mass
            if stage.precursor_weight:
                parts["precursor"] = (stage.precursor_weight, count * precursor_loss(expected, target, mass))
            if settings.spectrum != "none":
                ions = rendered_ions(expected, target, mass, encoded.index.fragment_charge)
                parts["spectrum"] = (settings.spectrum_weight, count * self._spectrum(encoded, ions, ages))
        if network.gap is not None:
            parts["gap"] = (settings.gap_weight, gap_loss(state.gap_mass, carry.gap_mass, target))
        if network.confidence is not None:
            trust = network.confidence(state.answer, state.latent)
            parts["confidence"] = (settings.confidence_weight, count * confidence_loss(trust, state.answer, target))
        if network.halting is not None:
            done = network.halting(state.answer, state.latent)
            parts["halting"] = (settings.halting_weight, count * halting_loss(done, state.answer, target))
        return parts

    def _spectrum(self, encoded: EncodedBatch, ions: Tensor, ages: Tensor) -> Tensor:
        """The spectrum loss of each row, its Gaussians as wide as the row's step asks."""
        loss = matched_filter_loss if self.loss_settings.spectrum == "matched filter" else gaussian_spectrum_loss
        index = encoded.index
        of_row = torch.tensor(self.sigmas, device=ages.device)[ages]
        rows = torch.zeros(len(ages), device=ages.device)
        for sigma in sorted(set(self.sigmas)):
            here = (of_row == sigma).nonzero()[:, 0]
            if len(here):
                with torch.autocast(ages.device.type, enabled=False):
                    found = loss(index.mz[here], index.intensity[here], ions[here], sigma)
                rows = rows.index_put((here,), found)
        return rows

    def _finished(self, target: Tensor, state: State, explore: Tensor) -> Tensor:
        """Rows too old to go on, and those that are done: by the halting head where there is one, else by the truth."""
        done = solved(state.answer, target)
        if self.network.halting is not None:
            done = (self.network.halting(state.answer, state.latent) > 0) & ~explore
        return done | (state.step >= self.training_settings.max_age)
