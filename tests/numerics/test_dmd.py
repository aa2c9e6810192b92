import warnings

import numpy as np
import pytest
from scipy.stats import ortho_group

from rnnkit.errors import InputError
from rnnkit.numerics.delays import choose_delays
from rnnkit.numerics.dmd import delay_embed, fit_operators, principal_components
from tests.oracles.delay_regression import embed_row, one_step_error


def planted_operators(networks, size, rng, radius=0.97):
    matrices = rng.normal(size=(networks, size, size))
    return matrices * (radius / np.abs(np.linalg.eigvals(matrices)).max(axis=1))[:, None, None]


def linear_system(operators, rng, trials=6, steps=25, noise=0.0):
    """Trials from random starts under x(t + 1) = A x(t) + noise: (networks, trials, steps, size)."""
    states = rng.normal(size=(len(operators), trials, steps, operators.shape[-1]))
    for t in range(1, steps):
        states[:, :, t] = states[:, :, t - 1] @ operators.transpose(0, 2, 1) + noise * states[:, :, t]
    return states


def second_order(rng, networks=5, trials=12, steps=40):
    """Noisy oscillations that need two delays, and no more."""
    x = rng.normal(size=(networks, trials, steps, 2))
    for t in range(2, steps):
        x[:, :, t] += 1.3 * x[:, :, t - 1] - 0.6 * x[:, :, t - 2]
    return x


def moduli(operator):
    return np.sort(np.abs(np.linalg.eigvals(operator)))


# Principal components


def test_components_are_those_of_the_svd_and_count_to_the_share():
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(3, 8, 30, 6)) @ rng.normal(size=(3, 1, 6, 10)) + rng.normal(size=10)
    for share in (0.5, 0.9, 0.99):
        pcs = principal_components(hidden, share)
        for n in range(3):
            rows = hidden[n].reshape(-1, 10)
            values = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False) ** 2 / len(rows)
            assert pcs.variances[n] == pytest.approx(values, abs=1e-10)
            assert pcs.counts[n] == 1 + np.searchsorted(np.cumsum(values) / values.sum(), share)


def test_all_networks_are_projected_onto_the_largest_count_or_the_given_one():
    rng = np.random.default_rng(1)
    hidden = np.stack([rng.normal(size=(5, 20, k)) @ rng.normal(size=(k, 9)) for k in (2, 4)]) + 3.0
    pcs = principal_components(hidden, 1.0)
    assert pcs.counts.tolist() == [2, 4]
    projected = pcs.project(hidden)
    assert projected.shape == (2, 5, 20, 4)
    assert projected.var(axis=(1, 2)) == pytest.approx(pcs.variances[:, :4], abs=1e-10)
    assert np.abs(projected.mean(axis=(1, 2))).max() < 1e-12
    assert pcs.project(hidden, 6)[..., :4] == pytest.approx(projected, abs=1e-12)


def test_activity_that_differs_from_constant_by_float32_rounding_has_no_components():
    rng = np.random.default_rng(2)
    hidden = rng.normal(size=(3, 4, 10, 5)).astype(np.float32)
    hidden[1] = 0.3
    hidden[2] = np.float32(0.3) + np.spacing(np.float32(0.3)) * rng.integers(0, 2, (4, 10, 5))
    pcs = principal_components(hidden)
    assert pcs.counts.tolist() == [5, 0, 0]
    assert (pcs.project(hidden)[1:] == 0).all()


# Delay embedding


@pytest.mark.parametrize("delays", [1, 2, 5])
def test_embedding_is_the_loop_over_rows_and_never_crosses_trials(delays):
    x = np.random.default_rng(3).normal(size=(2, 3, 7, 2))
    embedded = delay_embed(x, delays)
    assert embedded.shape == (2, 3, 7 - delays + 1, 2 * delays)
    for n, trial, t in np.ndindex(embedded.shape[:3]):
        assert (embedded[n, trial, t] == embed_row(x[n, trial], t + delays - 1, delays)).all()
    assert (delay_embed(x[:, [2, 0, 1]], delays) == embedded[:, [2, 0, 1]]).all()


# Operators


def test_planted_operators_are_recovered_in_components():
    rng = np.random.default_rng(4)
    planted = planted_operators(4, 5, rng)
    fitted = fit_operators(linear_system(planted, rng), basis="pc")
    assert np.abs(fitted.operator - planted).max() < 1e-10
    assert fitted.status == ("ok",) * 4
    assert (fitted.size, fitted.components, fitted.delays, fitted.rows) == (5, 5, 1, 6 * 24)
    assert max(fitted.training_error.max(), fitted.heldout_error.max()) < 1e-20


def test_a_planted_second_order_system_gives_its_companion_matrix():
    x = np.random.default_rng(5).normal(size=(1, 4, 20, 1))
    for t in range(2, 20):
        x[:, :, t] = 1.6 * x[:, :, t - 1] - 0.9 * x[:, :, t - 2]
    assert np.abs(fit_operators(x, 2, "pc").operator[0] - [[1.6, -0.9], [1, 0]]).max() < 1e-10


@pytest.mark.parametrize("delays", [1, 3])
def test_bases_are_similar_and_whitened_states_have_the_hankel_matrix_as_their_source(delays):
    rng = np.random.default_rng(6)
    x = linear_system(planted_operators(2, 4, rng), rng, trials=10, steps=40, noise=0.5)
    white, plain = (fit_operators(x, delays, basis) for basis in ("whitened", "pc"))
    for n in range(2):
        hankel = delay_embed(x, delays)[n].reshape(-1, 4 * delays)
        _, s, axes = np.linalg.svd(hankel, full_matrices=False)
        moved = (axes / s[:, None]) @ plain.operator[n] @ (axes.T * s)
        signs = np.sign(moved * white.operator[n])
        assert np.abs(moved) == pytest.approx(np.abs(white.operator[n]), abs=1e-9)
        assert np.linalg.matrix_rank(signs) == 1  # the two differ by the signs of the axes
    assert white.training_error == pytest.approx(plain.training_error, rel=1e-10)
    assert white.heldout_error == pytest.approx(plain.heldout_error, rel=1e-12)


@pytest.mark.parametrize("delays", [1, 3])
def test_whitened_operator_is_the_same_in_any_coordinates_of_the_components(delays):
    rng = np.random.default_rng(7)
    x = linear_system(planted_operators(1, 4, rng), rng, trials=10, steps=40, noise=0.5)
    first = fit_operators(x, delays).operator[0]
    for change in (ortho_group.rvs(4, random_state=8), np.diag([1, 0.1, 5, 0.01]), rng.normal(size=(4, 4))):
        other = fit_operators(x @ change, delays).operator[0]
        assert np.linalg.svd(other, compute_uv=False) == pytest.approx(np.linalg.svd(first, compute_uv=False), abs=1e-8)
        assert moduli(other) == pytest.approx(moduli(first), abs=1e-8)
        # Orthogonally similar matrices have similar symmetric parts.
        assert np.linalg.eigvalsh(other + other.T) == pytest.approx(np.linalg.eigvalsh(first + first.T), abs=1e-8)


def test_components_basis_depends_on_scale_where_the_whitened_one_does_not():
    rng = np.random.default_rng(9)
    x = linear_system(planted_operators(1, 3, rng), rng, noise=0.5)
    stretched = x * [1.0, 1.0, 20.0]
    norms = {
        basis: [np.linalg.norm(fit_operators(data, 1, basis).operator) for data in (x, stretched)]
        for basis in ("whitened", "pc")
    }
    assert norms["whitened"][0] == pytest.approx(norms["whitened"][1], rel=1e-8)
    assert norms["pc"][1] / norms["pc"][0] > 2


def test_relabelled_and_rotated_units_give_the_same_operator_up_to_rotation():
    rng = np.random.default_rng(10)
    latent = linear_system(planted_operators(1, 4, rng), rng, trials=10, noise=0.3)
    hidden = np.tanh(latent @ rng.normal(size=(4, 12)))
    copies = np.concatenate(
        [hidden, hidden[..., rng.permutation(12)], hidden @ ortho_group.rvs(12, random_state=11) + 2]
    )
    pcs = principal_components(copies)
    assert len(set(pcs.counts.tolist())) == 1
    for basis in ("whitened", "pc"):
        operators = fit_operators(pcs.project(copies), 2, basis).operator
        for other in operators[1:]:
            assert np.linalg.norm(other) == pytest.approx(np.linalg.norm(operators[0]), rel=1e-9)
            assert moduli(other) == pytest.approx(moduli(operators[0]), abs=1e-8)


@pytest.mark.parametrize("delays", [1, 3])
def test_errors_are_those_of_the_naive_regression(delays):
    x = second_order(np.random.default_rng(12), networks=2, trials=7)
    fitted = fit_operators(x, delays)
    for n in range(2):
        assert fitted.training_error[n] == pytest.approx(one_step_error(x[n], x[n], delays), rel=1e-9)
        assert fitted.heldout_error[n] == pytest.approx(one_step_error(x[n, ::2], x[n, 1::2], delays), rel=1e-9)
    assert np.isnan(fit_operators(x[:, :1], delays).heldout_error).all()


@pytest.mark.parametrize("delays", [1, 2, 4])
def test_operator_agrees_with_dsa_metric(delays):
    pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = pytest.importorskip("DSA")
    rng = np.random.default_rng(13)
    x = linear_system(planted_operators(1, 3, rng), rng, trials=15, steps=40, noise=0.7)
    dmd = peer.DMD(x[0].astype(np.float32), n_delays=delays, lamb=0, device="cpu")
    dmd.fit()
    theirs = dmd.A_v.numpy().astype(float)
    ours = fit_operators(x, delays).operator[0]
    assert theirs.shape == ours.shape
    assert np.abs(theirs) == pytest.approx(np.abs(ours), abs=2e-5)
    assert np.linalg.norm(theirs) == pytest.approx(np.linalg.norm(ours), rel=1e-5)
    assert moduli(theirs) == pytest.approx(moduli(ours), abs=1e-4)
    assert np.trace(theirs @ theirs) == pytest.approx(np.trace(ours @ ours), abs=1e-4)


def test_underdetermined_operators_are_refused():
    x = second_order(np.random.default_rng(14), networks=2, trials=4, steps=12)
    # 2 x 5 unknowns a row, 4 x 7 = 28 rows; with six delays 12 and 24: refused from there.
    allowed, refused = fit_operators(x, 5), fit_operators(x, 6)
    assert allowed.status == ("ok", "ok")
    assert np.isfinite(allowed.operator).all()
    assert refused.status == ("underdetermined", "underdetermined")
    assert np.isnan(refused.operator).all()
    assert np.isnan([refused.training_error, refused.heldout_error]).all()
    assert (refused.size, refused.rows) == (12, 24)


@pytest.mark.parametrize("noise", [0.0, 1e-8])
def test_directions_without_variance_carry_nothing(noise):
    """A delayed copy of a noiseless linear system adds nothing: rank 3 of 6, with the planted eigenvalues."""
    rng = np.random.default_rng(15)
    planted = planted_operators(1, 3, rng)
    x = linear_system(planted, rng, trials=10)
    x = x + noise * rng.normal(size=x.shape)
    white, plain = (fit_operators(x, 2, basis) for basis in ("whitened", "pc"))
    assert white.status == plain.status == ("rank_deficient",)
    assert white.rank.tolist() == [3]
    assert (white.operator[0, 3:] == 0).all()
    assert (white.operator[0, :, 3:] == 0).all()
    eigenvalues = np.abs(np.linalg.eigvals(planted[0]))
    for operator in (white.operator[0], plain.operator[0]):
        assert moduli(operator)[3:] == pytest.approx(np.sort(eigenvalues), abs=1e-5)
        assert moduli(operator)[:3] == pytest.approx(0, abs=1e-5)
    before, after = (part.reshape(-1, 6) for part in (delay_embed(x, 2)[0, :, :-1], delay_embed(x, 2)[0, :, 1:]))
    least_norm = np.linalg.lstsq(before, after, rcond=1e-6)[0].T
    assert np.abs(plain.operator[0] - least_norm).max() < 1e-5


def test_rank_tolerance_decides_what_is_left_out():
    rng = np.random.default_rng(16)
    x = linear_system(planted_operators(1, 3, rng), rng, noise=0.5) * [1.0, 1.0, 1e-4]
    assert fit_operators(x).status == ("ok",)
    assert fit_operators(x, rank_tolerance=1e-2).rank.tolist() == [2]


def test_a_dead_network_has_no_operator_and_leaves_the_others_alone():
    rng = np.random.default_rng(17)
    x = linear_system(planted_operators(3, 3, rng), rng, noise=0.5)
    alone = fit_operators(x[[0, 2]])
    x[1] = 0
    fitted = fit_operators(x)
    assert fitted.status == ("ok", "no_variance", "ok")
    assert np.isnan(fitted.operator[1]).all()
    assert (fitted.operator[[0, 2]] == alone.operator).all()


# Choice of delays


def test_rank_tolerance_decides_what_may_predict():
    """A component of tiny variance that announces the next step of the large one."""
    rng = np.random.default_rng(27)
    large = rng.normal(size=(2, 10, 41, 1))
    x = np.concatenate([large[:, :, :-1], 1e-4 * large[:, :, 1:]], axis=-1)
    assert choose_delays(x, [1, 2]).mean[0] < 1e-7
    assert choose_delays(x, [1, 2], rank_tolerance=1e-2).mean[0] > 0.9
    assert fit_operators(x, rank_tolerance=1e-2).heldout_error.min() > 0.9


def test_held_out_error_chooses_what_is_needed_and_training_error_the_largest():
    x = second_order(np.random.default_rng(18))
    heldout, training = choose_delays(x, range(1, 16)), choose_delays(x, range(1, 16), "training")
    assert heldout.delays == 2
    assert training.delays == 15
    assert (np.diff(training.mean) < 0).all()
    assert heldout.mean[-1] > 1.1 * heldout.mean[1]


@pytest.mark.parametrize("rule", ["heldout", "training"])
def test_errors_of_candidates_are_those_of_the_naive_regression_on_common_steps(rule):
    x = second_order(np.random.default_rng(19), networks=3, trials=7, steps=30)
    choice = choose_delays(x, [6, 1, 3], rule)
    assert choice.candidates.tolist() == [1, 3, 6]
    for n in range(3):
        fit, score = (x[n, ::2], x[n, 1::2]) if rule == "heldout" else (x[n], x[n])
        for column, delays in enumerate([1, 3, 6]):
            expected = one_step_error(fit, score, delays, first=6)
            assert choice.errors[n, column] == pytest.approx(expected, rel=1e-9)
    assert choice.mean == pytest.approx(choice.errors.mean(axis=0))
    assert choice.standard_error == pytest.approx(choice.errors.std(axis=0, ddof=1) / np.sqrt(3))


def test_a_single_candidate_has_the_errors_of_its_operators():
    x = second_order(np.random.default_rng(20))
    fitted = fit_operators(x, 4)
    assert choose_delays(x, [4]).errors[:, 0] == pytest.approx(fitted.heldout_error, rel=1e-10)
    assert choose_delays(x, [4], "training").errors[:, 0] == pytest.approx(fitted.training_error, rel=1e-9)


def test_smallest_candidate_within_one_standard_error_of_the_best():
    rng = np.random.default_rng(28)
    x = rng.normal(size=(6, 12, 30, 2))
    for t in range(2, 30):
        x[:, :, t] += 0.6 * x[:, :, t - 1] + 0.15 * x[:, :, t - 2]
    choice = choose_delays(x, range(1, 8))
    best = int(choice.mean.argmin())
    within = choice.mean <= choice.mean[best] + choice.standard_error[best]
    assert best > 0
    assert choice.delays == choice.candidates[within][0] == 1
    one = choose_delays(x[:1], range(1, 8))
    assert np.isnan(one.standard_error).all()
    assert one.delays == one.candidates[one.mean.argmin()]


def test_underdetermined_candidates_are_skipped():
    x = second_order(np.random.default_rng(22), trials=4, steps=12)
    choice = choose_delays(x, range(1, 15), "training")
    assert choice.status == ("ok",) * 5 + ("underdetermined",) * 9
    assert np.isnan(choice.errors[:, 5:]).all()
    assert choice.delays == 5
    with pytest.raises(InputError, match="underdetermined"):
        choose_delays(x, [6, 7])


def test_smooth_activity_whose_delays_are_copies_does_not_break_the_choice():
    """Pure oscillations: from two delays on the Hankel matrix is singular, and the error is zero."""
    rng = np.random.default_rng(23)
    phase = rng.uniform(0, 2 * np.pi, size=(3, 10, 1, 1))
    x = np.sin(0.1 * np.arange(60)[:, None] + phase).astype(np.float32)
    choice = choose_delays(x, range(1, 11))
    assert choice.mean[0] > 1e-3
    assert choice.mean[1:].max() < 1e-9
    assert np.isfinite(choice.errors).all()


def test_a_dead_network_has_no_say():
    x = second_order(np.random.default_rng(24))
    alone = choose_delays(x[1:], range(1, 6))
    x[0] = 0
    choice = choose_delays(x, range(1, 6))
    assert np.isnan(choice.errors[0]).all()
    assert choice.mean == pytest.approx(alone.mean)
    assert choice.delays == alone.delays
    with pytest.raises(InputError, match="varies"):
        choose_delays(x[:1])


# Refusals


def test_what_does_not_fit_is_refused():
    x = second_order(np.random.default_rng(25), networks=2, trials=3)
    broken = x.copy()
    broken[1, 0, 0, 0] = np.nan
    for call, what in [
        (lambda: principal_components(x, 0.0), "share"),
        (lambda: principal_components(x[0]), "shape"),
        (lambda: principal_components(broken), r"networks \[1\]"),
        (lambda: principal_components(x).project(x, 3), "units"),
        (lambda: principal_components(0 * x).project(x), "0 components"),
        (lambda: delay_embed(x, 0), "delays"),
        (lambda: delay_embed(x, 41), "41 delays"),
        (lambda: fit_operators(x, 40), "one step"),
        (lambda: fit_operators(x, 1, "polar"), "basis"),
        (lambda: choose_delays(x, []), "candidates"),
        (lambda: choose_delays(x, [0, 1]), "candidates"),
        (lambda: choose_delays(x, rule="both"), "rule"),
        (lambda: choose_delays(x[:, :1]), "single trial"),
    ]:
        with pytest.raises(InputError, match=what):
            call()


def test_arguments_are_not_changed():
    x = second_order(np.random.default_rng(26), networks=2)
    before = x.copy()
    principal_components(x).project(x)
    fit_operators(x, 2)
    choose_delays(x, [1, 2])
    assert (x == before).all()
