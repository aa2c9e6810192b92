"""The end of the search phase of each network, from the course of its training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError, unknown_name
from rnnkit.history import History
from rnnkit.metrics import acting_weights
from rnnkit.numerics.search_phase import NONE, Phases, first_crossings, search_phases
from rnnkit.numerics.threads import one_thread
from rnnkit.random_streams import stream
from rnnkit.stages.curves import Curve
from rnnkit.tables import build
from rnnkit.tasks import make_task
from rnnkit.tasks.chance import validation_chance
from rnnkit.training.settings import Settings

__all__ = ["METRICS", "onset", "parse_criterion"]

#: Columns of a `training` table that can be read.
METRICS = ("val_loss", "loss", "accuracy")


@dataclass(frozen=True)
class _Subject:
    """What is kept of a network once its file is closed."""

    name: str
    architecture: Architecture
    steps_per_epoch: int
    begin: int
    chance: float
    chance_accuracy: float | None
    curve: Curve


def parse_criterion(text: str) -> float | None:
    """Read `hinge` or `threshold=VALUE`: the value, or None for the hinge.

    Raises
    ------
    InputError
        For anything else.

    Examples
    --------
    >>> parse_criterion("threshold=0.08"), parse_criterion("hinge")
    (0.08, None)
    """
    if text == "hinge":
        return None
    name, _, value = text.partition("=")
    try:
        found = float(value) if name == "threshold" else float("nan")
    except ValueError:
        found = float("nan")
    if not np.isfinite(found):
        raise InputError("--criterion", f"'{text}' is no criterion", "give hinge, or threshold=VALUE")
    return found


def onset(
    networks: Iterable[Checkpoint],
    curves: Mapping[str, Curve],
    histories: Mapping[str, History] | None = None,
    *,
    criterion: str = "hinge",
    metric: str = "val_loss",
    phase: int = 1,
    level: float = 0.7,
    bootstrap: int = 200,
    seed: int = 0,
    progress: Callable[[float, float], None] = lambda done, total: None,
) -> pa.Table:
    """Return when each network's search phase ended.

    Parameters
    ----------
    networks : iterable of Checkpoint
        What training says of itself is read, and the weights are let go of.
    curves : mapping of str to Curve
        By name of the network: :func:`rnnkit.stages.curves.learning_curves` of the column `metric`.
    histories : mapping of str to History, optional
        Snapshots by name of the network, of those that have any.
    criterion : str
        `hinge`: a change point in the logarithm of the loss (:func:`rnnkit.numerics.search_phase.search_phases`).
        `threshold=VALUE`: the first evaluation at VALUE or beyond it, as the paper does; for comparison.
    metric : str
        What the curves are of: `val_loss`, `loss` or `accuracy`, which goes with a threshold only.
    phase : int
        Of a protocol, from 1: steps count from the beginning of training, the search from that of the phase.
    level : float
        Share of chance that the loss has to fall to: above 0, below 1. Not used by a threshold.
    bootstrap : int
        Draws for the intervals; 0 for none.
    seed : int
        Of the bootstrap.
    progress : function of networks done and their number

    Returns
    -------
    pyarrow.Table
        Of schema `onsets`, in the order of the networks.

    Raises
    ------
    InputError
        For a network that does not say how it was trained or has no curve, and for values that do not fit.

    Examples
    --------
    >>> from rnnkit.stages import plan_networks, train
    >>> from rnnkit.stages.curves import learning_curves
    >>> quick = {"units": 4, "batch": 2, "epochs": 3, "steps_per_epoch": 1, "validation_trials": 50}
    >>> trained = train(plan_networks("delayed-addition", {"steps": 10}, quick, [0]))
    >>> onset(trained.networks, learning_curves(trained.table))["status"].to_pylist()
    ['too_sparse']
    """
    threshold = parse_criterion(criterion)
    if metric not in METRICS:
        raise unknown_name("--metric", metric, METRICS, "column")
    if metric == "accuracy" and threshold is None:
        raise InputError("--metric", "'accuracy' does not fall from chance", "add --criterion threshold=VALUE")
    if not 0 < level < 1:
        raise InputError("--level", f"{level} is no share of chance to fall to", "give a number above 0 and below 1")
    if bootstrap < 0:
        raise InputError("--bootstrap", f"{bootstrap} is not a number of draws", "give 0 or more")
    if phase < 1:
        raise InputError("--phase", f"{phase} is no phase", "give 1 or more")
    subjects = [_subject(network, curves, metric, phase) for network in networks]
    values = [subject.curve.values for subject in subjects]
    diverged = np.array([subject.curve.diverged for subject in subjects], dtype=bool)
    if threshold is None:
        chance = np.array([subject.chance for subject in subjects])
        found = search_phases(values, chance, diverged, stream(seed, "bootstrap"), level=level, draws=bootstrap)
    else:
        found = _by_threshold(values, threshold, diverged, metric == "accuracy")
    rows = []
    for k, subject in enumerate(subjects):
        history = (histories or {}).get(subject.name)
        rows.append(_row(subject, found, k, threshold is not None, history))
        progress(k + 1, len(subjects))
    return build("onsets", rows)


def _subject(network: Checkpoint, curves: Mapping[str, Curve], metric: str, phase: int) -> _Subject:
    """Return what is to be known of a network, or raise InputError."""
    held = network.training
    if network.task is None or network.seed is None or "steps_per_epoch" not in held:
        raise InputError(network.name, "does not say how it was trained", "give a network that rnnkit trained")
    phases = held.get("protocol")
    if phase > len(phases or [None]):
        has = f"{len(phases)} phases began" if phases else "was not trained in phases"
        raise InputError(network.name, f"{has}, and the {phase}. is asked for", "choose another --phase")
    if network.name not in curves or (not len(curves[network.name].epochs) and metric == "accuracy"):
        lacks = "has no rows in the training table" if network.name not in curves else f"has no numbers of '{metric}'"
        how = "give its own table with --training FILE" if network.name not in curves else "choose another --metric"
        raise InputError(network.name, lacks, how)
    each = int(held["steps_per_epoch"])
    begin = (phase - 1) * int(held["epochs"]) * each if phases else 0
    known = _chance(network, network.task, network.seed, phase)
    loss = known["chance_loss"]
    chance = float("nan") if loss is None else float(loss)
    accuracy = known.get("chance_accuracy")
    return _Subject(network.name, network.architecture, each, begin, chance, accuracy, curves[network.name])


def _chance(network: Checkpoint, task: str, seed: int, phase: int) -> Mapping[str, Any]:
    """Return the `chance_loss` and `chance_accuracy` of a network, drawn again where its metadata do not have them."""
    held = network.training
    phases = held.get("protocol")
    if phases is None and "chance_loss" in held:
        return held
    # It was trained before chance was kept, or on another task at its end.
    parameters = network.task_parameters if phases is None else phases[phase - 1]["parameters"]
    trials = held.get("validation_trials", Settings.validation_trials)
    main = held.get("stop_on", Settings.stop_on) == "main"
    return validation_chance(make_task(task, parameters), [seed], trials, main)[0]


def _by_threshold(values: list[NDArray[np.float64]], at: float, diverged: NDArray[np.bool_], rising: bool) -> Phases:
    crossing, relapses, searching, status = first_crossings(values, np.full(len(values), at), diverged, rising=rising)
    none = np.full(len(values), NONE)
    number = np.full(len(values), np.nan)
    return Phases(crossing, crossing, none, none, number, number, relapses, searching, status)


def _row(subject: _Subject, found: Phases, k: int, threshold: bool, history: History | None) -> dict[str, Any]:
    """Return a network's row."""

    def step(evaluations: NDArray[np.int64]) -> int | None:
        at = int(evaluations[k])
        return None if at == NONE else int(subject.curve.epochs[at]) * subject.steps_per_epoch

    began, status = step(found.onset), found.status[k]
    censored = status in ("no_end", "diverged")
    until = step(found.searching) if censored else began
    searched = None if until is None else until - subject.begin
    place, distance = _moved(subject.architecture, history, began)
    return {
        "network": subject.name,
        "criterion": "threshold" if threshold else "hinge",
        "chance": subject.chance,
        "chance_accuracy": subject.chance_accuracy,
        "plateau": float(found.plateau[k]),
        "onset": began,
        "onset_low": step(found.low),
        "onset_high": step(found.high),
        "crossing": step(found.crossing),
        "search_steps": searched,
        "search_speed": None if not searched else 1 / searched,
        "delta_bic": float(found.evidence[k]),
        "relapses": int(found.relapses[k]),
        "censored": censored,
        "distance_initial": distance,
        "distance_step": place,
        "evaluations": len(subject.curve.values),
        "steps_per_epoch": subject.steps_per_epoch,
        "status": status,
    }


def _moved(architecture: Architecture, history: History | None, at: int | None) -> tuple[int | None, float | None]:
    """Return the step of the snapshot nearest to one, and how far the recurrent weights have moved by then."""
    if history is None or at is None or not len(history.steps) or history.steps[0] != 0:
        return None, None
    place = int(np.abs(history.steps - at).argmin())
    names = [name for name in history.names if name in ("recurrent.weight", "recurrent.left", "recurrent.right")]
    before, after = history.at(0, names), history.at(place, names)
    with one_thread():
        distance = _distance(architecture, before, after)
    return int(history.steps[place]), distance if np.isfinite(distance) else None


def _distance(architecture: Architecture, before: dict[str, Any], after: dict[str, Any]) -> float:
    """Return the Frobenius distance of recurrent weights that act; of low rank without forming them."""
    if "recurrent.left" in before:
        # L R^T - L' R'^T = [L, -L'] [R, R']^T; taking an orthogonal factor from either side keeps the norm.
        factors = []
        for side, sign in (("left", -1.0), ("right", 1.0)):
            last, first = (np.asarray(held[f"recurrent.{side}"], dtype=np.float64) for held in (after, before))
            factors.append(np.asarray(np.linalg.qr(np.hstack([last, sign * first]), mode="r")))
        return float(np.linalg.norm(factors[0] @ factors[1].T)) / architecture.units
    moved = [acting_weights(Checkpoint("", architecture, held)) for held in (before, after)]
    return float(np.linalg.norm(moved[1] - moved[0]))
