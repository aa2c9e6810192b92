"""Alignment of operators: ours beside dsa-metric 2.0.2, and beside the least distance known, in one process.

``pytest benchmarks/test_dsa_alignment.py --benchmark-only``; the peer's 1500 iterations take most of the time. Both
sides get operators of Frobenius norm 1 (the peer normalises in place, so it is given copies) and as many threads as
torch takes; set OMP_NUM_THREADS=1 on a machine that is shared. The peer's euclidean score is the same
``||A - Q B Q^T||_F``, in float32.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from benchmarks.alignment_sets import PARTS, best_known, equal_spectra, trained
from rnnkit.devices import set_threads
from rnnkit.numerics.orthogonal_alignment import OrthogonalAlignment, align_orthogonal

Array = npt.NDArray[np.float64]

#: Rounding of the peer's scores, which are float32.
ROUNDING = 1e-5
#: Distances of one set are judged together.
judged: dict[str, list[Array]] = {}


def peer(a: Array, b: Array, iterations: int) -> tuple[Array, float]:
    """Return dsa-metric's distances and its seconds per pair."""
    distances = pytest.importorskip("DSA.simdist")
    torch.manual_seed(0)
    scorer = distances.SimilarityTransformDist(iters=iterations, score_method="euclidean")
    start = time.perf_counter()
    scores = [scorer.fit_score(x.copy(), y.copy()) for x, y in zip(a, b, strict=True)]
    return np.array(scores, dtype=np.float64), (time.perf_counter() - start) / len(a)


def ended(found: OrthogonalAlignment) -> dict[str, int]:
    return dict(Counter(found.status.tolist()))


@pytest.mark.filterwarnings("ignore")  # the peer's imports and indexing warn
@pytest.mark.parametrize(("group", "part"), [(group, part) for group, parts in PARTS.items() for part in parts])
def test_sets_of_pairs(benchmark: Any, group: str, part: str) -> None:
    try:
        a, b = PARTS[group][part]()
    except FileNotFoundError as absent:
        pytest.skip(f"{absent} is not there")
    workers = set_threads(None)
    quick, quick_seconds = peer(a, b, 200)
    long, long_seconds = peer(a, b, 1500)
    set_threads(None)
    ours = benchmark.pedantic(align_orthogonal, args=(a, b), kwargs={"workers": workers}, rounds=3, warmup_rounds=1)
    seconds = benchmark.stats.stats.median / len(a)
    started = time.perf_counter()
    spectra = align_orthogonal(a, b, workers=workers, bound="spectra")
    search_alone = (time.perf_counter() - started) / len(a)
    least = np.fmin(ours.distance, long if (known := best_known(group, part)) is None else np.fmin(known, long))
    excess = ours.distance / least - 1
    judged.setdefault(group, []).append(excess)
    benchmark.extra_info.update(
        pairs=len(a),
        threads=workers,
        mean_distance=float(ours.distance.mean()),
        mean_best_known=float(least.mean()),
        within_a_percent=float((excess <= 0.01).mean()),
        worst_excess=float(excess.max()),
        mean_distance_peer_200=float(quick.mean()),
        mean_distance_peer_1500=float(long.mean()),
        worst_over_peer_1500=float((ours.distance - long).max()),
        mean_lower_bound=float(ours.lower_bound.mean()),
        mean_lower_bound_of_spectra=float(spectra.lower_bound.mean()),
        status=ended(ours),
        mean_searches=float(ours.starts.mean()),
        mean_searches_at_best=float(ours.starts_at_best.mean()),
        seconds_per_pair=seconds,
        seconds_per_pair_without_bound=search_alone,
        seconds_per_pair_peer_200=quick_seconds,
        seconds_per_pair_peer_1500=long_seconds,
        ratio_to_peer_1500=seconds / long_seconds,
    )
    print(f"\n{group}, {part}", *(f"  {name}: {value}" for name, value in benchmark.extra_info.items()), sep="\n")
    assert (ours.distance <= np.minimum(quick, long) + ROUNDING).all()
    assert (np.concatenate(judged[group]) <= 0.01).mean() >= 0.95
    assert seconds <= long_seconds / 8


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("size", [15, 36, 45, 90])
def test_planted_rotations(benchmark: Any, size: int) -> None:
    a, _ = trained(size) if size != 90 else equal_spectra(90, 5)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=a.shape))[0]
    planted = turn @ a @ turn.mT
    theirs, _ = peer(a[:3], planted[:3], 200)
    ours = benchmark.pedantic(align_orthogonal, args=(a, planted), rounds=1)
    benchmark.extra_info.update(
        pairs=len(a),
        worst_distance=float(ours.distance.max()),
        worst_distance_peer_200=float(theirs.max()),
        status=ended(ours),
    )
    print(f"\nplanted, size {size}: {benchmark.extra_info}")
    assert ours.distance.max() < 1e-8
    assert set(ours.status) == {"optimal"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("noise", [0.01, 0.03, 0.1])
def test_planted_rotations_with_noise(benchmark: Any, noise: float) -> None:
    """100 cases: trained operators of sizes 15 and 36, random ones of 12 and 36."""
    rng = np.random.default_rng(round(1000 * noise))
    cases, theirs = [], []
    for a in (trained(15)[0][:25], trained(36)[0][:25], equal_spectra(12, 25)[0], equal_spectra(36, 25)[0]):
        error = rng.normal(size=a.shape)
        error *= noise / np.linalg.norm(error, axis=(1, 2), keepdims=True)
        turn = np.linalg.qr(rng.normal(size=a.shape))[0]
        cases.append((a, turn @ (a + error) @ turn.mT))
        theirs.append(peer(*(x[:2].copy() for x in cases[-1]), 200)[0])
    ours = benchmark.pedantic(lambda: [align_orthogonal(a, b) for a, b in cases], rounds=1)
    over = np.concatenate([found.distance for found in ours]) - noise
    benchmark.extra_info.update(
        cases=len(over),
        at_or_below_planted=float((over <= 0).mean()),
        worst_over_planted=float(over.max()),
        peer_200_at_or_below_planted=float((np.concatenate(theirs) <= noise + ROUNDING).mean()),
        status=dict(sum((Counter(ended(found)) for found in ours), Counter())),
    )
    print(f"\nplanted with noise {noise}: {benchmark.extra_info}")
    assert (over <= 0).mean() >= 0.99
