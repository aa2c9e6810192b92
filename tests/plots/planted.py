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
            rows[-1] |= {"status": status, "phase": 1}
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
    return build("fixedpoints", rows).drop_columns(["step", "method", "converged", "solver_speed"])


def landscape(count: int, descent: bool = True) -> pa.Table:
    """At step 10 k: 1 + k certified stable points, a saddle without a certificate, 2 slow points, one on a kink.

    Of descent, three quarters of the starts ended at a speed of 1e-4, from which the solver reaches 0, the others at
    1e-2, from which it gets to 1e-3; a row is of descents that diverged.
    """
    rows: list[dict[str, Any]] = []
    for name in names(count):
        for k in range(3):
            lm = [("fixed", True, True, False, 1e-30)] * (1 + k)
            lm += [("fixed", False, False, False, 1e-26)]
            lm += [("slow", False, False, False, 1e-5), ("slow", False, False, True, 1e-3)]
            held = [
                {"method": "lm", "kind": kind, "stable": stable, "certified": proven, "kink": kink, "speed": speed}
                | {"starts_share": 0.1}
                for kind, stable, proven, kink, speed in lm
            ]
            if descent:
                moving = {"method": "descent", "kind": "moving", "certified": False, "kink": False, "stable": False}
                held += [moving | {"speed": 1e-4, "converged": 1.0, "solver_speed": 0.0, "starts_share": 0.75}]
                held += [moving | {"speed": 1e-2, "converged": 0.0, "solver_speed": 1e-3, "starts_share": 0.15}]
                held += [moving | {"converged": 0.0, "solver_speed": 1e-3, "starts_share": 0.1}]
            rows += [
                row | {"network": name, "step": 10 * k, "point": p, "system": 0, "input": [0.0], "status": "ok"}
                for p, row in enumerate(held)
            ]
    return build("fixedpoints", rows)


def rollout(count: int, units: int = 4, trials: int = 3) -> pa.Table:
    """Trajectories in the plane of the first two axes; the first axis has more variance.

    Targets are the trial's number less 1, and 1; the outputs of network k are above them by k / 100.
    """
    rows = [
        {
            "network": name,
            "trial": trial,
            "step": step,
            "input": [float(step == 2 + trial)],
            "target": [trial - 1.0, 1.0],
            "output": [trial - 1.0 + k / 100, 1.0 + k / 100],
            "status": "ok",
            "hidden": (np.eye(units)[0] * 2 * np.cos(step) + np.eye(units)[1] * np.sin(step + trial)).tolist(),
        }
        for k, name in enumerate(names(count))
        for trial in range(trials)
        for step in range(10)
    ]
    return build("rollout", rows)


def sample(trials: int = 4, outputs: int = 2) -> pa.Table:
    """Two inputs, the step and its half; every target is the trial's number; the first three steps do not count."""
    rows = [
        {
            "trial": trial,
            "step": step,
            "input": [float(step), step / 2],
            "target": [float(trial)] * outputs,
            "mask": float(step > 2),
        }
        for trial in range(trials)
        for step in range(8)
    ]
    return build("sample", rows)


def eigenvalues(count: int, gates: tuple[str, ...] = ("recurrent",)) -> pa.Table:
    """Network k: 0.5 and -0.5 before training; 1.2, and +-0.5i after."""
    rows = [
        {
            "network": name,
            "weights": weights,
            "gate": gate,
            "index": index,
            "re": value.real,
            "im": value.imag,
            "modulus": abs(value),
            "status": "ok",
        }
        for name in names(count)
        for weights, values in (("initial", (0.5, -0.5)), ("trained", (1.2, 0.5j, -0.5j)))
        for gate in gates
        for index, value in enumerate(map(complex, values))
    ]
    return build("eigenvalues", rows)


def schur(count: int, whole: bool = True, alphas: tuple[float, ...] = (0.9,)) -> pa.Table:
    """T = (2, 1, .1; 0, .5, 1e-9; 0, -1, .5): the block of 2 in R, a pair of modulus 3e-5 in C."""
    form = np.array([[2.0, 1.0, 0.1], [0.0, 0.5, 1e-9], [0.0, -1.0, 0.5]])
    rows = [
        {
            "network": name,
            "block": block,
            "alpha": alpha,
            "start": start,
            "size": size,
            "re": re,
            "im": im,
            "modulus": abs(complex(re, im)),
            "sector": sector,
            "nonnormal": 0.0,
            "rows": form[start : start + size].ravel().tolist() if whole else None,
            "status": "ok",
        }
        for name in names(count)
        for alpha in alphas
        for block, start, size, re, im, sector in ((0, 0, 1, 2.0, 0.0, "R"), (1, 1, 2, 0.5, 3e-5, "C"))
    ]
    return build("schur", rows)


def feature_learning(count: int, **groups: list[str]) -> pa.Table:
    """Network k has moved by k + 1, kernel 1 / (k + 1), representation .5; group columns one value after another."""
    rows = [
        {
            "network": name,
            **{key: values[k % len(values)] for key, values in groups.items()},
            "weight_change_norm": k + 1.0,
            "kernel_alignment": 1 / (k + 1),
            "representation_alignment": 0.5,
            "parameters": "recurrent",
            "centred": False,
            "status": "ok",
        }
        for k, name in enumerate(names(count))
    ]
    return build("feature_learning", rows, list(groups))


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


#: Vectors of rank one, and which overlaps a linear network's loss sees.
VECTORS = ("m", "u", "v", "z")
SEEN = {("m", "v"), ("m", "z"), ("u", "v"), ("u", "z")}


def vector_pairs(vectors: tuple[str, ...] = VECTORS) -> list[tuple[str, str]]:
    return [(a, b) for k, a in enumerate(vectors) for b in vectors[k:]]


def overlaps(count: int, steps: tuple[int, ...] = (0, 10, 20), visible: bool = True) -> pa.Table:
    """Pair p of network k has p + k / 100 at the start, and falls by a thousandth a step; the second is negative."""
    rows = [
        {
            "network": name,
            "step": step,
            "left": left,
            "right": right,
            "value": (p + k / 100 - step / 1000) * (-1 if p == 1 else 1),
            "visible": (left, right) in SEEN if visible else None,
            "share_of_norm": 1.0,
            "rank": 1,
            "status": "ok" if visible else "no_theory",
        }
        for k, name in enumerate(names(count))
        for step in steps
        for p, (left, right) in enumerate(vector_pairs())
    ]
    return build("overlaps", rows)


def overlap_theory(
    count: int, motions: tuple[str, ...] = ("descent", "flow"), vectors: tuple[str, ...] = VECTORS
) -> pa.Table:
    """Measured is pair + step / 100, of the loss 1 / (1 + step); descent predicts it, flow a tenth more.

    Steps 0, 10, 20 are of phase 1, 30 and 40 of phase 2.
    """
    off = {"descent": 1.0, "flow": 1.1, "direct": 2.0}
    rows = []
    for name in names(count):
        for step in (0, 10, 20, 30, 40):
            held = [
                (left, right, p + step / 100, (left[0], right[0]) in SEEN)
                for p, (left, right) in enumerate(vector_pairs(vectors))
            ]
            for left, right, measured, visible in [*held, ("loss", "loss", 1 / (1 + step), None)]:
                for motion in motions:
                    rows.append(
                        {
                            "network": name,
                            "step": step,
                            "left": left,
                            "right": right,
                            "motion": motion,
                            "measured": measured,
                            "predicted": measured * off[motion],
                            "deviation": measured * (off[motion] - 1),
                            "visible": visible,
                            "phase": 1 + (step > 20),
                            "status": "ok",
                        }
                    )
    return build("overlap_theory", rows)


def gram_matrix(count: int, steps: tuple[int, ...] = (0, 20), vectors: tuple[str, ...] = VECTORS) -> pa.Table:
    """The augmented Gram matrix of a linear network whose S is 2 on the diagonal, -1 beside it; step k adds k."""

    def entry(a: str, b: str, c: str, d: str, step: int) -> float:
        s = {(p, q): (2.0 if p == q else -1.0) + step for p in vectors for q in vectors}
        return (a == c) * s[b, d] + (a == d) * s[b, c] + (b == c) * s[a, d] + (b == d) * s[a, c]

    rows = [
        {
            "network": name,
            "step": step,
            "left": a,
            "right": b,
            "by_left": c,
            "by_right": d,
            "value": entry(a, b, c, d, step),
            "visible": (a[0], b[0]) in SEEN,
            "by_visible": (c[0], d[0]) in SEEN,
            "status": "ok",
        }
        for name in names(count)
        for step in steps
        for a, b in vector_pairs(vectors)
        for c, d in vector_pairs(vectors)
    ]
    return build("gram_matrix", rows)


#: Of `path_dependence`: what is left of unseen overlaps, as shares of this, is .1; of the others less.
LEFT = {"unseen": 0.1, "visible": 0.01, "functional": 0.001}


def path_dependence(count: int, measures: tuple[str, ...] = ("memory", "divergence")) -> pa.Table:
    """Excursions of 2. Network k has `LEFT` times k + 1 left, after memory half as much beyond the control."""
    tasks = {"memory": ("A,B,A", "A,A,A"), "divergence": ("A,C", "B,C")}
    rows = [
        {
            "network": f"{tasks[measure][0].lower().replace(',', '')}-{name}",
            "other": f"{tasks[measure][1].lower().replace(',', '')}-{name}",
            "measure": measure,
            "kind": kind,
            "protocol": tasks[measure][0],
            "other_protocol": tasks[measure][1],
            "excursion": 2.0,
            "left": 2 * share * (k + 1),
            "ratio": share * (k + 1),
            "beyond_control": share * (k + 1) if measure == "memory" else None,
            "ratio_beyond_control": share * (k + 1) / 2 if measure == "memory" else None,
            "losses": [1e-9] * len(tasks[measure][0].split(",")),
            "other_losses": [1e-9] * len(tasks[measure][0].split(",")),
            "stop_loss": 1e-6,
            "status": "ok",
        }
        for measure in measures
        for k, name in enumerate(names(count))
        for kind, share in LEFT.items()
    ]
    return build("path_dependence", rows)


def latent(count: int, steps: tuple[int, ...] = (0, 10, 20, 30, 40), aligned: bool = False) -> pa.Table:
    """Circuits that go from one fixed point to three; the last network has no onset."""
    rows = []
    for n, network in enumerate(names(count)):
        for step in steps:
            three = step > 10
            roots, slopes = ([-1.0, 0.0, 1.0 + n], [-0.5, 0.4, -0.3]) if three else ([0.0], [-0.1])
            held = {"network": network, "step": step, "fixed_points": len(roots), "stable": 2 if three else 1}
            held |= {"stable_steps": held["stable"], "roots": roots, "slopes": slopes, "flatness": step / 40 + n}
            held |= {"fixed_points_fine": len(roots), "outside": 0, "flatness_range": step / 80 + n}
            known = aligned and n + 1 < count
            held |= {"relative_step": step - 15.0 if known else None, "min_abs_velocity": 0.0}
            rows.append(held | {"status": "no_onset" if aligned and not known else "ok"})
    table = build("latent", rows)
    return table if aligned else table.drop_columns(["relative_step"])


def latent_flow(count: int, steps: tuple[int, ...] = (0, 10, 20, 30, 40)) -> pa.Table:
    """-k + (step / 20) k, on five points."""
    rows = [
        {"network": network, "step": step, "kappa": k, "velocity": (step / 20 - 1) * k, "slope": 0.0, "status": "ok"}
        for network in names(count)
        for step in steps
        for k in (-2.0, -1.0, 0.0, 1.0, 2.0)
    ]
    return build("latent_flow", rows).drop_columns(["relative_step"])


def onsets(count: int) -> pa.Table:
    """Network k ended its search at step 100 (k + 1), 10 early to 20 late; the second is searching, the fourth fell."""
    rows: list[dict[str, Any]] = []
    for k, name in enumerate(names(count)):
        status = "no_end" if k == 1 else "no_plateau" if k == 3 else "ok"
        at = 100 * (k + 1)
        row = {"network": name, "criterion": "hinge", "chance": 0.5 + 0.1 * k, "chance_accuracy": 0.1, "status": status}
        row |= {"relapses": 0, "censored": status == "no_end", "evaluations": 5, "steps_per_epoch": 100}
        if status == "ok":
            row |= {"onset": at, "onset_low": at - 10, "onset_high": at + 20, "plateau": 0.6, "search_steps": at}
        row |= {"search_steps": 500} if status == "no_end" else {"crossing": at + 50}
        rows.append(row)
    return build("onsets", rows)


def weight_updates(count: int, onset: float | None = None) -> pa.Table:
    """Update k of six has the singular values 2k + 2 and k + 1; updates 1 and 2 are explicit, 4 is hidden.

    Snapshots are 4 steps apart, the last 1 step; the cosine is k / 10, of a random walk k / 20.
    """
    steps = [0, 4, 8, 12, 16, 20, 21]
    marks = ["none", "explicit", "explicit", "none", "hidden", "none", None]
    rows: list[dict[str, Any]] = []
    for name in names(count):
        for k, step in enumerate(steps):
            row = {"network": name, "step": step, "weight_singular_values": [10.0 + k, 1.0], "status": "ok"}
            if k < 6:
                row |= {"gap": steps[k + 1] - step, "update_singular_values": [2.0 * k + 2, k + 1.0]}
                row |= {"alignment": k / 10, "alignment_null": k / 20, "score": 0.0, "update_norm": 1.0}
            rows.append(row | {"event": marks[k], "relative_step": None if onset is None else step - onset})
    rows[-1]["status"] = "last"
    return build("weight_updates", rows)


def weight_correlation(count: int, steps: tuple[int, ...] = (0, 10, 30)) -> pa.Table:
    """The correlation falls by a hundredth a step."""
    rows = [
        {"network": name, "step_a": a, "step_b": b, "correlation": 1 - (b - a) / 100, "status": "ok"}
        for name in names(count)
        for k, a in enumerate(steps)
        for b in steps[k + 1 :]
    ]
    return build("weight_correlation", rows)


def freeze_in(count: int, cues: int = 4) -> pa.Table:
    """Of network k's cues one more settles every two epochs, from epoch 2 k on; the first two at one point."""
    rows: list[dict[str, Any]] = []
    for k, name in enumerate(names(count)):
        for epoch in (0, 2, 4, 6, 8):
            settled = min(cues, max(0, epoch // 2 - k))
            shared = {"network": name, "epoch": epoch, "weight_norm_ratio": 1 + epoch / 100, "weight_change": 0.0}
            for cue in range(cues):
                held = cue < settled
                point = max(0, cue - 1) if held else None
                shown = {"settled": held, "speed": 0.0 if held else 1.0, "rms": 0.9, "status": "ok"}
                rows.append(shared | shown | {"cue": cue, "point": point, "overlap_cue": 0.5})
    return build("freeze_in", rows)


def ramping_summary(count: int, steps: tuple[int, ...] = (0, 10, 20)) -> pa.Table:
    """Of ten units, one more ramps at each step and in each network; the last network has no numbers at the end."""
    rows = [
        {
            "network": name,
            "step": step,
            "group": group,
            "units": 10,
            "ramping": min(10, k + step // 10 + (group != "all")),
        }
        | {"mean_abs_slope": 0.001 * (1 + k + step), "median_r2": 0.5, "status": "ok"}
        for k, name in enumerate(names(count))
        for step in steps
        for group in ("all", "memory", "computation")
    ]
    if count > 1:
        for row in rows[-3:]:
            row |= {"ramping": None, "mean_abs_slope": None, "median_r2": None, "status": "diverged"}
    return build("ramping_summary", rows)


def ramping(count: int, steps: tuple[int, ...] = (0, 20)) -> pa.Table:
    """Five units: slopes of .01 k at the last step, which ramp beyond .015; one stands still."""
    rows = [
        {"network": name, "step": step, "unit": unit, "group": "memory" if unit < 2 else "computation"}
        | {"slope": (-1) ** unit * 0.01 * unit * step / 20, "r2": None if unit == 0 else 1 - 0.1 * unit, "peak": 1.0}
        | {"ramping": step == 20 and unit > 1, "status": "ok" if unit else "constant"}
        for name in names(count)
        for step in steps
        for unit in range(5)
    ]
    return build("ramping", rows)


def decoding(count: int, steps: tuple[int, ...] = (0, 20)) -> pa.Table:
    """R2 of the memory units rises over five steps of a trial; that of the others falls to -2."""
    r2 = {"all": lambda t: 0.2 * t, "memory": lambda t: 0.1 * t, "computation": lambda t: -0.5 * t}
    rows = [
        {"network": name, "step": step, "time": time, "units": units, "target": target}
        | {"r2": found(time) * (1 + 0.01 * k), "mse": 1 + time, "r2_fit": 0.9, "rank": 4, "status": "ok"}
        for k, name in enumerate(names(count))
        for step in steps
        for time in range(5)
        for units, found in r2.items()
        for target in ("cue1", "sum")
    ]
    return build("decoding", rows)


def spectra(count: int) -> pa.Table:
    """Amplitudes of 1 at 0; computation units have .5 at .4 besides."""
    rows = [
        {"network": name, "step": 20, "group": group, "frequency": f, "status": "ok"}
        | {"amplitude": 1.0 if f == 0 else 0.5 if (f, group) == (0.4, "computation") else 0.1 + 0.001 * k}
        | {"amplitude_no_dc": None if f == 0 else 1.0 if f == 0.4 else 0.2}
        for k, name in enumerate(names(count))
        for group in ("all", "memory", "computation")
        for f in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    ]
    return build("spectra", rows)
