"""Where cues leave a network whose weights stand still: does it settle, and do different cues settle apart?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from rnnkit.numerics.threads import one_thread

__all__ = ["Responses", "judge", "respond"]

FloatArray = NDArray[np.float64]

#: Steps after which a network without input is looked at: has it come to rest to the last bit?
_LOOK = 50


@dataclass(frozen=True)
class Responses:
    """What became of each cue.

    Attributes
    ----------
    speed : (networks, cues) float64
        Euclidean norm of tanh(W r) - r, per time constant.
    rms : (networks, cues) float64
        Root mean square of the units' rates.
    settled : (networks, cues) bool
        The speed is below the bound.
    point : (networks, cues) int64
        Number of the point that it settled at, in the order of the cues; -1 where it did not settle, or in silence.
    """

    speed: FloatArray
    rms: FloatArray
    settled: NDArray[np.bool_]
    point: NDArray[np.int64]


def respond(recurrent: FloatArray, drives: FloatArray, *, alpha: float, cue_steps: int, free_steps: int) -> FloatArray:
    """Return the states in which cues leave the networks: from r = 0, the cue, then no input.

    Parameters
    ----------
    recurrent : (networks, units, units) float64
    drives : (networks, cues, units) float64
        Input currents while the cues last.
    alpha : float
    cue_steps, free_steps : int
        Once nothing moves any more, the rest of the free steps is left out: it would change no bit.

    Returns
    -------
    (networks, cues, units) float64

    Examples
    --------
    Two units that hold each other up remember a cue's sign:

    >>> pair = np.array([[[0.0, 2.0], [2.0, 0.0]]])
    >>> cues = np.array([[[1.0, 1.0], [-1.0, -1.0]]])
    >>> respond(pair, cues, alpha=0.1, cue_steps=5, free_steps=500).round(4)[0, :, 0]
    array([ 0.9575, -0.9575])
    """
    state, current = np.zeros(drives.shape), np.empty(drives.shape)
    weights = np.ascontiguousarray(recurrent.transpose(0, 2, 1))
    with one_thread():
        for step in range(cue_steps + free_steps):
            np.matmul(state, weights, out=current)
            if step < cue_steps:
                current += drives
            np.tanh(current, out=current)
            before = state.copy() if step >= cue_steps and step % _LOOK == 0 else None
            state *= 1.0 - alpha
            state += np.multiply(current, alpha, out=current)
            if before is not None and np.array_equal(before, state):
                break
    return state


def judge(recurrent: FloatArray, states: FloatArray, *, still: float, apart: float) -> Responses:
    """Say which states stand still without input, and which of these are the same.

    Settled states nearer than `apart`, in the root mean square over units, are one point, and so are those that such
    neighbours join: the number of points does not depend on an order. A settled state of a smaller root mean square
    than `apart` is silence and no point.

    Parameters
    ----------
    recurrent : (networks, units, units) float64
    states : (networks, cues, units) float64
    still : float
        Bound of the speed.
    apart : float

    Examples
    --------
    >>> pair, held = np.array([[[0.0, 2.0], [2.0, 0.0]]]), 0.9575040240772687
    >>> states = np.array([[[held, held], [0.5, 0.5], [-held, -held], [0.0, 0.0], [held, held]]])
    >>> found = judge(pair, states, still=1e-3, apart=0.05)
    >>> found.settled[0], found.point[0]
    (array([ True, False,  True,  True,  True]), array([ 0, -1,  1, -1,  0]))
    """
    with one_thread():
        drift = np.tanh(np.matmul(states, recurrent.transpose(0, 2, 1))) - states
    speed, rms = np.sqrt((drift**2).sum(2)), np.sqrt((states**2).mean(2))
    settled = speed < still
    point = np.full(speed.shape, -1, dtype=np.int64)
    for network, kept in enumerate(settled & (rms > apart)):
        point[network, kept] = _labels(states[network, kept], apart)
    return Responses(speed, rms, settled, point)


def _labels(states: FloatArray, apart: float) -> NDArray[np.int64]:
    """Number states (states, units) by the clusters that neighbours make, in the order in which they begin."""
    if not len(states):
        return np.zeros(0, dtype=np.int64)
    near = np.stack([np.sqrt(((states - one) ** 2).mean(1)) <= apart for one in states])
    _, labels = connected_components(near, directed=False)
    _, begins, places = np.unique(labels, return_index=True, return_inverse=True)
    order = np.empty(len(begins), dtype=np.int64)
    order[np.argsort(begins)] = np.arange(len(begins))
    return np.asarray(order[places], dtype=np.int64)
