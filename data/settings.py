"""The knobs of the data steps, as plain dataclasses; `params.yaml` explains each."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

_STRICT: dict[str, Any] = {"extra": "forbid"}


@dataclass(frozen=True, kw_only=True)
class ProteomeSettings:
    """Where proteins come from: FASTA files of the user, or the embedded generator where no folder is given.

    Attributes
    ----------
    folder : may name environment variables, ``$HOME/proteomes``.
    generate_missing : generate the proteome of a species that the folder lacks, in place of an error.
    """

    __pydantic_config__: ClassVar = _STRICT
    folder: str | None = None
    generate_missing: bool = False
    proteins_per_species: int = 60
    general_proteins: int = 900


@dataclass(frozen=True, kw_only=True)
class PeptideSettings:
    """In-silico digestion and the sampling of modifications and charges."""

    __pydantic_config__: ClassVar = _STRICT
    enzyme: str = "trypsin"
    missed_cleavages: int = 1
    min_length: int = 7
    max_length: int = 20
    per_species: int = 1200
    pretraining: int = 24000
    fixed_modifications: tuple[str, ...] = ("C[UNIMOD:4]",)
    modification_rates: dict[str, float] = field(default_factory=dict)
    charge_shares: dict[int, float] = field(default_factory=lambda: {2: 0.7, 3: 0.3})
    validation_share: float = 0.05


@dataclass(frozen=True, kw_only=True)
class CorpusSettings:
    """Peptides of real proteomes and lists, for the network that is shipped.

    Attributes
    ----------
    sources : enzyme, ``non-specific`` or ``listed`` → share of the peptides.
    exclude : files whose peptides may not be trained on: annotated spectra, or CSV with a column ``seq``.
    held_out_share : of all sequences, by hash: the test set of everything synthetic.
    """

    __pydantic_config__: ClassVar = _STRICT
    proteomes: tuple[str, ...] = ()
    peptide_lists: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    sources: dict[str, float] = field(default_factory=lambda: {"trypsin": 1.0})
    peptides: int = 800_000
    missed_cleavages: int = 2
    min_length: int = 6
    max_length: int = 30
    fixed_modifications: tuple[str, ...] = ("C[UNIMOD:4]",)
    modification_rates: dict[str, float] = field(default_factory=dict)
    charge_shares: dict[int, float] = field(default_factory=lambda: {2: 0.7, 3: 0.3})
    held_out_share: float = 0.02


@dataclass(frozen=True, kw_only=True)
class SynthesisSettings:
    """MS2PIP predictions into Parquet shards."""

    __pydantic_config__: ClassVar = _STRICT
    model: str = "HCDch2"
    collision_energy: float = 30.0
    processes: int = 2
    shard_rows: int = 5000


@dataclass(frozen=True, kw_only=True)
class NoiseSettings:
    """Noise at level 1; a level in 0…1 scales every probability, count, width and share linearly.

    Probabilities are per peak or ion; masses errors are standard deviations in ppm.
    """

    __pydantic_config__: ClassVar = _STRICT
    peak_dropout: float = 0.15
    faint_peak_dropout: float = 0.6
    noise_peaks: int = 40
    peak_error_ppm: float = 4.0
    spectrum_error_ppm: float = 3.0
    precursor_error_ppm: float = 2.0
    intensity_sigma: float = 0.5
    isotopes: bool = True
    neutral_loss_probability: float = 0.45
    a_ion_probability: float = 0.5
    immonium_probability: float = 0.4
    internal_fragments: int = 14
    triply_charged_probability: float = 0.3
    precursor_probability: float = 0.3
    coisolation_probability: float = 0.05
    coisolation_intensity: float = 0.3


@dataclass(frozen=True, kw_only=True)
class UniformNoise:
    """Noise without structure: every ion is lost with the same probability, and foreign peaks lie anywhere."""

    __pydantic_config__: ClassVar = _STRICT
    noise_peaks: int
    peak_dropout: float
    peak_error_ppm: float
    intensity_sigma: float

    def settings(self) -> NoiseSettings:
        """The same as noise settings of which all structure is switched off."""
        return NoiseSettings(
            noise_peaks=self.noise_peaks,
            peak_dropout=self.peak_dropout,
            peak_error_ppm=self.peak_error_ppm,
            intensity_sigma=self.intensity_sigma,
            faint_peak_dropout=0.0,
            spectrum_error_ppm=0.0,
            precursor_error_ppm=0.0,
            isotopes=False,
            neutral_loss_probability=0.0,
            a_ion_probability=0.0,
            immonium_probability=0.0,
            internal_fragments=0,
            triply_charged_probability=0.0,
            precursor_probability=0.0,
            coisolation_probability=0.0,
        )


@dataclass(frozen=True, kw_only=True)
class PreprocessingSettings:
    """What is done to every spectrum of every source before the network sees it."""

    __pydantic_config__: ClassVar = _STRICT
    min_mz: float = 50.0
    max_mz: float = 2500.0
    precursor_tolerance_da: float = 1.5
    deisotope: bool = False
    isotope_tolerance_ppm: float = 20.0
    peaks_per_window: int = 10
    window_da: float = 100.0
    max_peaks: int = 120
    min_relative_intensity: float = 0.002
    intensity_scaling: str = "root"
