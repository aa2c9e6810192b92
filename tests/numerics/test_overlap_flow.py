"""Gradient flow in the overlaps, what it conserves, and what the connection carries along it."""

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.numerics.loading_vectors import Layout
from rnnkit.numerics.overlap_connection import connection, gram_matrix, transport
from rnnkit.numerics.overlap_descent import DescentRule, descend
from rnnkit.numerics.overlap_flow import flow, follow
from rnnkit.numerics.overlap_invariants import conserved
from rnnkit.numerics.reduced_activity import ReducedModel, Trials, loss_gradient
from tests.numerics.test_overlap_descent import ALPHA, ONE, START_TWO, TWO, filter_trials, floor, linear
from tests.numerics.test_reduced_activity import overlaps_at_random
from tests.oracles.overlap_learning import filter_loss, filter_slope

TANH = ReducedModel(layout=ONE, alpha=ALPHA, linear=False)
#: Rank, linear, and the learning time of the test.
CASES = {"rank one": (ONE, floor.START, 20.0), "rank two": (TWO, START_TWO, 20.0)}


def pairs(overlaps: np.ndarray) -> np.ndarray:
    rows, columns = np.triu_indices(overlaps.shape[-1])
    return overlaps[..., rows, columns]


@pytest.mark.parametrize("noise", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_descent_nears_flow_and_conserves_in_proportion_to_its_rate(case: str, noise: bool) -> None:
    layout, start, until = CASES[case]
    trials, coarse = filter_trials(layout.rank, noise), 0.01 if noise else 0.1
    times = np.linspace(0, until / 10 if noise else until, 21)
    exact = flow(linear(layout), start[None], trials, times)
    assert exact.status == ("ok",)
    assert np.abs(exact.overlaps - start).max() > 0.1
    kept = conserved(layout, exact.overlaps[0], linear=True)
    assert kept.holds.all()
    assert np.abs(kept.values - kept.values[0]).max() < 1e-7
    gaps, drifts = [], []
    for rate in (coarse / 2, coarse / 4):
        steps = np.rint(times / rate).astype(int)
        path = descend(linear(layout), start[None], trials, DescentRule(rate=rate), steps)
        gaps.append(np.abs(path.overlaps - exact.overlaps).max())
        values = conserved(layout, path.overlaps[0], linear=True).values
        drifts.append(np.abs(values - values[0]).max(0))
    assert 1.9 < gaps[0] / gaps[1] < 2.1
    moved = drifts[0] > 1e-9
    assert moved.sum() > 3
    assert ((drifts[0] / drifts[1])[moved] > 1.8).all()
    assert ((drifts[0] / drifts[1])[moved] < 2.2).all()


def test_tanh_flow_conserves_only_what_the_rank_s_basis_does() -> None:
    path = flow(TANH, floor.START[None], floor.flip_flop(1.0, 0.5), np.linspace(0, 5, 6))
    kept = conserved(ONE, path.overlaps[0], linear=False)
    drift = np.abs(kept.values - kept.values[0]).max(0)
    assert [name for name, holds in zip(kept.names, kept.holds, strict=True) if holds] == ["uu-vv"]
    assert drift[kept.holds].max() < 1e-9
    assert drift[~kept.holds].min() > 1e-3


def test_tanh_networks_of_any_size_conserve_it_to_the_order_of_the_rate() -> None:
    trials, vectors = floor.flip_flop(1.0, 0.5), floor.vectors_of(floor.START, 128, range(1))
    drifts = []
    for rate in (0.05, 0.025):
        path = floor.train(vectors, trials, rate, round(4 / rate)).overlaps
        values = conserved(ONE, path[0], linear=False).values[:, 4]
        drifts.append(np.abs(values - values[0]).max())
    assert drifts[0] > 1e-6
    assert 1.8 < drifts[0] / drifts[1] < 2.2


def test_frozen_and_unequal_vectors_conserve_what_is_said() -> None:
    layout = Layout(inputs=1, rank=2, outputs=1, bias=True)
    start, rng = overlaps_at_random(layout, 3), np.random.default_rng(0)
    trials = Trials.of(rng.standard_normal((3, 10, 1)), rng.standard_normal((3, 10, 1)))
    uneven = np.array([1.0, 0.5, 2.0, 1.0, 1.0, 2.0, 0.7])  # m b u1 u2 v1 v2 z; u1 v1 = u2 v2
    crossed = np.array([1.0, 0.5, 2.0, 1.0, 1.0, 1.0, 0.7])  # u1 v1 and u2 v2 differ
    frozen = np.array([0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    holding = []
    for relative in (uneven, crossed, frozen):
        path = flow(linear(layout), start[None], trials, np.linspace(0, 1, 5), relative=tuple(relative))
        kept = conserved(layout, path.overlaps[0], linear=True, relative=relative)
        drift = np.abs(kept.values - kept.values[0]).max(0)
        assert drift[kept.holds].max() < 1e-7
        assert (drift[~kept.holds] > 1e-5).all()
        holding.append([name for name, holds in zip(kept.names, kept.holds, strict=True) if holds])
    every = [f"I{k}" for k in range(1, 8)]
    assert holding[0] == [*every, "u1u1-v1v1", "u1u2-v1v2", "u2u2-v2v2", "mm-zz"]
    assert holding[1] == [*every, "u1u1-v1v1", "u2u2-v2v2", "mm-zz"]
    assert holding[2] == ["u1u1-v1v1", "u1u2-v1v2", "u2u2-v2v2"]


def test_filter_in_continuous_time_is_the_limit_of_small_steps() -> None:
    held = floor.START
    zm, product, vu = held[3, 0], held[3, 1] * held[2, 0], held[2, 1]
    limit, gaps = filter_loss(zm, product, vu, 1.0, 0.2)[0], []
    for alpha in (0.1, 0.05, 0.025):
        steps = round(60 / alpha)
        inputs = np.zeros((1, steps, 1))
        inputs[0, 0] = 1 / alpha
        trials = Trials.of(inputs, np.exp(-0.2 * alpha * np.arange(steps))[None, :, None])
        found = loss_gradient(ReducedModel(layout=ONE, alpha=alpha, linear=True), held[None], trials)
        gaps.append(alpha * steps / 2 * found.loss[0] - limit)
    assert gaps[0] / gaps[1] == pytest.approx(2, abs=0.1)
    assert gaps[1] / gaps[2] == pytest.approx(2, abs=0.05)


def test_filter_found_is_the_one_asked_for() -> None:
    # Continuous time: s_vu = 1 - c, s_zm = a, s_zu s_vm = a s_vu.
    last = follow(filter_slope(1.0, 0.2), floor.START, np.zeros(1), [60.0], np.ones(4)).overlaps[0, 0]
    assert (last[3, 0], last[3, 1] * last[2, 0], last[2, 1]) == pytest.approx((1.0, 0.8, 0.8), abs=1e-5)
    # In steps of alpha: s_vu = (e^(-c alpha) - 1 + alpha) / alpha.
    stepped = descend(linear(ONE), floor.START[None], filter_trials(1, False), DescentRule(rate=0.1), (6000,))
    assert stepped.overlaps[0, 0, 2, 1] == pytest.approx((np.exp(-0.04) - 0.8) / 0.2, abs=1e-5)


def test_flow_does_not_depend_on_company() -> None:
    trials, times = filter_trials(1, noise=False), [0.0, 1.0, 3.0]
    others = np.stack([floor.START, 2 * floor.START])
    together = flow(linear(ONE), others, trials, times, offset=np.array([[0.1], [0.0]]))
    alone = flow(linear(ONE), others[:1], trials, times, offset=np.array([[0.1]]))
    assert np.array_equal(together.overlaps[0], alone.overlaps[0])
    assert np.array_equal(together.offset[0], alone.offset[0])
    assert together.offset[0, -1, 0] != 0.1
    assert np.array_equal(alone.losses[0, 0], loss_gradient(linear(ONE), others[:1], trials, np.array([[0.1]])).loss[0])


def test_flow_that_gives_up_says_so() -> None:
    def runaway(s: np.ndarray, c: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return 0.0, -s, c

    found = follow(runaway, np.eye(1), np.zeros(1), [0.1, 5.0], np.ones(1))  # ds/dt = 2 s^2: infinite at 1/2
    assert found.status == ("failed",)
    assert found.overlaps[0, 0, 0, 0] == pytest.approx(1 / 0.8)
    assert np.isnan(found.overlaps[0, 1]).all()
    with pytest.raises(InputError, match="do not rise"):
        follow(runaway, np.eye(1), np.zeros(1), [1.0, 0.5], np.ones(1))


@pytest.mark.parametrize("relative", [None, np.array([1.0, 0.5, 0.0, 2.0, 1.5, 0.3])])
def test_gram_matrix_moves_the_overlaps_as_the_flow_does(relative: np.ndarray | None) -> None:
    rng = np.random.default_rng(2)
    overlaps, gamma = overlaps_at_random(TWO, 5), rng.standard_normal((6, 6))
    gamma = gamma + gamma.T
    factors = np.ones(6) if relative is None else relative
    moved = (overlaps @ gamma) * factors
    gram = gram_matrix(overlaps, relative)
    slope = pairs(gamma - np.diag(np.diag(gamma)) / 2)
    assert np.abs(gram @ slope - pairs(moved + moved.T)).max() < 1e-12
    assert np.array_equal(gram, gram.T)
    assert np.linalg.eigvalsh(gram).min() > -1e-12


def test_gram_matrix_holds_the_products_of_gradients() -> None:
    vectors = np.random.default_rng(0).standard_normal((7, 4))
    rows, columns = ONE.pairs()
    slopes = np.zeros((10, 7, 4))
    for k, (a, b) in enumerate(zip(rows, columns, strict=True)):
        slopes[k, :, a] += vectors[:, b] / 7
        slopes[k, :, b] += vectors[:, a] / 7
    expected = 7 * np.einsum("kia,lia->kl", slopes, slopes)
    assert np.abs(gram_matrix(vectors.T @ vectors / 7) - expected).max() < 1e-13


def test_gram_matrix_of_a_linear_network_separates_cleanly() -> None:
    """The specification's table at rank one; the paper's Fig. 11."""
    s = overlaps_at_random(ONE, 1)
    of = {f"{a}{b}": s["muvz".index(a), "muvz".index(b)] for a in "muvz" for b in "muvz"}
    names = [f"{a}{b}" for i, a in enumerate("muvz") for b in "muvz"[i:]]
    gram = gram_matrix(s)

    def row(name: str) -> list[float]:
        return [gram[names.index(name), names.index(column)] for column in ("mz", "uz", "mv", "uv")]

    assert row("mz") == pytest.approx([of["mm"] + of["zz"], of["mu"], of["vz"], 0])
    assert row("uz") == pytest.approx([of["mu"], of["uu"] + of["zz"], 0, of["vz"]])
    assert row("mm") == pytest.approx([2 * of["zm"], 0, 2 * of["vm"], 0])
    assert row("vz") == pytest.approx([of["vm"], of["vu"], of["zm"], of["zu"]])
    assert gram[0, 0] == pytest.approx(4 * of["mm"])


@pytest.mark.parametrize("model", [linear(ONE), TANH], ids=["linear", "tanh"])
@pytest.mark.parametrize("relative", [None, (1.0, 0.0, 1.0, 0.5)], ids=["all", "some"])
def test_connection_carries_the_unseen_as_the_flow_does(
    model: ReducedModel, relative: tuple[float, ...] | None
) -> None:
    trials = filter_trials(1, noise=False, steps=30) if model.linear else floor.flip_flop(1.0, 0.5)
    times = np.linspace(0, 4, 41)
    path = flow(model, floor.START[None], trials, times, relative=relative or ()).overlaps[0]
    factors = None if relative is None else np.array(relative)
    blind = np.where(model.layout.visible(model.linear), path, np.nan)
    found = transport(ONE, floor.START, blind, model.linear, factors, times)
    assert found.status == "ok"
    assert np.abs(path[-1] - path[0])[~ONE.visible(model.linear)].max() > 0.05
    assert np.abs(found.overlaps - path).max() < 1e-4
    assert np.abs(found.overlaps[-1] - path[-1]).max() < max(3 * found.error, 1e-7)


def test_retraced_path_leaves_nothing_and_a_loop_does() -> None:
    visible = ONE.visible(True)
    turn = np.linspace(0, 2 * np.pi, 41)[:, None, None]
    across, along = np.zeros((4, 4)), np.zeros((4, 4))
    across[3, 0] = across[0, 3] = along[2, 1] = along[1, 2] = 0.3
    there = floor.START + across * np.sin(turn)
    loop = there + along * (1 - np.cos(turn))
    retraced, around = (transport(ONE, floor.START, path, True, tolerance=1e-7) for path in (there, loop))
    assert np.abs(retraced.overlaps[-1] - floor.START).max() < 1e-5
    assert np.abs(around.overlaps[-1] - floor.START)[~visible].max() > 1e-3
    half = slice(None, None, -1)
    back = transport(ONE, floor.START, loop[half], True, tolerance=1e-7)
    # To leading order the holonomy is the area's, with its sign.
    forth, reverse = (held.overlaps[-1] - floor.START for held in (around, back))
    assert np.abs(forth + reverse).max() < 0.3 * np.abs(forth).max()


def test_connection_is_batched_and_path_is_checked() -> None:
    both = np.stack([floor.START, np.eye(4)])
    found = connection(ONE, both, linear=True)
    assert found.shape == (2, 6, 4)
    assert np.array_equal(found[0], connection(ONE, floor.START, linear=True))
    with pytest.raises(InputError, match="begin at the start"):
        transport(ONE, floor.START, np.stack([np.eye(4)] * 5), True)
    with pytest.raises(InputError, match="5 or more"):
        transport(ONE, floor.START, np.stack([floor.START] * 4), True)


def test_carrying_stops_where_the_overlaps_no_longer_tell() -> None:
    nothing = np.zeros((4, 4))
    found = transport(ONE, nothing, np.linspace(0, 1, 6)[:, None, None] * floor.START, True)
    assert found.status == "failed"
    assert np.isnan(found.overlaps[-1][~ONE.visible(True)]).all()
