r"""Freeze-in: a network that hears a cue and then learns, step by step, to stay where it is.

    r' = (1 - alpha) r + alpha tanh(W r + b 1[t < cue_steps] + noise),    W <- W - rate (r' - r) r^T,    W_ii <- 0

Haputhanthri et al. (arXiv 2502.07256), equations 7 and S11 to S14: the gradient step of |r' - r|^2 / 2 with the slope
of tanh and alpha lumped into the rate. At a fixed point r' = r, and nothing changes any more.

A row of W that has driven its unit is changed before the next row is read: one pass over the matrix a step instead of
two, and the matrix is what takes the time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.numerics.compiled import compiled

__all__ = ["PLASTIC", "learning_steps", "present_"]

FloatArray = NDArray[np.float64]

#: When weights learn: after the cue, while it lasts, or all along.
PLASTIC = ("after", "during", "both")


def learning_steps(plastic: str, cue_steps: int, plastic_steps: int) -> tuple[int, int, int]:
    """Return the steps of a presentation, and the first and last (exclusive) of them at which weights learn.

    What follows the cue is left out where nothing is learnt there: the next cue starts anew, or would find the state
    where chaos has taken it.

    Examples
    --------
    >>> [learning_steps(plastic, 50, 20) for plastic in PLASTIC]
    [(70, 50, 70), (50, 0, 50), (70, 0, 70)]
    """
    if plastic not in PLASTIC:
        raise InputError("plastic", f"'{plastic}' is no part of a presentation", f"give {', '.join(PLASTIC)}")
    first = cue_steps if plastic == "after" else 0
    steps = cue_steps if plastic == "during" else cue_steps + plastic_steps
    return steps, first, steps


def present_(
    recurrent: FloatArray,
    state: FloatArray,
    drive: FloatArray,
    noise: FloatArray,
    *,
    alpha: float,
    rate: float,
    cue_steps: int,
    plastic_steps: int,
    plastic: str = "after",
) -> None:
    """Present one cue to each network, changing `recurrent` and `state` in place.

    States never leave [-1, 1], and a weight moves by at most twice the rate a step: nothing can overflow.

    Parameters
    ----------
    recurrent : (networks, units, units) float64, C-contiguous
        W; its diagonal is zero.
    state : (networks, units) float64, C-contiguous
        r, within [-1, 1].
    drive : (networks, units) float64
        The cue's input current b while it lasts.
    noise : (networks, steps, units) float64
        Added to the current at every step; without steps there is none.
    alpha, rate : float
        Share of the state that a step replaces; learning rate of a step.
    cue_steps, plastic_steps : int
    plastic : str
        One of :data:`PLASTIC`.

    Raises
    ------
    InputError
        When shapes do not fit.

    Examples
    --------
    A unit that the other drives up: what it gained in a step is taken from its weight.

    >>> w, r, none = np.array([[[0.0, 2.0], [0.0, 0.0]]]), np.array([[0.0, 0.5]]), np.zeros((1, 0, 2))
    >>> present_(w, r, np.zeros((1, 2)), none, alpha=0.5, rate=0.1, cue_steps=0, plastic_steps=1)
    >>> r.round(3).tolist(), bool(abs(w[0, 0, 1] - (2 - 0.1 * r[0, 0] * 0.5)) < 1e-15)
    ([[0.381, 0.25]], True)
    """
    steps, first, last = learning_steps(plastic, cue_steps, plastic_steps)
    networks, units = state.shape
    if recurrent.shape != (networks, units, units) or drive.shape != state.shape:
        what = f"has shape {recurrent.shape}, the state {state.shape} and the drive {drive.shape}"
        raise InputError("recurrent", what, "give (networks, units, units) and twice (networks, units)")
    if noise.shape not in ((networks, 0, units), (networks, steps, units)):
        raise InputError("noise", f"has shape {noise.shape}", f"give ({networks}, {steps}, {units}), or no steps")
    _present_(recurrent, state, drive, noise, alpha, rate, cue_steps, steps, first, last)


@compiled
def _present_(
    recurrent: FloatArray,
    state: FloatArray,
    drive: FloatArray,
    noise: FloatArray,
    alpha: float,
    rate: float,
    cue_steps: int,
    steps: int,
    first: int,
    last: int,
) -> None:
    units = state.shape[1]
    moved = np.empty(units)
    for network in range(state.shape[0]):
        weights, rates = recurrent[network], state[network]
        for step in range(steps):
            for i in range(units):
                total = 0.0
                for j in range(units):
                    total += weights[i, j] * rates[j]
                if step < cue_steps:
                    total += drive[network, i]
                if noise.shape[1] > 0:
                    total += noise[network, step, i]
                moved[i] = (1.0 - alpha) * rates[i] + alpha * np.tanh(total)
                if first <= step < last:
                    change = rate * (moved[i] - rates[i])
                    for j in range(units):
                        weights[i, j] -= change * rates[j]
                    weights[i, i] = 0.0
            for i in range(units):
                rates[i] = moved[i]
