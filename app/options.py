"""Options of the command line that several verbs share, or that need more than a line to say."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Model = Annotated[
    Path | None,
    typer.Option(help="Folder of a trained network, or base or small, which the package brings; else base."),
]
Steps = Annotated[
    int | None, typer.Option(min=1, max=200, help="Refinement steps for every spectrum; else as many as each needs.")
]
Device = Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="auto: cuda where there is one, else cpu.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Processor threads.")]
By = Annotated[
    str | None, typer.Option(help="Also by groups of spectra: length,charge,missing,modification, or some of them.")
]
BatchSize = Annotated[
    str, typer.Option(help="Spectra at once; auto: 128, and half as many whenever memory runs out.", metavar="auto|N")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")]
LogFile = Annotated[Path | None, typer.Option(help="Also write messages and the summary to the end of this file.")]
Files = Annotated[
    list[Path],
    typer.Argument(
        help="MGF, mzML, mzXML, MS2, MSP or Parquet, plain or gz; names, globs, or a folder of them.",
        metavar="FILE",
    ),
]
FilesOrStdin = Annotated[
    list[Path],
    typer.Argument(
        help="MGF, mzML, mzXML, MS2, MSP, Parquet, plain or gz; names, globs, a folder, or - for standard input.",
        metavar="FILE",
    ),
]
StdinFormat = Annotated[
    Literal["mgf", "mzml", "mzxml", "msp", "parquet"], typer.Option("--format", help="Of the standard input.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the output, and forget an interrupted run.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with what an interrupted run left.")]

Output = Annotated[
    Path,
    typer.Option(
        "--output", "-o", help="Ends in .mztab, .tsv, .csv, .parquet, .psm.tsv, .pin, msms.txt, .msp, .mgf, .fasta."
    ),
]
Modification = Annotated[
    list[str] | None,
    typer.Option("--modification", help="Also read this: Phospho:STY, S+79.9663, S[UNIMOD:21]. Can be repeated."),
]
Fixed = Annotated[list[str] | None, typer.Option("--fixed", help="On every such residue: TMT6plex:K. Can be repeated.")]
MaxModifications = Annotated[
    int | None, typer.Option("--max-modifications", min=0, help="Of a peptide, beside the fixed ones.")
]
Open = Annotated[bool, typer.Option("--open", help="Also read residues and stretches of unknown mass.")]
Decoding = Annotated[
    Literal["exact", "argmax"],
    typer.Option(help="The best peptides of the precursor's mass, or the most probable residue of each slot."),
]
PrecursorTolerance = Annotated[
    float | None, typer.Option("--precursor-tolerance-ppm", min=0.01, help="Of exact decoding; else the network's own.")
]
IsotopeErrors = Annotated[
    int, typer.Option("--isotope-errors", min=0, max=5, help="The precursor may be the peak of so many 13C atoms.")
]
ResidueSource = Annotated[
    Literal["combined", "head", "probability", "entropy", "path", "dropout", "ensemble"] | None,
    typer.Option(help="Where a residue's confidence comes from; dropout takes 8 more looks, an ensemble one a model."),
]
PeptideScore = Annotated[
    Literal["calibrated", "product", "minimum", "mean"],
    typer.Option(help="A peptide's score: its calibrated probability, or a statistic of its residues."),
]
Ensemble = Annotated[
    list[Path] | None, typer.Option(help="Folder of a further model, for --residue-confidence ensemble.")
]
Database = Annotated[
    Path | None, typer.Option(help="FASTA of proteins, plain or gz: choose among their peptides alone.")
]
Enzyme = Annotated[str, typer.Option(help="Of the database's digest: a rule of Expasy, or non-specific.")]
MissedCleavages = Annotated[int, typer.Option(min=0, help="Of the database's digest.")]
MinProbability = Annotated[
    float | None,
    typer.Option("--min-probability", min=0, max=1, help="Of the peptides that are written; 0.9 for .fasta, else 0."),
]
Fdr = Annotated[
    float | None, typer.Option(min=0, max=1, help="Write only peptides of which at most this share is wrong.")
]
FdrBy = Annotated[
    Literal["probability", "decoys"],
    typer.Option(
        help="Estimate it from the calibrated probabilities, or by shifted precursors (twice the time, often too low)."
    ),
]
