"""What is sent and answered, as pydantic models: the source of the service's OpenAPI description."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from data.readers.record import MAX_CHARGE

Include = Literal["steps", "candidates", "ions", "prediction"]
"""Parts of an answer that are given only when asked for: the answer after every refinement step, the peptides that were
compared, which peaks are ions of the peptide, and the peptide's spectrum as MS2PIP predicts it."""

MAX_STEPS = 200

EXAMPLE: JsonDict = {
    "spectra": [
        {
            "id": "a",
            "precursor_mz": 436.7293,
            "precursor_charge": 2,
            "mz": [147.1128, 294.1812, 351.2027, 514.2660],
            "intensity": [1200, 900, 400, 650],
        }
    ],
    "include": ["candidates", "ions"],
}
"""A request."""

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Steps = Annotated[
    int | None,
    Field(ge=1, le=MAX_STEPS, description="Refinement steps for every spectrum; null: as many as each needs."),
]


class SpectrumIn(BaseModel):
    """A tandem mass spectrum."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1, max_length=200, description="Comes back as `spectrum_id`.")
    precursor_mz: float = Field(gt=0, le=1e5, allow_inf_nan=False, description="Th")
    precursor_charge: int = Field(ge=1, le=MAX_CHARGE)
    mz: list[Annotated[float, Field(gt=0, le=1e5, allow_inf_nan=False)]] = Field(min_length=1, description="Th")
    intensity: list[Annotated[float, Field(ge=0, le=1e30, allow_inf_nan=False)]] = Field(
        min_length=1, description="One a peak, in any unit; at least one above 0."
    )
    retention_time: _Finite | None = Field(default=None, description="s")
    collision_energy: _Finite | None = Field(default=None, description="NCE")
    instrument: str | None = Field(default=None, max_length=200)


class SequenceRequest(BaseModel):
    """Spectra to be sequenced at once."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE]})

    spectra: list[SpectrumIn] = Field(min_length=1)
    steps: _Steps = None
    include: list[Include] = Field(default=[], max_length=8, description="What else to tell of each answer.")


class FileQuery(BaseModel):
    """What is said of an uploaded file beside it."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(default="", max_length=200, description="Of the file; shown, and never opened.")
    steps: _Steps = None


class PageQuery(BaseModel):
    """Which answers are asked for."""

    model_config = ConfigDict(extra="forbid")

    offset: int = Field(default=0, ge=0, le=2**53, description="Answers to leave out.")
    limit: int = Field(default=100, ge=1, le=1_000, description="Answers at most.")


class Residue(BaseModel):
    """A token of a peptide: a residue with what is attached to it, or an N-terminal modification."""

    text: str = Field(description="ProForma, `M[UNIMOD:35]`.")
    letter: str = Field(description="One-letter code; empty for an N-terminal modification, X for an unknown mass.")
    modification: str = Field(description="Unimod's name or a mass; empty where there is none.")
    score: float | None = Field(default=None, description="0…1: the probability that this residue is right.")


class Ion(BaseModel):
    """A peak of the spectrum that is an ion of the peptide."""

    name: str = Field(description="`b3`, `y7++`.")
    peak: int = Field(description="Position in the peak list, by ascending m/z.")
    mz: float = Field(description="Th, of the peak.")
    error_ppm: float


class Peptide(BaseModel):
    """A peptide that was thought of."""

    peptidoform: str = Field(description="ProForma 2.0.")
    residues: list[Residue]
    ions: list[Ion] | None = Field(default=None, description="Where `ions` were asked for.")
    explained_intensity: float | None = Field(default=None, description="Share of the intensity in those peaks.")


class ComparedPeptide(Peptide):
    """A candidate."""

    score: float = Field(description="Of the answer its own; of the others their parts of what it leaves.")


class Ambiguity(BaseModel):
    """A stretch that the spectrum does not tell from others of the same mass."""

    first: int = Field(description="Residue, from 1.")
    last: int
    readings: list[str] = Field(description="The answer's own first.")
    has_more: bool = Field(description="There are more readings than are listed.")


class PredictedPeak(BaseModel):
    """A peak of the spectrum that MS2PIP predicts of the peptide."""

    name: str
    mz: float = Field(description="Th")
    intensity: float = Field(description="Base peak = 1.")


class Answer(BaseModel):
    """A peptide and how far to trust it."""

    spectrum_id: str
    precursor_mz: float = Field(description="Th")
    precursor_charge: int
    retention_time: float | None = Field(description="s")
    peptidoform: str = Field(description="ProForma 2.0 with Unimod accessions; L stands for I, too. Empty: no answer.")
    peptide_score: float = Field(description="0…1: the probability that the peptide is right, if calibrated.")
    residues: list[Residue]
    calculated_mz: float | None = Field(description="Th, of the peptide.")
    ppm_error: float | None = Field(description="Of the precursor against the peptide.")
    outlier_score: float | None = Field(description="0…1, how unlike a good spectrum; null without a calibration.")
    is_proven: bool | None = Field(description="No peptide of this mass is more probable than those compared.")
    ambiguity: str = Field(description="As in the files: `3-4:AG=GA=Q`.")
    ambiguities: list[Ambiguity]
    gap: str = Field(description="What each residue of unknown mass may be.")
    reference: str | None = Field(description="The peptide that the file gives, where it does.")
    steps: list[Peptide] | None = Field(default=None, description="The answer after every refinement step.")
    candidates: list[ComparedPeptide] | None = Field(default=None, description="The answer is the first.")
    ions: list[Ion] | None = None
    explained_intensity: float | None = Field(default=None, description="Share of the intensity in those peaks.")
    prediction: list[PredictedPeak] | None = Field(
        default=None, description="Null where MS2PIP is not installed or does not predict such a peptide."
    )


class Answers(BaseModel):
    """One answer a spectrum, in order."""

    answers: list[Answer]


class ResultPage(BaseModel):
    """Answers of a job, as far as they have come."""

    done: int = Field(description="Spectra sequenced so far.")
    answers: list[Answer]


class SpectrumDetail(BaseModel):
    """A spectrum of a job and all that is known of it."""

    answer: Answer
    mz: list[float] = Field(description="Th, ascending.")
    intensity: list[float] = Field(description="Base peak = 1.")


class JobStatus(BaseModel):
    """How far a file is."""

    id: str
    name: str
    state: Literal["queued", "reading", "sequencing", "completed", "failed", "cancelled"]
    ahead: int = Field(description="Files that wait before this one.")
    done: int = Field(description="Spectra sequenced.")
    total: int | None = Field(description="Spectra in the file; null until it is read.")
    seconds: float = Field(description="Of work so far.")
    seconds_left: float | None = Field(description="Estimated; null where it cannot be told.")
    skipped: dict[str, int] = Field(description="Reason → spectra that were left out.")
    problem: str | None
    created: str = Field(description="ISO 8601, UTC.")


class ModelStatus(BaseModel):
    """The network that answers, and what the service takes on."""

    version: str = Field(description="Of PepTRM.")
    parameters: int = Field(description="Weights of the network.")
    steps: int = Field(description="Refinement steps that every spectrum gets.")
    max_steps: int = Field(description="Steps of a spectrum that needs more.")
    longest_peptide: int = Field(description="Residues.")
    tokens: list[str] = Field(description="Residues and modifications that can be read.")
    calibrated: bool
    fragment_tolerance: str
    precursor_tolerance_ppm: float
    device: str
    batch_size: int
    limits: dict[str, int | float]


class Health(BaseModel):
    """Whether it lives, or is ready."""

    status: str


class Problem(BaseModel):
    """What was wrong and what to do."""

    detail: str


class FieldProblem(BaseModel):
    """Where in a body something is wrong."""

    loc: list[str | int]
    msg: str
    type: str


class ValidationProblem(BaseModel):
    """All that is wrong in a request."""

    detail: list[FieldProblem] | str
