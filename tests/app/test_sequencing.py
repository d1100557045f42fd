"""A sequencing run that is interrupted goes on to the same result; nothing else may touch what it left."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from pyteomics.mztab import MzTab

from data.errors import InputError, OutputError, PepTRMError
from model.inference import Sequencer
from tasks.journal import journal_path, partial_path
from tasks.sequencing import Interrupted, Job, Summary, is_complete, sequence_files

BATCH = 2
SPECTRA = 9


class Watcher:
    """Interrupts, or fails, when so many spectra are done or the batch that they end in."""

    def __init__(self, at: int = -1, error: BaseException | None = None) -> None:
        self.at, self.error = at, error or KeyboardInterrupt()
        self.shares: list[float] = []

    def file(self, path: Path) -> None:
        pass

    def advance(self, done: int, share: float | None = None) -> None:
        self.shares.append(share or 0.0)
        if 0 < self.at <= done:
            raise self.error


@pytest.fixture(scope="module")
def sequencer(model: Path) -> Sequencer:
    return Sequencer(model, threads=1, batch_size=BATCH)


@pytest.fixture
def nine(mgf: Path) -> Path:
    """Nine spectra, and one that cannot be read in the midst of them."""
    text = mgf.read_text()
    bad = "BEGIN IONS\nPEPMASS=500\nCHARGE=0+\n100 1\nEND IONS\n"
    mgf.write_text(text + bad + text * 2)
    return mgf


@pytest.fixture
def run(sequencer: Sequencer, nine: Path) -> Callable[..., Summary]:
    def sequence(output: Path, watcher: Watcher | None = None, job: Job | None = None, **how: bool) -> Summary:
        return sequence_files([nine], output, sequencer, job or Job(steps=1), watcher or Watcher(), **how)

    return sequence


@pytest.mark.parametrize("ending", [".mztab", ".tsv", ".parquet"])
@pytest.mark.parametrize("at", [3, 8])
def test_a_resumed_run_ends_as_an_uninterrupted_one(run, tmp_path, ending, at):
    whole, output = tmp_path / f"whole{ending}", tmp_path / f"out{ending}"
    summary = run(whole)
    with pytest.raises(Interrupted) as caught:
        run(output, Watcher(at))
    assert caught.value.partial == partial_path(output) and partial_path(output).exists()
    assert not output.exists()
    resumed = run(output, resume=True)
    assert output.read_bytes() == whole.read_bytes()
    assert resumed.resumed == caught.value.done == at + at % BATCH
    assert (resumed.sequenced, resumed.identified) == (summary.sequenced, summary.identified)
    assert resumed.ppm_errors == summary.ppm_errors
    assert resumed.skipped == summary.skipped == {"precursor charge not in 1–8": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["three.mgf", whole.name, output.name])


def test_the_partial_output_is_a_valid_file_of_what_was_done(run, tmp_path):
    run(tmp_path / "whole.mztab")
    with pytest.raises(Interrupted):
        run(tmp_path / "out.mztab", Watcher(5))
    whole = MzTab(str(tmp_path / "whole.mztab")).spectrum_match_table
    partial = MzTab(str(tmp_path / "partial-out.mztab")).spectrum_match_table
    assert 0 < len(partial) <= 6
    assert partial.equals(whole.head(len(partial)))


def test_a_run_that_was_killed_leaves_a_journal_that_a_cut_off_line_does_not_spoil(run, tmp_path):
    whole, output = tmp_path / "whole.tsv", tmp_path / "out.tsv"
    run(whole)
    with pytest.raises(Interrupted):
        run(output, Watcher(5))
    partial_path(output).unlink()
    journal = journal_path(output)
    journal.write_text(journal.read_text()[:-40])
    assert not is_complete(output)
    assert run(output, resume=True).resumed == 4
    assert output.read_bytes() == whole.read_bytes()


def test_decoys_of_a_resumed_run_are_those_of_an_uninterrupted_one(run, tmp_path):
    job = Job(steps=1, fdr=0.9, fdr_by="decoys")
    run(tmp_path / "whole.tsv", job=job)
    with pytest.raises(Interrupted):
        # an estimate needs all answers: the interruption comes before anything is written
        run(tmp_path / "out.tsv", Watcher(5), job)
    run(tmp_path / "out.tsv", job=job, resume=True)
    assert (tmp_path / "out.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()


def test_only_the_same_job_may_go_on(run, nine, tmp_path):
    output = tmp_path / "out.tsv"
    with pytest.raises(Interrupted):
        run(output, Watcher(3))
    with pytest.raises(OutputError, match="--resume"):
        run(output)
    with pytest.raises(InputError, match="differs in: steps"):
        run(output, job=Job(steps=3), resume=True)
    with pytest.raises(InputError, match="differs in: decoding"):
        run(output, job=Job(steps=1, settings={"decoding": "argmax"}), resume=True)
    text = nine.read_text()
    nine.write_text(text.replace("CHARGE=2+", "CHARGE=3+"))
    with pytest.raises(InputError, match="differs in: files"):
        run(output, resume=True)
    nine.write_text(text)
    assert run(output, force=True).resumed == 0
    with pytest.raises(OutputError, match="--force"):
        run(output)


def test_two_runs_do_not_write_the_same_output(run, tmp_path):
    output = tmp_path / "out.tsv"

    class Second(Watcher):
        def advance(self, done: int, share: float | None = None) -> None:
            with pytest.raises(OutputError, match="another run"):
                run(output, resume=True)

    assert run(output, Second()).sequenced == SPECTRA


def test_what_a_failure_had_done_is_kept_but_not_of_input_that_cannot_be_read(run, tmp_path, caplog):
    output = tmp_path / "out.tsv"
    with pytest.raises(PepTRMError):
        run(output, Watcher(5, PepTRMError("the disk is full")))
    assert "--resume" in caplog.text
    assert run(output, resume=True).resumed == 6
    other = tmp_path / "other.tsv"
    with pytest.raises(InputError):
        run(other, Watcher(5, InputError("is truncated")))
    assert not journal_path(other).exists() and not other.exists()


def test_a_file_that_is_no_journal_is_left_alone(run, tmp_path):
    journal = journal_path(tmp_path / "out.tsv")
    journal.write_text("my notes\n")
    with pytest.raises(InputError, match="is no journal"):
        run(tmp_path / "out.tsv", resume=True)
    assert journal.read_text() == "my notes\n"
    journal.write_text(json.dumps({"version": "0"}) + "\n")
    with pytest.raises(InputError, match="differs in"):
        run(tmp_path / "out.tsv", resume=True)


def test_the_share_of_the_work_grows_to_all_of_it(run, tmp_path):
    watcher = Watcher()
    run(tmp_path / "out.tsv", watcher)
    assert watcher.shares == sorted(watcher.shares)
    assert 0 < watcher.shares[0] <= watcher.shares[-1] <= 1


class _Allocator(torch.nn.Module):
    """The network's encoder, where memory is enough for two spectra at once."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder, self.sizes = encoder, []

    def forward(self, spectra, *rest):
        self.sizes.append(len(spectra))
        if len(spectra) > 2:
            torch.empty(1 << 60)  # the processor's allocator refuses
        return self.encoder(spectra, *rest)


def test_batches_are_halved_when_memory_runs_out(model, nine, tmp_path, caplog):
    sequencer = Sequencer(model, threads=1, batch_size=None)
    allocator = sequencer.network.encoder = _Allocator(sequencer.network.encoder)
    assert sequence_files([nine], tmp_path / "out.tsv", sequencer, Job(steps=1), Watcher()).sequenced == SPECTRA
    assert allocator.sizes == [9, 5, 3, 2, 1, 2, 4, 2, 2]
    assert sequencer.batch_size == 2
    assert "memory ran out with 9 spectra at once; going on with 5" in caplog.text


def test_a_batch_of_the_users_own_size_is_not_halved(model, nine, tmp_path):
    sequencer = Sequencer(model, threads=1, batch_size=8)
    sequencer.network.encoder = _Allocator(sequencer.network.encoder)
    with pytest.raises(PepTRMError, match=r"memory ran out with 8 spectra at once.*--batch-size auto"):
        sequence_files([nine], tmp_path / "out.tsv", sequencer, Job(steps=1), Watcher())
    assert [path.name for path in tmp_path.iterdir()] == ["three.mgf"]
