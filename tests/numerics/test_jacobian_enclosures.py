"""The enclosures against the map itself: in 60 digits, by differences, and at random states of the box."""

import numpy as np
import pytest
from mpmath import mp, mpf

from rnnkit.errors import InputError
from rnnkit.numerics.autonomous_maps import AutonomousMap
from rnnkit.numerics.jacobian_enclosures import JacobianEnclosure
from tests.oracles.precise_maps import DIGITS, numbers, random_map, residual

KINDS = [
    *[("outer", name) for name in ("tanh", "relu", "identity")],
    *[("inner", name) for name in ("tanh", "relu", "identity")],
    *[("gru", "tanh"), ("lstm", "tanh")],
]
forms = pytest.mark.parametrize(("form", "nonlinearity"), KINDS)


def states(system, count, seed):
    return np.random.default_rng(seed).normal(size=(count, system.size))


@forms
def test_the_residual_is_as_near_the_exact_one_as_it_says(form, nonlinearity):
    system = random_map(form, 12, 3, nonlinearity, size=1.4)
    points = states(system, 4, 0)
    about = JacobianEnclosure(system, 0, points)
    assert (about.residual_error < 1e-12).all()
    with mp.workdps(DIGITS):
        for point, found, bound in zip(points, about.residual, about.residual_error, strict=True):
            for exact, g, e in zip(residual(system, 0, numbers(point)), found.tolist(), bound.tolist(), strict=True):
                assert abs(exact - mpf(g)) <= mpf(e)


@pytest.mark.parametrize("form", ["outer", "inner", "gru", "lstm"])
def test_sums_that_cancel_cost_no_truth(form):
    """Weights of 1e8 whose sums are of order 1: what is left is mostly rounding."""
    system = random_map(form, 40, 1)
    weight = 1e8 * system.recurrent
    points = np.random.default_rng(0).normal(size=(5, system.size))
    rates = np.tanh(points) if form == "inner" else points[:, :40]
    # The last column balances the others at the first point, up to rounding.
    weight[0, :, -1] = -(weight[0, :, :-1] @ rates[0, :-1]) / rates[0, -1]
    system = AutonomousMap(form, "tanh", 0.7, 0.3, weight, system.drive, system.recurrent_bias)
    about = JacobianEnclosure(system, 0, points[:1])
    with mp.workdps(DIGITS):
        exact = residual(system, 0, numbers(points[0]))
        apart = [abs(a - mpf(g)) for a, g in zip(exact, about.residual[0].tolist(), strict=True)]
    assert max(apart) > 1e-10
    assert all(a <= mpf(e) for a, e in zip(apart, about.residual_error[0].tolist(), strict=True))


@forms
def test_the_jacobian_is_the_maps_and_that_of_differences(form, nonlinearity):
    system = random_map(form, 7, 4, nonlinearity)
    points = states(system, 3, 1)
    found = JacobianEnclosure(system, 0, points).jacobian
    np.testing.assert_allclose(found, system.jacobian(points[None])[0], rtol=0, atol=1e-14)
    h = 1e-25
    with mp.workdps(DIGITS):
        x = numbers(points[0])
        for j in range(system.size):
            ahead, behind = ([*x[:j], x[j] + sign * mpf(h), *x[j + 1 :]] for sign in (1, -1))
            both = zip(residual(system, 0, ahead), residual(system, 0, behind), strict=True)
            column = np.array([float((a - b) / (2 * mpf(h))) for a, b in both])
            column[j] += 1
            np.testing.assert_allclose(found[0, :, j], column, rtol=0, atol=1e-13)


@forms
@pytest.mark.parametrize("radius", [0.0, 1e-6, 1e-2, 0.5])
def test_no_jacobian_of_the_box_deviates_by_more(form, nonlinearity, radius):
    system = random_map(form, 9, 5, nonlinearity, size=1.2)
    point = states(system, 1, 2)
    about = JacobianEnclosure(system, 0, point)
    bound = about.deviation(np.array([[radius]]))[0, 0]
    rng = np.random.default_rng(3)
    corners = rng.choice([-1.0, 1.0], (400, system.size))
    inside = np.concatenate([corners, rng.uniform(-1, 1, (400, system.size)), np.zeros((1, system.size))])
    jacobians = system.jacobian((point + radius * inside)[None])[0]
    seen = np.abs(jacobians - about.jacobian[0]).sum(2).max(0)
    assert (seen <= bound + 1e-14).all()  # the Jacobians here are themselves rounded
    if radius == 1e-2:  # nor is the bound so wide as to be worth nothing
        assert (bound < 0.5).all() or nonlinearity == "relu"


@forms
def test_deviation_is_not_blind(form, nonlinearity):
    system = random_map(form, 9, 5, nonlinearity, size=1.2)
    about = JacobianEnclosure(system, 0, states(system, 1, 2))
    small, large = about.deviation(np.array([[0.0, 0.5]]))[0]
    assert (small < 1e-11).all()
    assert (large > small).any() == (nonlinearity != "identity")


def test_a_kink_is_seen_and_lets_the_derivative_be_anything_between():
    weight = np.array([[[0.5, 0.0], [0.0, 0.5]]])
    system = AutonomousMap("outer", "relu", 0.0, 1.0, weight, np.array([[0.25, -0.25]]), np.zeros((1, 2)))
    about = JacobianEnclosure(system, 0, np.array([[0.5, 0.0]]))  # arguments 0.5 and -0.25
    radii = np.array([[0.0, 0.4, 0.6, 1.1]])
    assert about.at_kink(radii).tolist() == [[False, False, True, True]]
    assert (about.deviation(radii)[0] > 0.1).tolist() == [[False, False], [False, False], [False, True], [True, True]]
    on_it = JacobianEnclosure(system, 0, np.array([[-0.5, 0.5]]))
    assert on_it.at_kink(np.zeros((1, 1))).item()


def test_points_of_the_wrong_size_and_networks_that_are_not_there():
    system = random_map("lstm", 4, 0)
    with pytest.raises(InputError, match=r"points: shape \(1, 4\) \(give \(points, 8\)\)"):
        JacobianEnclosure(system, 0, np.zeros((1, 4)))
    with pytest.raises(InputError, match="there is no network 1"):
        JacobianEnclosure(system, 1, np.zeros((1, 8)))
