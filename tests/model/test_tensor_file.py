"""Tensor files against the safetensors library, both ways."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from model.tensor_file import read_tensors, write_tensors

TENSORS = {
    "weight": torch.randn(3, 5),
    "half": torch.randn(7).bfloat16(),
    "counts": torch.arange(4),
    "mask": torch.tensor([[True, False]]),
    "double": torch.randn(2, 2, 2, dtype=torch.float64),
    "scalar": torch.tensor(3.5),
    "empty": torch.zeros(0, 4),
}


def equal(left, right):
    assert left.keys() == right.keys()
    for name, tensor in left.items():
        assert tensor.dtype == right[name].dtype and torch.equal(tensor, right[name]), name


def test_the_library_reads_what_is_written(tmp_path):
    write_tensors(tmp_path / "a", TENSORS)
    equal(TENSORS, load_file(tmp_path / "a"))


def test_what_the_library_writes_is_read(tmp_path):
    save_file(TENSORS, tmp_path / "b", metadata={"made": "by the library"})
    equal(TENSORS, read_tensors(tmp_path / "b"))


def test_shared_and_strided_tensors_are_written_whole(tmp_path):
    base = torch.arange(12.0).reshape(3, 4)
    views = {"base": base, "column": base[:, 1], "transposed": base.T}
    write_tensors(tmp_path / "c", views)
    equal({name: view.contiguous() for name, view in views.items()}, read_tensors(tmp_path / "c"))


@pytest.mark.parametrize("keep", [0, 5, 40, -3])
def test_a_cut_file_is_refused(tmp_path, keep):
    write_tensors(tmp_path / "d", TENSORS)
    content = (tmp_path / "d").read_bytes()
    (tmp_path / "d").write_bytes(content[:keep])
    with pytest.raises(ValueError):
        read_tensors(tmp_path / "d")
