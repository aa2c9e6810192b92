"""Weights before training, drawn from each network's own stream."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnkit.architectures import CAYLEY_TENSORS, Architecture
from rnnkit.errors import InputError, unknown_name
from rnnkit.models.recurrence import form_cayley
from rnnkit.numerics.cayley import real_blocks
from rnnkit.numerics.threads import one_thread

__all__ = [
    "INITIALISATIONS",
    "INPUT_LAWS",
    "check_initialisation",
    "default_initialisation",
    "default_input_law",
    "diagonal_range",
    "draw_weights",
    "fitting_initialisations",
]

INITIALISATIONS = ("uniform", "gaussian", "mup", "orthogonal", "normal", "cayley", "critical")

#: What number's root input weights are drawn by: U(-1/sqrt N, 1/sqrt N), or U(-1/sqrt I, 1/sqrt I).
INPUT_LAWS = ("units", "inputs")

Drawn = dict[str, NDArray[Any]]

#: Variance of a and b in the blocks of `normal`: a modulus of .58 in the mean square, that of `uniform`'s spectrum.
_BLOCK_VARIANCE = 1 / 6


def default_initialisation(family: str, recurrent: str = "dense", low_rank: bool = False) -> str:
    """Return the initialisation a family uses unless told otherwise."""
    if recurrent == "cayley":
        return "cayley"
    if low_rank:
        return "gaussian"
    return {"mup": "mup", "lowrank": "gaussian"}.get(family, "uniform")


def _uniform(units: int, shape: tuple[int, ...], generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw entries from U(-1/sqrt N, 1/sqrt N)."""
    return (2 * generator.random(shape) - 1) / math.sqrt(units)


def _orthogonal(units: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """Draw from the uniform (Haar) law over orthogonal matrices: QR of a Gaussian matrix with R's diagonal positive.

    Without the signs the law is that of the software's QR, and not uniform (Mezzadri 2007).
    """
    q, r = np.linalg.qr(generator.standard_normal((units, units)))
    return np.asarray(q * np.sign(np.diagonal(r)))


def _draw_orthogonal(units: int, generator: np.random.Generator) -> Drawn:
    return {"recurrent.weight": _orthogonal(units, generator)}


def _draw_normal(units: int, generator: np.random.Generator) -> Drawn:
    q = _orthogonal(units, generator)
    real, imaginary = math.sqrt(_BLOCK_VARIANCE) * generator.standard_normal((2, units // 2))
    blocks = np.diag(np.repeat(real, 2))
    even = np.arange(0, units, 2)
    blocks[even, even + 1], blocks[even + 1, even] = -imaginary, imaginary
    return {"recurrent.weight": q @ blocks @ q.T}


def _draw_cayley(units: int, generator: np.random.Generator) -> Drawn:
    turn, spread = _uniform(units, (2, units, units), generator)
    real, imaginary = real_blocks(np.linalg.eigvals(spread).astype(np.complex128))
    skew = ((turn - turn.T) / 2)[np.tril_indices(units, -1)]
    return dict(zip(CAYLEY_TENSORS, (skew, real, imaginary), strict=True))


#: Initialisations that draw a square recurrent matrix as a whole, or what it is made of; the rest of the network
#: follows `uniform`.
_SQUARE: dict[str, Callable[[int, np.random.Generator], Drawn]] = {
    "orthogonal": _draw_orthogonal,
    "normal": _draw_normal,
    "cayley": _draw_cayley,
}


def fitting_initialisations(architecture: Architecture) -> tuple[str, ...]:
    """Return the initialisations that fit an architecture, its own first.

    Examples
    --------
    >>> fitting_initialisations(Architecture(family="leaky", units=4, inputs=1, outputs=1, rank=1))
    ('gaussian', 'critical')
    """
    own = default_initialisation(architecture.family, architecture.recurrent, architecture.low_rank)
    if own != "uniform":
        return (own, "critical") if architecture.low_rank and architecture.family == "leaky" else (own,)
    square = ("orthogonal", "normal") if architecture.spec.gates == 1 else ()
    return (own, "gaussian", *square)


def default_input_law(architecture: Architecture) -> str:
    """Return the law of input weights unless told otherwise; `own` where the initialisation leaves no choice.

    Examples
    --------
    >>> default_input_law(Architecture(family="plrnn", units=4, inputs=2, outputs=1))
    'inputs'
    """
    if architecture.family in ("mup", "lowrank") or architecture.recurrent == "cayley":
        return "own"
    return "inputs" if architecture.spec.diagonal or architecture.low_rank else "units"


def check_initialisation(
    architecture: Architecture, kind: str, gain: float, init_input: str = "default", init_a: str = "half"
) -> None:
    """Raise InputError unless the initialisation is known and fits the architecture and the gain."""
    if kind not in INITIALISATIONS:
        raise unknown_name("--init", kind, INITIALISATIONS, "initialisation")
    own, *others = fitting_initialisations(architecture)
    if kind not in (own, *others):
        which = f"'{architecture.family}' family" if own != "cayley" else "'cayley' recurrence"
        fix = {"cayley": "add --recurrent cayley", "critical": "use --model leaky --rank R"}
        raise InputError("--init", f"'{kind}' does not fit the {which}", fix.get(kind, f"leave it out: '{own}'"))
    if kind == "normal" and architecture.units % 2:
        raise InputError("--units", f"{architecture.units} is odd", "'normal' has blocks of 2: give an even number")
    if kind not in ("gaussian", "mup") and gain != 1.0:
        raise InputError("--gain", f"the '{kind}' initialisation has no gain", "use --init gaussian")
    if not math.isfinite(gain) or gain < 0:
        raise InputError("--gain", f"{gain} is not a gain", "give a number of 0 or more")
    law = default_input_law(architecture)
    if init_input not in (*INPUT_LAWS, "default", law):
        raise unknown_name("--init-input", init_input, ("default", *INPUT_LAWS), "law")
    if law == "own" and init_input not in ("default", law):
        raise InputError("--init-input", f"the '{own}' initialisation has a law of its own", "leave it out")
    diagonal_range(init_a, architecture.units)


def diagonal_range(init_a: str, units: int) -> tuple[float, float]:
    """Return the lowest and the highest factor that units of `plrnn` start with on their own state.

    Examples
    --------
    >>> diagonal_range("half", 4), diagonal_range("small", 4), diagonal_range("0.9", 4)
    ((0.5, 0.5), (-0.5, 0.5), (0.9, 0.9))
    """
    if init_a == "small":
        return -1 / math.sqrt(units), 1 / math.sqrt(units)
    try:
        value = 0.5 if init_a == "half" else float(init_a)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError("--init-a", f"'{init_a}' is no start", "give half, small or a number")
    return value, value


def draw_weights(
    architecture: Architecture,
    kind: str,
    gain: float,
    generator: np.random.Generator,
    dtype: str = "float32",
    *,
    init_input: str = "default",
    init_a: str = "half",
    zero_diagonal: bool = False,
) -> dict[str, NDArray[Any]]:
    """Draw the trained tensors of one network (all but `initial_state`, which stays zero).

    Parameters
    ----------
    architecture : Architecture
    kind : str
        `uniform`: every entry U(-1/sqrt N, 1/sqrt N), as torch.nn.RNN and paper "degeneracy", section 2.
        `gaussian`: recurrent weights N(0, gain^2 / N), the rest as `uniform`; in `lowrank` every vector
        entry is N(0, 1), left times gain, and biases are 0; in `leaky` of low rank left and right are.
        `critical`, in `leaky` of low rank: left m ~ N(0, 1/4) and right 3 N(0, 1) + m / <m^2>, vector by vector, so
        that m^T n / N is about 1; the rest as `uniform`.
        `mup`: J ~ N(0, gain^2 N), U ~ N(0, 1/I), w ~ N(0, 1), b = 0 (paper "degeneracy", appendix L, eq. 5).
        `orthogonal`: recurrent weights Q, uniform over the orthogonal matrices, the rest as `uniform`.
        `normal`: recurrent weights Q D Q^T, D of blocks (a, -b; b, a) with a, b ~ N(0, 1/6), the rest as `uniform`.
        `cayley`, for networks of that recurrence: A = (V - V^T)/2 and D from the eigenvalues of V', V and V' drawn
        as `uniform` (all three: paper "schur", section 3).
    gain : float
    generator : numpy.random.Generator
        Draws in float64, whatever the type.
    dtype : str
        What the numbers are rounded to: `float32` or `float64`.
    init_input : str
        `units` or `inputs`, where input weights follow `uniform`: the root of which number bounds them.
    init_a : str
        Of `plrnn`, as :func:`diagonal_range` reads it. What else is drawn does not depend on it.
    zero_diagonal : bool
        The recurrent weights of `plrnn` have a zero diagonal.

    Examples
    --------
    >>> shape = Architecture(family="vanilla", units=16, inputs=1, outputs=1)
    >>> weights = draw_weights(shape, "uniform", 1.0, np.random.default_rng(0))
    >>> bool(abs(weights["recurrent.weight"]).max() <= 0.25)
    True
    """
    check_initialisation(architecture, kind, gain, init_input, init_a)
    law = default_input_law(architecture) if init_input == "default" else init_input
    n, inputs = architecture.units, max(architecture.inputs, 1)
    weights: dict[str, NDArray[Any]] = {}
    if kind in _SQUARE:
        with one_thread():
            weights |= {name: value.astype(dtype) for name, value in _SQUARE[kind](n, generator).items()}
            if kind == "cayley":
                # W from the numbers as they are stored, so that it is the one that training starts from.
                formed = form_cayley({name: torch.from_numpy(weights[name][None]) for name in CAYLEY_TENSORS})
                weights["recurrent.weight"] = formed.matrix[0].numpy().astype(dtype)
    for name, shape in architecture.shapes().items():
        if name == "initial_state" or name in weights:
            continue
        if name in ("recurrent.left", "recurrent.right") and kind == "critical":
            value = _critical(name, generator.standard_normal(shape), weights)
        elif name == "recurrent.diagonal":
            low, high = diagonal_range(init_a, n)
            value = low + (high - low) * generator.random(shape)
        elif kind in ("uniform", "critical", *_SQUARE) or (kind == "gaussian" and _follows_uniform(architecture, name)):
            value = _uniform(inputs if name == "input.weight" and law == "inputs" else n, shape, generator)
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
        weights[name] = value.astype(dtype)
    if zero_diagonal:
        np.fill_diagonal(weights["recurrent.weight"], 0.0)
    return weights


def _follows_uniform(architecture: Architecture, name: str) -> bool:
    """Whether `gaussian` leaves a tensor to `uniform`: in `lowrank` none, in `leaky` of low rank all but two."""
    if not architecture.low_rank:
        return True
    return architecture.family == "leaky" and name not in ("recurrent.left", "recurrent.right")


def _critical(name: str, drawn: NDArray[np.float64], weights: Drawn) -> NDArray[np.float64]:
    """Return left, or right given left: near-critical, found in trials to be what rank-one networks learn from."""
    if name == "recurrent.left":
        return 0.5 * drawn
    left = weights["recurrent.left"].astype(np.float64)
    return np.asarray(3.0 * drawn + left / (left * left).mean(0))
