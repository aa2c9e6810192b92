"""Native checkpoints: whole, signed, and refused when a single bit differs."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.checkpoints import (
    FORMAT_VERSION,
    Checkpoint,
    load_history,
    load_native,
    read_safetensors,
    save_history,
    save_native,
)
from rnnkit.errors import FileError, InputError, RnnkitError
from rnnkit.interop import find_checkpoints, load


def network(family: str = "vanilla", units: int = 2, dtype: type = np.float32, **rest: object) -> Checkpoint:
    spec = FAMILIES[family]
    shape = Architecture(
        family=family,
        units=units,
        inputs=1,
        outputs=1,
        rank=int(spec.low_rank),
        rate=0.5 if spec.rate_name else 1.0,
    )
    rng = np.random.default_rng(0)
    tensors = [{k: rng.normal(size=s).astype(dtype) for k, s in shape.shapes().items()} for _ in range(2)]
    return Checkpoint("net", shape, *tensors, **rest)


def resign(source, target, **changes) -> None:
    """Write a file whose digest is right but whose metadata is not what the format says."""
    from rnnkit.checkpoints import _write

    tensors, strings = read_safetensors(source)
    metadata = {k: v for k, v in json.loads(strings["rnnkit"]).items() if k != "digest"} | changes
    _write(target, tensors, {k: v for k, v in metadata.items() if v != "left out"})


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip(tmp_path, family, dtype):
    before = network(
        family,
        dtype=dtype,
        task="flipflop",
        task_parameters={"bits": 1},
        training={"lr": 0.1, "names": ["a", "\u00e9"]},
        seed=3,
        losses={"training": 0.1 + 0.2, "validation": None, "crossing": float("nan")},
        status="converged",
        provenance={"command": 'rnnkit train -o "a b"'},
    )
    save_native(before, tmp_path / "net.safetensors")
    after = load_native(tmp_path / "net.safetensors")
    for name in ("name", "architecture", "task", "task_parameters", "training", "seed", "status", "provenance"):
        assert getattr(after, name) == getattr(before, name)
    assert after.losses == {"training": 0.1 + 0.2, "validation": None, "crossing": None}
    for held, expected in ((after.weights, before.weights), (after.initial, before.initial)):
        assert held.keys() == expected.keys()
        for name, value in expected.items():
            assert held[name].dtype == value.dtype
            assert held[name].tobytes() == value.tobytes()


def test_one_metadata_key_that_holds_json(tmp_path):
    save_native(network(), tmp_path / "net.safetensors")
    _, strings = read_safetensors(tmp_path / "net.safetensors")
    assert list(strings) == ["rnnkit"]
    held = json.loads(strings["rnnkit"])
    assert held["format"] == FORMAT_VERSION
    assert held["model"]["family"] == "vanilla"
    assert len(held["digest"]) == 64


def test_the_same_network_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        save_native(network(), tmp_path / f"{name}.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def refused(path) -> None:
    """No way of reading the file takes it for a network."""
    for read in (load, load_native):
        with pytest.raises(RnnkitError) as error:
            read(path)
        assert str(path) in str(error.value)


def test_every_flipped_bit_is_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    save_native(network(), path)
    whole = path.read_bytes()
    assert len(whole) < 1500
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(RnnkitError):
            load(path)


def test_every_truncation_is_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    save_native(network(), path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        refused(path)
    path.write_bytes(whole + b"\0")
    refused(path)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_damage_is_an_error_of_ours(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "fuzzed.safetensors"
    save_native(network(), path)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(damaged)))
        end = data.draw(st.integers(start, min(len(damaged), start + 40)))
        damaged[start:end] = data.draw(st.binary(max_size=40))
    path.write_bytes(damaged)
    if damaged == whole:
        load(path)
    else:
        refused(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "left out"},
        {"model": 3},
        {"model": {"family": "vanilla"}},
        {"model": {"family": "vanilla", "units": "two", "inputs": 1, "outputs": 1}},
        {"model": {"family": "vanilla", "units": 2, "inputs": 1, "outputs": 1, "colour": "red"}},
        {"model": {"family": "elman", "units": 2, "inputs": 1, "outputs": 1}},
        {"model": {"family": "vanilla", "units": 3, "inputs": 1, "outputs": 1}},
        {"task": None},
        {"task": "left out"},
        {"losses": "left out"},
        {"format": 2},
        {"kind": "history"},
    ],
    ids=str,
)
def test_signed_but_wrong(tmp_path, changes):
    save_native(network(), tmp_path / "net.safetensors")
    resign(tmp_path / "net.safetensors", tmp_path / "other.safetensors", **changes)
    with pytest.raises(RnnkitError):
        load_native(tmp_path / "other.safetensors")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '{"digest": 3}', '{"digest": null}', "[" * 100_000])
def test_metadata_that_is_no_metadata(tmp_path, text):
    from safetensors.numpy import save_file

    path = tmp_path / "net.safetensors"
    save_file({"recurrent.weight": np.eye(2, dtype=np.float32)}, path, {"rnnkit": text})
    with pytest.raises(FileError, match=r"net\.safetensors: its (metadata is damaged|digest does not fit)"):
        load_native(path)


def test_wrong_tensors_are_not_saved(tmp_path):
    net = network()
    for change, what in (
        (
            {"recurrent.weight": np.eye(3, dtype=np.float32)},
            r"'recurrent.weight' has shape \(3, 3\), expected \(2, 2\)",
        ),
        ({"recurrent.weight": np.eye(2, dtype=np.int64)}, "has type int64"),
        ({"extra": np.eye(2, dtype=np.float32)}, "'extra' has no place"),
    ):
        wrong = Checkpoint("net", net.architecture, {**net.weights, **change})
        with pytest.raises(InputError, match=what):
            save_native(wrong, tmp_path / "net.safetensors")
    for name in ("recurrent.weight", "readout.weight"):
        lacking = Checkpoint("net", net.architecture, {k: v for k, v in net.weights.items() if k != name})
        with pytest.raises(InputError, match=f"'{name}' is missing"):
            save_native(lacking, tmp_path / "net.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_what_counts_as_zero_may_be_left_out(tmp_path):
    net = network()
    bare = {k: v for k, v in net.weights.items() if k not in ("recurrent.bias", "readout.bias", "initial_state")}
    save_native(Checkpoint("net", net.architecture, bare), tmp_path / "net.safetensors")
    assert load_native(tmp_path / "net.safetensors").weights.keys() == bare.keys()
    assert load_native(tmp_path / "net.safetensors").initial == {}


def test_nothing_is_left_of_a_failed_write(tmp_path, monkeypatch):
    save_native(network(), tmp_path / "net.safetensors")
    before = (tmp_path / "net.safetensors").read_bytes()

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.numpy.save_file", fail)
    with pytest.raises(FileError, match="No space left on device"):
        save_native(network(units=3), tmp_path / "net.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]
    assert (tmp_path / "net.safetensors").read_bytes() == before


def test_history(tmp_path):
    steps = np.array([0, 8, 16])
    stacked = {"recurrent.weight": np.random.default_rng(0).normal(size=(3, 2, 2)).astype(np.float32)}
    save_history(tmp_path / "net.history.safetensors", steps, stacked, "net")
    found, tensors = load_history(tmp_path / "net.history.safetensors")
    assert found.tolist() == [0, 8, 16]
    assert tensors.keys() == stacked.keys()
    assert (tensors["recurrent.weight"] == stacked["recurrent.weight"]).all()
    save_native(network(), tmp_path / "net.safetensors")
    assert [path.name for path in find_checkpoints([str(tmp_path)])] == ["net.safetensors"]
    with pytest.raises(FileError, match="holds snapshots, not one network"):
        load_native(tmp_path / "net.history.safetensors")
    with pytest.raises(FileError, match="holds one network, not snapshots"):
        load_history(tmp_path / "net.safetensors")


def test_damaged_history(tmp_path):
    path = tmp_path / "net.history.safetensors"
    save_history(path, np.array([0]), {"a": np.zeros((1, 2), np.float32)}, "net")
    whole = path.read_bytes()
    for bit in range(0, 8 * len(whole), 7):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(RnnkitError):
            load_history(path)


def test_settings_by_name():
    net = network("leaky", seed=4, task="flipflop", task_parameters={"bits": 2}, training={"lr": 0.1})
    found = {key: net.setting(key) for key in ("seed", "task", "bits", "lr", "units", "alpha", "model", "status")}
    assert found == {
        "seed": 4,
        "task": "flipflop",
        "bits": 2,
        "lr": 0.1,
        "units": 2,
        "alpha": 0.5,
        "model": "leaky",
        "status": "imported",
    }
    assert (net.setting("bias"), net.setting("recurrent")) == (True, "dense")
    for name in [name for name in net.weights if name.endswith(".bias")]:
        del net.weights[name]
    assert net.setting("bias") is False
    with pytest.raises(InputError, match=r"net: has no setting 'depth' \(known: alpha, bias, bits, "):
        net.setting("depth")


def test_the_first_tensor_that_is_not_finite_is_named():
    net = network()
    assert net.bad_tensor() is None
    net.weights["readout.weight"][0, 0] = np.inf
    assert net.bad_tensor() == "readout.weight"
