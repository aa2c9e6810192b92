"""What overlaps remember of tasks learnt before, and what a linear network's response depends on."""

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.numerics.loading_vectors import Layout
from rnnkit.numerics.overlap_flow import follow
from rnnkit.numerics.overlap_memory import functional_names, functional_overlaps, memory, separation
from rnnkit.numerics.reduced_activity import ReducedModel, reduced_outputs
from tests.numerics.test_overlap_descent import ONE, floor
from tests.numerics.test_reduced_activity import overlaps_at_random
from tests.oracles.overlap_learning import filter_slope

MANY = Layout(inputs=2, rank=3, outputs=2)
#: Learning time by which these filters are learnt to 1e-15.
SETTLED = 60.0


def learnt(start: np.ndarray, task: tuple[float, float], factors: tuple[float, ...] = (1, 1, 1, 1)) -> np.ndarray:
    """Overlaps at the end of learning a filter (gain, decay) in continuous time."""
    # Fewer vectors learn more slowly.
    until = SETTLED if all(factors) else 4 * SETTLED
    found = follow(filter_slope(*task), start, np.zeros(1), [until], np.array(factors, dtype=float))
    assert found.status == ("ok",)
    return found.overlaps[0, 0]


def a_b_a(factors: tuple[float, ...] = (1, 1, 1, 1)) -> list[np.ndarray]:
    """Ends of A, B, A again, and of the control A-A-A."""
    a, b = (1.0, 0.2), (2.0, 0.5)
    first = learnt(floor.START, a, factors)
    between = learnt(first, b, factors)
    return [first, between, learnt(between, a, factors), learnt(learnt(first, a, factors), a, factors)]


def test_unseen_overlaps_remember_and_the_function_does_not() -> None:
    first, between, again, control = a_b_a()
    found = memory(ONE, first, between, again, linear=True, control=control)
    assert found.left.functional < 1e-8
    assert found.left.invisible > 1e-4
    assert found.left.visible > 1e-4
    assert found.beyond_control.invisible == pytest.approx(found.left.invisible, rel=1e-3)
    unseen = ~ONE.visible(True)[ONE.pairs()]
    change = (again - first)[ONE.pairs()][unseen]
    assert found.left.invisible * found.excursion.invisible == pytest.approx(np.sqrt((change**2).sum()))


def test_a_readout_that_learns_by_itself_remembers_nothing() -> None:
    found = memory(ONE, *a_b_a((0, 0, 0, 1))[:3], linear=True)
    assert found.excursion.invisible > 0.01
    assert found.left.invisible < 1e-6


def test_control_takes_off_what_more_training_does_by_itself() -> None:
    first, between = np.eye(4), 3 * np.eye(4)
    found = memory(ONE, first, between, 1.5 * np.eye(4), linear=False, control=1.5 * np.eye(4))
    assert (found.left.invisible, found.beyond_control.invisible) == (pytest.approx(0.25), 0.0)
    assert np.isnan(found.left.functional)
    without = memory(ONE, first, between, 1.5 * np.eye(4), linear=False)
    assert np.isnan(without.beyond_control.invisible)


def test_no_excursion_has_no_share() -> None:
    found = memory(ONE, np.eye(4), np.eye(4), 2 * np.eye(4), linear=True)
    assert np.isnan(found.left.invisible)


def test_measures_are_batched_and_count_each_pair_once() -> None:
    first, second = np.zeros((2, 5, 4, 4)), np.ones((2, 5, 4, 4))
    found = separation(ONE, first, second, linear=True)
    assert found.visible.shape == found.functional.shape == (2, 5)
    assert (found.visible == 2.0).all()
    assert np.allclose(found.invisible, 6**0.5)


def basis_changed(overlaps: np.ndarray, layout: Layout, seed: int) -> np.ndarray:
    """Overlaps of (U g, V g^-T) instead of (U, V)."""
    change = np.eye(layout.size)
    g = np.random.default_rng(seed).standard_normal((layout.rank, layout.rank)) + 2 * np.eye(layout.rank)
    u = slice(layout.drives, layout.inner)
    v = slice(layout.inner, layout.inner + layout.rank)
    change[u, u], change[v, v] = g, np.linalg.inv(g).T
    return change.T @ overlaps @ change


def test_functional_overlaps_do_not_depend_on_the_basis_and_nothing_else_is_lost() -> None:
    overlaps = overlaps_at_random(MANY, 2)
    other = basis_changed(overlaps, MANY, 3)
    found, same = (functional_overlaps(MANY, held) for held in (overlaps, other))
    assert np.abs(other - overlaps).max() > 0.1
    assert np.allclose(found, same, rtol=1e-10, atol=1e-12)
    names = functional_names(MANY)
    assert len(names) == len(found) == 4 + 3 + 3 * 4
    assert names[:4] == ("z1m1", "z1m2", "z2m1", "z2m2")
    assert names[7] == "z1u*vm1"
    # The characteristic polynomial's coefficients are sums of products of eigenvalues.
    values = np.linalg.eigvals(overlaps[5:8, 2:5])
    assert found[4:7] == pytest.approx(
        [values.sum().real, ((values.sum() ** 2 - (values**2).sum()) / 2).real, values.prod().real], rel=1e-10
    )


def test_functional_overlaps_are_what_the_response_shows() -> None:
    overlaps = overlaps_at_random(MANY, 2)
    model = ReducedModel(layout=MANY, alpha=1.0, linear=True)
    impulse = np.zeros((1, 8, 2))
    impulse[0, 0, 1] = 1.0
    answers = reduced_outputs(model, overlaps[None], impulse)[0, 0]
    found = dict(zip(functional_names(MANY), functional_overlaps(MANY, overlaps), strict=True))
    assert answers[0, 0] == pytest.approx(found["z1m2"])
    assert [answers[k + 1, 1] for k in range(3)] == pytest.approx(
        [found["z2u*vm2"], found["z2u*vu*vm2"], found["z2u*vu*vu*vm2"]]
    )
    # Later answers follow from these by Cayley and Hamilton.
    c1, c2, c3 = (found[f"c{k}(vu)"] for k in (1, 2, 3))
    chain = answers[1:, 1]
    assert chain[3] == pytest.approx(c1 * chain[2] - c2 * chain[1] + c3 * chain[0])
    assert chain[4] == pytest.approx(c1 * chain[3] - c2 * chain[2] + c3 * chain[1])


def test_shape_that_does_not_fit_is_told() -> None:
    with pytest.raises(InputError, match="overlaps"):
        functional_overlaps(MANY, np.eye(4))
