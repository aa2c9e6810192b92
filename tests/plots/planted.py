"""Tables whose pictures are known in advance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from rnnkit.tables import build


def names(count: int) -> list[str]:
    return [f"flipflop-n8-s{k}" for k in range(count)]


def training(count: int, epochs: int = 5) -> pa.Table:
    """Network k has the loss (k + 1) / epoch; the second diverges after its second epoch."""
    rows: list[dict[str, Any]] = []
    for k, name in enumerate(names(count)):
        for epoch in range(1, epochs + 1):
            lost = k == 1 and epoch > 2
            status = "diverged" if lost else "converged" if epoch == epochs else "training"
            loss = None if lost else (k + 1) / epoch
            rows.append({"network": name, "epoch": epoch, "val_loss": loss, "loss": loss, "lr": 0.1, "seconds": 1.0})
            rows[-1]["status"] = status
    return build("training", rows)


def comparisons(place: np.ndarray, metric: str = "dsa", **group: str) -> pa.Table:
    """Networks at places (networks, dims), their distances Euclidean."""
    own = names(len(place))
    rows = [
        {
            **group,
            "a": own[i],
            "b": own[j],
            "metric": metric,
            "distance": float(np.linalg.norm(place[i] - place[j])),
            "status": "converged",
            "seconds": 0.0,
            "level": "dynamics",
            "converged": True,
        }
        for i in range(len(place))
        for j in range(i + 1, len(place))
    ]
    return build("comparisons", rows, list(group))


def degeneracy(gammas: list[str], models: list[str]) -> pa.Table:
    """The value is gamma, 10 more in the second model, within 1 below and 2 above."""
    rows = [
        {
            "level": level,
            "metric": metric,
            "gamma": gamma,
            "model": model,
            "networks": 8,
            "pairs": 28,
            "value": (v := float(gamma) + 10 * k),
            "se": 0.5,
            "ci_low": v - 1,
            "ci_high": v + 2,
            "status": "ok",
        }
        for level, metric in (("weights", "pif"), ("dynamics", "dsa"))
        for gamma in gammas
        for k, model in enumerate(models)
    ]
    return build("degeneracy", rows, ["gamma", "model"])


def fixedpoints(count: int, units: int = 4) -> pa.Table:
    """Each network: stable at +-e1, a saddle at 0 unstable along e1, a slow point at e2."""
    one, two = np.eye(units)[:2]
    points = (("fixed", True, one), ("fixed", True, -one), ("fixed", False, 0 * one), ("slow", False, two))
    rows = [
        {
            "network": name,
            "point": k,
            "kind": kind,
            "stable": stable,
            "certified": kind == "fixed",
            "system": 0,
            "unstable_dims": int(k == 2),
            "input": [0.0],
            "state": state.tolist(),
            "status": "ok",
            "unstable_directions": one.tolist() if k == 2 else [],
        }
        for name in names(count)
        for k, (kind, stable, state) in enumerate(points)
    ]
    return build("fixedpoints", rows)


def rollout(count: int, units: int = 4, trials: int = 3) -> pa.Table:
    """Trajectories in the plane of the first two axes; the first axis has more variance."""
    rows = [
        {
            "network": name,
            "trial": trial,
            "step": step,
            "input": [0.0],
            "status": "ok",
            "hidden": (np.eye(units)[0] * 2 * np.cos(step) + np.eye(units)[1] * np.sin(step + trial)).tolist(),
        }
        for name in names(count)
        for trial in range(trials)
        for step in range(10)
    ]
    return build("rollout", rows)


def ablations(count: int, alphas: tuple[float, ...] = (0.9,)) -> pa.Table:
    """Network k of n loses k / n with RR, nothing that can be measured with CC, 1 with CR."""
    rows = [
        {
            "network": name,
            "ablation": block,
            "alpha": alpha,
            "fvu_full": 0.1,
            "fvu": 0.1 + loss,
            "delta_fvu": loss,
            "removed_mass": mass,
            "sensitivity": loss / mass if mass else None,
            "status": "ok" if mass else "empty",
        }
        for alpha in alphas
        for k, name in enumerate(names(count))
        for block, loss, mass in (("CC", 0.0, 0.0), ("RR", k / count, 0.5), ("CR", 1.0, 0.25))
    ]
    return build("ablations", rows)


def ablation_controls(count: int) -> pa.Table:
    """The median control loses .2, from .1 to .4; those of CR have a draw that diverged."""
    rows = [
        {
            "network": name,
            "ablation": block,
            "control": "entries",
            "alpha": 0.9,
            "draws": 9,
            "fvu": 0.1,
            "fvu_min": 0.2,
            "fvu_median": 0.3,
            "fvu_max": most,
            "diverged": int(most is None),
            "status": "ok",
        }
        for name in names(count)
        for block, most in (("RR", 0.5), ("CR", None))
    ]
    return build("ablation_controls", rows)
