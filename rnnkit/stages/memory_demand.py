"""How much memory a task asks for: the shortest history from which its next target can be predicted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from rnnkit.errors import InputError
from rnnkit.numerics.history_windows import history_windows
from rnnkit.numerics.memory_curve import MemoryCurve, memory_curve
from rnnkit.random_streams import stream
from rnnkit.stages.evaluation import sample_trials
from rnnkit.stages.predictors import Predictor, held_out_errors
from rnnkit.tables import build
from rnnkit.tasks import Task, make_task, task_parameters

__all__ = ["memory_demand", "parse_histories"]

_CPU = torch.device("cpu")
#: Of the trials, the share that predictors are trained on.
_TRAINED = 0.75
#: The longest history where none are named.
_LONGEST = 40
#: Lengths that a range may hold.
_MOST = 10_000


def memory_demand(
    task: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    histories: Sequence[int] | None = None,
    predictor: Predictor | None = None,
    trials: int = 4000,
    seeds: Sequence[int] = (0, 1, 2),
    tolerance: float = 0.1,
    floor: float = 1e-3,
    bootstrap: int = 2000,
    seed: int = 0,
    device: torch.device = _CPU,
    progress: Callable[[int, int], None] | None = None,
) -> pa.Table:
    """Return the error of predicting a task's next target from histories of several lengths, and which is enough.

    Parameters
    ----------
    task : str
    parameters : mapping, optional
        Of the task.
    histories : sequence of int, optional
        Lengths in steps, at least two; 1 to 40 by default, or to the length of a trial.
    predictor : Predictor, optional
    trials : int
        The first three quarters to train on, the rest held out.
    seeds : sequence of int
        One predictor a history each; at least two.
    tolerance, floor : float
        h* is the shortest history with an error at most max(tolerance x fall, floor x variance of the target)
        above the least; the fall is from the shortest history to the least error.
    bootstrap : int
        Draws for intervals.
    seed : int
        Of everything random: trials, initial weights, samples, bootstrap.
    device : torch.device
    progress : callable, optional
        Called with the networks' steps done and those to do.

    Returns
    -------
    pyarrow.Table
        Of schema `memory_demand`, a row a history.

    Raises
    ------
    InputError
        For histories that a trial does not hold, fewer than two histories or seeds, or targets that do not vary.

    Notes
    -----
    Huang et al., appendix H. What is decided where it is silent: docs/memory-demand.md.

    Examples
    --------
    >>> from rnnkit.stages.predictors import Predictor
    >>> quick = Predictor(steps=300, hidden=32)
    >>> table = memory_demand("flipflop", {"bits": 1}, histories=[1, 2, 3], predictor=quick, trials=200, seeds=[0, 1])
    >>> table["h_star"].to_pylist()
    [1, 1, 1]
    """
    made, predictor = make_task(task, parameters or {}), predictor or Predictor()
    lengths = _lengths(made, histories)
    _check(seeds, tolerance, floor, bootstrap)
    if trials < 8:
        raise InputError("--trials", f"{trials} are too few to train on some and hold out others", "give 8 or more")
    drawn = sample_trials(made, trials, seed)
    trained = int(_TRAINED * trials)
    windows = history_windows(
        drawn.inputs[0],
        drawn.targets[0],
        None if drawn.mask is None else drawn.mask[0],
        lengths[-1],
        training=trained,
        inputs_until=predictor.inputs_until,
        outputs=predictor.outputs,
    )
    held_out = range(trained, trials)
    errors = held_out_errors(windows, lengths, predictor, held_out, seeds, seed, device, progress)
    weights = windows.weights.reshape(trials, -1)[trained:]
    squares = (windows.targets.astype(np.float64) ** 2).mean(0).reshape(trials, -1)[trained:]
    curve = memory_curve(
        errors,
        (weights * squares).sum(1),
        weights.sum(1),
        tolerance=tolerance,
        floor=floor,
        draws=bootstrap,
        rng=stream(seed, "bootstrap"),
    )
    shared = {
        "task": made.name,
        "task_parameters": json.dumps(task_parameters(made), sort_keys=True),
        "inputs_until": predictor.inputs_until,
        "outputs": predictor.outputs,
        "seeds": len(seeds),
        "trials": int((weights.sum(1) > 0).sum()),
    }
    return build("memory_demand", [{**shared, **row} for row in _rows(curve, lengths, windows.scale**2)])


def parse_histories(text: str) -> list[int]:
    """Read lengths of histories: ranges and numbers, separated by commas.

    Examples
    --------
    >>> parse_histories("1:4,8")
    [1, 2, 3, 8]
    """
    fix = "give a range 1:41 or a list 1,2,5"
    lengths: list[int] = []
    for part in text.split(","):
        first, colon, last = part.partition(":")
        try:
            low = int(first)
            high = int(last) if colon else low + 1
        except ValueError as error:
            raise InputError("--history", f"'{text}' is no set of lengths", fix) from error
        if high <= low:
            raise InputError("--history", f"'{text}' holds the empty range '{part}'", fix)
        if high - low > _MOST:
            raise InputError("--history", f"'{part}' is {high - low} lengths", "give fewer")
        lengths += range(low, high)
    return lengths


def _lengths(task: Task, histories: Sequence[int] | None) -> list[int]:
    """Return the histories in order, or raise InputError."""
    lengths = sorted(histories if histories is not None else range(1, min(_LONGEST, task.length) + 1))
    if len(lengths) < 2:
        raise InputError("--history", f"{len(lengths)} of them make no curve", "give at least two, such as 1:11")
    if lengths[0] < 1:
        raise InputError("--history", f"{lengths[0]} is no length", "give 1 or more steps")
    if len(set(lengths)) < len(lengths):
        raise InputError("--history", "a length is given twice", "give each once")
    if lengths[-1] > task.length:
        raise InputError("--history", f"{lengths[-1]} steps; a trial has {task.length}", "give no more than that")
    return lengths


def _check(seeds: Sequence[int], tolerance: float, floor: float, bootstrap: int) -> None:
    """Raise InputError for numbers that make no curve."""
    if len(seeds) < 2:
        raise InputError("--seeds", f"{len(seeds)} of them tell nothing of their spread", "give at least two: 0:2")
    if not 0 <= tolerance < 1:
        raise InputError("--tolerance", f"{tolerance} is no share of the fall", "give 0 or more, less than 1")
    if not (math.isfinite(floor) and floor >= 0):
        raise InputError("--floor", f"{floor} is no share of the variance", "give 0 or more")
    if bootstrap < 2:
        raise InputError("--bootstrap", f"{bootstrap} draws are too few", "give 2 or more, such as 2000")


def _rows(curve: MemoryCurve, lengths: Sequence[int], variance: float) -> Iterator[dict[str, Any]]:
    """Return what differs between the rows; errors of the curve are shares of the variance."""

    def length(place: int | None) -> int | None:
        return None if place is None else lengths[place]

    complete = bool(np.isfinite(curve.mse).all())
    for k, history in enumerate(lengths):
        yield {
            "history": history,
            "mse": variance * float(curve.mse[k]),
            "ci_low": variance * float(curve.ci_low[k]),
            "ci_high": variance * float(curve.ci_high[k]),
            "mse_relative": float(curve.mse[k]),
            "seed_sd": variance * float(curve.seed_sd[k]),
            "h_star": length(curve.place),
            "h_star_low": length(curve.place_low),
            "h_star_high": length(curve.place_high),
            "h_star_share": float(curve.share[k]),
            "status": _status(curve, k, complete),
        }


def _status(curve: MemoryCurve, k: int, complete: bool) -> str:
    """Return what is to be said of a row: of its own number, of the whole curve, or that it is as it should be."""
    if not np.isfinite(curve.mse[k]):
        return "not_finite"
    if not complete:
        return "incomplete"
    if not curve.learned:
        return "unpredictable"
    if curve.place is None:
        return "no_plateau"
    # A longer history holds the shorter ones: were it trained to the end, its error could not be larger.
    return "budget" if curve.mse[k] > curve.mse[: k + 1].min() + curve.threshold else "ok"
