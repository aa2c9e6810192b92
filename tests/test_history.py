"""Snapshots read a few at a time are those read at once, and damage is found as there."""

import struct

import numpy as np
import pytest

from rnnkit.checkpoints import load_history, save_history
from rnnkit.errors import FileError
from rnnkit.history import history_beside, open_history


@pytest.fixture
def file(tmp_path):
    rng = np.random.default_rng(0)
    tensors = {
        "recurrent.weight": rng.standard_normal((7, 4, 4)).astype(np.float32),
        "input.weight": rng.standard_normal((7, 4, 0)),
        "readout.bias": rng.standard_normal((7, 3)),
    }
    path = tmp_path / "a.history.safetensors"
    save_history(path, np.arange(0, 70, 10), tensors, "a")
    return path


@pytest.mark.parametrize("most", [1, 3, 7, 100])
def test_blocks_are_parts_of_the_whole(file, most):
    steps, tensors = load_history(file)
    history = open_history(file)
    assert history.names == tuple(sorted(tensors))
    assert history.snapshot_bytes == 4 * 4 * 4 + 3 * 8
    blocks = list(history.blocks(most))
    assert [len(found) for found, _ in blocks[:-1]] == [most] * (len(blocks) - 1)
    assert np.concatenate([found for found, _ in blocks]).tolist() == steps.tolist()
    for name, value in tensors.items():
        read = np.concatenate([held[name] for _, held in blocks])
        assert read.dtype == value.dtype
        assert np.array_equal(read, value)


def test_snapshots_by_their_place(file):
    _, tensors = load_history(file)
    found = open_history(file).read(2, 3, ["readout.bias"])
    assert list(found) == ["readout.bias"]
    assert np.array_equal(found["readout.bias"], tensors["readout.bias"][2:5])
    assert set(open_history(file).read(6, 1)) == set(tensors)


def test_some_tensors_alone(file):
    ((steps, held),) = open_history(file).blocks(10, ["readout.bias"])
    assert len(steps) == 7
    assert set(held) == {"readout.bias"}


def test_one_snapshot_alone(file):
    _, tensors = load_history(file)
    history = open_history(file)
    for place in (0, 4, 6):
        found = history.at(place)
        assert set(found) == set(tensors)
        assert all(np.array_equal(found[name], tensors[name][place]) for name in found)
    assert set(history.at(0, ["readout.bias"])) == {"readout.bias"}


def test_where_snapshots_stand(tmp_path):
    assert history_beside(tmp_path / "x-s0.safetensors") == tmp_path / "x-s0.history.safetensors"


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.8, 0.99])
def test_a_changed_bit_is_found(file, place):
    data = bytearray(file.read_bytes())
    data[int(place * len(data))] ^= 4
    file.write_bytes(data)
    with pytest.raises(FileError, match="damaged"):
        open_history(file)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9])
def test_a_file_cut_off_is_found(file, share):
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    with pytest.raises(FileError, match="damaged"):
        open_history(file)


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"{}",
        b'{"__metadata__": 1}',
        b'{"__metadata__": {"rnnkit": "{}"}, "a": 1}',
        b'{"__metadata__": {"rnnkit": "{}"}, "a": {"dtype": "F8", "shape": [1], "data_offsets": [0, 1]}}',
        b'{"__metadata__": {"rnnkit": "{}"}, "a": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}',
        b'{"__metadata__": {"rnnkit": "{}"}, "a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, -4]}}',
        b"[" * 100_000,
    ],
)
def test_headers_of_other_files(tmp_path, header):
    path = tmp_path / "a.history.safetensors"
    for length in (len(header), 2**62, 0):
        path.write_bytes(struct.pack("<Q", length) + header + bytes(8))
        with pytest.raises(FileError, match="damaged"):
            open_history(path)


def test_a_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(FileError, match="--snapshots"):
        open_history(tmp_path / "a.history.safetensors")


def test_a_network_is_no_history(ensemble):
    with pytest.raises(FileError, match="one network, not snapshots"):
        open_history(ensemble / "flipflop-vanilla-n8-s0.safetensors")
