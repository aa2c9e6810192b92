"""The last steps of a trial as features: what a predictor of the next target is given to look at.

A window of history h at step t holds the h last inputs, and of the targets before t the last one, the h last ones,
or none. Trials are laid end to end, each after a stretch of zeros as long as the longest history, so that a window
is a set of offsets from a position, and one that reaches beyond the start of its trial finds zeros there: nothing
happened yet, and the state was at rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import InputError

__all__ = ["HistoryWindows", "InputsUntil", "Outputs", "history_windows"]

InputsUntil = Literal["t", "t-1"]
Outputs = Literal["window", "previous", "none"]


@dataclass(frozen=True)
class HistoryWindows:
    """Standardised series, and which of their values make up the window at a position.

    Attributes
    ----------
    series : (channels, positions) float32
        Inputs, then targets, standardised per channel.
    channel, lag, least : (features,) int64
        Of each feature its channel, how many steps back it lies, and the least history that holds it. Sorted by
        `least`, so that a shorter history is a prefix.
    targets : (outputs, positions) float32
        Less their mean, over `scale`.
    weights : (positions,) float64
        How much each position counts as a target; 0 between trials, at the first step of a trial (which has no
        target before it), and where the task's mask is 0.
    mean : (outputs,) float64
    scale : float
        Root of the targets' variance, mean over outputs: squared errors of `targets` are shares of that variance.
    trials, stride, rest : int
        Trial i stands at positions i * stride + rest to (i + 1) * stride.
    """

    series: NDArray[np.float32]
    channel: NDArray[np.int64]
    lag: NDArray[np.int64]
    least: NDArray[np.int64]
    targets: NDArray[np.float32]
    weights: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: float
    trials: int
    stride: int
    rest: int

    def up_to(self, history: int) -> HistoryWindows:
        """Return the same with the features of a history only."""
        kept = int(np.searchsorted(self.least, history, side="right"))
        return replace(self, channel=self.channel[:kept], lag=self.lag[:kept], least=self.least[:kept])

    def features(self, history: int) -> int:
        """Return the number of features of a history."""
        return int(np.searchsorted(self.least, history, side="right"))


def history_windows(
    inputs: NDArray[np.float32],
    targets: NDArray[np.float32],
    mask: NDArray[np.float32] | None,
    longest: int,
    *,
    training: int,
    inputs_until: InputsUntil = "t",
    outputs: Outputs = "window",
) -> HistoryWindows:
    """Lay trials end to end and say which offsets make up each history.

    Parameters
    ----------
    inputs : (trials, steps, inputs) float32
    targets : (trials, steps, outputs) float32
    mask : (trials, steps) float32 or None
        Weight of each step as a target; None counts each once.
    longest : int
        The longest history.
    training : int
        The first trials, by which means and standard deviations are taken.
    inputs_until : {"t", "t-1"}
        A history of h holds x[t-h+1] to x[t], or x[t-h] to x[t-1].
    outputs : {"window", "previous", "none"}
        Beside the inputs y[t-h] to y[t-1], y[t-1] alone, or nothing.

    Raises
    ------
    InputError
        When no step of the training trials counts, or the targets do not vary there.

    Notes
    -----
    Huang et al., appendix H, have s_t = [x[t-h+1], ..., x[t]; y[t]] predict y[t+1]: `t-1` and `previous`.

    Examples
    --------
    >>> x = np.arange(8, dtype=np.float32).reshape(2, 4, 1)
    >>> windows = history_windows(x, x % 3, None, 2, training=1)
    >>> for name in ("channel", "lag", "least"):
    ...     print(name, *getattr(windows, name))
    channel 0 1 0 1
    lag 0 1 1 2
    least 1 1 2 2
    >>> windows.stride, windows.rest, windows.weights.astype(int).tolist()
    (6, 2, [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1])
    """
    trials, steps, width = inputs.shape
    stride = longest + steps
    series = np.zeros((width + targets.shape[-1], trials, stride), np.float32)
    series[:width, :, longest:] = np.moveaxis(inputs, -1, 0)
    series[width:, :, longest:] = np.moveaxis(targets, -1, 0)
    weights = np.zeros((trials, stride))
    weights[:, longest + 1 :] = 1.0 if mask is None else mask[:, 1:]
    aims = series[width:].astype(np.float64)
    mean, variance = _moments(aims[:, :training], weights[:training])
    if not variance > 0:
        raise InputError("targets", "do not vary over the steps that count", "choose other task parameters")
    aims = (aims - mean[:, None, None]) / np.sqrt(variance)
    channel, lag, least = _features(width, targets.shape[-1], longest, inputs_until, outputs)
    return HistoryWindows(
        series=_standardised(series, longest, training).reshape(len(series), -1),
        channel=channel,
        lag=lag,
        least=least,
        targets=aims.astype(np.float32).reshape(len(aims), -1),
        weights=weights.reshape(-1),
        mean=mean,
        scale=float(np.sqrt(variance)),
        trials=trials,
        stride=stride,
        rest=longest,
    )


def _moments(values: NDArray[np.float64], weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return the weighted mean per output, (outputs,), and the variance about it, mean over outputs."""
    total = weights.sum()
    if not total > 0:
        raise InputError("mask", "leaves no step after the first of a trial", "choose other task parameters")
    mean = (values * weights).sum((1, 2)) / total
    variance = (weights * (values - mean[:, None, None]) ** 2).sum((1, 2)) / total
    return mean, float(variance.mean())


def _standardised(series: NDArray[np.float32], rest: int, training: int) -> NDArray[np.float32]:
    """Return the series per channel less its mean, over its standard deviation, over the training trials' steps.

    One mean and one deviation serve all lags of a channel, and a channel that stays constant is only centred.
    """
    own = series[:, :training, rest:].astype(np.float64)
    mean, deviation = own.mean((1, 2)), own.std((1, 2))
    # A constant channel's deviation is the rounding of its mean, not 0.
    deviation[deviation <= 1e-6 * np.abs(mean)] = 1.0
    deviation[deviation == 0] = 1.0
    standardised: NDArray[np.float32] = ((series - mean[:, None, None]) / deviation[:, None, None]).astype(np.float32)
    return standardised


def _features(
    inputs: int, targets: int, longest: int, inputs_until: InputsUntil, outputs: Outputs
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return channel, lag and least history of every feature, sorted by least history."""
    late = 0 if inputs_until == "t" else 1
    rows = [(h, c, h - 1 + late) for h in range(1, longest + 1) for c in range(inputs)]
    back = {"window": longest, "previous": 1, "none": 0}[outputs]
    rows += [(h, inputs + c, h) for h in range(1, back + 1) for c in range(targets)]
    least, channel, lag = np.array(sorted(rows), dtype=np.int64).T
    return channel, lag, least
