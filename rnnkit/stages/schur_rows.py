"""The rows of `schur-ablate`: its three tables, for one network at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from rnnkit.checkpoints import Checkpoint
from rnnkit.metrics import acting_weights
from rnnkit.numerics.ablation_controls import against_null
from rnnkit.numerics.ordered_schur import ORDER_TOLERANCE
from rnnkit.numerics.schur_ablations import ABLATIONS, CLOSE, Sectors
from rnnkit.numerics.subspace_account import SubspaceAccount, principal_axes, row_space, subspace_account
from rnnkit.numerics.threads import one_thread
from rnnkit.stages.copies import Activity, Score
from rnnkit.stages.schur_copies import Cut, Plan, Taken

__all__ = ["ROW_TABLES", "Rows", "rows_of", "unfit_rows"]

ROW_TABLES = ("ablations", "ablation_controls", "schur")
#: A stabiliser removes at least this share of the norm of T.
_MASS = 0.01

Row = dict[str, Any]
#: A network's rows by table.
Rows = dict[str, list[Row]]


def rows_of(one: Taken, own: Score, activity: Activity, plan: Plan) -> Rows:
    """Return the rows of a network whose copies were run.

    Parameters
    ----------
    one : Taken
    own : Score
        Of the network itself.
    activity : Activity
        What its recurrent weights act on.
    plan : Plan
    """
    rows: Rows = {name: [] for name in ROW_TABLES}
    accounts = {dim: _account(one, cut, activity) for dim, cut in one.cuts.items()}
    for alpha in plan.alphas:
        cut, place = one.cut(alpha), {"network": one.network.name, "alpha": alpha}
        account, pcs = accounts[cut.dim_r]
        for k, ablation in enumerate(ABLATIONS):
            row = {**place, "ablation": ablation, **_lost(one, cut, k, own, plan), **_shape(one, cut, alpha)}
            row |= {name: float(getattr(account, name)[k]) for name in ("in_pcs", "out_pcs", "out_readout", "drive")}
            row |= {"pcs": pcs, "status": _status(one, cut, one.sectors[alpha], k, own)}
            rows["ablations"].append(row)
        rows["ablation_controls"] += [{**place, **row} for row in _control_rows(cut, own, plan)]
        rows["schur"] += [{**place, **row} for row in _block_rows(one, alpha, plan.schur_rows)]
    return rows


def unfit_rows(network: Checkpoint, plan: Plan, status: str) -> Rows:
    """Return the rows of a network that cannot be run: a status, and no number."""
    places = [{"network": network.name, "alpha": alpha, "status": status} for alpha in plan.alphas]
    kinds = plan.kinds if plan.controls else ()
    nothing = {"draws": 0, "diverged": 0}
    return {
        "ablations": [{**place, "ablation": name} for place in places for name in ABLATIONS],
        "ablation_controls": [
            {**place, "ablation": name, "control": kind, **nothing}
            for place in places
            for name in ABLATIONS
            for kind in kinds
        ],
        "schur": [{**place, "block": 0, "sector": "R"} for place in places],
    }


def _score(cut: Cut, ablation: int, own: Score) -> Score:
    """Return an ablation's score: the network's own where nothing was removed, bit for bit."""
    return cut.scores[ablation] or own


def _lost(one: Taken, cut: Cut, ablation: int, own: Score, plan: Plan) -> Row:
    """Return what an ablation did, and what it removed; infinities become null in the table."""
    score, mass = _score(cut, ablation, own), float(cut.mass[ablation])
    delta = score.fvu - own.fvu if own.finite else math.nan
    orders = np.array([own.fvu if math.isnan(fvu) else fvu for fvu in cut.orders[ablation]]) - own.fvu
    return {
        "fvu_full": own.fvu,
        "fvu": score.fvu if own.finite else None,
        "delta_fvu": delta,
        "accuracy_full": own.accuracy,
        "accuracy": score.accuracy,
        "removed_mass": mass,
        "sensitivity": None if cut.empty(ablation) else delta / mass,
        "rollout_distance": score.distance,
        "stabiliser": score.distance <= plan.epsilon and mass >= _MASS if math.isfinite(score.distance) else None,
        "removed_norm": float(cut.norm[ablation]),
        **(
            {f"delta_fvu_order_{name}": float(getattr(np, name)(orders)) for name in ("min", "median", "max")}
            if len(orders)
            else {}
        ),
    }


def _shape(one: Taken, cut: Cut, alpha: float) -> Row:
    sectors, schur = one.sectors[alpha], one.schur
    return {
        "dim_r": sectors.dim_r,
        "blocks_r": sectors.blocks_r,
        "blocks": sectors.blocks,
        "gap": sectors.gap,
        "sep": cut.sep,
        "spectral_radius": schur.spectral_radius,
        "order_violation": schur.violation,
    }


def _status(one: Taken, cut: Cut, sectors: Sectors, ablation: int, own: Score) -> str:
    """Return the gravest of what is to be said of a row."""
    ran = [_score(cut, ablation, own).fvu, *cut.orders[ablation]]
    if not own.finite or any(math.isinf(fvu) for fvu in ran):
        return "diverged"
    if math.isnan(own.fvu):
        return "no_variance"
    if one.schur.violation > ORDER_TOLERANCE:
        return "order_inexact"
    if cut.empty(ablation):
        return "empty"
    if sectors.tied:
        return "threshold_tie"
    return "threshold_close" if sectors.gap < CLOSE else "ok"


def _account(one: Taken, cut: Cut, activity: Activity) -> tuple[SubspaceAccount, int | None]:
    if not (np.isfinite(activity.covariance).all() and np.isfinite(activity.second_moment).all()):
        nothing = np.full(len(ABLATIONS), np.nan)
        return SubspaceAccount(nothing, nothing, nothing, nothing), None
    with one_thread():
        axes = principal_axes(activity.covariance)
        readout = row_space(one.network.weights["readout.weight"].astype(np.float64))
        parts = one.schur.vectors @ cut.removed @ one.schur.vectors.T
        # Where there is nothing to account for, rounding would be.
        parts[[cut.empty(k) for k in range(len(ABLATIONS))]] = 0.0
        weights = acting_weights(one.network)[0]
        return subspace_account(parts, weights, axes, readout, activity.second_moment), axes.shape[1]


def _control_rows(cut: Cut, own: Score, plan: Plan) -> Iterator[Row]:
    for k, ablation in enumerate(ABLATIONS):
        for kind in plan.kinds if plan.controls else ():
            real, null = _score(cut, k, own).fvu, np.array(cut.null.get((k, kind), []))
            row: Row = {"ablation": ablation, "control": kind, "fvu": real if own.finite else None}
            row |= {"draws": len(null), "diverged": int(np.isinf(null).sum())}
            if not own.finite or math.isinf(real) or row["diverged"]:
                row["status"] = "diverged"
            elif math.isnan(real):
                row["status"] = "no_variance"
            elif cut.empty(k):
                row["status"] = "empty"
            else:
                row["status"] = "ok" if kind != "entries" or cut.free[k] else "no_freedom"
            if len(null) and not np.isnan(null).any():
                found = against_null(real, null)
                row |= {"fvu_min": found.least, "fvu_median": found.median, "fvu_max": found.most}
                if math.isfinite(real):
                    row |= {"share_at_most": found.share_at_most, "p_value": found.p_value}
            if kind == "entries" and len(null):
                row["overlap"] = float(np.mean(cut.overlap[k]))
            yield row


def _block_rows(one: Taken, alpha: float, whole: bool) -> Iterator[Row]:
    schur, sectors = one.schur, one.sectors[alpha]
    for block, (start, size) in enumerate(zip(schur.starts.tolist(), schur.sizes.tolist(), strict=True)):
        value = complex(schur.eigenvalues[block])
        pair = size == 2
        yield {
            "block": block,
            "start": start,
            "size": size,
            "re": value.real,
            "im": value.imag,
            "modulus": float(schur.moduli[block]),
            "sector": "R" if block < sectors.blocks_r else "C",
            "nonnormal": float(schur.form[start, start + 1] + schur.form[start + 1, start]) if pair else 0.0,
            "rows": schur.form[start : start + size].ravel().tolist() if whole else None,
            "status": "order_inexact" if schur.violation > ORDER_TOLERANCE else "ok",
        }
