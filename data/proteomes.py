"""Proteomes: the table of the nine species, FASTA files, and the seeded generator of pseudo-proteins.

A pseudo-protein is a methionine followed by residues drawn independently with the amino-acid composition of a species.
It has a proteome's letters, but neither its motifs nor its homologies.

Every composition names its source. For four species no proteome and no published table was at hand to compute or check
one from: they carry a stand-in, which their source says. To replace one, or to check any, print the composition of the
species' UniProt proteome::

    python -c "from pathlib import Path; from data.proteomes import composition, read_fasta
    print(composition(read_fasta(Path('proteome.fasta.gz'))))"
"""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from data.atomic import make_folder, write_atomically
from data.chemistry import RESIDUE_MASSES
from data.errors import InputError
from data.paths import given_path
from data.settings import ProteomeSettings

AMINO_ACIDS = "".join(sorted(RESIDUE_MASSES))

_SWISS_PROT = (
    "A7.55 C1.69 D5.30 E6.32 F4.07 G6.84 H2.24 I5.72 K5.93 L9.33 "
    "M2.35 N4.52 P4.92 Q4.02 R5.15 S7.22 T5.74 V6.52 W1.25 Y3.19"
)
_SWISS_PROT_SOURCE = "UniProtKB/Swiss-Prot average, table in the PROSITE documentation PS50324"

_DICOT = (
    "A7.41 C1.73 D5.24 E5.99 F4.43 G6.96 H2.30 I5.32 K5.97 L9.59 "
    "M2.35 N4.65 P5.13 Q3.52 R4.91 S7.68 T5.11 V6.86 W1.25 Y2.93"
)
_DICOT_SOURCE = (
    "stand-in, the species' own composition is not verified: the dicot Citrus sinensis, sums of the codon frequencies "
    "of its coding sequences (Evol. Bioinform. 2013, 9:215-228, table 2, PMC3667683); M and W, which that table leaves "
    "out, as in Swiss-Prot"
)

_MEDIAN_LENGTH = 361
_LOG_LENGTH_DEVIATION = 0.84
"""Of the 6,637 proteins of the yeast proteome below."""
_SHORTEST, _LONGEST = 60, 3000


@dataclass(frozen=True)
class Species:
    """One row of the table.

    Attributes
    ----------
    name : binomial.
    slug : name of its files and of its cross-validation fold.
    taxon : NCBI Taxonomy identifier.
    residue_percent : letter and percentage of each amino acid, separated by blanks: of generated proteins.
    source : where the percentages come from.
    labels : further names that files of annotated spectra give it.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    name: str
    slug: str
    taxon: int
    residue_percent: str = _SWISS_PROT
    source: str = _SWISS_PROT_SOURCE
    labels: tuple[str, ...] = ()

    @property
    def composition(self) -> dict[str, float]:
        """Share of each amino acid; sums to 1."""
        percent = {entry[0]: float(entry[1:]) for entry in self.residue_percent.split()}
        total = sum(percent.values())
        return {letter: percent[letter] / total for letter in AMINO_ACIDS}


SPECIES: tuple[Species, ...] = (
    Species("Vigna mungo", "vigna_mungo", 3915, _DICOT, _DICOT_SOURCE),
    Species(
        "Mus musculus",
        "mus_musculus",
        10090,
        "A7.03 C1.90 D4.76 E7.79 F2.99 G6.82 H2.78 I3.96 K7.40 L8.68 "
        "M1.97 N3.55 P6.44 Q4.99 R6.47 S8.55 T4.99 V5.34 W0.90 Y2.68",
        "computed from 148 Swiss-Prot proteins (114,799 residues), the sample database of Casanovo; "
        "a sample of identified proteins, not the proteome",
    ),
    Species(
        "Methanosarcina mazei",
        "methanosarcina_mazei",
        2209,
        "A8.48 C1.28 D5.45 E8.50 F3.51 G8.02 H1.78 I7.34 K6.94 L8.78 "
        "M2.87 N3.45 P4.26 Q2.38 R5.10 S5.81 T4.95 V7.62 W0.67 Y2.83",
        "computed from its 485 Swiss-Prot proteins (150,119 residues) in the Methanomicrobia database "
        "of compomics/meta-proteome-analyzer",
    ),
    Species(
        "Bacillus subtilis",
        "bacillus_subtilis",
        1423,
        "A7.61 C0.79 D5.21 E7.27 F4.50 G6.86 H2.26 I7.37 K7.15 L9.63 "
        "M2.78 N4.02 P3.64 Q3.83 R4.10 S6.28 T5.41 V6.72 W1.03 Y3.52",
        "computed from 4,546 proteins (1,298,204 residues), the UniProt proteome of strain 168 (taxon 224308) "
        "in MannLabs/alphamap",
    ),
    Species(
        "Candidatus Thiodiazotropha endoloripes",
        "candidatus_endoloripes",
        1818881,
        "A9.45 C1.08 D5.34 E5.75 F3.97 G6.83 H2.30 I6.08 K5.09 L10.90 "
        "M2.57 N4.12 P4.07 Q4.93 R4.60 S6.47 T5.42 V6.75 W1.26 Y3.02",
        "stand-in, the species' own composition (and this taxon number) is not verified: another gammaproteobacterium, "
        "computed from 4,300 proteins (1,405,609 residues) of Shewanella oneidensis MR-1 in PNNL-Comp-Mass-Spec/PHRP",
    ),
    Species("Solanum lycopersicum", "solanum_lycopersicum", 4081, _DICOT, _DICOT_SOURCE),
    Species(
        "Saccharomyces cerevisiae",
        "saccharomyces_cerevisiae",
        4932,
        "A5.46 C1.32 D5.77 E6.44 F4.51 G4.94 H2.18 I6.58 K7.28 L9.58 "
        "M2.10 N6.12 P4.38 Q3.91 R4.45 S9.06 T5.91 V5.57 W1.04 Y3.39",
        "computed from 6,637 proteins (3,000,708 residues), UniProt reviewed 2021-04 in bigbio/quantms-test-datasets",
    ),
    Species(
        "Apis mellifera",
        "apis_mellifera",
        7460,
        _SWISS_PROT,
        "stand-in, the species' own composition is not verified: " + _SWISS_PROT_SOURCE,
    ),
    Species(
        "Homo sapiens",
        "homo_sapiens",
        9606,
        "A7.10 C2.04 D5.05 E7.50 F3.49 G6.57 H2.46 I4.39 K6.05 L9.72 "
        "M2.13 N3.63 P6.09 Q4.84 R5.64 S8.08 T5.34 V6.08 W1.16 Y2.63",
        "computed from 10,865 UniProt proteins (6,658,767 residues), subsets in a dozen public repositories, merged",
    ),
)
"""The nine species of the nine-species benchmark (Tran et al. 2017, PNAS 114:8247); parameters may name others."""

GENERAL = Species("average protein", "general", 1, _SWISS_PROT, _SWISS_PROT_SOURCE)
"""What the network is pre-trained on: no species at all (taxon 1 is the root)."""


@dataclass(frozen=True, slots=True)
class Protein:
    """One entry of a proteome.

    Attributes
    ----------
    name : the FASTA header without its ``>``.
    sequence : capital letters; besides the 20 amino acids possibly B, J, O, U, X, Z.
    """

    name: str
    sequence: str


def generate_proteome(species: Species, proteins: int, seed: int) -> list[Protein]:
    """Pseudo-proteins with the amino-acid composition of a species; the same for the same seed.

    Parameters
    ----------
    proteins : how many; their lengths are log-normal as those of yeast.
    seed : each species draws from a stream of its own.
    """
    rng = np.random.default_rng([seed, species.taxon])
    lengths = rng.lognormal(np.log(_MEDIAN_LENGTH), _LOG_LENGTH_DEVIATION, proteins)
    letters = np.frombuffer(AMINO_ACIDS.encode(), "S1")
    shares = np.array(list(species.composition.values()))
    return [
        Protein(
            f"synthetic|{species.slug}|{number:05d} pseudo-protein",
            "M" + rng.choice(letters, length - 1, p=shares).tobytes().decode(),
        )
        for number, length in enumerate(lengths.clip(_SHORTEST, _LONGEST).astype(int).tolist(), start=1)
    ]


def read_fasta(path: Path) -> list[Protein]:
    """Read a FASTA file, plain or compressed with gzip.

    Raises
    ------
    InputError : the file is missing, truncated, holds no protein, or is no FASTA of proteins.
    """
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        text = content.decode()
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise InputError("its gzip compression is damaged or cut off", path=path, remedy="Fetch it again") from None
    except UnicodeDecodeError:
        raise InputError("is no text", path=path, remedy="Give a FASTA file, plain or .gz") from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", path=path) from None
    if not text.lstrip().startswith(">"):
        raise InputError("does not begin with '>'", path=path, remedy="Give a FASTA file of proteins")
    proteins = []
    for entry in text.lstrip()[1:].split("\n>"):
        header, _, body = entry.partition("\n")
        name = header.strip()
        sequence = "".join(body.split()).upper().removesuffix("*")
        if not (sequence.isascii() and sequence.isalpha()):
            problem = "holds characters that are no residues" if sequence else "has no sequence"
            raise InputError(f"the entry {problem}", path=path, record=name, remedy="Repair or remove the entry")
        proteins.append(Protein(name, sequence))
    return proteins


def composition(proteins: Iterable[Protein]) -> dict[str, float]:
    """Percentage of each of the 20 amino acids among all of them; other letters are not counted."""
    counts = Counter[str]()
    for protein in proteins:
        counts.update(protein.sequence)
    total = sum(counts[letter] for letter in AMINO_ACIDS)
    return {letter: 100 * counts[letter] / total for letter in AMINO_ACIDS}


def write_proteomes(
    settings: ProteomeSettings, seed: int, folder: Path, species: Sequence[Species] = SPECIES
) -> list[Path]:
    """Write ``<slug>.fasta`` of the species and ``general.fasta``, the source of the pre-training peptides.

    Parameters
    ----------
    settings : with a ``folder``, the user's ``<slug>.fasta`` or ``<slug>.fasta.gz`` of each species are taken, and
        its ``general.fasta`` where there is one; all else is generated. A species may lack its file only with
        ``generate_missing``.
    seed : of the generator.

    Raises
    ------
    InputError : the user's folder lacks a species, a file is no FASTA, or a number of proteins is below 1.
    OutputError : the folder cannot be written.
    """
    if min(settings.proteins_per_species, settings.general_proteins) < 1:
        raise InputError("must be 1 or more", record="proteomes.proteins_per_species, proteomes.general_proteins")
    given = _given_files(settings, species) if settings.folder is not None else {}
    make_folder(folder)
    written = []
    for each in (*species, GENERAL):
        count = settings.general_proteins if each is GENERAL else settings.proteins_per_species
        source = given.get(each.slug)
        proteins = generate_proteome(each, count, seed) if source is None else read_fasta(source)
        path = folder / f"{each.slug}.fasta"
        write_atomically(path, "".join(f">{p.name}\n{p.sequence}\n" for p in proteins).encode())
        written.append(path)
    return written


def _given_files(settings: ProteomeSettings, species: Sequence[Species]) -> dict[str, Path]:
    """The user's FASTA file of each slug."""
    folder = given_path(settings.folder or "", "proteomes.folder")
    if not folder.is_dir():
        raise InputError("is no folder", path=folder, remedy="Set proteomes.folder to one of FASTA files, or to null")
    found = {}
    for each in (*species, GENERAL):
        for ending in (".fasta", ".fasta.gz"):
            if (path := folder / f"{each.slug}{ending}").is_file():
                found[each.slug] = path
    missing = [each.slug for each in species if each.slug not in found]
    if missing and not settings.generate_missing:
        raise InputError(
            f"lacks the proteome of {', '.join(missing)}",
            path=folder,
            remedy="Name the files <species>.fasta or <species>.fasta.gz, or set proteomes.generate_missing",
        )
    return found
