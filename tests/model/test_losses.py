"""Every loss: a worked example by hand, its bounds, and its gradient against finite differences."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data.chemistry import PROTON, WATER
from data.vocabulary import GAP, PAD, STOP, VOCABULARY
from model.losses import (
    MEAN_RESIDUE_DA,
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

MASSES = torch.as_tensor(VOCABULARY.masses)
G, A = VOCABULARY.encode("GA")
TARGET = torch.tensor([[G, A, STOP, PAD]])


def certain(tokens: list[int], logit: float = 40.0) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.tensor([tokens]), len(VOCABULARY)).double() * logit


def random_answer(seed: int = 0, rows: int = 2) -> torch.Tensor:
    return torch.randn(rows, 4, len(VOCABULARY), dtype=torch.double, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", ["uniform", "linear", "exponential"])
def test_step_weights_have_mean_one_and_do_not_fall(kind):
    weights = step_weights(kind, 8)
    assert weights.mean().item() == pytest.approx(1)
    assert (weights.diff() >= 0).all()


def test_the_last_of_eight_exponential_steps_carries_two_fifths():
    share = step_weights("exponential", 8)[-1].item() / 8
    assert share == pytest.approx((1 - math.exp(-0.5)) / (1 - math.exp(-4)), rel=1e-5)
    assert 0.40 <= share <= 0.50
    assert step_weights("linear", 8)[-1].item() / 8 == pytest.approx(8 / 36)


def test_sigma_narrows_with_the_steps():
    assert sigma_by_step((10.0, 5.0, 2.0, 0.5), 8) == [10, 10, 5, 5, 2, 2, 0.5, 0.5]
    assert sigma_by_step((10.0, 5.0, 2.0, 0.5), 2) == [10, 2]


def test_token_loss_of_an_even_guess_is_the_logarithm_of_the_tokens():
    answer = torch.zeros(1, 4, len(VOCABULARY))
    assert token_loss(answer, TARGET).item() == pytest.approx(3 * math.log(len(VOCABULARY)), rel=1e-6)
    assert token_loss(certain([G, A, STOP, G]), TARGET).item() == pytest.approx(0, abs=1e-6)


def test_a_sure_teacher_is_the_truth_and_the_loss_is_least_where_both_agree():
    generator = torch.Generator().manual_seed(4)
    answer, other = torch.randn(2, 1, 4, len(VOCABULARY), generator=generator)
    sure = torch.nn.functional.one_hot(TARGET, len(VOCABULARY)).float()
    assert teacher_loss(answer, sure, TARGET).item() == pytest.approx(token_loss(answer, TARGET).item(), rel=1e-6)
    teacher = other.softmax(-1)
    entropy = torch.distributions.Categorical(probs=teacher).entropy()[0, :3].sum().item()
    assert teacher_loss(other, teacher, TARGET).item() == pytest.approx(entropy, rel=1e-5)
    assert teacher_loss(answer, teacher, TARGET).item() > entropy


def test_label_smoothing_is_spread_over_the_allowed_tokens():
    forbidden = torch.ones(4, len(VOCABULARY), dtype=torch.bool)
    forbidden[:, [G, A, STOP]] = False
    answer = torch.zeros(1, 4, len(VOCABULARY)).masked_fill(forbidden, -math.inf).nan_to_num(neginf=-1e4)
    answer[..., G] = 1.0
    logs = answer[0, 0].log_softmax(-1)
    by_hand = 0.0
    for token in (G, A, STOP):
        by_hand += 0.9 * -logs[token] + 0.1 * -(logs[G] + logs[A] + logs[STOP]) / 3
    assert token_loss(answer, TARGET, forbidden, 0.1).item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_special_tokens_do_not_swallow_mass():
    answer = certain([G, A, STOP, PAD])
    answer[..., STOP] += 60.0  # nearly all probability on the stop
    expected = soft_masses(answer, torch.zeros(1, 4), MASSES)
    assert expected[0, :2].tolist() == pytest.approx(MASSES[[G, A]].tolist(), abs=1e-4)
    mass = MASSES[[G, A]].sum() + WATER
    assert precursor_loss(expected, TARGET, mass[None]).item() == pytest.approx(0, abs=1e-9)


def test_a_gap_brings_its_own_mass():
    expected = soft_masses(certain([G, GAP, STOP, PAD]), torch.tensor([[0.0, 123.4, 0.0, 0.0]]), MASSES)
    assert expected[0, 1].item() == pytest.approx(123.4, abs=1e-3)


def test_precursor_loss_counts_residues():
    expected = MASSES[[G, A, STOP, PAD]][None].float()
    true = MASSES[[G, A]].sum() + WATER
    half = precursor_loss(expected, TARGET, true[None] + MEAN_RESIDUE_DA / 2).item()
    assert half == pytest.approx(0.5 * 0.5**2, rel=1e-4)
    assert precursor_loss(expected, TARGET, true[None] + 3 * MEAN_RESIDUE_DA).item() == pytest.approx(2.5, rel=1e-4)


def test_rendered_ions_of_a_dipeptide_by_hand():
    expected = MASSES[TARGET]
    mass = expected.sum(1) + WATER
    ions = rendered_ions(expected, TARGET, mass, torch.tensor([2]))
    finite = ions[ions.isfinite()].tolist()
    b, y = MASSES[G].item() + PROTON, MASSES[A].item() + WATER + PROTON
    assert finite == pytest.approx([b, y, (b + PROTON) / 2, (y + PROTON) / 2], abs=1e-3)
    single = rendered_ions(expected, TARGET, mass, torch.tensor([1]))
    assert single.isfinite().sum() == 2


MZ = torch.tensor([[100.0, 200.0, 300.0, math.inf]])
HEIGHT = torch.tensor([[0.5, 1.0, 0.5, 0.0]])


def test_matched_filter_by_hand():
    ions = torch.tensor([[100.0, 203.0, math.inf]])
    far = math.exp(-(3.0**2) / 2 / 2.0**2)
    by_hand = (0.5 * 0 + 1.0 * (1 - far) + 0.5 * 1) / 2.0
    assert matched_filter_loss(MZ, HEIGHT, ions, 2.0).item() == pytest.approx(by_hand, abs=1e-4)


def test_matched_filter_does_not_punish_ions_that_nobody_observed():
    ions = torch.tensor([[100.0, 200.0, 300.0]])
    more = torch.tensor([[100.0, 200.0, 300.0, 1500.0, 1700.0]])
    assert matched_filter_loss(MZ, HEIGHT, ions, 0.5).item() == pytest.approx(0, abs=1e-5)
    assert matched_filter_loss(MZ, HEIGHT, more, 0.5).item() == pytest.approx(0, abs=1e-5)
    one, two = (gaussian_spectrum_loss(MZ, HEIGHT, each, 0.5).item() for each in (ions, more))
    assert two > one + 0.1


def test_gaussian_loss_by_hand():
    ions = torch.tensor([[200.0]])
    by_hand = 1 - 1.0 / math.sqrt(0.25 + 1 + 0.25)
    assert gaussian_spectrum_loss(MZ, HEIGHT, ions, 0.5).item() == pytest.approx(by_hand, abs=1e-5)


@given(st.lists(st.floats(60, 2000), min_size=1, max_size=12), st.sampled_from([10.0, 5.0, 2.0, 0.5]))
def test_spectrum_losses_stay_between_0_and_1(ions, sigma):
    for loss in (matched_filter_loss, gaussian_spectrum_loss):
        value = loss(MZ, HEIGHT, torch.tensor([ions]), sigma).item()
        assert -1e-5 <= value <= 1 + 1e-5


def test_a_narrow_filter_gives_no_gradient_where_a_wide_one_does():
    for sigma, alive in ((10.0, True), (0.2, False)):
        ions = torch.tensor([[106.0]], requires_grad=True)
        matched_filter_loss(MZ, HEIGHT, ions, sigma).sum().backward()
        assert (ions.grad.abs().max().item() > 1e-4) is alive
        assert ions.grad.item() >= 0  # towards the peak at 100


def test_gap_loss_by_hand():
    target = torch.tensor([[G, GAP, STOP]])
    true = torch.tensor([[0.0, 150.0, 0.0]])
    assert gap_loss(torch.tensor([[9.0, 155.0, 7.0]]), true, target).item() == pytest.approx(0.5 * 0.5**2)
    assert gap_loss(torch.tensor([[9.0, 180.0, 7.0]]), true, target).item() == pytest.approx(3 - 0.5)


def test_confidence_and_halting_by_hand():
    answer = certain([G, G, STOP, PAD])  # the second residue is wrong
    assert not solved(answer, TARGET).item()
    assert solved(certain([G, A, STOP, A]), TARGET).item()
    even = confidence_loss(torch.zeros(1, 4), answer, TARGET).item()
    assert even == pytest.approx(math.log(2), rel=1e-5)
    knows = confidence_loss(torch.tensor([[9.0, -9.0, 9.0, 0.0]]), answer, TARGET).item()
    assert knows == pytest.approx(math.log1p(math.exp(-9)), abs=1e-6)
    assert halting_loss(torch.tensor([2.0]), answer, TARGET).item() == pytest.approx(
        math.log1p(math.exp(2.0)), rel=1e-5
    )


def objectives():
    mass = torch.tensor([300.0, 320.0], dtype=torch.double)
    target = torch.tensor([[G, A, G, STOP], [A, A, STOP, PAD]])
    peaks = MZ.double().expand(2, -1).nan_to_num(posinf=1e4), HEIGHT.double().expand(2, -1)

    def ions(answer):
        return rendered_ions(
            soft_masses(answer, torch.zeros(2, 4), MASSES).double(), target, mass, torch.tensor([2, 2])
        )

    return {
        "tokens": lambda answer: token_loss(answer, target, None, 0.1),
        "precursor": lambda answer: precursor_loss((answer[..., 2:].softmax(-1) @ MASSES[2:]).double(), target, mass),
        "matched filter": lambda answer: matched_filter_loss(*peaks, ions(answer), 10.0),
        "gaussian": lambda answer: gaussian_spectrum_loss(*peaks, ions(answer), 10.0),
    }


@pytest.mark.parametrize("name", ["tokens", "precursor", "matched filter", "gaussian"])
def test_gradients_against_finite_differences(name):
    loss = objectives()[name]
    answer = random_answer().requires_grad_()
    loss(answer).sum().backward()
    generator = torch.Generator().manual_seed(1)
    direction = torch.randn(answer.shape, dtype=torch.double, generator=generator)
    step = 1e-2
    numeric = (
        (loss(answer.detach() + step * direction).sum() - loss(answer.detach() - step * direction).sum()) / 2 / step
    )
    analytic = (answer.grad * direction).sum()
    assert analytic.item() == pytest.approx(numeric.item(), rel=2e-2, abs=1e-4)
    assert analytic.item() != 0


@given(st.integers(0, 1000))
def test_losses_are_never_negative(seed):
    answer = random_answer(seed)
    for loss in objectives().values():
        assert (loss(answer) >= -1e-6).all()
