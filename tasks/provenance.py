"""Where a figure comes from: the commit, the hash of the code and of the data, the machine."""

import hashlib
import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data.paths import given_path
from data.shards import MANIFEST, manifest_hash
from tasks.params import Params
from tasks.workspace import Workspace

_CODE = ("data", "model", "tasks/training.py", "tasks/folds.py")


def git_commit() -> str:
    """The commit, with a plus where the work tree differs from it; ``unknown`` outside of git."""
    try:
        commit = _git("rev-parse", "HEAD")
        return f"{commit}+" if _git("status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout.strip()


def code_hash() -> str:
    """SHA-256 over the source of the spectra and the network."""
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for part in _CODE:
        for path in sorted((root / part).rglob("*.py")) if (root / part).is_dir() else [root / part]:
            digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def fold_inputs_hash(params: Params, workspace: Workspace, species: str) -> str:
    """Content hash of all that decides a fold's result: data, code, parameters and the weights it starts from."""
    folds = params.cross_validation
    start = workspace.model("pretrained") / "model.safetensors"
    content: dict[str, Any] = {
        "species": species,
        "code": code_hash(),
        "clean": manifest_hash(workspace.clean_shards),
        "augmented": manifest_hash(workspace.augmented_shards),
        "peptides": file_hash(workspace.peptides),
        "start": file_hash(start) if folds.start == "pretrained" else None,
        "seed": params.seed,
        "parameters": params.model_dump(mode="json", include={"noise", "preprocessing", "network"}),
        "steps": params.evaluation.steps,
        "bootstrap_samples": params.evaluation.bootstrap_samples,
        "validation_share": params.peptides.validation_share,
        "calibration": [params.calibration.fold_spectra, file_hash(Path(__file__).with_name("calibration.py"))],
        "training": folds.model_dump(mode="json", include={"training", "start", "test_noise_level", "measured"}),
    }
    if folds.measured.files:
        content["all species"] = [[each.slug, each.name, each.labels] for each in params.species]
        content["proteome"] = file_hash(workspace.proteomes / f"{species}.fasta")
        content["measured"] = [file_hash(given_path(name, "measured.files")) for name in folds.measured.files]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def provenance(params: Params, workspace: Workspace) -> dict[str, str]:
    """What the report and every run say of their inputs; of spectra, those that are there."""
    shards = {
        "clean spectra (manifest)": workspace.clean_shards,
        "noisy spectra (manifest)": workspace.augmented_shards,
        "corpus spectra (manifest)": workspace.corpus_shards,
    }
    return {
        "git commit": git_commit(),
        "code": code_hash(),
        **{name: manifest_hash(folder) for name, folder in shards.items() if (folder / MANIFEST).is_file()},
        "seed": str(params.seed),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "python": platform.python_version(),
    }
