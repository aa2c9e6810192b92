"""Files of every kind, whole and damaged: arrays or one clear error, and nothing is ever executed."""

import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from rnnkit.errors import FileError, InputError, RnnkitError
from rnnkit.interop import export_network, import_network, load, read_tensors


class Canary:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path):
    path = tmp_path / "executed"
    yield path
    assert not path.exists()


def test_canary_would_sing(tmp_path):
    pickle.loads(pickle.dumps(Canary(tmp_path / "executed")))
    assert (tmp_path / "executed").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_objects_are_refused_unopened(zipped, mark, tmp_path):
    path = tmp_path / "net.pt"
    content = {"state_dict": nn.RNN(1, 2).state_dict(), "config": Canary(mark)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(FileError, match="pickled objects, which are never loaded") as error:
        read_tensors(path)
    assert "\n" not in str(error.value)


def test_whole_modules_and_plain_pickles_are_refused(mark, tmp_path):
    torch.save(nn.RNN(1, 2), tmp_path / "module.pt")
    with pytest.raises(FileError, match=r"save the state dict: torch\.save"):
        read_tensors(tmp_path / "module.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Canary(mark)))
    with pytest.raises(FileError):
        read_tensors(tmp_path / "plain.pt")


def test_object_arrays_are_left_out(mark, tmp_path):
    np.savez(tmp_path / "net.npz", W=np.eye(2), config=np.array([Canary(mark)], dtype=object))
    assert list(read_tensors(tmp_path / "net.npz")) == ["W"]
    np.save(tmp_path / "bare.npy", np.array([Canary(mark)], dtype=object))
    (tmp_path / "bare.npy").rename(tmp_path / "bare.npz")
    with pytest.raises(FileError):
        read_tensors(tmp_path / "bare.npz")


def test_half_precision_widens_exactly(tmp_path):
    values = torch.tensor([[1.0, -0.15625], [3.0e-3, 255.0]])
    for kind in (torch.bfloat16, torch.float16):
        half = values.to(kind)
        torch.save({"W": half}, tmp_path / "net.pt")
        save_file({"W": half}, tmp_path / "net.safetensors")
        for name in ("net.pt", "net.safetensors"):
            found = read_tensors(tmp_path / name)["W"]
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, half.float())
    np.savez(tmp_path / "net.npz", W=values.half().numpy(), big=np.ones(2, ">f8"))
    found = read_tensors(tmp_path / "net.npz")
    assert (found["W"].dtype, found["big"].dtype) == (np.float32, np.dtype(np.float64))


def test_bfloat16_state_dict_loads_directly(tmp_path):
    module = nn.GRU(2, 3).to(torch.bfloat16)
    save_file(module.state_dict(), tmp_path / "net.safetensors")
    for net in (load(tmp_path / "net.safetensors"), import_network(tmp_path / "net.safetensors")):
        assert net.architecture.family == "gru"
        np.testing.assert_array_equal(net.weights["recurrent.weight"], module.weight_hh_l0.detach().float())


def test_saved_on_a_gpu(tmp_path, monkeypatch):
    state = nn.RNN(2, 3).state_dict()
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:3")
        torch.save(state, tmp_path / "net.pt")
    with pytest.raises(RuntimeError, match="CUDA"):
        torch.load(tmp_path / "net.pt", weights_only=True)
    np.testing.assert_array_equal(read_tensors(tmp_path / "net.pt")["weight_hh_l0"], state["weight_hh_l0"])


STATE = nn.RNN(2, 3).state_dict()


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3, "loss": torch.tensor(0.5)},
        {
            "epoch": 3,
            "model": {"state_dict": STATE},
            "optimizer": {"state": {0: {"exp_avg": torch.ones(2, 2)}}},
        },
        {"model_state_dict": STATE, "optimizer_states": [{"state": {0: {"m": torch.ones(2, 2)}}}]},
        {**STATE, "epoch": 3, "note": "text"},
        OrderedDict((name, nn.Parameter(value)) for name, value in STATE.items()),
    ],
)
def test_the_state_dict_is_found(content, tmp_path):
    torch.save(content, tmp_path / "net.pth")
    assert read_tensors(tmp_path / "net.pth").keys() == STATE.keys()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"net": STATE, "ema": STATE}, "several state dicts: 'net', 'ema'"),
        ({**STATE, "ema": STATE}, "several state dicts: the top level, 'ema'"),
        ({"epoch": 3}, "holds no state dict"),
        (torch.ones(3), "holds no state dict"),
        ([STATE], "holds no state dict"),
    ],
)
def test_no_or_several_state_dicts(content, message, tmp_path):
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(FileError, match=message):
        read_tensors(tmp_path / "net.pt")


def test_a_dictionary_within_itself(tmp_path):
    content = {}
    content["again"] = content
    torch.save(content, tmp_path / "net.pt")
    with pytest.raises(FileError, match="no state dict"):
        read_tensors(tmp_path / "net.pt")


def test_sparse_tensors_are_refused(tmp_path):
    torch.save({"rnn.weight_hh_l0": torch.eye(3).to_sparse()}, tmp_path / "net.pt")
    with pytest.raises(InputError, match=r"'rnn.weight_hh_l0': is no plain dense tensor"):
        read_tensors(tmp_path / "net.pt")


def test_matlab_files(tmp_path):
    path = tmp_path / "net.mat"
    content = {
        "W": scipy.sparse.eye_array(3).tocsc(),
        "b": np.arange(3.0),
        "note": "text",
        "cells": [[1], "a"],
    }
    scipy.io.savemat(path, {**content, "settings": {"alpha": 0.2}})
    found = read_tensors(path)
    assert {name: value.shape for name, value in found.items()} == {"W": (3, 3), "b": (1, 3)}
    header = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM"
    path.write_bytes(header + b"\x89HDF\r\n\x1a\n" + bytes(512))
    with pytest.raises(FileError, match=r"v7\.3 .*'-v7'"):
        read_tensors(path)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors", ".npz", ".mat"])
def test_missing_empty_garbage_and_folder(suffix, tmp_path):
    path = tmp_path / f"net{suffix}"
    with pytest.raises(FileError, match=f"net{suffix}: no such file"):
        read_tensors(path)
    for content in (
        b"",
        b"\0",
        b"garbage " * 40,
        b"PK\x03\x04" + bytes(60),
        b"\x80\x02.",
        b"\x93NUMPY\x01\0" + b"\xff" * 80,
    ):
        path.write_bytes(content)
        with pytest.raises(FileError, match=f"net{suffix}: "):
            read_tensors(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(FileError, match="is a folder"):
        read_tensors(path)


def test_unprintable_names_are_refused(tmp_path):
    np.savez(tmp_path / "net.npz", **{"a\nb": np.eye(2)})
    with pytest.raises(FileError, match=r"unprintable name 'a\\nb'"):
        read_tensors(tmp_path / "net.npz")


def test_unknown_ending_and_no_arrays(tmp_path):
    (tmp_path / "net.h5").write_text("x")
    with pytest.raises(FileError, match=r"unknown ending '.h5' \(known: .pt, .pth, .safetensors, .npz, .mat"):
        read_tensors(tmp_path / "net.h5")
    np.savez(tmp_path / "net.npz", note=np.array("text"))
    with pytest.raises(FileError, match="no numeric array"):
        read_tensors(tmp_path / "net.npz")


@pytest.fixture(scope="module")
def samples(network, tmp_path_factory):
    """One small whole file of each kind."""

    folder = tmp_path_factory.mktemp("samples")
    net = network("vanilla", gamma=3.0)
    paths = [export_network(net, to, folder)[0] for to in ("torch", "npz", "mat")]
    state = nn.GRU(2, 3).state_dict()
    torch.save(state, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    save_file(state, folder / "state.safetensors")
    save_file({name: value.bfloat16() for name, value in state.items()}, folder / "half.safetensors")
    paths += [folder / "legacy.pth", folder / "state.safetensors", folder / "half.safetensors"]
    return [(path.suffix, path.read_bytes()) for path in paths]


SLACK = settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def refusal(read, path):
    """Return the message of the error that reading ends in, or None; no other error may come up."""
    try:
        read(path)
    except RnnkitError as error:
        return str(error)
    return None


@pytest.mark.parametrize("which", range(6))
def test_every_truncation_is_refused(which, samples, tmp_path):
    suffix, content = samples[which]
    path = tmp_path / f"net{suffix}"
    for length in np.linspace(0, len(content) - 1, 60).astype(int):
        path.write_bytes(content[:length])
        message = refusal(import_network, path)
        assert message is not None
        assert "\n" not in message


@SLACK
@given(data=st.data())
def test_damage_is_refused_or_harmless(data, samples, tmp_path):
    suffix, content = data.draw(st.sampled_from(samples))
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"net{suffix}"
    path.write_bytes(damaged)
    for read in (import_network, load):
        assert "\n" not in (refusal(read, path) or "")


def test_mat_cut_between_two_arrays_is_refused(samples, tmp_path):
    """Each array but the last is whole then, and those that are gone could pass for zero."""
    suffix, content = samples[2]
    path, position = tmp_path / f"net{suffix}", 128
    while (position := position + 8 + int.from_bytes(content[position + 4 : position + 8], "little")) < len(content):
        path.write_bytes(content[:position])
        assert refusal(import_network, path) is not None
    assert position == len(content)
