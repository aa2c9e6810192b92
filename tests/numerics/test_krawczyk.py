"""No certificate is false: planted points, ghosts, displaced points, and the truth in 60 digits."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from rnnkit.errors import InputError
from rnnkit.numerics.autonomous_maps import AutonomousMap
from rnnkit.numerics.krawczyk import ASSUMPTIONS, certify, certify_many
from rnnkit.numerics.piecewise_linear import solve_regions
from tests.oracles.precise_maps import (
    DIGITS,
    distance,
    permuted,
    random_map,
    residual,
    scalar,
    settled,
    true_fixed_point,
)

FIXTURES = Path(__file__).parents[2] / "fixtures"
#: Where tanh(2 h + b) touches the diagonal from below.
FOLD = 0.5**0.5
FOLD_DRIVE = float(np.arctanh(FOLD) - 2 * FOLD)


@pytest.fixture(scope="module")
def flipflop():
    with np.load(FIXTURES / "recurrent_weights.npz") as held:
        weight, bias = held["recurrent"].astype(np.float64), held["bias"].astype(np.float64)
    with np.load(FIXTURES / "flipflop_fixed_points.npz") as held:
        points = held["points"].astype(np.float64)
    return AutonomousMap("outer", "tanh", 0.0, 1.0, weight, bias, np.zeros_like(bias)), points


def all_distinct(found):
    """Whether no two balls of `radius` meet."""
    apart = np.abs(found.point[:, None] - found.point).max(2)
    meet = apart <= found.radius[:, None] + found.radius
    return np.array_equal(meet, np.eye(len(meet), dtype=bool))


def fold_map(form, weight, alpha, drive):
    one = np.ones((1, 1, 1))
    return AutonomousMap(form, "tanh", 1 - alpha, alpha, weight * one, drive * one[0], 0 * one[0])


# Known answers


def test_all_points_of_all_flipflop_networks(flipflop):
    system, points = flipflop
    for network in range(10):
        found = certify_many(system, network, points[network])
        assert found.certified.all()
        assert found.radius.max() < 1e-11
        assert found.unique_radius.min() > 1e-3
        assert found.index.sum() == 1
        assert all_distinct(found)
        assert np.abs(found.point - points[network]).max() < 1e-6


def test_flipflop_points_are_where_they_are_said_to_be(flipflop):
    system, points = flipflop
    for network, chosen in ((0, slice(0, 27, 3)), (6, slice(1, 27, 4))):
        found = certify_many(system, network, points[network, chosen])
        for point, radius in zip(found.point, found.radius, strict=True):
            truth = true_fixed_point(system, network, point)
            assert distance(truth, point) <= mpf(radius)


@pytest.mark.parametrize(
    ("form", "units", "seed"),
    [(form, units, seed) for form in ("outer", "inner", "gru", "lstm") for units, seed in ((16, 1), (16, 2), (64, 3))],
)
def test_random_networks_are_certified_and_the_truth_is_inside(form, units, seed):
    system = random_map(form, units, seed)
    found = certify(system, 0, settled(system))
    assert found.status == "certified"
    assert found.radius < 1e-11
    assert found.unique_radius > 1e-4
    assert found.index == 1  # a stable point
    assert distance(true_fixed_point(system, 0, found.point), found.point) <= mpf(found.radius)


@pytest.mark.parametrize("nonlinearity", ["relu", "identity"])
@pytest.mark.parametrize("form", ["outer", "inner"])
def test_regular_points_of_piecewise_linear_networks_are_certified(form, nonlinearity):
    system = random_map(form, 20, 1, nonlinearity, size=0.6)
    start = np.random.default_rng(0).normal(size=(10, 20))
    point = solve_regions(system, 0, start).points[0]
    found = certify(system, 0, point)
    assert found.status == "certified"
    assert found.radius < 1e-12
    assert found.unique_radius > (1e-5 if nonlinearity == "relu" else 0.99)
    assert distance(true_fixed_point(system, 0, found.point), found.point) <= mpf(found.radius)


# What must be refused


@pytest.mark.parametrize("exponent", range(2, 14))
def test_ghosts_short_of_the_fold_are_refused(exponent):
    system = scalar(2.0, FOLD_DRIVE - 10.0**-exponent)
    with mp.workdps(DIGITS):  # the exact residual is below 0 on the whole branch: there is nothing to certify
        top = mp.tanh(2 * mp.sqrt(mpf(1) / 2) + mpf(float(system.drive[0, 0]))) - mp.sqrt(mpf(1) / 2)
        assert top < 0
    speed = 0.5 * float(top) ** 2
    around = FOLD + np.concatenate([[0.0], *(sign * 10.0 ** -np.arange(3, 16.0) for sign in (1, -1))])
    for polish in (0, 2):
        found = certify_many(system, 0, around[:, None], polish)
        assert not found.certified.any()
        assert np.isnan(found.radius).all()
        assert (found.index == 0).all()
    assert exponent != 13 or speed < 1e-26


@pytest.mark.parametrize("past", [1e-12, 1e-8, 1e-3])
def test_both_points_past_the_fold_are_certified_apart(past):
    system = scalar(2.0, FOLD_DRIVE + past)
    with mp.workdps(DIGITS):
        drive = mpf(float(system.drive[0, 0]))
        width = mp.sqrt(mpf(past) * mp.sqrt(2)) / mp.sqrt(2)
        twins = [
            mp.findroot(lambda h: mp.tanh(2 * h + drive) - h, mp.sqrt(mpf(1) / 2) + sign * width, tol=1e-80)
            for sign in (-1, 1)
        ]
        apart = twins[1] - twins[0]
        assert apart > 0
        found = certify_many(system, 0, np.array([[float(h)] for h in twins]))
        assert found.certified.all()
        for truth, point, radius in zip(twins, found.point[:, 0], found.radius, strict=True):
            assert abs(truth - mpf(float(point))) <= mpf(float(radius))
    assert (found.unique_radius < float(apart)).all()
    assert found.index.tolist() == [-1, 1]
    assert all_distinct(found)


@pytest.mark.parametrize("d", [1e-1, 1e-2, 1e-4, 1e-6, 1e-8])
def test_the_balls_of_a_pitchfork_hold_one_point_each(d):
    system = scalar(1 + d, 0.0)
    with mp.workdps(DIGITS):
        weight = mpf(1 + d)
        outer = mp.findroot(lambda h: mp.tanh(weight * h) / h - 1, mp.sqrt(3 * mpf(d)), tol=1e-80)
    middle, right = (certify(system, 0, np.array([at])) for at in (0.0, float(outer)))
    assert middle.certified
    assert middle.index == -1
    assert middle.unique_radius < float(outer)
    if right.certified:
        assert right.index == 1
        assert abs(outer - mpf(right.point.item())) <= mpf(right.radius)
        assert right.unique_radius < float(outer)
    assert right.certified or d < 1e-6


@pytest.mark.parametrize("d", [1e-10, 1e-12, 1e-15, 0.0])
def test_a_pitchfork_too_near_its_bifurcation_is_refused(d):
    assert not certify(scalar(1 + d, 0.0), 0, np.zeros(1)).certified


def test_an_eigenvalue_of_one_is_singular():
    found = certify(scalar(1.0, 0.0), 0, np.zeros(1))
    assert (found.status, found.index, found.certified) == ("singular", 0, False)


def test_displaced_points_never_get_a_ball_that_misses_the_truth(flipflop):
    system, points = flipflop
    rng = np.random.default_rng(5)
    sizes = np.geomspace(1e-14, 0.1, 20)
    certified = np.zeros(20)
    for k in range(14):
        network, which = k % 10, int(rng.integers(27))
        exact = certify(system, network, points[network, which])
        truth = true_fixed_point(system, network, exact.point)
        moved = exact.point + sizes[:, None] * rng.choice([-1.0, 1.0], (20, 64))
        found = certify_many(system, network, moved, polish=0)
        certified += found.certified
        for point, radius in zip(found.point[found.certified], found.radius[found.certified], strict=True):
            assert distance(truth, point) <= mpf(radius)
    assert (certified[sizes < 1e-4] == 14).all()
    assert certified.sum() >= 210
    assert certified[-1] < 14  # 0.1 off is too far for some at least


def test_a_line_of_relu_fixed_points_is_refused():
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(6, 6)))[0]
    weight = turn @ np.diag([1.0, 0.5, 0.2, -0.3, 0.1, 0.4]) @ turn.T
    direction = turn[:, 0] * np.sign(turn[0, 0])
    base = np.full(6, 3.0)
    system = AutonomousMap("outer", "relu", 0.0, 1.0, weight[None], (base - weight @ base)[None], np.zeros((1, 6)))
    line = base + np.array([[0.0], [0.1], [0.3]]) * direction
    assert np.abs(system.value(line[None])[0] - line).max() < 1e-14
    found = certify_many(system, 0, line)
    assert not found.certified.any()
    assert set(found.status) == {"singular"}


@pytest.mark.parametrize("size", [0.3, 1.5])
@pytest.mark.parametrize("form", ["outer", "inner"])
def test_the_origin_of_a_relu_network_without_drive_is_at_its_kink(form, size):
    weight = np.random.default_rng(1).normal(size=(1, 8, 8)) * size / 8**0.5
    system = AutonomousMap(form, "relu", 0.0, 1.0, weight, np.zeros((1, 8)), np.zeros((1, 8)))
    found = certify(system, 0, np.zeros(8))
    assert (found.status, found.certified, found.index) == ("kink", False, 0)
    assert np.isnan(found.radius)
    assert np.isnan(found.unique_radius)


def test_uniqueness_reaches_over_a_kink_only_as_far_as_it_holds():
    """h = relu(w h + 1) + drive has another solution on the other side when the slope there is above 1."""
    weight, drive = np.array([[[0.0, 1.5], [1.5, 0.0]]]), np.array([[-1.0, -1.0]])
    system = AutonomousMap("outer", "relu", 0.0, 1.0, weight, drive, np.zeros((1, 2)))
    found = certify_many(system, 0, np.array([[0.0, 0.0], [2.0, 2.0]]))  # both are fixed points
    assert found.certified.all()
    assert (found.unique_radius < 2).all()
    assert found.index.tolist() == [1, -1]


def test_what_is_not_finite_or_no_fixed_point_is_refused(flipflop):
    system, points = flipflop
    many = np.stack([points[0, 0], np.full(64, np.nan), np.full(64, 1e300), points[0, 0] + 1, points[0, 1]])
    found = certify_many(system, 0, many)
    assert found.certified.tolist() == [True, False, False, False, True]
    assert np.isnan(found.radius[1:4]).all()
    assert (found.index[1:4] == 0).all()
    broken = AutonomousMap("outer", "tanh", 0.0, 1.0, np.full((1, 2, 2), np.nan), np.zeros((1, 2)), np.zeros((1, 2)))
    assert not certify(broken, 0, np.zeros(2)).certified


# Invariances and agreement


@pytest.mark.parametrize("form", ["outer", "inner", "gru", "lstm"])
def test_relabelled_units_have_the_same_certificate(form):
    system = random_map(form, 24, 7)
    order = np.random.default_rng(2).permutation(24)
    whole = np.concatenate([order + 24 * k for k in range(system.states_per_unit)])
    point = settled(system)
    first, second = certify(system, 0, point), certify(permuted(system, order), 0, point[whole])
    assert (first.status, first.index) == (second.status, second.index)
    assert second.radius == pytest.approx(first.radius, rel=0.2)
    assert second.unique_radius == pytest.approx(first.unique_radius, rel=0.012)
    np.testing.assert_allclose(second.point, first.point[whole], rtol=0, atol=1e-13)


def test_many_are_as_one_by_one_and_none_are_none(flipflop):
    system, points = flipflop
    many = certify_many(system, 3, points[3])
    for k in (0, 9, 26):
        one = certify(system, 3, points[3, k])
        assert (one.status, one.index) == (many[k].status, many[k].index)
        assert one.radius == pytest.approx(many[k].radius, rel=0.2)
    none = certify_many(system, 3, points[3, :0])
    assert none.point.shape == (0, 64)
    assert none.status.shape == none.radius.shape == (0,)


def test_one_singular_point_does_not_cost_the_others_theirs():
    weight = np.array([[[1.0, 0.0], [0.0, 0.5]]])
    system = AutonomousMap("outer", "identity", 0.0, 1.0, weight, np.zeros((1, 2)), np.zeros((1, 2)))
    assert certify_many(system, 0, np.zeros((3, 2))).status.tolist() == ["singular"] * 3
    mixed = AutonomousMap("outer", "relu", 0.0, 1.0, weight, np.array([[-1.0, 1.0]]), np.zeros((1, 2)))
    # Unit 1 off: regular. On: its row of I - DF is 0.
    found = certify_many(mixed, 0, np.array([[0.0, 2.0], [2.0, 2.0]]))
    assert found.status.tolist() == ["certified", "singular"]


def test_the_index_is_that_of_the_real_eigenvalues_above_one(flipflop):
    system, points = flipflop
    found = certify_many(system, 1, points[1])
    values = np.linalg.eigvals(system.jacobian(np.broadcast_to(found.point, (10, 27, 64)))[1])
    above = ((values.imag == 0) & (values.real > 1)).sum(1)
    assert np.array_equal(found.index, (-1) ** above)
    assert np.bincount(above).tolist() == [8, 12, 6, 1]


def test_eigenvalues_below_minus_one_and_complex_pairs_leave_the_index():
    block = np.array([[1.2, -0.9], [0.9, 1.2]])
    weight = np.zeros((4, 4))
    weight[:2, :2], weight[2, 2], weight[3, 3] = block, -1.7, 1.6
    system = AutonomousMap("outer", "tanh", 0.0, 1.0, weight[None], np.zeros((1, 4)), np.zeros((1, 4)))
    assert certify(system, 0, np.zeros(4)).index == -1
    weight[3, 3] = 0.6
    system = AutonomousMap("outer", "tanh", 0.0, 1.0, weight[None], np.zeros((1, 4)), np.zeros((1, 4)))
    assert certify(system, 0, np.zeros(4)).index == 1


def test_polishing_moves_towards_the_point_and_never_far(flipflop):
    system, points = flipflop
    rough = points[2, 4] + 1e-5
    left = certify(system, 2, rough, polish=0)
    done = certify(system, 2, rough)
    assert np.array_equal(left.point, rough)
    assert done.radius < 1e-11 < 1e-6 < left.radius
    far = certify(system, 2, points[2, 4] + 0.05)
    assert np.abs(far.point - points[2, 4] - 0.05).max() <= 3e-3


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(0, 10**6),
    st.floats(0.2, 2.5),
    st.sampled_from(["outer", "inner", "gru", "lstm"]),
    st.floats(1e-15, 1e-2),
)
def test_a_ball_that_is_certified_holds_a_true_fixed_point(units, seed, size, form, off):
    system = random_map(form, units, seed, size=size)
    point = settled(system, 400) + off * np.random.default_rng(seed).uniform(-1, 1, system.size)
    found = certify(system, 0, point, polish=seed % 3)
    if found.certified:
        assert distance(true_fixed_point(system, 0, found.point), found.point) <= mpf(found.radius)
        assert found.radius <= found.unique_radius <= 1
        assert found.index in (-1, 1)
    else:
        assert np.isnan(found.radius)
        assert found.index == 0


@settings(max_examples=60, deadline=None)
@given(st.floats(1.0001, 6.0), st.floats(-0.9, 0.9))
def test_no_unique_ball_holds_two_points(weight, drive):
    system = scalar(weight, drive)
    grid = np.linspace(-1, 1, 2001)
    value = np.tanh(weight * grid + drive) - grid
    near = grid[:-1][np.sign(value[:-1]) != np.sign(value[1:])]
    found = certify_many(system, 0, near[:, None], polish=2)
    points, radius, unique = (x[found.certified] for x in (found.point[:, 0], found.radius, found.unique_radius))
    apart = np.abs(points[:, None] - points)
    inside = apart + radius <= unique[:, None]
    assert (apart[inside] <= (radius[:, None] + radius)[inside]).all()  # the same one, met from two cells of the grid
    assert len(points) <= 3 or inside.sum() > len(points)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["outer", "inner"]),
    st.floats(1.05, 6.0),
    st.integers(0, 13),
    st.floats(-15.0, -2.0),
    st.sampled_from([-1.0, 1.0]),
    st.integers(0, 2),
)
def test_at_a_fold_every_ball_holds_a_change_of_sign(form, weight, leak, exponent, side, polish):
    """Leaky maps about a fold, on both sides of it; -G rises through the point where the index is 1."""
    rate, alpha = np.sqrt(1 - 1 / weight), 2.0**-leak  # 1 - alpha is exact: otherwise the fold itself moves
    drive = np.arctanh(rate) - weight * rate + side * 10.0**exponent
    system = fold_map(form, weight, alpha, drive)
    width = 10.0 ** (exponent / 2) * np.linspace(0.25, 3, 12)
    centre = rate if form == "outer" else np.arctanh(rate)
    found = certify_many(system, 0, centre + np.concatenate([-width, [0.0], width])[:, None], polish)
    with mp.workdps(DIGITS):
        for k in np.flatnonzero(found.certified):
            for reach in (found.radius[k], found.unique_radius[k]):
                below, above = (residual(system, 0, [mpf(found.point[k, 0]) + s * mpf(reach)])[0] for s in (-1, 1))
                assert below * above < 0
                assert (above < 0) == (found.index[k] == 1)
    if side < 0 and form == "outer" and exponent > -14:  # short of the fold there is nothing near it
        assert not (np.abs(found.point[found.certified] - centre) < 1e-2).any()


# What is said


def test_assumptions_are_said():
    assert "2^-50" in ASSUMPTIONS
    assert "float32" in ASSUMPTIONS


def test_errors_name_what_is_wrong():
    with pytest.raises(InputError, match="there is no network 4"):
        certify(scalar(0.5, 0.0), 4, np.zeros(1))
    with pytest.raises(InputError, match=r"give \(points, 1\)"):
        certify_many(scalar(0.5, 0.0), 0, np.zeros((2, 3)))
