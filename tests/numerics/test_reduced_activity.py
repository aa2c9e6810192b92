"""Outputs, loss and gradient of low-rank networks from their overlaps, against networks of N units and autograd."""

import mpmath
import numpy as np
import pytest
import torch

from rnnkit.errors import InputError
from rnnkit.numerics.loading_vectors import Layout, overlaps_of
from rnnkit.numerics.reduced_activity import ReducedModel, Trials, gaussian_gains, loss_gradient, reduced_outputs
from tests.oracles.overlap_learning import masked_error, network_outputs, theory_gradient, theory_outputs, vectors_of

LAYOUTS = {
    "rank one": Layout(inputs=1, rank=1, outputs=1),
    "rank two": Layout(inputs=1, rank=2, outputs=1),
    "many": Layout(inputs=2, rank=2, outputs=2, bias=True, initial=True),
}
ALPHA = 0.3


def overlaps_at_random(layout: Layout, seed: int, spread: int = 3) -> np.ndarray:
    """Some positive definite overlaps of order one."""
    x = np.random.default_rng(seed).standard_normal((spread * layout.size, layout.size))
    return overlaps_of(x)


def batch(layout: Layout, seed: int, trials: int = 3, steps: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = ((trials, steps, layout.inputs), (trials, steps, layout.outputs))
    return (*(rng.standard_normal(shape) for shape in shapes), rng.integers(0, 3, (trials, steps)).astype(float))


def model(layout: Layout, linear: bool, scale: float = 1.0) -> ReducedModel:
    return ReducedModel(layout=layout, alpha=ALPHA, linear=linear, scale=scale)


@pytest.mark.parametrize("name", LAYOUTS)
def test_linear_network_of_any_size_does_what_its_overlaps_say(name: str) -> None:
    layout = LAYOUTS[name]
    overlaps, inputs = overlaps_at_random(layout, 1), batch(layout, 2)[0]
    vectors = torch.tensor(vectors_of(overlaps, 40, 3))
    offset = np.linspace(0.2, -0.3, layout.outputs)
    expected = network_outputs(vectors, layout, ALPHA, True, torch.tensor(inputs), torch.tensor(offset), 0.7).numpy()
    found = reduced_outputs(model(layout, True, 0.7), overlaps[None], inputs, offset[None])[0]
    assert np.abs(found - expected).max() < 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize("name", LAYOUTS)
def test_tanh_outputs_are_those_of_the_formulas(name: str) -> None:
    layout = LAYOUTS[name]
    overlaps, inputs = overlaps_at_random(layout, 1), batch(layout, 2)[0]
    found = reduced_outputs(model(layout, False), overlaps[None], inputs)[0]
    expected = theory_outputs(torch.tensor(overlaps), layout, ALPHA, False, torch.tensor(inputs)).numpy()
    assert np.abs(found - expected).max() < 1e-8  # what the reference's quadrature is good for at a large variance
    assert np.abs(found).max() > 0.01


def test_tanh_network_of_many_units_comes_near() -> None:
    layout = LAYOUTS["many"]
    overlaps, inputs = overlaps_at_random(layout, 1), batch(layout, 2)[0]
    found = reduced_outputs(model(layout, False), overlaps[None], inputs)[0]
    gaps = []
    for units in (200, 12800):
        vectors = torch.tensor(vectors_of(overlaps, units, 5))
        gaps.append(np.abs(network_outputs(vectors, layout, ALPHA, False, torch.tensor(inputs)).numpy() - found).max())
    assert gaps[1] < 0.02 * np.abs(found).max()
    assert gaps[1] < gaps[0] / 3


@pytest.mark.parametrize("linear", [True, False])
@pytest.mark.parametrize("name", LAYOUTS)
def test_gradient_is_that_of_autograd_through_the_formulas(name: str, linear: bool) -> None:
    layout = LAYOUTS[name]
    # Small overlaps: the reference's quadrature is then exact to rounding.
    overlaps, given = 0.4 * overlaps_at_random(layout, 7), batch(layout, 8)
    found = loss_gradient(model(layout, linear), overlaps[None], Trials.of(*given))
    loss, gamma = theory_gradient(overlaps, layout, ALPHA, linear, given)
    assert found.loss[0] == pytest.approx(loss, rel=1e-12)
    assert np.abs(found.gamma[0] - gamma).max() < 1e-10 * np.abs(gamma).max()
    assert np.array_equal(found.gamma[0] == 0, ~layout.visible(linear))


@pytest.mark.parametrize("linear", [True, False])
def test_gradient_is_that_of_differences(linear: bool) -> None:
    layout, h = LAYOUTS["many"], 3e-5
    overlaps, given = overlaps_at_random(layout, 9), Trials.of(*batch(layout, 10))
    offset, held = np.array([[0.1, -0.2]]), model(layout, linear, 0.5)
    found = loss_gradient(held, overlaps[None], given, offset)
    size = np.abs(found.gamma).max()

    def loss(s: np.ndarray, c: np.ndarray = offset) -> float:
        return float(loss_gradient(held, s[None], given, c).loss[0])

    for a, b in zip(*layout.pairs(), strict=True):
        step = np.zeros_like(overlaps)
        step[a, b] = step[b, a] = h
        # Fourth order in the step.
        slope = (
            8 * (loss(overlaps + step) - loss(overlaps - step)) - loss(overlaps + 2 * step) + loss(overlaps - 2 * step)
        ) / (12 * h)
        assert found.gamma[0, a, b] * (0.5 if a == b else 1.0) == pytest.approx(slope, abs=1e-8 * size)
    for o in range(2):
        step = np.zeros_like(offset)
        step[0, o] = h
        slope = (loss(overlaps, offset + step) - loss(overlaps, offset - step)) / (2 * h)
        assert found.offset[0, o] == pytest.approx(slope, abs=1e-8)


def test_every_network_has_its_own_overlaps_trials_and_scale() -> None:
    layout = LAYOUTS["rank one"]
    overlaps = np.stack([overlaps_at_random(layout, seed) for seed in (1, 2, 3)])
    parts = [batch(layout, seed) for seed in (4, 5, 6)]
    together = Trials.of(*(np.stack(part) for part in zip(*parts, strict=True)))
    scale = np.array([1.0, 0.5, 2.0])
    found = loss_gradient(ReducedModel(layout=layout, alpha=ALPHA, linear=False, scale=scale), overlaps, together)
    for k, part in enumerate(parts):
        alone = loss_gradient(model(layout, False, scale[k]), overlaps[k : k + 1], Trials.of(*part))
        assert np.array_equal(alone.gamma[0], found.gamma[k])
        assert alone.loss[0] == found.loss[k]


def test_rank_one_impulse_response_in_closed_form() -> None:
    layout, alpha = LAYOUTS["rank one"], 0.2
    overlaps = overlaps_at_random(layout, 4)
    zm, zu, vm, vu = overlaps[3, 0], overlaps[3, 1], overlaps[2, 0], overlaps[2, 1]
    impulse = np.zeros((1, 30, 1))
    impulse[0, 0] = 1 / alpha
    found = reduced_outputs(ReducedModel(layout=layout, alpha=alpha, linear=True), overlaps[None], impulse)[0, 0, :, 0]
    t, mu, pole = np.arange(30), 1 - alpha, 1 - alpha + alpha * vu
    assert np.allclose(found, zm * mu**t + zu * vm * (pole**t - mu**t) / vu, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("variance", [0.0, 0.3, 5.0, 5.5, 5.6, 50.0, 3000.0])
def test_gain_to_the_last_digits_at_any_variance(variance: float) -> None:
    with mpmath.workdps(25):
        root = mpmath.sqrt(variance)
        nodes = [0, 0.02, 0.1, 0.5, 1, 2, 4, 8, 16]

        def mean(f) -> float:
            return float(2 * mpmath.quad(lambda x: f(root * x) * mpmath.npdf(x), nodes))

        exact = mean(lambda z: mpmath.sech(z) ** 2)
        slope = mean(lambda z: mpmath.sech(z) ** 2 * (2 * mpmath.tanh(z) ** 2 - mpmath.sech(z) ** 2))
    gain, by_variance = gaussian_gains(np.array(variance))
    assert abs(float(gain) - exact) < 1e-15
    assert abs(float(by_variance) - slope) < 1e-15


def test_no_gaussian_has_a_negative_variance() -> None:
    gain, slope = gaussian_gains(np.array([-1e-14, -0.1]))
    assert (gain[0], slope[0]) == pytest.approx((1.0, -1.0))
    assert np.isnan([gain[1], slope[1]]).all()


def test_loss_is_that_of_training() -> None:
    layout = LAYOUTS["many"]
    overlaps, given = overlaps_at_random(layout, 1), batch(layout, 2)
    outputs = torch.tensor(reduced_outputs(model(layout, False), overlaps[None], given[0])[0])
    expected = masked_error(outputs, *(torch.tensor(held) for held in given[1:])).item()
    assert loss_gradient(model(layout, False), overlaps[None], Trials.of(*given)).loss[0] == pytest.approx(expected)


def test_shapes_that_do_not_fit_are_told() -> None:
    layout = LAYOUTS["rank one"]
    inputs, targets, mask = batch(layout, 1)
    with pytest.raises(InputError, match="m, u, v, z"):
        reduced_outputs(model(layout, True), np.eye(4), inputs)
    with pytest.raises(InputError, match="not in \\(0, 1\\]"):
        ReducedModel(layout=layout, alpha=0.0, linear=True)
    with pytest.raises(InputError, match="no step of a set"):
        Trials.of(inputs, targets, 0 * mask)
    with pytest.raises(InputError, match="2 sets for 3 networks"):
        loss_gradient(
            model(layout, True), np.stack([np.eye(4)] * 3), Trials.of(np.stack([inputs] * 2), np.stack([targets] * 2))
        )
    with pytest.raises(InputError, match="mask: has shape"):
        Trials.of(inputs, targets, mask[:2])
    with pytest.raises(InputError, match="offset"):
        reduced_outputs(model(layout, True), np.eye(4)[None], inputs, np.zeros((1, 2)))
