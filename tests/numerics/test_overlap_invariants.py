"""Are the conserved quantities all there are? As many directions of overlaps can be reached as they leave free."""

import numpy as np
import pytest

from rnnkit.numerics.loading_vectors import Layout
from rnnkit.numerics.overlap_invariants import conserved
from tests.numerics.test_reduced_activity import overlaps_at_random


def response_slope(layout: Layout, overlaps: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Gamma of the loss s_zm w_0 + sum_j w_j z^T u (v^T u)^(j-1) v^T m: every loss of a response has such a slope."""
    rank, n = layout.rank, layout.size
    u, v = slice(1, 1 + rank), slice(1 + rank, 1 + 2 * rank)
    recurrent, write, read = overlaps[v, u], overlaps[v, 0], overlaps[-1, u]
    slope = np.zeros((n, n))
    slope[-1, 0] = weights[0]
    powers = [np.linalg.matrix_power(recurrent, j) for j in range(len(weights) - 1)]
    for j, weight in enumerate(weights[1:]):
        slope[-1, u] += weight * powers[j] @ write
        slope[v, 0] += weight * read @ powers[j]
        for i in range(j):
            slope[v, u] += weight * np.outer(read @ powers[i], powers[j - 1 - i] @ write)
    return slope + slope.T


def reachable(layout: Layout, start: np.ndarray, legs: int, substeps: int = 4) -> np.ndarray:
    """Singular values, the largest 1, of how the end of a chain of flows depends on how long each of them lasts."""
    rows, columns = layout.pairs()
    random = np.random.default_rng(1).standard_normal((legs, 2 * layout.rank + 1))
    random = 0.25 * random * 0.6 ** np.maximum(np.arange(2 * layout.rank + 1) - 1, 0)

    def end(times: np.ndarray) -> np.ndarray:
        s = start
        for weights, time in zip(random, times, strict=True):
            h = time / substeps
            for _ in range(substeps):

                def rate(s: np.ndarray, weights: np.ndarray = weights) -> np.ndarray:
                    gamma = response_slope(layout, s, weights)
                    return -(s @ gamma + gamma @ s)

                first = rate(s)
                second = rate(s + h / 2 * first)
                third = rate(s + h / 2 * second)
                s = s + h / 6 * (first + 2 * second + 2 * third + rate(s + h * third))
        return s[rows, columns]

    times = np.full(legs, 0.25)
    steps = 1e-4 * np.eye(legs)
    values = np.linalg.svd(np.array([end(times + d) - end(times - d) for d in steps]), compute_uv=False)
    return values / values[0]


@pytest.mark.parametrize(("rank", "independent", "legs"), [(1, 5, 20), (2, 9, 40)])
def test_conserved_quantities_are_all_there_are(rank: int, independent: int, legs: int) -> None:
    layout = Layout(inputs=1, rank=rank, outputs=1)
    start = overlaps_at_random(layout, 0, spread=4)
    rows, columns = layout.pairs()
    slopes = []
    for a, b in zip(rows, columns, strict=True):
        step = np.zeros_like(start)
        step[a, b] = step[b, a] = 1e-5
        slopes.append(conserved(layout, start + step, True).values - conserved(layout, start - step, True).values)
    listed = np.linalg.svd(np.array(slopes) / np.linalg.norm(slopes, axis=0), compute_uv=False)
    assert (listed > 1e-3).sum() == independent == len(listed) - 1  # I1 is the sum of the others' traces
    free = len(rows) - independent
    found = reachable(layout, start, legs)
    assert found[free - 1] > 20 * found[free]
    assert found[free] < 2e-6
