"""Matching of units: rnnkit beside the best of several FAQ starts of SciPy, and qc-procrustes.

``pytest benchmarks/test_permutation_matching.py --benchmark-only``; figures are in `extra_info`. Weights: ten
trained 64-unit networks (fixtures/make_recurrent_weights.py), and untrained ones at 128 and 256 units.
"""

import time
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import quadratic_assignment

from rnnkit.numerics.permutation_matching import match_permutation

FIXTURE = Path(__file__).parents[1] / "fixtures" / "recurrent_weights.npz"


def trained():
    weights = np.load(FIXTURE)["recurrent"].astype(np.float64)
    one, other = np.array(list(combinations(range(10), 2)))[::3].T
    return weights[one], weights[other]


def untrained(units, pairs):
    weights = np.random.default_rng(units).uniform(-1, 1, size=(2, pairs, units, units))
    return tuple(weights / np.sqrt(units))


CASES = {
    "trained-64": (trained, 100),
    "untrained-128": (lambda: untrained(128, 2), 20),
    "untrained-256": (lambda: untrained(256, 1), 10),
}
# Times are taken in turn, so many times over, with one worker and with two.
TURNS = 3
WORKERS = 2


def faq(a, b, starts):
    """Distance and seconds of each FAQ start: the first from the barycentre, the others from random ones.

    SciPy's objective is tr(A^T P B P^T), with P B P^T = B[col_ind][:, col_ind]: to be maximised here.
    """
    distance, seconds = np.zeros(starts), np.zeros(starts)
    for start in range(starts):
        options = {
            "maximize": True,
            "rng": np.random.default_rng(start),
            "P0": "randomized" if start else "barycenter",
        }
        began = time.perf_counter()
        order = quadratic_assignment(a, b, method="faq", options=options).col_ind
        seconds[start] = time.perf_counter() - began
        distance[start] = np.linalg.norm(a - b[order][:, order])
    return distance, seconds


def procrustes_distance(a, b):
    procrustes = pytest.importorskip("procrustes")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = procrustes.permutation_2sided(a, b, single=True, method="nmf")
    # P1 A P2 is compared with B; with one permutation P1 is P2^T
    order = found.t.argmax(axis=0)
    return np.linalg.norm(a[order][:, order] - b)


@pytest.mark.parametrize("case", CASES)
def test_against_faq(benchmark, case):
    make, starts = CASES[case]
    a, b = make()
    match_permutation(a[:1], b[:1])  # compiled, or taken from the cache
    distance = np.array([faq(*pair, starts)[0] for pair in zip(a, b, strict=True)])
    ratios = []
    for _ in range(TURNS):
        theirs = sum(faq(*pair, 10)[1].sum() for pair in zip(a, b, strict=True))
        row = []
        for workers in (1, WORKERS):
            began = time.perf_counter()
            match_permutation(a, b, workers=workers)
            row.append((time.perf_counter() - began) / theirs)
        ratios.append(row)
    found = benchmark.pedantic(match_permutation, (a, b), {"workers": WORKERS}, rounds=1)
    best = {n: distance[:, :n].min(axis=1) for n in (1, 10, starts)}
    benchmark.extra_info |= {
        "mean_distance": found.distance.mean(),
        "mean_distance_nmf": np.mean([procrustes_distance(*pair) for pair in zip(a, b, strict=True)]),
        "bound_over_distance": (found.lower_bound / found.distance).mean(),
        "starts_at_best": found.starts_at_best.tolist(),
        "iterations": found.iterations.tolist(),
        "status": found.status.tolist(),
        "seconds_over_faq_10": np.median(ratios, axis=0).round(3).tolist(),
    }
    for n, reached in best.items():
        excess = found.distance / reached - 1
        benchmark.extra_info |= {
            f"mean_distance_faq_{n}": reached.mean(),
            f"mean_excess_over_faq_{n}": excess.mean(),
            f"worst_excess_over_faq_{n}": excess.max(),
        }
    print(case, *(f"{name}: {value}" for name, value in benchmark.extra_info.items()), sep="\n  ")
    assert found.distance.mean() <= best[starts].mean() * 1.003
    assert (found.distance <= best[10] * 1.005).all()
