"""Peptides in proteomes: as a search for every one of them finds, and in real proteomes that share some."""

from hypothesis import given
from hypothesis import strategies as st

from data.occurrence import occurring
from data.proteomes import read_fasta

residues = st.text("AILGKR", min_size=1, max_size=12)


@given(sequences=st.lists(residues, max_size=8), proteins=st.lists(residues, min_size=0, max_size=5))
def test_as_a_search_for_each_finds(sequences, proteins):
    merged = [protein.replace("I", "L") for protein in proteins]
    expected = {s.replace("I", "L") for s in sequences if any(s.replace("I", "L") in protein for protein in merged)}
    assert occurring(sequences, proteins) == expected


def test_a_peptide_does_not_reach_from_one_protein_into_the_next():
    assert occurring(["KPEP", "TIDEK", "AAA"], ["MKPEP", "TLDEK"]) == {"KPEP", "TLDEK"}


def test_in_a_real_proteome(mirror):
    proteins = [p.sequence for p in read_fasta(mirror / "proteomes" / "erwinia_carotovora.fasta.gz")]
    inside = [protein[len(protein) // 2 :][:9] for protein in proteins[:300] if len(protein) > 30]
    outside = [sequence[::-1] + "W" * 6 for sequence in inside]
    assert occurring(inside + outside, proteins) == {sequence.replace("I", "L") for sequence in inside}
