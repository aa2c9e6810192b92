"""Lower bounds of the orthogonal alignment: those in use, and those tried and left.

``pytest benchmarks/test_alignment_bounds.py --benchmark-only``; operators have norm 1. The peers have no bound. Each
bound is shown as a share of the distance found, on average, with its seconds per pair beside those of the search.
"""

import time

import numpy as np
import pytest
from scipy.optimize import minimize

from benchmarks.alignment_sets import equal_spectra, trained
from rnnkit.numerics import alignment_bounds, alignment_descent
from rnnkit.numerics.alignment_bounds import EPS, QUICK, descent_bound, programme_bound, spectral_bound
from rnnkit.numerics.orthogonal_alignment import align_orthogonal
from rnnkit.numerics.threads import one_thread

CASES = {
    "trained, 15": lambda: trained(15),
    "trained, 36": lambda: trained(36),
    "trained, 45": lambda: trained(45),
    "equal spectra, 12": lambda: equal_spectra(12, 14),
    "equal spectra, 36": lambda: equal_spectra(36, 13),
}
PAIRS = 13
STEPS = (0, 6, 24, 100, 400)  # 0 steps leave S = T


def mirsky(a, b):
    return np.linalg.norm(np.linalg.svd(a, compute_uv=False) - np.linalg.svd(b, compute_uv=False), axis=1)


def two_parts(a, b):
    """Hoffman and Wielandt on the symmetric and skew parts."""
    parts = [[np.linalg.eigvalsh((x + x.mT) / 2), np.linalg.eigvalsh(0.5j * (x - x.mT))] for x in (a, b)]
    return np.sqrt(sum(((one - other) ** 2).sum(axis=1) for one, other in zip(*parts, strict=True)))


def smoothed(a, b, rotation):
    """The semidefinite bound by L-BFGS on the log-sum-exp of all eigenvalues, ever sharper; eigenvalues not proven."""
    n = len(a)
    turned = rotation @ b @ rotation.T
    total = a @ turned.T + a.T @ turned
    total = (total + total.T) / 2
    upper = np.triu_indices(n)
    entries = np.zeros(len(upper[0]))

    def symmetric(entries):
        d = np.zeros((n, n))
        d[upper] = entries
        return (d + d.T) / 2

    def largest(entries, width):
        d = symmetric(entries)
        values, vectors = np.linalg.eigh(alignment_bounds._matrix(a, turned, total / 2 + d, total / 2 - d))
        weights = np.exp((values - values[-1]) / width)
        x = vectors.T.reshape(-1, n, n) * np.sqrt(weights / weights.sum())[:, None, None]
        slope = np.tensordot(x, x, axes=((0, 1), (0, 1))) - np.tensordot(x, x, axes=((0, 2), (0, 2)))
        slope = (slope + slope.T) / 2
        return values[-1] + width * np.log(weights.sum()), slope[upper]

    for width in (1e-2, 1e-3, 1e-4):
        found = minimize(largest, entries, (width,), jac=True, method="L-BFGS-B", options={"maxiter": 60})
        entries = found.x
    d = symmetric(entries)
    value = np.linalg.eigvalsh(alignment_bounds._matrix(a, turned, total / 2 + d, total / 2 - d))[-1]
    return np.sqrt(max(0.0, (a**2).sum() + (b**2).sum() - np.trace(total) - n * value))


def loose_eigenvalue(a, b, rotation):
    """How far Lanczos' estimate is below the largest eigenvalue, as the bound took it before it was proven."""
    turned = rotation @ b @ rotation.T
    total = a @ turned.T + a.T @ turned
    total = (total + total.T) / 2
    d, vector = alignment_descent.descend(a, turned, total, 24)
    left, right = total / 2 + d, total / 2 - d
    exact = np.linalg.eigvalsh(alignment_bounds._matrix(a, turned, left, right))[-1]
    return exact - alignment_bounds._leading_eigenvalue(a, turned, left, right, np.zeros(()), vector)


@pytest.mark.parametrize("case", CASES)
def test_bounds(benchmark, case):
    a, b = (x[:PAIRS] for x in CASES[case]())
    align_orthogonal(a[:1], b[:1])  # compiled, or taken from the cache
    began = time.perf_counter()
    found = align_orthogonal(a, b, bound="spectra")
    search = (time.perf_counter() - began) / len(a)
    distance = found.distance
    rows = {"singular values (Mirsky)": (mirsky(a, b), 0.0), "two parts": (two_parts(a, b), 0.0)}
    began = time.perf_counter()
    rows["the larger, with its margin"] = (spectral_bound(a, b), (time.perf_counter() - began) / len(a))
    pairs = list(zip(a, b, found.rotation, strict=True))
    small = a.shape[1] <= QUICK

    def timed(name, bound):
        began = time.perf_counter()
        bounds = np.array([bound(*pair) for pair in pairs])
        rows[name] = (bounds, (time.perf_counter() - began) / len(a))

    with one_thread():
        for steps in STEPS:
            if small or steps <= 100:
                timed(f"descent, {steps} steps", lambda x, y, q, steps=steps: descent_bound(x, y, q, steps))
        if a.shape[1] <= 36:
            timed("programme", lambda x, y, q: programme_bound(x, y, np.linalg.norm(x - q @ y @ q.T)))
        if small:
            timed("smoothed, not proven", smoothed)
            gaps = np.array([loose_eigenvalue(*pair) for pair in pairs])
            benchmark.extra_info["lanczos_below_largest"] = int((gaps > 10 * EPS).sum())
            benchmark.extra_info["lanczos_worst_gap"] = float(gaps.max())
    benchmark.pedantic(spectral_bound, (a, b), rounds=1)
    print(f"\n{case}: {len(a)} pairs, mean distance {distance.mean():.4f}, search {search:.3f} s a pair")
    for name, (bounds, seconds) in rows.items():
        shares = float((bounds / distance).mean()), int((distance - bounds <= 1e-7).sum()), seconds / search
        benchmark.extra_info[name] = shares
        print(f"  {name:28s} {shares[0]:.3f}  proven {shares[1]:2d}  share of the search {shares[2]:.2f}")
    print({key: value for key, value in benchmark.extra_info.items() if key.startswith("lanczos")})
    assert all((bounds <= distance + 1e-9).all() for bounds, _ in rows.values())
    assert rows["descent, 24 steps"][0].mean() > rows["two parts"][0].mean()
