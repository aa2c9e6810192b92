"""The joint alignment of recurrence and inputs: planted answers, an oracle, bounds, invariances, its options."""

import warnings

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.numerics.alignment_bounds import programme_bound
from rnnkit.numerics.input_alignment import align_driven
from rnnkit.numerics.orthogonal_alignment import align_orthogonal
from tests.oracles.input_alignment import joint_distance, many_starts


def draw(seed, pairs, n, inputs):
    """Operators and drives, entries normal."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(pairs, n, n)) / n**0.5, rng.normal(size=(pairs, n, inputs))


def rotation(seed, n, sign=1):
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]
    q[:, 0] *= sign * np.sign(np.linalg.det(q))
    return q


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("n", "inputs"), [(1, 1), (2, 1), (3, 5), (7, 2), (12, 3), (36, 2)])
def test_a_planted_joint_rotation_is_found(n, inputs, sign):
    a, drive = draw(n, 2, n, inputs)
    q = rotation(n + 1, n, sign)
    found = align_driven(q @ a @ q.T, a, q @ drive, drive)
    assert found.distance.max() < 1e-12
    assert set(found.status) == {"optimal"}
    np.testing.assert_allclose(found.rotation, np.broadcast_to(q, found.rotation.shape), atol=1e-8)


OPERATORS = {
    "zero": np.zeros((8, 8)),
    "identity": np.eye(8),
    "repeated": np.diag([1.0, 1, 1, 2, 2, 3, 3, 3]),
    "quarter turns": np.kron(np.eye(4), [[0.0, 1.0], [-1.0, 0.0]]),
    "two copies": np.kron(np.eye(2), draw(0, 1, 4, 0)[0][0]),
    "shift": np.eye(8, k=1),
    "low rank": np.diag([2.0, 1, 0, 0, 0, 0, 0, 0]) @ draw(1, 1, 8, 0)[0][0],
}


@pytest.mark.parametrize("inputs", [0, 1, 2, 8])
@pytest.mark.parametrize("kind", OPERATORS)
def test_a_planted_rotation_that_the_operator_alone_does_not_tell(kind, inputs):
    """Inputs settle what the recurrence leaves open."""
    a, drive = OPERATORS[kind][None], draw(2, 1, 8, inputs)[1]
    q = rotation(3, 8, -1)
    assert align_driven(q @ a @ q.T, a, q @ drive, drive).distance[0] < 1e-8


def test_one_rotation_serves_both():
    """Recurrence and inputs that each match by a rotation of their own are apart jointly."""
    a, drive = draw(4, 1, 5, 2)
    q, other = rotation(5, 5), rotation(6, 5)
    assert align_orthogonal(q @ a @ q.T, a).distance[0] < 1e-12
    assert align_driven(q @ a @ q.T, a, other @ drive, drive).distance[0] > 0.5


@pytest.mark.parametrize("noise", [0.01, 0.1])
def test_a_planted_rotation_under_noise(noise):
    (a, drive), (change, shift) = draw(7, 3, 12, 2), draw(8, 3, 12, 2)
    q = rotation(9, 12)
    found = align_driven(q @ (a + noise * change) @ q.T, a, q @ (drive + noise * shift), drive)
    planted = noise * np.sqrt((change**2).sum((1, 2)) + (shift**2).sum((1, 2)))
    assert (found.distance <= planted).all()
    assert set(found.status) == {"optimal"}
    assert (found.lower_bound <= found.distance).all()
    spectra = align_driven(q @ (a + noise * change) @ q.T, a, q @ (drive + noise * shift), drive, bound="spectra")
    assert (spectra.lower_bound < 0.9 * found.lower_bound).all()
    assert set(spectra.status) == {"converged"}


@pytest.mark.parametrize(("n", "inputs"), [(2, 1), (3, 2), (4, 1), (4, 6)])
def test_values_are_the_oracles(n, inputs):
    (a, drive), (b, other) = draw(n, 1, n, inputs), draw(n + 10, 1, n, inputs)
    found = align_driven(a, b, drive, other)
    best = many_starts(a[0], b[0], drive[0], other[0], starts=12)
    assert found.distance[0] == pytest.approx(best, rel=1e-6)
    assert found.distance[0] == pytest.approx(joint_distance(a[0], b[0], drive[0], other[0], found.rotation[0]))
    assert 0.5 * best < found.lower_bound[0] <= found.distance[0]
    for k in range(20):
        joint = rotation(k, n)
        there = joint_distance(a[0], b[0], drive[0], other[0], joint)
        assert programme_bound(a[0], b[0], there, drive[0], other[0]) <= best * (1 + 1e-9)


def test_without_inputs_it_is_the_alignment_of_the_operators():
    (a, none), (b, _) = draw(0, 3, 6, 0), draw(1, 3, 6, 0)
    plain, joint = align_orthogonal(a, b), align_driven(a, b, none, none)
    assert (joint.distance <= plain.distance + 1e-9).all()
    np.testing.assert_allclose(joint.lower_bound, plain.lower_bound, rtol=2e-3)


def test_symmetric_and_blind_to_the_basis():
    (a, drive), (b, other) = draw(2, 4, 6, 2), draw(3, 4, 6, 2)
    plain = align_driven(a, b, drive, other)
    np.testing.assert_allclose(align_driven(b, a, other, drive).distance, plain.distance, atol=1e-9)
    q = rotation(4, 6, -1)
    np.testing.assert_allclose(align_driven(q @ a @ q.T, b, q @ drive, other).distance, plain.distance, atol=1e-9)
    eye = np.broadcast_to(np.eye(6), plain.rotation.shape)
    np.testing.assert_allclose(plain.rotation @ plain.rotation.mT, eye, atol=1e-13)


def test_triangle_inequality():
    """1000 triples of driven operators so small that the minimum is found."""
    operators, drives = draw(5, 3000, 2, 1)
    sides = [slice(k, None, 3) for k in range(3)]
    ends = [(sides[i], sides[j]) for i, j in ((0, 1), (1, 2), (0, 2))]
    first, second, across = (
        align_driven(operators[i], operators[j], drives[i], drives[j], starts=8, bound="spectra").distance
        for i, j in ends
    )
    assert (across <= first + second + 1e-9).all()
    assert (first <= across + second + 1e-9).all()


def test_a_pair_does_not_depend_on_its_company_or_on_workers():
    (a, drive), (b, other) = draw(6, 5, 5, 2), draw(7, 5, 5, 2)
    together = align_driven(a, b, drive, other)
    alone = align_driven(a[2:3], b[2:3], drive[2:3], other[2:3])
    assert alone.distance[0] == pytest.approx(together.distance[2], abs=1e-9)
    shared = align_driven(a, b, drive, other, workers=2)
    np.testing.assert_allclose(shared.distance, together.distance, atol=1e-9)


def test_what_is_not_finite_has_no_number():
    (a, drive), (b, other) = draw(8, 3, 4, 1), draw(9, 3, 4, 1)
    a[0, 0, 0], other[2, 1, 0] = np.nan, np.inf
    found = align_driven(a, b, drive, other)
    assert found.status.tolist() == ["invalid", "converged", "invalid"]
    assert np.isnan(found.distance[[0, 2]]).all()
    assert np.isnan(found.lower_bound[[0, 2]]).all()
    assert align_driven(a[:1], b[:1], drive[:1], other[:1]).status.tolist() == ["invalid"]


@pytest.mark.parametrize("exponent", [-140, 140])
def test_extreme_scales(exponent):
    (a, drive), (b, other) = draw(10, 1, 4, 1), draw(11, 1, 4, 1)
    plain = align_driven(a, b, drive, other)
    scaled = align_driven(*(x * 2.0**exponent for x in (a, b, drive, other)))
    assert scaled.distance[0] == plain.distance[0] * 2.0**exponent
    assert scaled.status[0] == plain.status[0]


def test_options():
    (a, drive), (b, other) = draw(12, 2, 12, 2), draw(13, 2, 12, 2)
    few = align_driven(a, b, drive, other, starts=0, explore_iterations=1, max_iterations=1)
    assert set(few.status) == {"budget"}
    many = align_driven(a, b, drive, other)
    assert (many.starts > few.starts).all()
    assert (many.distance < few.distance).all()
    assert (many.starts_at_best >= 1).all()
    assert (align_driven(a, b, drive, other, seed=1).iterations != many.iterations).any()


def test_bad_shapes():
    a, drive = draw(0, 2, 4, 1)
    for bad in ((a, a[:1], drive, drive), (a, a, drive, drive[:, :3]), (a[0], a, drive, drive)):
        with pytest.raises(InputError):
            align_driven(*bad)
    with pytest.raises(InputError, match="of the same sizes as a"):
        align_driven(a, a, drive, np.concatenate([drive, drive], axis=2))
    with pytest.raises(InputError, match="workers"):
        align_driven(a, a, drive, drive, workers=0)
    with pytest.raises(InputError, match="starts"):
        align_driven(a, a, drive, drive, starts=-1)


def test_dsa_metrics_rotation_is_no_better():
    """Of its controllability matrices; the two parts of its score, at one rotation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("DSA.simdist_controllability")
    peer = module.ControllabilitySimilarityTransformDist(return_distance_components=True)
    (a, drive), (b, other) = draw(14, 1, 5, 2), draw(15, 1, 5, 2)
    q = rotation(16, 5)
    _, *planted = peer.fit_score(a[0], q @ a[0] @ q.T, drive[0], q @ drive[0])
    assert np.hypot(*planted) < 1e-9
    _, *parts = peer.fit_score(a[0], b[0], drive[0], other[0])
    assert align_driven(a, b, drive, other).distance[0] <= np.hypot(*parts)
