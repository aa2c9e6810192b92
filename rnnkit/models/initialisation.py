"""Weights before training, drawn from each network's own stream."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rnnkit.architectures import Architecture
from rnnkit.errors import InputError, unknown_name

__all__ = ["INITIALISATIONS", "default_initialisation", "draw_weights"]

INITIALISATIONS = ("uniform", "gaussian", "mup")


def default_initialisation(family: str) -> str:
    """Return the initialisation a family uses unless told otherwise."""
    return {"mup": "mup", "lowrank": "gaussian"}.get(family, "uniform")


def _check(architecture: Architecture, kind: str, gain: float) -> None:
    if kind not in INITIALISATIONS:
        raise unknown_name("--init", kind, INITIALISATIONS, "initialisation")
    own = default_initialisation(architecture.family)
    if (kind == "mup" or own != "uniform") and kind != own:
        raise InputError(
            "--init", f"'{kind}' does not fit the '{architecture.family}' family", f"leave it out: '{own}'"
        )
    if kind == "uniform" and gain != 1.0:
        raise InputError("--gain", "the uniform initialisation has no gain", "use --init gaussian")
    if not math.isfinite(gain) or gain < 0:
        raise InputError("--gain", f"{gain} is not a gain", "give a number of 0 or more")


def draw_weights(
    architecture: Architecture, kind: str, gain: float, generator: np.random.Generator
) -> dict[str, NDArray[np.float32]]:
    """Draw the trained tensors of one network (all but `initial_state`, which stays zero).

    Parameters
    ----------
    architecture : Architecture
    kind : str
        `uniform`: every entry U(-1/sqrt N, 1/sqrt N), as torch.nn.RNN and paper "degeneracy", section 2.
        `gaussian`: recurrent weights N(0, gain^2 / N), the rest as `uniform`; in `lowrank` every vector
        entry is N(0, 1), left times gain, and biases are 0.
        `mup`: J ~ N(0, gain^2 N), U ~ N(0, 1/I), w ~ N(0, 1), b = 0 (paper "degeneracy", appendix L, eq. 5).
    gain : float
    generator : numpy.random.Generator

    Examples
    --------
    >>> shape = Architecture(family="vanilla", units=16, inputs=1, outputs=1)
    >>> weights = draw_weights(shape, "uniform", 1.0, np.random.default_rng(0))
    >>> bool(abs(weights["recurrent.weight"]).max() <= 0.25)
    True
    """
    _check(architecture, kind, gain)
    n, inputs = architecture.units, max(architecture.inputs, 1)
    weights: dict[str, NDArray[np.float32]] = {}
    for name, shape in architecture.shapes().items():
        if name == "initial_state":
            continue
        if kind == "uniform" or (kind == "gaussian" and not architecture.spec.low_rank):
            value = (2 * generator.random(shape) - 1) / math.sqrt(n)
            if kind == "gaussian" and name == "recurrent.weight":
                value = gain * generator.standard_normal(shape) / math.sqrt(n)
        elif name.endswith("bias"):
            value = np.zeros(shape)
        else:
            value = generator.standard_normal(shape)
            if kind == "mup":
                value *= {"recurrent.weight": gain * math.sqrt(n), "input.weight": 1 / math.sqrt(inputs)}.get(name, 1.0)
            elif name == "recurrent.left":
                value *= gain
        weights[name] = value.astype(np.float32)
    return weights
