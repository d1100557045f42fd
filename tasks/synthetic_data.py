"""Prefect tasks of the data stages: proteomes, peptides, predicted spectra, noisy spectra."""

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger

from data.augmentation import augment
from data.peptides import build_peptides
from data.proteomes import write_proteomes
from data.synthesis import synthesize
from tasks.params import Params
from tasks.workspace import Workspace


@task(name="proteomes", cache_policy=NO_CACHE)
def make_proteomes(params: Params, workspace: Workspace) -> None:
    """Write the FASTA files of the species and of the pre-training peptides."""
    written = write_proteomes(params.proteomes, params.seed, workspace.proteomes, params.species)
    get_run_logger().info("%d proteomes in %s", len(written), workspace.proteomes)


@task(name="peptides", cache_policy=NO_CACHE)
def make_peptides(params: Params, workspace: Workspace) -> None:
    """Digest the proteomes into the peptide table."""
    table = build_peptides(params.peptides, params.seed, workspace.proteomes, workspace.peptides, params.species)
    get_run_logger().info("%d peptides in %s", table.num_rows, workspace.peptides)


@task(name="synthesize", cache_policy=NO_CACHE, retries=1)
def make_spectra(params: Params, workspace: Workspace) -> None:
    """Predict the peptides' spectra into shards."""
    log = get_run_logger()
    manifest = synthesize(
        workspace.peptides,
        params.synthesis,
        params.seed,
        workspace.clean_shards,
        on_progress=lambda done, total: log.info("%d of %d spectra predicted", done, total),
    )
    log.info("%d spectra in %s", manifest.rows, workspace.clean_shards)


@task(name="augment", cache_policy=NO_CACHE, retries=1)
def make_noisy_spectra(params: Params, workspace: Workspace) -> None:
    """Write the validation and test spectra at each noise level."""
    manifest = augment(
        workspace.clean_shards,
        workspace.augmented_shards,
        params.augment.levels,
        params.noise,
        params.peptides.validation_share,
        params.synthesis.shard_rows,
        params.seed,
    )
    get_run_logger().info("%d noisy spectra in %s", manifest.rows, workspace.augmented_shards)
