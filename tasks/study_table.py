"""The study as Markdown: the sizes after equal time, and the trials of the search, the best first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tasks.markdown import table

_BEST = 12


def markdown(sizes: Sequence[Mapping[str, Any]], trials: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Both tables; accuracies are of tokens, in %."""
    if sizes:
        rungs = len(sizes[0]["rungs"])
        yield f"**Sizes**: token accuracy, easy / hard, after equal parts of the same time; {rungs} parts."
        yield ""
        heads = ("size", "parameters", "updates", *(f"{part} of {rungs}" for part in range(1, rungs + 1)))
        yield from table(heads, (_size(each) for each in sizes))
    if trials:
        done = sum(trial["complete"] for trial in trials)
        yield (
            f"**Search**: {len(trials)} trials, {done} to the end; score: mean of easy and hard token accuracy "
            f"after the part of the time that the trial was given. The best {min(_BEST, len(trials))}:"
        )
        yield ""
        names = list(trials[0]["drawn"])
        ordered = sorted(trials, key=lambda trial: (len(trial["scores"]), trial["scores"][-1:]), reverse=True)
        yield from table(("trial", *names, "updates", "scores"), (_trial(t, names) for t in ordered[:_BEST]))
        yield "**Search, by option**: trials, and the mean score of all at their first validation."
        yield ""
        yield from table(("setting", "option", "trials", "mean score"), _by_option(trials, names))


def _size(size: Mapping[str, Any]) -> list[str]:
    scores = [f"{100 * rung['easy']:.1f} / {100 * rung['hard']:.1f}" for rung in size["rungs"]]
    return [size["name"], f"{size['parameters']:,}", f"{size['updates']:,}", *scores]


def _trial(trial: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    scores = " → ".join(f"{100 * score:.1f}" for score in trial["scores"])
    return [str(trial["number"]), *(_value(trial["drawn"][name]) for name in names), f"{trial['updates']:,}", scores]


def _by_option(trials: Sequence[Mapping[str, Any]], names: Iterable[str]) -> Iterator[list[str]]:
    """Numbers are parted at their median."""
    for name in names:
        values = [trial["drawn"][name] for trial in trials]
        if isinstance(values[0], float):
            middle = sorted(values)[len(values) // 2]
            labels = [f"{'below' if value < middle else 'from'} {middle:.3g}" for value in values]
        else:
            labels = [str(value) for value in values]
        for label in sorted(set(labels)):
            first = [t["scores"][0] for t, own in zip(trials, labels, strict=True) if own == label and t["scores"]]
            if first:
                yield [name, label, str(len(first)), f"{100 * sum(first) / len(first):.1f}"]


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
