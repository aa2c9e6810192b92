"""Alignment of trained networks' operators: ours beside dsa-metric 2.0.2, pair by pair, in one process.

Run as ``pytest benchmarks/test_dsa_alignment.py --benchmark-only``; the peer's 1500 iterations take most of the time.
Both sides get operators of Frobenius norm 1 (the peer normalises in place, so it is given copies) and as many threads
as torch takes; set OMP_NUM_THREADS=1 on a machine that is shared. The peer's euclidean score is the same
``||A - Q B Q^T||_F``, in float32.
"""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from rnnkit.devices import set_threads
from rnnkit.numerics.orthogonal_alignment import align_orthogonal

Array = npt.NDArray[np.float64]

OPERATORS = Path(__file__).resolve().parents[1] / "fixtures" / "operators.npz"
# Every seventh of the 45 pairs of ten networks: eight of them take part.
PAIRS = list(itertools.combinations(range(10), 2))[::7]


def operators(size: int) -> tuple[Array, Array]:
    """Return both sides of the pairs, (pairs, size, size), of norm 1."""
    if not OPERATORS.exists():
        pytest.skip("run fixtures/make_operators.py first")
    with np.load(OPERATORS) as stored:
        every = stored[f"size_{size}"]
    every = every / np.linalg.norm(every, axis=(1, 2), keepdims=True)
    first, second = np.array(PAIRS).T
    return every[first], every[second]


def peer(a: Array, b: Array, iterations: int) -> tuple[Array, float]:
    """Return dsa-metric's distances and its seconds per pair."""
    distances = pytest.importorskip("DSA.simdist")
    torch.manual_seed(0)
    scorer = distances.SimilarityTransformDist(iters=iterations, score_method="euclidean")
    start = time.perf_counter()
    scores = [scorer.fit_score(x.copy(), y.copy()) for x, y in zip(a, b, strict=True)]
    return np.array(scores, dtype=np.float64), (time.perf_counter() - start) / len(a)


@pytest.mark.filterwarnings("ignore")  # the peer's imports and indexing warn
@pytest.mark.parametrize("size", [15, 36, 45])
def test_pairs_of_trained_networks(benchmark: Any, size: int) -> None:
    a, b = operators(size)
    set_threads(None)
    quick, quick_seconds = peer(a, b, 200)
    long, long_seconds = peer(a, b, 1500)
    workers = set_threads(None)
    ours = benchmark.pedantic(align_orthogonal, args=(a, b), kwargs={"workers": workers}, rounds=3, warmup_rounds=1)
    seconds = benchmark.stats.stats.min / len(a)
    excess = ours.distance - np.minimum(quick, long)
    benchmark.extra_info.update(
        threads=workers,
        mean_distance=float(ours.distance.mean()),
        mean_distance_peer_200=float(quick.mean()),
        mean_distance_peer_1500=float(long.mean()),
        worst_excess=float(excess.max()),
        mean_lower_bound=float(ours.lower_bound.mean()),
        status=sorted(set(ours.status.tolist())),
        mean_iterations=float(ours.iterations.mean()),
        seconds_per_pair=seconds,
        seconds_per_pair_peer_200=quick_seconds,
        seconds_per_pair_peer_1500=long_seconds,
        ratio_to_peer_1500=seconds / long_seconds,
    )
    print(
        f"\nn={size}: mean distance {ours.distance.mean():.4f}, dsa-metric {quick.mean():.4f} (200), {long.mean():.4f} "
        f"(1500); worst excess {excess.max():.1e}; seconds a pair {seconds:.3f}, {quick_seconds:.2f}, "
        f"{long_seconds:.2f}; share of the time of 1500: {seconds / long_seconds:.3f}; "
        f"mean lower bound {ours.lower_bound.mean():.3f}, status {sorted(set(ours.status.tolist()))}"
    )
    assert excess.max() <= 1e-4
    assert seconds <= long_seconds / 10


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("size", [15, 36, 45])
def test_planted_rotation(benchmark: Any, size: int) -> None:
    a, _ = operators(size)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=a.shape))[0]
    planted = turn @ a @ turn.mT
    theirs, _ = peer(a[:3], planted[:3], 200)
    ours = benchmark(align_orthogonal, a, planted)
    benchmark.extra_info.update(
        worst_residual=float(ours.distance.max()),
        worst_residual_peer_200=float(theirs.max()),
        status=sorted(set(ours.status.tolist())),
    )
    assert ours.distance.max() < 1e-8
    assert set(ours.status) == {"optimal"}
