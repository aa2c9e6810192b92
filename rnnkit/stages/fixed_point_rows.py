"""Rows of the tables `fixedpoints` and `fixedpoint_coverage`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnkit.checkpoints import Checkpoint
from rnnkit.models import make_model
from rnnkit.models.ensembles import stack_weights
from rnnkit.numerics.autonomous_maps import AutonomousMap, FloatArray
from rnnkit.numerics.fixed_point_completion import MIDPOINTS, Found
from rnnkit.numerics.fixed_point_sets import coverage, distinct, index_sum
from rnnkit.numerics.stability_discs import certify_stability_many
from rnnkit.numerics.threads import one_thread
from rnnkit.numerics.unstable_directions import unstable_directions
from rnnkit.stages.fixed_point_starts import KINDS

__all__ = ["SOLVER", "Row", "coverage_rows", "flawed_row", "point_rows"]

#: What the searches of `lm` from the starts of descent are called.
SOLVER = "solver"
#: Points without a certificate and nearer than this, in the max norm, are one slow point ("abrupt-learning", 4.4).
_SLOW_APART = 1e-5
#: Entries of Jacobians that are worked on at once.
_STACK = 2**21

Row = dict[str, Any]


def point_rows(
    network: Checkpoint,
    system: AutonomousMap,
    found: Found,
    constant: FloatArray,
    slow: bool,
    moving: bool,
    directions: bool = False,
) -> list[Row]:
    """Return the rows of one network at one input, in canonical order, `point` and `system` not yet filled in.

    Parameters
    ----------
    network : Checkpoint
    system : AutonomousMap
        Of this network alone.
    found : Found
    constant : (inputs,) float64
    slow, moving : bool
        Keep slow points; keep states that are neither fixed nor slow.
    directions : bool
        Work out the unstable directions of each point.
    """
    begun = found.kind != MIDPOINTS
    rows = _fixed(found, begun)
    ends = found.ends
    finite = np.isfinite(ends.speed) & np.isfinite(ends.gradient) & np.isfinite(ends.states).all(1)
    for kind, which in (("slow", ends.slow & slow), ("moving", ~ends.still & ~ends.slow & moving)):
        rows += _unfixed(kind, found, np.flatnonzero(which & finite), begun)
    lost = _lost(found, np.flatnonzero(~finite), constant) if moving else []
    if not rows:
        return lost or [{"kind": None, "input": constant.tolist(), "status": "none_found"}]
    states = np.stack([row["state"] for row in rows])
    _measure(system, states, rows)
    _settle(system, states, rows)
    if directions:
        _point_out(system, states, rows)
    outputs = _outputs(network, states)
    order = _canonical(rows, outputs)
    for row, output in zip(rows, outputs, strict=True):
        row |= {"state": row["state"].tolist(), "output": output.tolist(), "input": constant.tolist()}
    return [*(rows[k] for k in order), *lost]


def _fixed(found: Found, begun: NDArray[np.bool_]) -> list[Row]:
    points = found.points
    arrived = np.flatnonzero(found.ends.still)
    counts = np.bincount(points.reached[begun[arrived]], minlength=len(points))
    return [
        {
            **_beside(found, arrived[points.reached == k]),
            "kind": "fixed",
            "kink": points.status[k] == "kink",
            "certified": bool(points.certified[k]),
            "radius": float(points.radius[k]),
            "unique_radius": float(points.unique_radius[k]),
            "index": int(points.index[k]) or None,
            "state": points.states[k],
            "starts_share": float(counts[k] / begun.sum()),
            "status": "ok" if points.status[k] == "certified" else str(points.status[k]),
        }
        for k in range(len(points))
    ]


def _unfixed(kind: str, found: Found, which: NDArray[np.int64], begun: NDArray[np.bool_]) -> list[Row]:
    """Return rows of ends that are no zeros, near ones as one."""
    first, group = distinct(found.ends.states[which], _SLOW_APART)
    counts = np.bincount(group[begun[which]], minlength=len(first))
    return [
        {
            **_beside(found, which[group == j]),
            "kind": kind,
            "kink": bool(found.ends.kink[which[k]]),
            "certified": False,
            "state": found.ends.states[which[k]],
            "starts_share": float(counts[j] / begun.sum()),
            "status": "ok" if kind == "slow" else "unfinished",
        }
        for j, k in enumerate(first)
    ]


def _lost(found: Found, which: NDArray[np.int64], constant: FloatArray) -> list[Row]:
    """Return the row of descents that left the range of numbers, if there are any."""
    if not len(which):
        return []
    share = len(which) / len(found.kind)
    held = {"kind": "moving", "certified": False, "starts_share": share, "status": "diverged"}
    return [{**_beside(found, which), **held, "input": constant.tolist()}]


def _beside(found: Found, searches: NDArray[np.int64]) -> Row:
    """Return what the solver came to from where some descents began."""
    if found.solver is None:
        return {}
    ends = found.solver.ends
    return {
        "converged": float(ends.still[searches].mean()),
        "solver_speed": float(np.median(ends.speed[searches])),
    }


def _measure(system: AutonomousMap, states: FloatArray, rows: list[Row]) -> None:
    """Fill in speed and gradient, evaluated at the states of the rows."""
    x = torch.from_numpy(states)[None]
    with one_thread():
        value, coefficients = system.tensors.linearise(x)
        residual = value - x
        slope = system.tensors.pull_back(coefficients, residual) - residual
    for row, speed, gradient in zip(rows, 0.5 * (residual[0] ** 2).sum(-1), slope[0].norm(dim=-1), strict=True):
        row |= {"speed": float(speed), "gradient": float(gradient)}


def _settle(system: AutonomousMap, states: FloatArray, rows: list[Row]) -> None:
    """Fill in eigenvalues and what follows from them: proven where the point is, in floating point elsewhere."""
    proven = np.array([row["certified"] for row in rows])
    values = np.empty(states.shape, dtype=np.complex128)
    decided = np.zeros(len(rows), dtype=bool)
    unstable = np.zeros(len(rows), dtype=np.int64)
    if proven.any():
        radius = np.array([row["radius"] for row in rows if row["certified"]])
        found = certify_stability_many(system, 0, states[proven], radius)
        values[proven], decided[proven], unstable[proven] = found.eigenvalues, found.certified, found.unstable_dims
    rest = np.flatnonzero(~proven)
    step = max(1, _STACK // states.shape[1] ** 2)
    with one_thread():
        for first in range(0, len(rest), step):
            part = rest[first : first + step]
            values[part] = np.linalg.eigvals(system.jacobian(states[part][None])[0])
    unstable[rest] = (np.abs(values[rest]) > 1).sum(1)
    for row, spectrum, sure, dims in zip(rows, values, decided, unstable, strict=True):
        sizes = np.abs(spectrum)
        ordered = spectrum[np.lexsort((-spectrum.imag, -spectrum.real.round(9), -sizes.round(9)))]
        row |= {
            "stable": bool(dims == 0 and sizes.max() < 1),
            "unstable_dims": int(dims),
            "stability_certified": bool(sure),
            "spectral_radius": float(sizes.max()),
            "eigenvalues": [{"re": float(z.real), "im": float(z.imag)} for z in ordered],
        }


def _point_out(system: AutonomousMap, states: FloatArray, rows: list[Row]) -> None:
    """Fill in the unstable directions, one after another in a list; an empty list where there is none."""
    for row, state in zip(rows, states, strict=True):
        unstable = row["unstable_dims"] > 0
        found = unstable_directions(system.jacobian(state[None, None])[0, 0]) if unstable else np.zeros(0)
        row["unstable_directions"] = found.ravel().tolist()


def _outputs(network: Checkpoint, states: FloatArray) -> FloatArray:
    """Return the readout at states, (points, outputs)."""
    model, weights = make_model(network.architecture), stack_weights([network], torch.device("cpu"))
    features = model.features(torch.from_numpy(states)[None])
    found: FloatArray = model.readout(weights, torch.tensor([network.architecture.gamma]).double(), features)[0].numpy()
    return found


def _canonical(rows: list[Row], outputs: FloatArray) -> NDArray[np.int64]:
    """Return the order of rows: certified, fixed, slow, moving; fewest unstable dimensions; lowest output.

    Outputs that agree to a millionth of the largest count as equal, so that rounding does not decide.
    """
    scale = max(1.0, float(np.abs(outputs).max(initial=0.0)))
    classes = {"fixed": 1, "slow": 2, "moving": 3}
    kinds = [0 if row["certified"] else classes[row["kind"]] for row in rows]
    keys = [*(outputs / scale).round(6).T[::-1], [row["unstable_dims"] for row in rows], kinds]
    return np.lexsort(keys)


def coverage_rows(system: AutonomousMap, found: Found, constant: FloatArray) -> list[Row]:
    """Return what the starts of one network say, by kind, and what its index sum says; `system` not filled in.

    Of descent there is a row more: the solver, from the same starts.
    """
    shared = {"input": constant.tolist(), "status": "ok"}
    rows = [
        {**shared, "starts_from": kind, **_counted(found, kind)} for kind in (*KINDS, MIDPOINTS) if kind in found.kind
    ]
    # Midpoints of points found are no sample of anything.
    for row in rows:
        if row["starts_from"] == MIDPOINTS:
            row |= {"missing_mass": None, "missing_mass_bound": None, "chao1": None}
    if found.solver is not None:
        (start,) = set(found.solver.kind.tolist()) or {KINDS[1]}
        rows.append({**shared, "starts_from": SOLVER, **_counted(found.solver, start)})
    points, ends = found.points, found.ends
    total = index_sum(points)
    status = "undecided" if total is None else "ok" if total == 1 else "incomplete"
    counts = np.bincount(points.reached, minlength=len(points))
    # F then maps a compact convex set into itself, as the theorem asks.
    bounded = bool(np.isfinite(system.reach[1]).all())
    rows.insert(
        0,
        {
            **shared,
            "starts_from": "all",
            "starts": len(found.kind),
            "arrived": int(ends.still.sum()),
            "slow": int(ends.slow.sum()),
            "points": len(points),
            "seen_once": int((counts == 1).sum()),
            "seen_twice": int((counts == 2).sum()),
            "certified": int(points.certified.sum()),
            "index_sum": total,
            "status": status if bounded else "no_theorem",
        },
    )
    return rows


def _counted(found: Found, kind: str) -> Mapping[str, Any]:
    reached, here = coverage(found.arrivals(kind)), found.kind == kind
    return {
        "starts": int(here.sum()),
        "arrived": reached.arrived,
        "slow": int((found.ends.slow & here).sum()),
        "points": reached.points,
        "seen_once": reached.once,
        "seen_twice": reached.twice,
        "missing_mass": reached.missing_mass,
        "missing_mass_bound": reached.missing_mass_bound,
        "chao1": reached.chao1,
    }


def flawed_row(status: str, constant: FloatArray) -> tuple[Row, Row]:
    """Return the rows of a network that cannot be searched, one for each table."""
    shared = {"input": constant.tolist(), "status": status}
    nothing = dict.fromkeys(("starts", "arrived", "slow", "points", "seen_once", "seen_twice"), 0)
    return {**shared, "kind": None}, {**shared, **nothing, "starts_from": "all"}
