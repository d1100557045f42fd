"""Where the pipeline keeps its files, all under one folder that git ignores."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """Paths under the root, ``workspace`` unless a test chooses another."""

    root: Path = Path("workspace")

    @property
    def proteomes(self) -> Path:
        """FASTA files, one a species."""
        return self.root / "raw" / "proteomes"

    @property
    def peptides(self) -> Path:
        """The peptide table."""
        return self.root / "raw" / "peptides.parquet"

    @property
    def clean_shards(self) -> Path:
        """Predicted spectra."""
        return self.root / "shards" / "clean"

    @property
    def augmented_shards(self) -> Path:
        """Validation and test spectra at each noise level."""
        return self.root / "shards" / "augmented"

    @property
    def corpus(self) -> Path:
        """The peptide table of the network that is shipped."""
        return self.root / "raw" / "corpus.parquet"

    @property
    def corpus_shards(self) -> Path:
        """Predicted spectra of the corpus."""
        return self.root / "shards" / "corpus"

    @property
    def downloads(self) -> Path:
        """Files of public data sets, in the layout of a mirror."""
        return self.root / "raw" / "sets"

    def real_shards(self, name: str) -> Path:
        """Spectra of an imported data set."""
        return self.root / "shards" / "real" / name

    @property
    def data_cards(self) -> Path:
        """What the imported data sets hold."""
        return self.root / "reports" / "data"

    def model(self, name: str) -> Path:
        """A trained model: ``pretrained``, ``plain``, or ``base``, which is shipped."""
        return self.root / "models" / name

    def fold_model(self, species: str) -> Path:
        """The model of one fold."""
        return self.root / "models" / "folds" / species

    @property
    def fold_reports(self) -> Path:
        """Figures and predictions of the folds."""
        return self.root / "reports" / "folds"

    def fold_report(self, species: str) -> Path:
        """Figures of one fold."""
        return self.fold_reports / f"{species}.json"

    def fold_predictions(self, species: str) -> Path:
        """Predictions of one fold's test spectra."""
        return self.fold_reports / f"{species}.predictions.parquet"

    def fold_confusion(self, species: str) -> Path:
        """Which residues one fold's network took for others."""
        return self.fold_reports / f"{species}.confusion.csv"

    @property
    def recursion_report(self) -> Path:
        """Accuracy by refinement step of both models."""
        return self.root / "reports" / "recursion.json"

    @property
    def trust_report(self) -> Path:
        """Figures of decoding, calibration, false discoveries and outliers."""
        return self.root / "reports" / "trust.json"

    @property
    def trust_table(self) -> Path:
        """The same as Markdown."""
        return self.root / "reports" / "trust.md"

    def ablation(self, name: str) -> Path:
        """Figures of one row of the ablation table."""
        return self.root / "reports" / "ablations" / f"{name.replace(' ', '-')}.json"

    @property
    def ablation_table(self) -> Path:
        """The ablation table as Markdown."""
        return self.root / "reports" / "ablations.md"

    def studied_size(self, name: str) -> Path:
        """The network of one of the sizes that the study compares."""
        return self.root / "study" / name.replace(" ", "-")

    @property
    def study_table(self) -> Path:
        """The sizes and the search of settings, as Markdown."""
        return self.root / "reports" / "study.md"

    @property
    def bridge(self) -> Path:
        """Spectra, networks and figures of the strategies from synthetic to real."""
        return self.root / "bridge"

    @property
    def bridge_table(self) -> Path:
        """The strategies in one table, as Markdown."""
        return self.root / "reports" / "bridge.md"

    @property
    def noise_profiles(self) -> Path:
        """Fitted noise profiles, as a section of params.yaml; their figures beside it as Markdown."""
        return self.root / "reports" / "noise_profiles.yaml"

    @property
    def tracking_uri(self) -> str:
        """MLflow's database."""
        return f"sqlite:///{self.root / 'mlflow.db'}"

    @property
    def artifacts(self) -> Path:
        """MLflow's files."""
        return self.root / "mlruns"
