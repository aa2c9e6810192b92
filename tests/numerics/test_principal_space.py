"""Principal axes for pictures, trees for matrices, directions for saddles: planted answers and invariances."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from rnnkit.errors import InputError
from rnnkit.numerics.dendrograms import average_tree
from rnnkit.numerics.principal_space import principal_space, principal_space_of
from rnnkit.numerics.unstable_directions import unstable_directions


def test_axes_are_those_of_the_singular_values():
    rng = np.random.default_rng(0)
    states = rng.normal(size=(200, 6)) * [5, 3, 2, 1, 0.5, 0.1] + rng.normal(size=6)
    space = principal_space(states, 3)
    centred = states - states.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(abs((space.axes * axes[:3].T).sum(axis=0)), 1)
    np.testing.assert_allclose(space.explained, (sizes**2 / (sizes**2).sum())[:3])
    np.testing.assert_allclose(space.project(states).mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(space.turn(states[1] - states[0]), space.project(states[1]) - space.project(states[0]))


def test_coordinates_do_not_depend_on_the_order_of_units():
    rng = np.random.default_rng(1)
    states, order = rng.normal(size=(50, 7)) * np.arange(1, 8), rng.permutation(7)
    one, other = principal_space(states, 2), principal_space(states[:, order], 2)
    np.testing.assert_allclose(one.project(states), other.project(states[:, order]), atol=1e-10)


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_blocks_give_the_axes_of_the_whole(shift):
    rng = np.random.default_rng(3)
    states = rng.normal(size=(101, 5)) * [5, 3, 2, 1, 0.5] + shift
    blocks = [states[:1], states[1:1], states[1:40], states[40:]]
    one, other = principal_space(states, 3), principal_space_of(iter(blocks), 3)
    np.testing.assert_allclose(other.explained, one.explained, rtol=1e-9)
    np.testing.assert_allclose(other.project(states), one.project(states), atol=1e-7)


def test_blocks_of_nothing_or_of_other_units_are_refused():
    with pytest.raises(InputError, match="there are none"):
        principal_space_of([], 2)
    with pytest.raises(InputError, match=r"shape \(2, 3\)"):
        principal_space_of([np.zeros((2, 2)), np.zeros((2, 3))], 2)


@pytest.mark.parametrize("states", [[[1.0]], [[1.0, 2.0]], [[1.0], [3.0]]])
def test_too_few_units_or_states(states):
    space = principal_space(states, 3)
    assert space.project(states).shape == (len(states), 3)
    np.testing.assert_allclose(space.project(states)[:, 1:], 0)


def test_trees_join_the_nearest_first():
    table = squareform(pdist(np.random.default_rng(2).normal(size=(9, 3))))
    tree = average_tree(table)
    assert sorted(tree.order.tolist()) == list(range(9))
    assert tree.heights.max(axis=1).min() == pytest.approx(table[table > 0].min())
    assert tree.across.min() == 0
    assert tree.across.max() <= 8
    assert average_tree([[0.0]]).order.tolist() == [0]


def test_a_planted_unstable_plane():
    rng = np.random.default_rng(3)
    basis = rng.normal(size=(5, 5))
    blocks = np.diag([1.5, 0.3, 0.9, 0.0, 0.0])
    blocks[3:, 3:] = 1.2 * np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    jacobian = basis @ blocks @ np.linalg.inv(basis)
    found = unstable_directions(jacobian)
    assert found.shape == (3, 5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)
    np.testing.assert_allclose(jacobian @ found[0], 1.5 * found[0])
    # The pair's axes are orthogonal, and span what the two planted vectors span.
    assert found[1] @ found[2] == pytest.approx(0, abs=1e-10)
    assert np.linalg.matrix_rank(np.vstack([found[1:], basis[:, 3:].T]), tol=1e-8) == 2
    order = rng.permutation(5)
    np.testing.assert_allclose(unstable_directions(jacobian[np.ix_(order, order)]), found[:, order], atol=1e-8)


def test_a_stable_point_has_none():
    assert unstable_directions(0.5 * np.eye(3)).shape == (0, 3)
