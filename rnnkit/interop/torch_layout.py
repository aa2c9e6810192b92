"""State dicts with one `nn.RNN`, `nn.GRU` or `nn.LSTM` and at most one linear readout, in and out.

The module may stand under any prefix (`rnn.`, `module.core.`, `_orig_mod.`, none), and may be the single-step
cell (`weight_ih` for `weight_ih_l0`). Rows over units tell the families apart: 1 is `nn.RNN`, 3 `nn.GRU`,
4 `nn.LSTM`; all keep PyTorch's gate order. `nn.RNN` and `nn.LSTM` add their two biases, so they become one,
`recurrent.bias`; in `nn.GRU` the reset gate stands between them, so they stay `input.bias` and
`recurrent.bias`. A state dict does not say whether an `nn.RNN` is `tanh` or `relu`: `tanh` unless told.

Going out, names begin with `rnn.` and `readout.`, the summed bias is `bias_ih`, and `bias_hh` is zero. A
network with an output divisor gamma has it folded into the readout: `readout.weight / gamma`. An initial
state other than the module's zero stands beside as `initial_state`, so that a strict load cannot miss it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint, Tensors
from rnnkit.errors import InputError
from rnnkit.interop.fitting import as_vector, listing, shapes_of

__all__ = ["from_state_dict", "has_module", "holds_module", "to_state_dict"]

_RECURRENT = re.compile(r"(?P<prefix>.*?)(?P<kind>(?:weight|bias)_(?:ih|hh|hr))(?P<layer>_l\d+)?(?P<reverse>_reverse)?")
_READOUT = re.compile(r"(?P<prefix>|.*[._])weight")
_INITIAL = re.compile(r"(?:.*\.)?(?:h0|initial_state)")
_FAMILY_BY_GATES = {1: "vanilla", 3: "gru", 4: "lstm"}


def holds_module(names: Mapping[str, Any]) -> bool:
    """Tell whether any name is that of a recurrent module's weights."""
    return any(_RECURRENT.fullmatch(name) for name in names)


def has_module(architecture: Architecture) -> bool:
    """Tell whether PyTorch has a module that computes this network's step."""
    return architecture.family in _FAMILY_BY_GATES.values() and architecture.nonlinearity != "identity"


def from_state_dict(tensors: Mapping[str, NDArray[Any]], where: str) -> tuple[str, Tensors]:
    """Return the family and the native tensors of a PyTorch state dict.

    Parameters
    ----------
    tensors : mapping of arrays
        `PREFIX.weight_ih_l0` (gates N, I), `PREFIX.weight_hh_l0` (gates N, N), `PREFIX.bias_ih_l0` and
        `PREFIX.bias_hh_l0` (gates N,) or neither, `ANY.weight` (O, N) and `ANY.bias` (O,) or neither.
    where : str
        The file, for messages.

    Raises
    ------
    InputError
        For several layers, directions, modules or readouts, projections, and tensors with no place.

    Examples
    --------
    >>> state = {"weight_ih_l0": np.ones((6, 1)), "weight_hh_l0": np.ones((6, 2))}
    >>> family, weights = from_state_dict({**state, "out.weight": np.ones((3, 2))}, "net.pt")
    >>> family, weights["readout.weight"].shape
    ('gru', (3, 2))
    """
    family, units, weights, rest = _recurrent_part(tensors, where)
    weights |= _readout_part(rest, units, where)
    if "readout.weight" not in weights:
        weights["readout.weight"] = np.zeros((0, units), weights["recurrent.weight"].dtype)
    return family, weights


def _recurrent_part(
    tensors: Mapping[str, NDArray[Any]], where: str
) -> tuple[str, int, Tensors, dict[str, NDArray[Any]]]:
    """Return family, units, the native tensors of the recurrent module, and the tensors outside it."""
    matches = {name: match for name in tensors if (match := _RECURRENT.fullmatch(name))}
    if not matches:
        raise InputError(
            where,
            f"no nn.RNN, nn.GRU or nn.LSTM among its tensors: {listing(tensors)}",
            "names like rnn.weight_hh_l0 are needed; see rnnkit import --layout for others",
        )
    _refuse_variants(matches, where)
    by_kind = {match["kind"]: (name, tensors[name]) for name, match in matches.items()}
    for kind in ("weight_ih", "weight_hh"):
        if kind not in by_kind:
            raise InputError(where, f"tensor '{kind}_l0' is missing beside {listing(matches)}", "save the whole module")
        if by_kind[kind][1].ndim != 2:
            name, value = by_kind[kind]
            raise InputError(where, f"tensor '{name}' has shape {value.shape}, expected a matrix", "check the file")
    name, recurrent = by_kind["weight_hh"]
    rows, units = recurrent.shape
    gates = rows // units if units and rows % units == 0 else 0
    if gates not in _FAMILY_BY_GATES:
        raise InputError(
            where,
            f"tensor '{name}' has shape {recurrent.shape}",
            "rows must be 1 (nn.RNN), 3 (nn.GRU) or 4 (nn.LSTM) times the columns",
        )
    family = _FAMILY_BY_GATES[gates]
    biases = {kind: as_vector(where, *by_kind[kind], rows) for kind in ("bias_ih", "bias_hh") if kind in by_kind}
    weights = {"input.weight": by_kind["weight_ih"][1], "recurrent.weight": recurrent}
    if weights["input.weight"].shape[0] != rows:
        name, value = by_kind["weight_ih"]
        raise InputError(
            where,
            f"tensor '{name}' has shape {value.shape}, expected ({rows}, inputs)",
            f"as {family}, {units} units",
        )
    if family == "gru":
        names = {"bias_ih": "input.bias", "bias_hh": "recurrent.bias"}
        weights |= {names[kind]: value for kind, value in biases.items()}
    elif biases:
        # Adding an all-zero bias is left out: it would turn -0.0 into 0.0.
        parts = [value for value in biases.values() if value.any()] or list(biases.values())[:1]
        weights["recurrent.bias"] = parts[0] + parts[1] if len(parts) == 2 else parts[0]
    return family, units, weights, {name: value for name, value in tensors.items() if name not in matches}


def _refuse_variants(matches: Mapping[str, re.Match[str]], where: str) -> None:
    """Raise InputError for anything but one layer, one direction, one module and no projection."""
    refused = {
        "has several layers": [n for n, m in matches.items() if m["layer"] not in (None, "_l0")],
        "is bidirectional": [n for n, m in matches.items() if m["reverse"]],
        "projects its state (proj_size)": [n for n, m in matches.items() if m["kind"] == "weight_hr"],
    }
    for what, names in refused.items():
        if names:
            raise InputError(where, f"the module {what}: {listing(names)}", "one layer and one direction only")
    modules = {(match["prefix"], match["layer"]) for match in matches.values()}
    if len(modules) > 1:
        raise InputError(where, f"holds {len(modules)} recurrent modules: {listing(matches)}", "save one of them alone")


def _readout_part(rest: Mapping[str, NDArray[Any]], units: int, where: str) -> Tensors:
    """Return the readout and initial state among the tensors outside the recurrent module."""
    heads = {n: m["prefix"] for n, v in rest.items() if v.ndim == 2 and (m := _READOUT.fullmatch(n))}
    if len(heads) > 1:
        found = shapes_of({name: rest[name] for name in heads})
        raise InputError(where, f"holds {len(heads)} linear layers: {found}", "at most one, the readout, has a place")
    weights: Tensors = {}
    used = set(heads)
    for name, prefix in heads.items():
        outputs, columns = rest[name].shape
        if columns != units:
            raise InputError(
                where,
                f"tensor '{name}' has shape {rest[name].shape}, expected (outputs, {units})",
                "only a readout of the recurrent units has a place",
            )
        weights["readout.weight"] = rest[name]
        bias = prefix + "bias"
        if bias in rest:
            weights["readout.bias"] = as_vector(where, bias, rest[bias], outputs)
            used.add(bias)
    initial = [name for name in rest if _INITIAL.fullmatch(name)]
    for name in initial[:1]:
        weights["initial_state"] = as_vector(where, name, rest[name], units)
        used.add(name)
    strangers = {name: value for name, value in rest.items() if name not in used}
    if strangers:
        raise InputError(
            where,
            f"has tensors with no place in a recurrent network: {shapes_of(strangers)}",
            "save only the recurrent module and its readout",
        )
    return weights


def to_state_dict(checkpoint: Checkpoint) -> Tensors:
    """Return the PyTorch state dict of a `vanilla`, `gru` or `lstm` network.

    Its `rnn.` part loads strictly into `nn.RNN`, `nn.GRU` or `nn.LSTM`, and its `readout.` part into
    `nn.Linear`; the modules have biases where the network has any. gamma is folded into the readout.

    Raises
    ------
    InputError
        For a network that no module of PyTorch computes.

    Examples
    --------
    >>> shape = Architecture(family="vanilla", units=2, inputs=1, outputs=1, gamma=4.0)
    >>> net = Checkpoint("net", shape, {name: np.ones(size) for name, size in shape.shapes().items()})
    >>> state = to_state_dict(net)
    >>> state["readout.weight"]
    array([[0.25, 0.25]])
    >>> state["rnn.bias_hh_l0"]
    array([0., 0.])
    """
    architecture, weights = checkpoint.architecture, checkpoint.weights
    if not has_module(architecture):
        raise InputError(
            checkpoint.name,
            f"PyTorch has no module for {architecture.family} with {architecture.nonlinearity}",
            "vanilla (tanh or relu), gru and lstm have one",
        )
    state = {"rnn.weight_ih_l0": weights["input.weight"], "rnn.weight_hh_l0": weights["recurrent.weight"]}
    bias = weights.get("recurrent.bias")
    if architecture.spec.input_bias:
        first, second = weights.get("input.bias"), bias
    else:
        first, second = bias, None
    present = first if first is not None else second
    if present is not None:
        state["rnn.bias_ih_l0"] = np.zeros_like(present) if first is None else first
        state["rnn.bias_hh_l0"] = np.zeros_like(present) if second is None else second
    if architecture.outputs:
        names = [name for name in ("readout.weight", "readout.bias") if name in weights]
        folds = architecture.gamma != 1.0
        state |= {name: weights[name] / architecture.gamma if folds else weights[name] for name in names}
    if "initial_state" in weights:
        state["initial_state"] = weights["initial_state"]
    return state
