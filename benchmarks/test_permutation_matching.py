"""Matching of units: rnnkit beside the best of a hundred FAQ starts of SciPy, and qc-procrustes.

``pytest benchmarks/test_permutation_matching.py --benchmark-only -s``; figures are printed and in `extra_info`.
Weights: networks trained on the 3-bit flip-flop with 64 (fixtures/make_recurrent_weights.py), 128 and 256 units
(fixtures/make_wide_recurrent_weights.py), and untrained ones. Linear algebra takes one thread on every side.
"""

import time
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import quadratic_assignment

from rnnkit.numerics.permutation_matching import match_permutation
from rnnkit.numerics.threads import one_thread

FIXTURES = Path(__file__).parents[1] / "fixtures"
STARTS = 100
# Times are taken in turn: part of the FAQ starts, then rnnkit with one worker and with two.
TURNS = 4
WORKERS = 2
# The excess is taken at each of so many seeds of rnnkit; distances and times are those of the first.
SEEDS = 5
# On trained networks: mean distance above the best of the starts, and the starts' time over that with one worker.
EXCESS, SPEED = 0.003, 5.0
# Noise added before the units are relabelled, as a share of the weights' Frobenius norm.
NOISE = (0.0, 0.1, 0.3, 0.6, 1.0)
# Up to so much of it every permutation is to be recovered.
RECOVERED = 0.6


@pytest.fixture(autouse=True)
def _threads():
    with one_thread():
        yield


def trained(units):
    """Recurrent weights of all networks of a width and, one row for a unit, what else belongs to it."""
    if units == 64:
        with np.load(FIXTURES / "recurrent_weights.npz") as held:
            weights, parts = held["recurrent"], (held["input"], held["bias"][..., None], held["readout"].mT)
            return weights.astype(np.float64), np.concatenate(parts, axis=2).astype(np.float64)
    with np.load(FIXTURES / "wide_recurrent_weights.npz") as held:
        return held[f"recurrent_{units}"].astype(np.float64), held[f"features_{units}"].astype(np.float64)


def pairs(units, every):
    weights, _ = trained(units)
    one, other = np.array(list(combinations(range(len(weights)), 2)))[::every].T
    return weights[one], weights[other]


def untrained(units, pairs):
    weights = np.random.default_rng(units).uniform(-1, 1, size=(2, pairs, units, units))
    return tuple(weights / np.sqrt(units))


CASES = {
    "trained-64": lambda: pairs(64, 3),
    "trained-128": lambda: pairs(128, 1),
    "trained-256": lambda: pairs(256, 2),
    "untrained-128": lambda: untrained(128, 2),
    "untrained-256": lambda: untrained(256, 1),
}


def faq(a, b, start=0):
    """Match that a FAQ start ends at: the first from the barycentre, the others from random points.

    SciPy's objective is tr(A^T P B P^T), with P B P^T = B[col_ind][:, col_ind]: to be maximised here.
    """
    options = {"maximize": True, "rng": np.random.default_rng(start), "P0": "randomized" if start else "barycenter"}
    return quadratic_assignment(a, b, method="faq", options=options).col_ind


def distances(a, b, orders):
    return np.array([np.linalg.norm(x - y[order][:, order]) for x, y, order in zip(a, b, orders, strict=True)])


def procrustes_distance(a, b):
    procrustes = pytest.importorskip("procrustes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = procrustes.permutation_2sided(a, b, single=True, method="nmf")
    # P1 A P2 is compared with B; with one permutation P1 is P2^T
    order = found.t.argmax(axis=0)
    return np.linalg.norm(a[order][:, order] - b)


def seconds(call):
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


@pytest.mark.parametrize("case", CASES)
def test_against_faq(benchmark, case):
    a, b = CASES[case]()
    match_permutation(a[:1], b[:1])  # compiled, or taken from the cache
    distance, theirs, ours = np.zeros((STARTS, len(a))), 0.0, np.zeros((TURNS, 2))
    for turn in range(TURNS):
        for start in range(turn, STARTS, TURNS):
            began = time.perf_counter()
            orders = [faq(*pair, start) for pair in zip(a, b, strict=True)]
            theirs += time.perf_counter() - began
            distance[start] = distances(a, b, orders)
        for k, workers in enumerate((1, WORKERS)):
            ours[turn, k] = seconds(lambda workers=workers: match_permutation(a, b, workers=workers))
    found = benchmark.pedantic(match_permutation, (a, b), {"workers": WORKERS}, rounds=1)
    best = {n: distance[:n].min(axis=0) for n in (1, 10, STARTS)}
    excess = found.distance / best[STARTS] - 1
    others = [match_permutation(a, b, seed=seed, workers=WORKERS).distance for seed in range(1, SEEDS)]
    by_seed = np.array([found.distance, *others]) / best[STARTS] - 1
    took = np.median(ours, axis=0) / len(a)
    speed = theirs / len(a) / took
    nmf = np.mean([procrustes_distance(*pair) for pair in zip(a, b, strict=True)])
    benchmark.extra_info |= {
        "mean_distance": found.distance.mean(),
        **{f"mean_distance_faq_{n}": reached.mean() for n, reached in best.items()},
        "mean_distance_nmf": nmf,
        "mean_excess": excess.mean(),
        "worst_excess": excess.max(),
        "mean_excess_by_seed": by_seed.mean(axis=1).tolist(),
        "worst_excess_by_seed": by_seed.max(axis=1).tolist(),
        "seconds_per_pair": took.tolist(),
        "seconds_per_pair_faq": theirs / len(a),
        "speed": speed.tolist(),
        "mean_lower_bound": found.lower_bound.mean(),
        "starts_at_best": found.starts_at_best.tolist(),
        "iterations": found.iterations.tolist(),
        "status": sorted(set(found.status.tolist())),
    }
    print(
        f"\n{case}, {len(a)} pairs: mean distance {found.distance.mean():.4f}; FAQ "
        + ", ".join(f"{reached.mean():.4f} ({n})" for n, reached in best.items())
        + f"; nmf {nmf:.4f}\n  excess over the best of {STARTS}: mean {excess.mean():+.2%}, worst {excess.max():+.2%}"
        f"\n  over {SEEDS} seeds: mean {by_seed.mean(axis=1).min():+.2%} to {by_seed.mean(axis=1).max():+.2%}, worst "
        f"{by_seed.max():+.2%}, above by 0.5 % in {(by_seed > 0.005).sum()} of {by_seed.size}"
        f"\n  seconds a pair {theirs / len(a):.3f} (FAQ), {took[0]:.3f}, {took[1]:.3f}; "
        f"ratio {speed[0]:.1f}, with {WORKERS} workers {speed[1]:.1f}\n"
        f"  mean lower bound {found.lower_bound.mean():.3f}, searches at best {found.starts_at_best.min()} to "
        f"{found.starts_at_best.max()}, status {sorted(set(found.status.tolist()))}"
    )
    if case.startswith("trained"):
        assert by_seed.mean(axis=1).max() <= EXCESS
        assert speed[0] >= SPEED


def noisy(x, noise, generator):
    """Add noise of so many times the norm of the weights."""
    drawn = generator.normal(size=x.shape)
    return x + drawn * (noise * np.linalg.norm(x) / np.linalg.norm(drawn))


def planted(units, noise, cases):
    """Trained weights and features, the same with noise and relabelled, and the permutation that does it."""
    weights, features = trained(units)
    made = []
    for case in range(cases):
        generator = np.random.default_rng([units, case])
        w, x = weights[case % len(weights)], features[case % len(weights)]
        order = generator.permutation(units)
        other, y = noisy(w, noise, generator), noisy(x, noise, generator)
        made.append((w, other[order][:, order], x, y[order], np.argsort(order)))
    return [np.array(part) for part in zip(*made, strict=True)]


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize(("units", "cases"), [(64, 100), (128, 100), (256, 100)])
def test_planted_permutation(benchmark, units, cases, noise):
    """The permutation that was planted is found: from the recurrent weights, and from all weights."""
    a, b, x, y, order = planted(units, noise, cases)
    found = benchmark.pedantic(match_permutation, (a, b), {"workers": WORKERS}, rounds=1)
    joint = match_permutation(a, b, linear_a=x, linear_b=y, workers=WORKERS)
    single = np.array([faq(*pair) for pair in zip(a, b, strict=True)])
    recovered = {
        name: int((p == order).all(axis=1).sum())
        for name, p in (("recurrent", found.permutation), ("all", joint.permutation), ("faq_1", single))
    }
    benchmark.extra_info |= {"cases": cases, **recovered, "status": sorted(set(found.status.tolist()))}
    print(
        f"\nplanted, {units} units, noise {noise:.0%}: recovered in {recovered['recurrent']} of {cases}, with all "
        f"weights {recovered['all']}; one FAQ start {recovered['faq_1']}; status {sorted(set(found.status.tolist()))}"
    )
    assert (found.distance <= distances(a, b, order) * (1 + 1e-12)).all()
    if noise <= RECOVERED:
        assert recovered["recurrent"] == recovered["all"] == cases
    if noise == 0:
        assert not found.distance.any()
        assert not joint.distance.any()
        assert (found.status == "optimal").all()
        assert (joint.status == "optimal").all()
