"""`python -m model recipe.json …`: training on a bare machine, which has torch, numpy and pyarrow alone.

`peptrm recipe` writes the recipe. Several processes: `torchrun --nproc-per-node 2 -m model …`.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

from data.batches import SpectrumSet, pretraining_sets
from data.errors import InputError, PepTRMError
from model.recipe import Recipe
from model.trainer import train


def main(words: list[str] | None = None) -> None:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m model", description="Train a network from a recipe.")
    parser.add_argument("recipe", type=Path, help="JSON file that `peptrm recipe` wrote")
    parser.add_argument("--shards", type=Path, required=True, help="folder of predicted spectra")
    parser.add_argument("--folder", type=Path, required=True, help="of the new model; an unfinished one is continued")
    parser.add_argument("--real", type=Path, help="folder of shards of measured spectra, for stages that mix them in")
    parser.add_argument("--start", type=Path, help="folder of a model to train further")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--validation-share", type=float, default=0.05, help="of the peptides, chosen by hash")
    options = parser.parse_args(words)
    training_set, validation_set = pretraining_sets(options.shards, options.validation_share)
    train(
        recipe=_read_recipe(options.recipe),
        training_set=training_set,
        validation_set=validation_set,
        real_set=SpectrumSet.from_shards(options.real) if options.real else None,
        folder=options.folder,
        start=options.start,
        device=options.device,
    )


def _read_recipe(path: Path) -> Recipe:
    try:
        return Recipe.from_json(json.loads(path.read_text()))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"no recipe ({error})", path=path, remedy="Write one with `peptrm recipe`") from None


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        main()
    except PepTRMError as error:
        print(f"model: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(130)
