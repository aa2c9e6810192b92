"""Rows of the table `freeze_in`: what cues do to a network, and proofs that they end on fixed points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnnkit.numerics.autonomous_maps import AutonomousMap
from rnnkit.numerics.fixed_point_search import search
from rnnkit.numerics.fixed_point_sets import add_points, no_points
from rnnkit.numerics.krawczyk import certify_many
from rnnkit.numerics.stability_discs import certify_stability_many
from rnnkit.stages.freezing import Crowd, Probe

__all__ = ["Row", "probe_rows"]

FloatArray = NDArray[np.float64]
Row = dict[str, Any]

#: Of a state that stands nearly still with no fixed point near it.
_NO_POINT = "no_point_near"


def probe_rows(crowd: Crowd, probe: Probe, names: list[str], proofs: bool) -> list[Row]:
    """Return a row for each network and cue, at the epoch that the networks are at.

    Parameters
    ----------
    crowd : Crowd
    probe : Probe
    names : list of str
        Of the networks.
    proofs : bool
        Look for the fixed points next to the settled states, and prove them.
    """
    states, found = crowd.respond(probe)
    rows: list[Row] = []
    for k, name in enumerate(names):
        before = np.linalg.norm(crowd.initial[k])
        shared = {
            "network": name,
            "epoch": crowd.epoch,
            "weight_norm_ratio": _share(np.linalg.norm(crowd.recurrent[k]), before),
            "weight_change": _share(np.linalg.norm(crowd.recurrent[k] - crowd.initial[k]), before),
            "status": "ok",
        }
        overlaps = _cosines(states[k], crowd.inputs[k].T)
        own = [
            shared
            | {
                "cue": cue,
                "settled": bool(found.settled[k, cue]),
                "speed": float(found.speed[k, cue]),
                "point": int(found.point[k, cue]) if found.point[k, cue] >= 0 else None,
                "rms": float(found.rms[k, cue]),
                "overlap_cue": float(overlaps[cue]),
            }
            for cue in range(states.shape[1])
        ]
        if proofs:
            _prove(crowd.recurrent[k], crowd.settings.alpha, states[k], probe.apart, own)
        rows += own
    return rows


def _share(value: np.floating[Any], of: np.floating[Any]) -> float:
    return float(value / of) if of else 1.0 if value == of else np.inf


def _cosines(states: FloatArray, cues: FloatArray) -> FloatArray:
    """Return the cosine of each state with its cue; NaN for a state of zeros."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found: FloatArray = (states * cues).sum(1) / np.sqrt((states**2).sum(1) * (cues**2).sum(1))
    return found


def _prove(recurrent: FloatArray, alpha: float, states: FloatArray, apart: float, rows: list[Row]) -> None:
    """Fill in what is proven of the fixed points of one network at which cues have settled."""
    which = [k for k, row in enumerate(rows) if row["point"] is not None]
    if not which:
        return
    units = states.shape[1]
    none = np.zeros((1, units))
    system = AutonomousMap("outer", "tanh", 1.0 - alpha, alpha, recurrent[None], none, none)
    ends = search(system, states[None, which])
    there, still = ends.states[0], ends.still[0]
    near = still & (np.sqrt(((there - states[which]) ** 2).mean(1)) <= apart)
    for k in np.flatnonzero(~near):
        rows[which[k]] |= {"certified": False, "status": _NO_POINT}
    kept = np.flatnonzero(near)
    if not len(kept):
        return
    points = add_points(no_points(units), there[kept], lambda some: certify_many(system, 0, some))
    spectra = certify_stability_many(system, 0, points.states, points.radius)
    for k, j in zip(kept, points.reached, strict=True):
        values = spectra.eigenvalues[j]
        rows[which[k]] |= {
            "certified": bool(points.certified[j]),
            "proof_radius": float(points.radius[j]),
            "unique_radius": float(points.unique_radius[j]),
            "radius": float(np.abs(values).max()),
            "abscissa": float((values.real.max() - 1.0) / alpha),
            "stability_certified": bool(spectra.certified[j] and spectra.unstable_dims[j] == 0),
            "status": "ok" if points.certified[j] else str(points.status[j]),
        }
