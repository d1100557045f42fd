"""What exact decoding and the second look cost on top of the network.

python -m benchmarks.decoding FILE --model DIR
"""

import argparse
import statistics
import time
from pathlib import Path

import torch

from data.readers import read_spectra
from data.schema import Spectrum
from model.answers import AnswerSettings
from model.inference import Sequencer

_ROUNDS = 4


def milliseconds(sequencer: Sequencer, spectra: list[Spectrum]) -> float:
    """Of the processor, a spectrum."""
    began = time.process_time()
    for _ in sequencer.sequence(spectra):
        pass
    return 1e3 * (time.process_time() - began) / len(spectra)


def main() -> None:
    """Print the medians of alternating rounds, the first left out, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    options = parser.parse_args()
    spectra = list(read_spectra(options.file))
    ways = {
        "arg max": Sequencer(options.model, threads=1, answers=AnswerSettings(exact=False, calibrated=False)),
        "default": Sequencer(options.model, threads=1),
    }
    rounds = [{name: milliseconds(way, spectra) for name, way in ways.items()} for _ in range(_ROUNDS)]
    median = {name: statistics.median(each[name] for each in rounds[1:]) for name in ways}
    ratio = median["default"] / median["arg max"]
    print(f"{', '.join(f'{name} {ms:.1f} ms' for name, ms in median.items())}, ratio {ratio:.2f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
