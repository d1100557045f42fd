"""Offering: modifications that the network never met, at inference, by their masses.

The score of a candidate is one small network for all residues, so a new token needs no training: it borrows the
weights of its residue, and its mass makes the evidence differ.
"""

from collections.abc import Sequence

import torch

from data.errors import InputError
from data.vocabulary import STOP, VOCABULARY, Vocabulary
from model.evidence import candidate_channels
from model.recursion import Network

_BY_TOKEN = ("answer_in.weight", "head.weight", "head.bias", "candidate_score.token.weight", "evidence_in.weight")


@torch.no_grad()
def offer(network: Network, texts: Sequence[str]) -> Network:
    """A network that may answer these tokens, too.

    Parameters
    ----------
    texts : ``S[UNIMOD:21]``, residues with modifications; in the vocabulary or not.

    Raises
    ------
    InputError : the network scores no candidates by mass, a token cannot be read, or its residue was never trained.
    """
    if not network.settings.evidence:
        raise InputError("modifications can be offered only to a network with evidence", record="network.evidence")
    known = {token.text for token in network.vocabulary.tokens}
    vocabulary = Vocabulary([text for text in texts if text not in known])
    wider = Network(network.settings, vocabulary).to(network.candidates.device)
    wider.load_state_dict(_widened(network, wider))
    allowed = {int(number) for number in network.candidates}
    for text in texts:
        number = next(n for n, token in enumerate(vocabulary.tokens) if token.text == text)
        if number not in allowed:
            _borrow(wider, number, _same_residue(vocabulary, number, allowed))
    wider.allow(allowed | {n for n, token in enumerate(vocabulary.tokens) if token.text in texts})
    return wider.eval()


def fix(network: Network, texts: Sequence[str]) -> None:
    """Let these tokens stand for all of their residue: no other form of it may be answered.

    Raises
    ------
    InputError : two tokens of the same residue, or a terminal one.
    """
    tokens = network.vocabulary.tokens
    fixed = {token.residue: number for number, token in enumerate(tokens) if token.text in texts}
    if "" in fixed or len(fixed) < len(set(texts)):
        raise InputError(
            "fixed modifications must be of residues, one each", record=", ".join(texts), remedy="Leave one out"
        )
    allowed = network.candidates.tolist()
    network.allow(n for n in allowed if tokens[n].residue not in fixed or fixed[tokens[n].residue] == n)


def _widened(network: Network, wider: Network) -> dict[str, torch.Tensor]:
    """The weights of the network in the shape of the wider one; what is new stays 0."""
    weights = network.state_dict()
    residues = len(VOCABULARY) - STOP - 1
    more = len(wider.vocabulary) - len(network.vocabulary)
    for name in _BY_TOKEN if more else ():
        old, new = weights[name], torch.zeros_like(wider.state_dict()[name])
        if name == "evidence_in.weight":
            channels = candidate_channels(network.settings)
            slots = old.shape[1] - channels * residues
            new[:, :slots] = old[:, :slots]
            for channel in range(channels):
                first = slots + channel * (residues + more)
                new[:, first : first + residues] = old[:, slots + channel * residues :][:, :residues]
        elif name == "answer_in.weight":
            new[:, : old.shape[1]] = old
        else:
            new[: len(old)] = old
        weights[name] = new
    return weights


def _same_residue(vocabulary: Vocabulary, number: int, allowed: set[int]) -> int:
    """The trained token of the same residue with the fewest modifications."""
    wanted = vocabulary.tokens[number]
    same = [n for n in allowed if vocabulary.tokens[n].residue == wanted.residue and wanted.residue]
    if not same:
        raise InputError(
            "the network has not met this residue",
            record=wanted.text,
            remedy="Offer a modified residue, such as S[UNIMOD:21]",
        )
    return min(same, key=lambda n: vocabulary.tokens[n].is_modified)


def _borrow(network: Network, number: int, lender: int) -> None:
    """Let a token have the weights of another."""
    network.answer_in.weight[:, number] = network.answer_in.weight[:, lender]
    network.head.weight[number] = network.head.weight[lender]
    network.head.bias[number] = network.head.bias[lender]
    token = network.candidate_score.token.weight
    token[number - STOP - 1] = token[lender - STOP - 1]
