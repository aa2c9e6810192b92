"""The orthogonal alignment: planted answers, oracles, bounds, invariances, and what each option does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.errors import InputError
from rnnkit.numerics.alignment_bounds import spectral_bound
from rnnkit.numerics.orthogonal_alignment import align_orthogonal
from rnnkit.numerics.orthogonal_climb import climb_items
from rnnkit.numerics.orthogonal_population import Search
from rnnkit.numerics.orthogonal_search import climb, haar, repeat
from tests.oracles.orthogonal_alignment import angle_grid, many_starts

Array = npt.NDArray[np.float64]


def gaussian(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).normal(size=shape) / shape[-1] ** 0.5


def rotation(seed: int, n: int, determinant: int) -> Array:
    q = np.linalg.qr(gaussian(seed, n, n))[0]
    q[:, 0] *= determinant * np.sign(np.linalg.det(q))
    return q


def with_spectrum(kind: str, n: int) -> Array:
    """Return a matrix whose symmetric part, or all of it, is degenerate in the way named."""
    x, q = gaussian(5, n, n), rotation(6, n, 1)
    if kind == "symmetric":
        return (x + x.T) / 2
    if kind == "skew":
        return (x - x.T) / 2
    if kind == "identity":
        return np.eye(n)
    if kind == "zero":
        return np.zeros((n, n))
    if kind == "orthogonal":
        return q
    if kind == "repeated":  # non-normal, symmetric part with two eigenvalues
        return q @ np.diag(np.where(np.arange(n) < n // 2, 1.0, 2.0)) @ q.T + (x - x.T) / 2
    if kind == "low rank":
        return np.asarray(x[:, :2] @ x[:2])
    blocks = np.zeros((n, n))  # normal: conjugate pairs, one of them twice
    for k in range(0, n - 1, 2):
        angle = 0.3 + 0.4 * max(k, 2)
        blocks[k : k + 2, k : k + 2] = 0.9 * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(q @ blocks @ q.T)


@pytest.mark.parametrize("determinant", [1, -1])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 12, 36])
def test_planted_rotation(n: int, determinant: int) -> None:
    a = gaussian(n, 1, n, n)
    q = rotation(n + 1, n, determinant)
    found = align_orthogonal(a, q @ a @ q.T)
    assert found.distance[0] < 1e-12
    assert found.status[0] == "optimal"
    assert np.allclose(found.rotation[0] @ found.rotation[0].T, np.eye(n), atol=1e-13)


@pytest.mark.parametrize(
    "kind", ["symmetric", "skew", "identity", "zero", "orthogonal", "repeated", "low rank", "normal"]
)
def test_planted_rotation_of_degenerate_spectra(kind: str) -> None:
    a = with_spectrum(kind, 10)[None]
    q = rotation(3, 10, -1)
    assert align_orthogonal(a, q @ a @ q.T).distance[0] < 1e-8


@pytest.mark.parametrize("noise", [0.01, 0.03, 0.1])
def test_planted_rotation_with_noise(noise: float) -> None:
    a = gaussian(0, 2, 16, 16)
    q = rotation(1, 16, -1)
    change = noise * gaussian(2, 2, 16, 16)
    found = align_orthogonal(a, q @ (a + change) @ q.T)
    assert np.all(found.distance <= np.linalg.norm(change, axis=(1, 2)))
    assert set(found.status) <= {"converged", "optimal"}


def test_symmetric_matrices_meet_the_bound() -> None:
    a, b = gaussian(0, 3, 9, 9), gaussian(1, 3, 9, 9)
    found = align_orthogonal(a + a.mT, b + b.mT)
    assert set(found.status) == {"optimal"}
    gap = np.linalg.eigvalsh(a + a.mT) - np.linalg.eigvalsh(b + b.mT)
    assert np.allclose(found.distance, np.linalg.norm(gap, axis=1), rtol=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_two_by_two_against_the_angle_grid(seed: int) -> None:
    a, b = gaussian(seed, 2, 2, 2)
    found = float(align_orthogonal(a[None], b[None]).distance[0])
    reference = angle_grid(a, b)
    # The grid's nearest angle is within pi / 20000 of the best, where the distance is flat to second order.
    assert reference - 1e-6 <= found <= reference + 1e-12


@pytest.mark.parametrize("n", [3, 4, 5])
def test_against_scipy_from_many_starts(n: int) -> None:
    a, b = gaussian(n, 2, n, n)
    found = float(align_orthogonal(a[None], b[None]).distance[0])
    assert found == pytest.approx(many_starts(a, b, starts=12), rel=1e-6)


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 8), seed=st.integers(0, 10**6), exponent=st.integers(-140, 140))
def test_bound_is_below_the_distance(n: int, seed: int, exponent: int) -> None:
    a, b = gaussian(seed, 2, n, n)
    a, b = a * 10.0**exponent, b * 10.0**exponent
    found = align_orthogonal(a[None], b[None], starts=2, rounds=0, explore_iterations=5, max_iterations=5)
    assert 0 <= found.lower_bound[0] <= found.distance[0]
    q = rotation(seed, n, 1)
    assert spectral_bound(a[None], (q @ a @ q.T)[None])[0] <= np.linalg.norm(a) * 1e-14


def test_bound_takes_the_better_of_its_two_parts() -> None:
    # Same symmetric and skew spectra, different singular values, and the reverse.
    nilpotent = np.diag([1.0, 1.0, 0.0], k=1)[:3, :3]
    split = (nilpotent + nilpotent.T) / 2 + np.roll(np.roll((nilpotent - nilpotent.T) / 2, 1, 0), 1, 1)
    for a, b in ((nilpotent, split), (np.eye(3), -np.eye(3))):
        assert spectral_bound(a[None], b[None])[0] > 0.1


@pytest.mark.parametrize("n", [6, 12])
def test_invariant_under_a_change_of_basis_of_either_argument(n: int) -> None:
    a, b = gaussian(1, 1, n, n), gaussian(2, 1, n, n)
    plain = align_orthogonal(a, b).distance
    q = rotation(7, n, -1)
    shuffle = np.random.default_rng(8).permutation(n)
    assert np.allclose(align_orthogonal(q @ a @ q.T, b).distance, plain, rtol=1e-9)
    assert np.allclose(align_orthogonal(a, b[:, shuffle][:, :, shuffle]).distance, plain, rtol=1e-9)


def test_symmetric_in_its_arguments() -> None:
    a, b = gaussian(3, 4, 12, 12), gaussian(4, 4, 12, 12)
    forth, back = align_orthogonal(a, b), align_orthogonal(b, a)
    assert np.allclose(forth.distance, back.distance, rtol=0, atol=1e-12)
    assert np.allclose(forth.rotation, back.rotation.mT, rtol=0, atol=1e-9)


def test_value_is_that_of_the_rotation_and_scales() -> None:
    a, b = gaussian(3, 2, 8, 8), 3 * gaussian(4, 2, 8, 8)
    found = align_orthogonal(a, b)
    direct = np.linalg.norm(a - found.rotation @ b @ found.rotation.mT, axis=(1, 2))
    assert np.allclose(found.distance, direct, rtol=1e-14)
    assert np.allclose(align_orthogonal(1e150 * a, 1e150 * b).distance, 1e150 * found.distance, rtol=1e-9)


def test_arguments_are_not_changed_and_results_repeat() -> None:
    a, b = gaussian(5, 2, 9, 9), gaussian(6, 2, 9, 9)
    before = a.copy(), b.copy()
    first, second = align_orthogonal(a, b), align_orthogonal(a, b)
    assert np.array_equal(a, before[0])
    assert np.array_equal(b, before[1])
    assert np.array_equal(first.rotation, second.rotation)
    assert np.array_equal(first.iterations, second.iterations)


def test_a_pair_does_not_feel_its_batch() -> None:
    a, b = gaussian(5, 7, 9, 9), gaussian(6, 7, 9, 9)
    a[2], b[4] = b[2], np.nan
    together = align_orthogonal(a, b)
    for pair in (0, 3, 6):
        alone = align_orthogonal(a[pair : pair + 1], b[pair : pair + 1])
        assert alone.distance[0] == pytest.approx(together.distance[pair], abs=1e-9)


@pytest.mark.parametrize("entry", [np.nan, np.inf])
def test_input_that_is_not_finite_is_invalid(entry: float) -> None:
    a, b = gaussian(7, 3, 4, 4), gaussian(8, 3, 4, 4)
    a[1, 0, 2] = entry
    found = align_orthogonal(a, b)
    assert found.status[1] == "invalid"
    assert np.isnan([found.distance[1], found.lower_bound[1]]).all()
    assert np.isnan(found.rotation[1]).all()
    assert np.isfinite(found.distance[[0, 2]]).all()


def test_every_option_has_an_effect() -> None:
    a, b = gaussian(9, 1, 30, 30), gaussian(10, 1, 30, 30)
    small = {"starts": 3, "rounds": 0, "explore_iterations": 40, "max_iterations": 500}
    plain = align_orthogonal(a, b, **small)
    assert plain.status[0] == "converged"
    more = align_orthogonal(a, b, **{**small, "starts": 36})
    assert more.starts[0] == plain.starts[0] + 33
    assert more.distance[0] < plain.distance[0]
    recombined = align_orthogonal(a, b, **{**small, "starts": 36, "rounds": 2})
    assert recombined.starts[0] > more.starts[0]
    assert recombined.distance[0] < more.distance[0]
    shorter = align_orthogonal(a, b, **{**small, "explore_iterations": 5})
    assert shorter.distance[0] != plain.distance[0]
    short = align_orthogonal(a, b, **{**small, "max_iterations": 3})
    assert short.status[0] == "budget"
    assert short.distance[0] > plain.distance[0]
    assert short.iterations[0] < plain.iterations[0]
    seeds = {float(align_orthogonal(a, b, **small, seed=seed).distance[0]) for seed in range(4)}
    assert len(seeds) > 1
    with pytest.raises(RuntimeError, match="device"):
        align_orthogonal(a, b, **small, device="nowhere")


def test_counts_of_an_easy_pair() -> None:
    # A well separated symmetric part and a small skew one: one basin, found by nearly every start.
    a = np.diag(np.arange(4.0))[None] + 0.01 * gaussian(0, 1, 4, 4)
    b = np.diag(np.arange(4.0))[None] + 0.01 * gaussian(1, 1, 4, 4)
    found = align_orthogonal(a, b, starts=6, rounds=0)
    assert found.starts[0] == 9
    assert 1 <= found.starts_at_best[0] <= 9
    assert found.iterations[0] >= 9


@pytest.mark.parametrize("shape", [(4, 4), (1, 3, 4), (1, 0, 0)])
def test_shapes_that_do_not_fit(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="pairs, n, n"):
        align_orthogonal(np.zeros(shape), np.zeros(shape))
    with pytest.raises(InputError, match="differs"):
        align_orthogonal(np.zeros((1, 3, 3)), np.zeros((2, 3, 3)))


@pytest.mark.parametrize("option", ["starts", "rounds", "explore_iterations", "max_iterations"])
def test_counts_out_of_range(option: str) -> None:
    with pytest.raises(InputError, match=option):
        align_orthogonal(np.zeros((1, 3, 3)), np.zeros((1, 3, 3)), **{option: -1})


def test_no_pairs() -> None:
    assert align_orthogonal(np.zeros((0, 3, 3)), np.zeros((0, 3, 3))).distance.shape == (0,)


def test_workers_change_nothing() -> None:
    generator = np.random.default_rng(8)
    a, b = generator.normal(size=(2, 5, 6, 6))
    one, three = align_orthogonal(a, b, workers=1), align_orthogonal(a, b, workers=3)
    np.testing.assert_allclose(one.distance, three.distance, rtol=1e-9)
    np.testing.assert_array_equal(one.starts, three.starts)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("fixed", [0, 2])
def test_both_forms_of_the_local_ascent_take_the_same_steps(kind: str, fixed: int) -> None:
    """The compiled one, for a CPU, and the batched one, for any device."""
    x, y = (gaussian(k, 3, 9, 9).astype(kind) / 3 for k in (0, 1))
    starts = haar(5, 9, 0).to(getattr(torch, kind)).expand(3, -1, -1, -1)
    if fixed:
        starts = starts.clone()
        starts[..., -fixed:, :] = starts[..., -fixed:] = 0
        starts[..., :-fixed, :-fixed] = haar(5, 9 - fixed, 0)
        starts[..., -fixed:, -fixed:] = torch.eye(fixed)
    slack = 4 * 9 * float(np.finfo(kind).eps)
    ends = starts.contiguous().clone().numpy()
    gradients, steps = climb_items(x, y, ends, 12, 0.0, 0.0, slack, fixed)
    wide = [repeat(torch.from_numpy(z), 5) for z in (x, y)]
    rotations, slopes, _ = climb(*wide, starts.reshape(-1, 9, 9), 12, 0.0, fixed)
    tolerance = 2e-3 if kind == "float32" else 1e-9
    np.testing.assert_allclose(ends.reshape(-1, 9, 9), rotations.numpy(), atol=tolerance)
    np.testing.assert_allclose(gradients.ravel(), slopes.numpy(), atol=tolerance)
    assert (steps == 12).all()


def test_the_batched_ascent_finds_what_the_compiled_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on other devices, run on the CPU."""
    a, b = gaussian(0, 2, 8, 8), gaussian(1, 2, 8, 8)
    compiled = align_orthogonal(a, b)
    monkeypatch.setattr(Search, "compiled", property(lambda _: False))
    batched = align_orthogonal(a, b)
    np.testing.assert_allclose(batched.distance, compiled.distance, rtol=1e-9)
    assert (batched.status == compiled.status).all()
