"""Importing what was exported gives the same checkpoint, bit for bit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnkit.architectures import FAMILIES
from rnnkit.checkpoints import OPTIONAL_TENSORS, Checkpoint, Tensors, load_native, save_native
from rnnkit.errors import FileError, InputError
from rnnkit.interop import export_network, import_network, load, pair_initial, read_tensors

KINDS = ("torch", "npz", "mat")


def same_bits(one: Tensors, other: Tensors) -> bool:
    return one.keys() == other.keys() and all(
        one[k].dtype == other[k].dtype and one[k].shape == other[k].shape and one[k].tobytes() == other[k].tobytes()
        for k in one
    )


def assert_same(one: Checkpoint, other: Checkpoint) -> None:
    assert same_bits(one.weights, other.weights)
    assert same_bits(one.initial, other.initial)
    assert replace(one, weights={}, initial={}) == replace(other, weights={}, initial={})


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_identity(family, to, dtype, network, tmp_path):
    net = network(family, dtype=dtype, gamma=3.0)
    paths = export_network(net, to, tmp_path / "out")
    assert [path.name.split("s3")[1][:8] for path in paths][1] == ".initial"
    assert_same(import_network(paths[0]), net)


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("family", ["vanilla", "leaky", "current"])
@pytest.mark.parametrize("constants", [{"recurrent": "cayley"}, {"recurrent": "cayley", "bias": False, "gamma": 3.0}])
def test_identity_of_cayley_networks(family, to, constants, network, tmp_path):
    net = network(family, **constants)
    assert_same(import_network(export_network(net, to, tmp_path / "out")[0]), net)
    [path] = export_network(replace(net, initial={}), to, tmp_path / "alone")
    assert_same(import_network(path), replace(net, initial={}))


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_identity_of_networks_that_have_no_biases(family, to, network, tmp_path):
    net = network(family, bias=False)
    assert not [name for name in net.weights if name.endswith("bias")]
    assert_same(import_network(export_network(net, to, tmp_path)[0]), net)


def test_an_edited_cayley_matrix_is_a_dense_one(network, tmp_path):
    """What it was made of no longer makes it."""
    net = replace(network("leaky", recurrent="cayley"), initial={})
    [path] = export_network(net, "npz", tmp_path)
    with np.load(path) as file:
        arrays = dict(file)
    arrays["recurrent.weight"] = 2 * arrays["recurrent.weight"]
    np.savez(path, **arrays)
    edited = import_network(path)
    assert edited.architecture.recurrent == "dense"
    assert edited.weights.keys() == {name for name in net.weights if not name.startswith("recurrent.")} | {
        "recurrent.weight",
        "recurrent.bias",
    }
    assert np.array_equal(edited.weights["recurrent.weight"], 2 * net.weights["recurrent.weight"])


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_identity_without_optional_tensors(family, to, network, tmp_path):
    net = network(family)
    bare = {name: value for name, value in net.weights.items() if name not in OPTIONAL_TENSORS}
    net = replace(net, weights=bare, initial={})
    [path] = export_network(net, to, tmp_path)
    assert_same(import_network(path), net)


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("units", "inputs", "outputs"), [(4, 0, 0), (2, 2, 2), (4, 4, 4), (2, 6, 1), (3, 1, 9)])
def test_identity_at_awkward_sizes(family, to, units, inputs, outputs, network, tmp_path):
    net = network(family, units=units, inputs=inputs, outputs=outputs)
    assert_same(import_network(export_network(net, to, tmp_path)[0]), net)


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("nonlinearity", ["relu", "identity"])
def test_identity_of_nonlinearities(to, nonlinearity, network, tmp_path):
    net = network("vanilla", nonlinearity=nonlinearity, gamma=0.7)
    assert_same(import_network(export_network(net, to, tmp_path)[0]), net)


@pytest.mark.parametrize("to", KINDS)
@pytest.mark.parametrize("family", ["vanilla", "gru", "lstm", "leaky"])
def test_negative_zeros_and_nan_survive(family, to, network, tmp_path):
    net = network(family)
    for tensors in (net.weights, net.initial):
        for value in tensors.values():
            value.reshape(-1)[0] = -0.0
        tensors["recurrent.bias"][:] = -0.0
        tensors["recurrent.weight"][1, 1] = np.nan
    assert_same(import_network(export_network(net, to, tmp_path)[0]), net)


@pytest.mark.parametrize("to", KINDS)
def test_only_one_gru_bias(to, network, tmp_path):
    net = network("gru")
    for gone in ("input.bias", "recurrent.bias"):
        partial = replace(net, weights={k: v for k, v in net.weights.items() if k != gone})
        assert_same(import_network(export_network(partial, to, tmp_path)[0]), partial)


def test_native_file_stays_as_it_is(network, tmp_path):
    path = tmp_path / "net.safetensors"
    save_native(network("mup"), path)
    assert_same(import_network(path), load_native(path))
    assert import_network(path, alpha=0.5).architecture.rate == 0.5
    assert_same(load(path), load_native(path))


def test_infinite_losses_become_null(network, tmp_path):
    net = replace(network("leaky"), losses={"training": float("nan"), "validation": float("inf")})
    restored = import_network(export_network(net, "npz", tmp_path)[0])
    assert restored.losses == {"training": None, "validation": None}


@pytest.mark.parametrize("to", KINDS)
def test_options_replace_what_the_file_says(to, network, tmp_path):
    path = export_network(network("leaky"), to, tmp_path)[0]
    options = {"alpha": 0.9, "nonlinearity": "relu", "gamma": 2.0}
    net = import_network(path, **options, task="sine", name="other")
    assert (net.architecture.rate, net.architecture.nonlinearity, net.architecture.gamma) == (
        0.9,
        "relu",
        2.0,
    )
    assert (net.task, net.task_parameters, net.name) == ("sine", {}, "other")
    assert import_network(path, task_parameters={"bits": 2}).task_parameters == {"bits": 2}


def test_edited_arrays_lose_the_training_record(network, tmp_path):
    [path, _] = export_network(network("leaky"), "npz", tmp_path)
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["recurrent.weight"][0, 0] += 1.0
    np.savez(path, **arrays)
    net = import_network(path)
    assert (net.status, net.seed, net.training, net.initial) == ("imported", None, {}, {})
    assert (net.task, net.architecture.rate) == ("flipflop", 0.3)
    assert net.weights["recurrent.weight"][0, 0] == arrays["recurrent.weight"][0, 0]


def test_edited_state_dict_keeps_the_folded_readout(network, tmp_path):
    net = network("vanilla", gamma=3.0)
    [path, _] = export_network(net, "torch", tmp_path)
    state = torch.load(path)
    state["rnn.weight_hh_l0"][0, 0] = 5.0
    torch.save(state, path)
    edited = import_network(path)
    assert edited.architecture.gamma == 1.0
    np.testing.assert_array_equal(edited.weights["readout.weight"], net.weights["readout.weight"] / 3.0)


@pytest.mark.parametrize("to", KINDS)
def test_initial_weights_of_another_network_are_refused(to, network, tmp_path):
    [path, initial] = export_network(network("gru"), to, tmp_path)
    other = replace(network("gru", seed=7), initial={}, name=initial.name.removesuffix(initial.suffix))
    export_network(other, to, tmp_path)
    with pytest.raises(InputError, match="is not what was exported"):
        import_network(path)
    initial.unlink()
    assert import_network(path).initial == {}


def test_initial_export_is_a_network_of_its_own(network, tmp_path):
    net = network("lstm", gamma=2.0)
    [path, initial] = export_network(net, "torch", tmp_path)
    untrained = import_network(initial)
    assert same_bits(untrained.weights, net.initial)
    assert (untrained.status, untrained.losses) == ("imported", {})
    assert pair_initial(sorted(tmp_path.iterdir())) == [(path, None)]
    assert pair_initial([path], [initial]) == [(path, initial)]
    with pytest.raises(InputError, match="1 files for 2 networks"):
        pair_initial([path, tmp_path / "b.pt"], [initial])


def test_exports_are_open_to_others(network, tmp_path):
    net = network("leaky")
    for to, name in (("torch", "input.weight"), ("npz", "input.weight"), ("mat", "input_weight")):
        path = export_network(net, to, tmp_path)[0]
        np.testing.assert_array_equal(read_tensors(path)[name], net.weights["input.weight"])
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".part"]


def test_unknown_kind_and_bad_folder(network, tmp_path):
    with pytest.raises(InputError, match="did you mean 'torch'"):
        export_network(network("gru"), "toch", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written to"):
        export_network(network("gru"), "npz", tmp_path / "file")
    wrong = network("gru")
    wrong.weights["input.weight"] = wrong.weights["input.weight"].T
    with pytest.raises(InputError, match="has shape"):
        export_network(wrong, "npz", tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace('"units":4', '"units":"many"'),
        lambda note: note.replace('"format":1', '"format":2'),
        lambda note: note.replace('"family":', '"famly":'),
        lambda note: note.replace('"layout":', '"layut":'),
        lambda note: note[: len(note) // 2],
        lambda note: "[]",
        lambda note: "[" * 100_000,
    ],
)
def test_damaged_metadata_is_refused(change, network, tmp_path):
    [path, _] = export_network(network("leaky"), "npz", tmp_path)
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["rnnkit"] = np.array(change(str(arrays["rnnkit"])))
    np.savez(path, **arrays)
    with pytest.raises(FileError, match=r"metadata is damaged|format version"):
        import_network(path)


def test_pair_initial_knows_full_paths():
    paths = [Path("x/a.npz"), Path("y/a.initial.npz"), Path("x/a.initial.npz")]
    assert pair_initial(paths) == [(paths[0], None), (paths[1], None)]
