"""Descent followed in the overlaps, against networks of N units trained by autograd and by the package itself."""

import numpy as np
import pytest
import torch

from rnnkit.errors import InputError
from rnnkit.numerics.loading_vectors import Layout, overlaps_of
from rnnkit.numerics.overlap_descent import DescentRule, descend, descend_directly
from rnnkit.numerics.reduced_activity import ReducedModel, Trials, loss_gradient, reduced_outputs
from tests.oracles import overlap_learning as oracle
from tests.pipelines.scripts import load

floor = load("overlaps", "tanh_floor")

ONE, TWO = (Layout(inputs=1, rank=rank, outputs=1) for rank in (1, 2))
#: Overlaps of (m, u1, u2, v1, v2, z) from which the damped filter is learnt.
START_TWO = 0.8 * np.eye(6) + 0.2 * np.ones((6, 6)) + 0.2 * np.diag([0.0, 1.0, 0.0, 0.0, 1.0], 1)
START_TWO = (START_TWO + START_TWO.T) / 2
ALPHA = 0.2


def filter_trials(rank: int, noise: bool, steps: int = 100, seed: int = 0) -> Trials:
    """A decaying response, damped and turning at rank two; to an impulse, or to white noise in eight trials."""
    t = ALPHA * np.arange(steps)
    response = np.exp(-0.2 * t) if rank == 1 else np.exp(-0.25 * t) * np.cos(0.8 * t)
    if not noise:
        inputs = np.zeros((1, steps, 1))
        inputs[0, 0] = 1 / ALPHA
        return Trials.of(inputs, response[None, :, None])
    inputs = np.random.default_rng(seed).standard_normal((8, steps, 1)) / ALPHA**0.5
    targets = np.stack([np.convolve(x[:, 0], ALPHA * response)[:steps, None] for x in inputs])
    return Trials.of(inputs, targets)


def linear(layout: Layout) -> ReducedModel:
    return ReducedModel(layout=layout, alpha=ALPHA, linear=True)


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("rank", [1, 2])
def test_linear_training_by_the_package_is_the_map(rank: int, noise: bool) -> None:
    layout, start = (ONE, floor.START) if rank == 1 else (TWO, START_TWO)
    trials, steps, rate = filter_trials(rank, noise), 60, 0.02 if noise else 0.1
    measured = floor.train(floor.vectors_of(start, 200, range(2)), trials, rate, steps, True, layout)
    path = descend(linear(layout), start[None], trials, DescentRule(rate=rate), range(steps + 1))
    assert np.abs(path.overlaps - start).max() > 0.1
    assert np.abs(measured.overlaps - path.overlaps).max() < 1e-10
    assert np.abs(measured.losses - path.losses).max() < 1e-10


def test_momentum_decay_rates_offsets_and_minibatches_are_those_of_the_vectors() -> None:
    layout = Layout(inputs=2, rank=2, outputs=2, bias=True, initial=True)
    rng = np.random.default_rng(3)
    start = overlaps_of(rng.standard_normal((40, layout.size)))
    relative = np.array([1.0, 0.5, 2.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.5, 1.0])
    batches = [
        (rng.standard_normal((2, 8, 2)), rng.standard_normal((2, 8, 2)), rng.integers(0, 2, (2, 8)) + 0.5)
        for _ in range(12)
    ]
    vectors, offset = oracle.vectors_of(start, 30, 0), np.array([0.3, -0.2])
    given = {"relative": relative, "momentum": 0.8, "decay": 0.05, "offset": offset, "scale": 0.7}
    expected, losses, last = oracle.train(vectors, layout, 0.4, True, batches, 0.03, **given)
    rule = DescentRule(rate=0.03, relative=tuple(relative), momentum=0.8, decay=0.05)
    held = ReducedModel(layout=layout, alpha=0.4, linear=True, scale=0.7)
    path = descend(held, start[None], lambda t: Trials.of(*batches[t]), rule, (0, 5, 12), offset[None])
    assert np.abs(path.overlaps[0] - expected[[0, 5, 12]]).max() < 1e-11
    assert np.abs(path.losses[0] - losses).max() < 1e-12
    assert np.abs(path.offset[0, -1] - last).max() < 1e-13
    assert np.abs(overlaps_of(vectors @ path.transfer[0]) - expected[-1]).max() < 1e-11


def test_map_of_tanh_is_descent_on_vectors_whose_loss_is_the_theorys() -> None:
    trials = floor.flip_flop(1.0, 0.5)
    inputs, targets, mask = (torch.tensor(held[0]) for held in (trials.inputs, trials.targets, trials.mask))
    # Every trial moves from the first step on, so that the reference's root is smooth.
    x = torch.tensor(oracle.vectors_of(floor.START, 50, 1), requires_grad=True)
    for _ in range(100):
        outputs = oracle.theory_outputs(x.T @ x / 50, ONE, ALPHA, False, inputs)
        (slope,) = torch.autograd.grad(oracle.masked_error(outputs, targets, mask), [x])
        x = (x - 0.25 * 50 * slope).detach().requires_grad_(True)
    expected = overlaps_of(x.detach().numpy())
    model = ReducedModel(layout=ONE, alpha=ALPHA, linear=False)
    path = descend(model, floor.START[None], trials, DescentRule(rate=0.25), (100,))
    assert np.abs(expected - floor.START).max() > 0.1
    assert np.abs(path.overlaps[0, 0] - expected).max() < 1e-10


def test_rates_of_gaussian_networks_near_the_theory_as_the_root_of_their_size() -> None:
    trials = floor.flip_flop(1.0, 0.5)
    model = ReducedModel(layout=ONE, alpha=ALPHA, linear=False)
    gamma = loss_gradient(model, floor.START[None], trials).gamma[0]
    theory = -(floor.START @ gamma + gamma @ floor.START)
    gaps = []
    for units in (256, 4096):
        vectors = floor.vectors_of(floor.START, units, range(12), exact=False)
        slope = floor.gradients(vectors, trials, linear=False)[1]
        rates = -(vectors.swapaxes(1, 2) @ slope + slope.swapaxes(1, 2) @ vectors) / units
        gaps.append(np.abs(rates - theory).max((1, 2)).mean())
    assert gaps[0] < 0.2 * np.abs(theory).max()
    assert 2 < gaps[0] / gaps[1] < 7


def test_trained_tanh_networks_stay_near_the_theory() -> None:
    trials = floor.flip_flop(1.0, 0.5)
    theory = floor.predicted(trials, 0.25, 200)
    measured = floor.train(floor.vectors_of(floor.START, 1024, range(1)), trials, 0.25, 200)
    first = theory.losses[0, 0]
    assert np.abs(theory.overlaps - floor.START).max() > 0.5
    assert np.abs(measured.overlaps - theory.overlaps).max() < 0.06
    assert np.abs(measured.losses - theory.losses).max() < 0.025 * first
    assert measured.losses[0, -1] < 0.01 * first


def test_seeds_spread_as_the_root_of_the_size() -> None:
    trials = floor.flip_flop(1.0, 0.5)
    spread = []
    for units in (256, 4096):
        measured = floor.train(floor.vectors_of(floor.START, units, range(16)), trials, 0.25, 8)
        spread.append(np.sqrt(measured.overlaps.var(0, ddof=1).mean()))
    assert 2 < spread[0] / spread[1] < 6


def with_unseen(seen: np.ndarray, inner: np.ndarray, slack: float) -> np.ndarray:
    """Overlaps of (m, u, v, z) with these between the groups and within the inner one."""
    outer = seen @ np.linalg.solve(inner, seen.T) + slack * np.eye(len(seen))
    return np.block([[inner, seen.T], [seen, outer]])


def test_linear_twins_are_equal_until_they_train() -> None:
    seen = np.array([[0.4, 0.6], [0.2, 0.2]])
    inner = [np.array([[1.0, 0.1], [0.1, 1.2]]), np.array([[1.0, -0.5], [-0.5, 3.0]])]
    twins = np.stack([with_unseen(seen, one, 0.3) for one in inner])
    trials = filter_trials(1, noise=False)
    found = loss_gradient(linear(ONE), twins, trials)
    assert abs(found.loss[0] - found.loss[1]) < 1e-12
    inputs = torch.tensor(trials.inputs[0])
    outputs = [
        oracle.network_outputs(torch.tensor(oracle.vectors_of(twin, 200, seed)), ONE, ALPHA, True, inputs).numpy()
        for seed, twin in enumerate(twins)
    ]
    assert np.abs(outputs[0] - outputs[1]).max() < 1e-12
    path = descend(linear(ONE), twins, trials, DescentRule(rate=0.1), (50,))
    assert np.abs(path.losses[0] - path.losses[1]).max() > 0.05 * path.losses.max()
    assert np.abs(path.overlaps[0] - path.overlaps[1])[0][ONE.visible(True)].max() > 0.1


def test_tanh_twins_are_equal_in_theory_and_nearly_so_at_finite_size() -> None:
    seen, inner = np.array([[0.4, 0.6], [0.2, 0.3]]), np.array([[1.0, 0.2], [0.2, 1.2]])
    twins = np.stack([with_unseen(seen, inner, slack) for slack in (0.2, 2.0)])
    model, trials = ReducedModel(layout=ONE, alpha=ALPHA, linear=False), floor.flip_flop(1.0, 0.5)
    found = loss_gradient(model, twins, trials)
    assert abs(found.loss[0] - found.loss[1]) < 1e-12
    inputs, units = torch.tensor(trials.inputs[0]), 1024
    outputs = [
        oracle.network_outputs(torch.tensor(oracle.vectors_of(twin, units, seed)), ONE, ALPHA, False, inputs).numpy()
        for seed, twin in enumerate(twins)
    ]
    assert np.sqrt(np.mean((outputs[0] - outputs[1]) ** 2)) < 0.15 / units**0.5
    assert np.sqrt(np.mean(outputs[0] ** 2)) > 0.05
    path = descend(model, twins, trials, DescentRule(rate=0.25), (30,))
    assert np.abs(path.losses[0] - path.losses[1]).max() > 0.01 * path.losses.max()


def test_overlaps_as_parameters_go_where_no_vectors_are() -> None:
    trials = filter_trials(1, noise=False)
    path = descend_directly(linear(ONE), floor.START[None], trials, 0.1, (0, 100))
    unseen = ~ONE.visible(True)
    assert np.array_equal(path.overlaps[0, 1][unseen], floor.START[unseen])
    assert np.linalg.eigvalsh(path.overlaps[0, 1]).min() < -0.1
    real = descend(linear(ONE), floor.START[None], trials, DescentRule(rate=0.1), (100,))
    assert np.linalg.eigvalsh(real.overlaps[0, 0]).min() > 0
    assert abs(path.losses[0, 50] - real.losses[0, 50]) > 0.1 * real.losses[0, 50]


def test_phases_follow_each_other_from_rest() -> None:
    trials = filter_trials(1, noise=False)
    once = descend(linear(ONE), floor.START[None], trials, DescentRule(rate=0.05), (20, 40))
    again = descend(linear(ONE), once.overlaps[:, 0], trials, DescentRule(rate=0.05), (20,))
    assert np.abs(again.overlaps[:, 0] - once.overlaps[:, 1]).max() < 1e-13
    heavy = DescentRule(rate=0.05, momentum=0.9)
    one, two = (descend(linear(ONE), floor.START[None], trials, heavy, ends) for ends in ((20,), (20, 40)))
    rested = descend(linear(ONE), one.overlaps[:, 0], trials, heavy, (20,))
    assert np.abs(rested.overlaps[:, 0] - two.overlaps[:, 1]).max() > 1e-3


def test_relabelled_ranks_go_the_same_way() -> None:
    order = [0, 2, 1, 4, 3, 5]
    trials = filter_trials(2, noise=False)
    starts = np.stack([START_TWO, START_TWO[np.ix_(order, order)]])
    path = descend(linear(TWO), starts, trials, DescentRule(rate=0.1), (100,))
    assert np.abs(path.overlaps[0, 0][np.ix_(order, order)] - path.overlaps[1, 0]).max() < 1e-12


def test_what_diverges_is_not_a_number() -> None:
    path = descend(linear(ONE), floor.START[None], filter_trials(1, noise=False), DescentRule(rate=50.0), (0, 60))
    assert np.isfinite(path.overlaps[0, 0]).all()
    assert not np.isfinite(path.overlaps[0, 1]).any() or not np.isfinite(path.losses[0, -1])


def test_vanishing_trials_of_the_first_step_are_no_trouble() -> None:
    trials = Trials.of(np.zeros((1, 4, 1)), np.ones((1, 4, 1)))
    model = ReducedModel(layout=ONE, alpha=ALPHA, linear=False)
    assert not reduced_outputs(model, floor.START[None], trials.inputs).any()
    assert not loss_gradient(model, floor.START[None], trials).gamma.any()


def test_settings_out_of_range_are_told() -> None:
    with pytest.raises(InputError, match="momentum"):
        DescentRule(rate=0.1, momentum=1.0)
    with pytest.raises(InputError, match="rate"):
        DescentRule(rate=-0.1)
    with pytest.raises(InputError, match="one for each of m, u, v, z"):
        DescentRule(rate=0.1, relative=(1.0,)).rates(linear(ONE))
    with pytest.raises(InputError, match="do not rise"):
        descend(linear(ONE), floor.START[None], filter_trials(1, noise=False), DescentRule(rate=0.1), (3, 2))
