"""State dicts of PyTorch's modules: what computes the same comes in and goes out, the rest is refused."""

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from rnnkit.errors import InputError
from rnnkit.interop import export_network, from_state_dict, import_network, to_state_dict

MODULES = {"vanilla": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def step_by_hand(family, weights, h, c, x, nonlinearity="tanh"):
    """One step of one trial, equation by equation; h, c (units,), x (inputs,)."""
    zero = np.zeros(len(weights["recurrent.weight"]))
    first = weights["input.weight"] @ x + weights.get("input.bias", zero)
    second = weights["recurrent.weight"] @ h + weights.get("recurrent.bias", zero)
    if family == "vanilla":
        z = first + second
        return (np.tanh(z) if nonlinearity == "tanh" else np.maximum(z, 0.0)), c
    n = len(h)
    if family == "gru":
        r = sigmoid(first[:n] + second[:n])
        z = sigmoid(first[n : 2 * n] + second[n : 2 * n])
        new = np.tanh(first[2 * n :] + r * second[2 * n :])
        return (1.0 - z) * new + z * h, c
    i, f, g, o = np.split(first + second, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def run_by_hand(network, inputs):
    """States (steps, units) and outputs (steps, outputs) of one trial from inputs (steps, inputs)."""
    weights, architecture = network.weights, network.architecture
    h = weights.get("initial_state", np.zeros(architecture.units))
    c, states, outputs = np.zeros(architecture.units), [], []
    for x in inputs:
        h, c = step_by_hand(architecture.family, weights, h, c, x, architecture.nonlinearity)
        y = weights["readout.weight"] @ h + weights.get("readout.bias", 0.0)
        states.append(h)
        outputs.append(y / architecture.gamma)
    return np.array(states), np.array(outputs)


class Net(nn.Module):
    def __init__(self, architecture, *, bias=True, **settings):
        super().__init__()
        self.rnn = MODULES[architecture.family](architecture.inputs, architecture.units, bias=bias, **settings)
        self.readout = nn.Linear(architecture.units, architecture.outputs, bias=bias)

    def forward(self, x):
        states, _ = self.rnn(x)
        return states, self.readout(states)


@pytest.mark.parametrize("family", MODULES)
@pytest.mark.parametrize("gamma", [1.0, 3.0])
@pytest.mark.parametrize("bias", [True, False])
def test_export_loads_strictly_and_computes_the_same(family, gamma, bias, network, tmp_path):
    net = network(family, dtype=np.float64, gamma=gamma)
    kept = [k for k in net.weights if k != "initial_state" and (bias or not k.endswith("bias"))]
    net = replace(net, weights={name: net.weights[name] for name in kept}, initial={})
    model = Net(net.architecture, bias=bias).double()
    [path] = export_network(net, "torch", tmp_path)
    model.load_state_dict(torch.load(path), strict=True)
    inputs = np.random.default_rng(0).normal(size=(6, net.architecture.inputs))
    with torch.no_grad():
        states, outputs = model(torch.from_numpy(inputs))
    wanted_states, wanted_outputs = run_by_hand(net, inputs)
    np.testing.assert_allclose(states, wanted_states, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(outputs, wanted_outputs, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("family", MODULES)
@pytest.mark.parametrize("bias", [True, False])
def test_import_computes_the_same(family, bias, network, tmp_path):
    architecture = network(family).architecture
    torch.manual_seed(1)
    model = Net(architecture, bias=bias).double()
    torch.save(model.state_dict(), tmp_path / "net.pt")
    net = import_network(tmp_path / "net.pt")
    assert net.architecture == architecture
    inputs = np.random.default_rng(0).normal(size=(6, architecture.inputs))
    with torch.no_grad():
        states, outputs = model(torch.from_numpy(inputs))
    wanted_states, wanted_outputs = run_by_hand(net, inputs)
    np.testing.assert_allclose(states, wanted_states, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(outputs, wanted_outputs, rtol=1e-13, atol=1e-13)


def test_relu_when_told(network, tmp_path):
    model = Net(network("vanilla").architecture, nonlinearity="relu").double()
    torch.save(model.state_dict(), tmp_path / "net.pt")
    net = import_network(tmp_path / "net.pt", nonlinearity="relu")
    inputs = np.random.default_rng(0).normal(size=(4, 2))
    with torch.no_grad():
        states, _ = model(torch.from_numpy(inputs))
    np.testing.assert_allclose(states, run_by_hand(net, inputs)[0], atol=1e-14)


def test_an_initial_state_cannot_be_missed(network):
    net = network("gru")
    state = {name: torch.from_numpy(value) for name, value in to_state_dict(net).items()}
    model = Net(net.architecture)
    with pytest.raises(RuntimeError, match="initial_state"):
        model.load_state_dict(state, strict=True)
    part = {k.removeprefix("rnn."): v for k, v in state.items() if k.startswith("rnn.")}
    model.rnn.load_state_dict(part, strict=True)


@pytest.mark.parametrize("family", ["mup", "leaky", "current", "lowrank"])
def test_other_families_have_no_module(family, network):
    with pytest.raises(InputError, match="PyTorch has no module"):
        to_state_dict(network(family))


def state_of(family="vanilla", *, head="fc", prefix="rnn.", units=4, **settings):
    torch.manual_seed(0)
    module = MODULES[family](2, units, **settings)
    state = {prefix + name: value.numpy() for name, value in module.state_dict().items()}
    linear = nn.Linear(units, 1).state_dict()
    return state | {f"{head}.{name}": value.numpy() for name, value in linear.items()}


@pytest.mark.parametrize("family", MODULES)
@pytest.mark.parametrize("prefix", ["", "rnn.", "module.rnn.", "_orig_mod.net.core.", "a.b.c.d.", "rnn_"])
@pytest.mark.parametrize("head", ["fc", "module.decoder", "_orig_mod.net.0", "weight"])
def test_any_prefix(family, prefix, head):
    found, weights = from_state_dict(state_of(family, prefix=prefix, head=head), "net")
    _, wanted = from_state_dict(state_of(family), "net")
    assert found == family
    assert weights.keys() == wanted.keys()
    assert all((weights[name] == wanted[name]).all() for name in wanted)


def test_parallel_module(network, tmp_path):
    model = Net(network("gru").architecture)
    torch.save(nn.DataParallel(model).state_dict(), tmp_path / "net.pt")
    net = import_network(tmp_path / "net.pt")
    np.testing.assert_array_equal(net.weights["recurrent.weight"], model.rnn.weight_hh_l0.detach())


@pytest.mark.parametrize(("cell", "family"), [(nn.RNNCell, "vanilla"), (nn.GRUCell, "gru"), (nn.LSTMCell, "lstm")])
def test_cells(cell, family):
    state = {f"cell.{name}": value.numpy() for name, value in cell(2, 4).state_dict().items()}
    assert from_state_dict(state, "net")[0] == family


def test_no_readout_has_no_outputs(tmp_path):
    torch.save(nn.LSTM(2, 4).state_dict(), tmp_path / "net.pt")
    net = import_network(tmp_path / "net.pt")
    assert (net.architecture.family, net.architecture.outputs) == ("lstm", 0)
    assert net.weights["readout.weight"].shape == (0, 4)


def test_learnt_initial_state():
    start = np.arange(4.0)[None, None]
    _, weights = from_state_dict({**state_of("gru"), "model.h0": start}, "net")
    np.testing.assert_array_equal(weights["initial_state"], np.arange(4.0))


def test_biases_add_up():
    state = state_of("vanilla")
    _, weights = from_state_dict(state, "net")
    np.testing.assert_array_equal(weights["recurrent.bias"], state["rnn.bias_ih_l0"] + state["rnn.bias_hh_l0"])


def without(state, *names):
    return {name: value for name, value in state.items() if name not in names}


MATRIX = np.zeros((1, 4), np.float32)
REFUSED = {
    "layers": (lambda: state_of(num_layers=2), "several layers: rnn.weight_ih_l1"),
    "directions": (lambda: state_of(bidirectional=True), "bidirectional: rnn.weight_ih_l0_reverse"),
    "projection": (lambda: state_of("lstm", proj_size=2), "proj_size): rnn.weight_hr_l0"),
    "modules": (lambda: state_of() | state_of(prefix="other."), "2 recurrent modules: rnn.weight_ih_l0"),
    "readouts": (
        lambda: state_of() | {"fc2.weight": MATRIX},
        "2 linear layers: fc.weight (1, 4), fc2.weight (1, 4)",
    ),
    "encoder": (
        lambda: without(state_of(), "fc.weight", "fc.bias") | {"e.weight": MATRIX[:, :3]},
        "(outputs, 4)",
    ),
    "stranger": (
        lambda: state_of() | {"log_tau": np.array(1.0)},
        "no place in a recurrent network: log_tau ()",
    ),
    "no rnn": (lambda: {"fc.weight": MATRIX}, "no nn.RNN, nn.GRU or nn.LSTM among its tensors: fc.weight"),
    "no input": (lambda: without(state_of(), "rnn.weight_ih_l0"), "'weight_ih_l0' is missing"),
    "no recurrence": (lambda: without(state_of(), "rnn.weight_hh_l0"), "'weight_hh_l0' is missing"),
    "gates": (
        lambda: state_of() | {"rnn.weight_hh_l0": np.zeros((8, 4))},
        "rnn.weight_hh_l0' has shape (8, 4)",
    ),
    "rows": (lambda: state_of() | {"rnn.weight_ih_l0": np.zeros((5, 2))}, "(5, 2), expected (4, inputs)"),
    "bias": (lambda: state_of() | {"rnn.bias_hh_l0": np.zeros(5)}, "(5,), expected (4,)"),
    "vector": (lambda: state_of() | {"rnn.weight_hh_l0": np.zeros(4)}, "expected a matrix"),
    "readout bias": (
        lambda: state_of() | {"fc.bias": np.zeros(2)},
        "'fc.bias' has shape (2,), expected (1,)",
    ),
    "empty": (lambda: state_of() | {"rnn.weight_hh_l0": np.zeros((0, 0))}, "has shape (0, 0)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    make, message = REFUSED[case]
    with pytest.raises(InputError, match=re.escape(message)):
        from_state_dict(make(), "net.pt")


def test_integer_weights_are_refused(tmp_path):
    state = {name: torch.from_numpy(value).long() for name, value in state_of().items()}
    torch.save(state, tmp_path / "net.pt")
    with pytest.raises(InputError, match="has type int64"):
        import_network(tmp_path / "net.pt")
