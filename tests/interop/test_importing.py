"""Which layout a file has, and real networks trained by others."""

import re

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rnnkit.errors import InputError
from rnnkit.interop import import_network, network_names, read_tensors


def current_file(units=6, inputs=2, outputs=3, rank=0, seed=0):
    rng = np.random.default_rng(seed)
    shapes = {
        "wi": (inputs, units),
        "si": (inputs,),
        "wo": (units, outputs),
        "so": (outputs,),
        "h0": (units,),
    }
    shapes |= {"m": (units, rank), "n": (units, rank)} if rank else {"wrec": (units, units)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def save(path, arrays):
    torch.save({name: torch.from_numpy(np.asarray(value)) for name, value in arrays.items()}, path)
    return path


@pytest.mark.parametrize("prefix", ["", "module.", "net.rnn."])
@pytest.mark.parametrize("rank", [0, 2])
def test_current_layout_computes_the_same(prefix, rank, tmp_path):
    """One step by the equations of the file's authors, with loops over inputs and units."""
    file = current_file(rank=rank)
    net = import_network(save(tmp_path / "net.pt", {prefix + k: v for k, v in file.items()}), alpha=0.3)
    x, h, n = np.array([0.7, -1.2]), file["h0"], 6
    rates = np.tanh(h)
    drive = [sum(file["si"][i] * file["wi"][i, k] * x[i] for i in range(2)) for k in range(n)]
    if rank:
        recurrent = [sum(file["m"][k, r] * (file["n"][:, r] @ rates) for r in range(rank)) / n for k in range(n)]
    else:
        recurrent = [file["wrec"][k] @ rates for k in range(n)]
    after = np.array([h[k] + 0.3 * (-h[k] + recurrent[k] + drive[k]) for k in range(n)])
    wanted = np.array([sum(file["wo"][k, o] * file["so"][o] * np.tanh(after[k]) for k in range(n)) for o in range(3)])
    weights, architecture = net.weights, net.architecture
    assert (architecture.family, architecture.rank) == (("lowrank", rank) if rank else ("current", 0))
    matrix = weights["recurrent.left"] @ weights["recurrent.right"].T / n if rank else weights["recurrent.weight"]
    h = weights["initial_state"]
    h = h + architecture.rate * (-h + matrix @ np.tanh(h) + weights["input.weight"] @ x)
    y = weights["readout.weight"] @ np.tanh(h) * architecture.readout_scale
    np.testing.assert_allclose(h, after, rtol=1e-13)
    np.testing.assert_allclose(y, wanted / (n if rank else 1), rtol=1e-13)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"si": None}, "tensor 'si' is missing among wi, wo, so, h0, wrec"),
        ({"bias": np.ones(6)}, "no place: bias (6,)"),
        ({"m": np.ones((6, 1))}, "no place: m (6, 1)"),
        ({"wi": np.ones((6, 2))}, "'wi' has shape (6, 2), expected (any, 6)"),
        ({"wrec": np.ones((6, 5))}, "'wrec' has shape (6, 5), expected (6, 6)"),
        ({"so": np.ones(2)}, "'so' has shape (2,), expected (3,)"),
    ],
)
def test_current_layout_refusals(change, message, tmp_path):
    file = {name: value for name, value in {**current_file(), **change}.items() if value is not None}
    with pytest.raises(InputError, match=re.escape(message)):
        import_network(save(tmp_path / "net.pt", file))


def test_layout_option(tmp_path):
    path = save(tmp_path / "net.pt", current_file())
    assert import_network(path, layout="current").architecture.family == "current"
    with pytest.raises(InputError, match="holds a 'current' network, not a 'lowrank' one"):
        import_network(path, layout="lowrank")
    with pytest.raises(InputError, match=r"no nn.RNN, nn.GRU or nn.LSTM among its tensors: wi, si"):
        import_network(path, layout="torch")
    with pytest.raises(InputError, match="did you mean 'torch'"):
        import_network(path, layout="tourch")
    with pytest.raises(InputError, match="arrays with no place"):
        import_network(path, layout="arrays", family="leaky")
    with pytest.raises(InputError, match="'current' takes no names of arrays"):
        import_network(path, layout="current", transpose={"input.weight"})
    with pytest.raises(InputError, match="holds a 'current' network, not a 'leaky' one"):
        import_network(path, family="leaky")
    with pytest.raises(InputError, match=r"--alpha: 2.0 is not in"):
        import_network(path, alpha=2.0)


def test_unknown_names_are_listed(tmp_path):
    path = save(tmp_path / "net.pt", {"A": np.ones((2, 2)), "B": np.ones((2, 3))})
    with pytest.raises(InputError, match=re.escape("no known layout; it holds A (2, 2), B (2, 3)")):
        import_network(path)


def test_an_alpha_needs_a_leak(tmp_path):
    torch.save(nn.RNN(1, 2).state_dict(), tmp_path / "net.pt")
    with pytest.raises(InputError, match="which has no leak"):
        import_network(tmp_path / "net.pt", alpha=0.5)


def test_initial_weights(tmp_path):
    after, before = nn.GRU(2, 3).state_dict(), nn.GRU(2, 3).state_dict()
    torch.save(after, tmp_path / "after.pt")
    torch.save({"state_dict": before}, tmp_path / "before.pt")
    net = import_network(tmp_path / "after.pt", initial=tmp_path / "before.pt", task="sine")
    np.testing.assert_array_equal(net.initial["recurrent.weight"], before["weight_hh_l0"])
    np.testing.assert_array_equal(net.weights["recurrent.weight"], after["weight_hh_l0"])
    assert (net.name, net.task, net.status) == ("after", "sine", "imported")
    torch.save(nn.GRU(2, 4).state_dict(), tmp_path / "wide.pt")
    with pytest.raises(InputError, match=r"wide.pt: tensor 'input.weight' has shape \(12, 2\), expected \(9, 2\)"):
        import_network(tmp_path / "after.pt", initial=tmp_path / "wide.pt")
    torch.save(nn.LSTM(2, 3).state_dict(), tmp_path / "lstm.pt")
    with pytest.raises(InputError, match=r"lstm.pt: holds a 'lstm' network"):
        import_network(tmp_path / "after.pt", initial=tmp_path / "lstm.pt")
    save_file(before, tmp_path / "before.safetensors")
    other = import_network(tmp_path / "after.pt", initial=tmp_path / "before.safetensors")
    np.testing.assert_array_equal(other.initial["recurrent.weight"], before["weight_hh_l0"])


def test_external_torch_networks(external):
    families = {"vanilla_20": ("vanilla", 20), "vanilla_40": ("vanilla", 40)}
    families |= {"gru_20": ("gru", 20), "lstm_20": ("lstm", 20)}
    paths = sorted(external.glob("*/*/i1*/weights.pt"))
    assert len(paths) == 12
    for path in paths:
        net = import_network(path, initial=path.with_name("initial_weights.pt"), task="delayed-discrimination")
        family, units = families[path.parents[1].name]
        shape = net.architecture
        assert (shape.family, shape.units, shape.inputs, shape.outputs) == (family, units, 2, 1)
        raw = read_tensors(path)
        np.testing.assert_array_equal(net.weights["recurrent.weight"], raw["rnn.weight_hh_l0"])
        np.testing.assert_array_equal(net.weights["readout.bias"], raw["fc.bias"])
        assert net.initial.keys() == net.weights.keys()
        assert (net.initial["recurrent.weight"] != net.weights["recurrent.weight"]).any()
        assert net.bad_tensor() is None
    assert network_names(paths)[:2] == ["vanilla_20-i100-weights", "vanilla_20-i101-weights"]


def test_external_delayed_discrimination_is_solved(external):
    """The published error of a network holds for what was imported: the weights are in their places."""
    net = import_network(external / "delayed_discrimination" / "vanilla_20" / "i100" / "weights.pt")
    trials = [(a, b, d) for a in (2, 5, 9) for b in (3, 6, 10) for d in (0, 7, 19)]
    x, target = np.zeros((len(trials), 60, 2)), np.zeros((len(trials), 60))
    for k, (first, second, delay) in enumerate(trials):
        x[k, 5:10, 0], x[k, 15 + delay : 20 + delay, 1] = first, second
        target[k, 30 + delay : 35 + delay] = np.sign(first - second)
    weights, h, outputs = net.weights, np.zeros((len(trials), 20)), []
    for step in range(60):
        h = h @ weights["recurrent.weight"].T + x[:, step] @ weights["input.weight"].T + weights["recurrent.bias"]
        h = np.tanh(h)
        outputs.append(h @ weights["readout.weight"][0] + weights["readout.bias"][0])
    assert np.mean((np.array(outputs).T - target) ** 2) < 2e-4


@pytest.mark.parametrize(
    ("file", "family", "units", "inputs", "rank"),
    [
        ("mante_fr_fig1.pt", "current", 512, 4, 0),
        ("rdm_lr_fig2.pt", "lowrank", 512, 1, 1),
        ("romo_rank2_500.pt", "lowrank", 500, 1, 2),
    ],
)
def test_external_continuous_time_networks(external, file, family, units, inputs, rank):
    path = external / "continuous_time" / file
    net, raw = import_network(path), read_tensors(path)
    shape = net.architecture
    assert (shape.family, shape.units, shape.inputs, shape.outputs) == (family, units, inputs, 1)
    assert (shape.rank, shape.rate, shape.nonlinearity) == (rank, 0.2, "tanh")
    np.testing.assert_array_equal(net.weights["initial_state"], raw["h0"])
    np.testing.assert_array_equal(net.weights["readout.weight"][0], raw["wo"][:, 0] * raw["so"][0])
    np.testing.assert_array_equal(net.weights["input.weight"][:, 0], raw["wi"][0] * raw["si"][0])
    assert all(value.dtype == np.float32 for value in net.weights.values())
