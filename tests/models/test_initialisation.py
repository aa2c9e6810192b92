"""Initial weights: ranges, variances, gains, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.architectures import CAYLEY_TENSORS, FAMILIES, Architecture
from rnnkit.errors import InputError
from rnnkit.models.initialisation import INPUT_LAWS, default_initialisation, draw_weights

from .helpers import architecture


def _draw(family: str, kind: str, gain: float = 1.0, units: int = 200) -> dict[str, np.ndarray]:
    shape = architecture(family, units=units)
    return draw_weights(shape, kind, gain, np.random.default_rng(0))


def test_uniform_fills_plus_minus_one_over_root_n() -> None:
    for name, value in _draw("vanilla", "uniform").items():
        assert abs(value).max() <= 1 / np.sqrt(200), name
        if value.size > 500:
            assert value.std() == pytest.approx(1 / np.sqrt(600), rel=0.1)


@pytest.mark.parametrize("gain", [0.5, 1.0, 3.0])
def test_gaussian_gain_sets_the_recurrent_spread(gain: float) -> None:
    recurrent = _draw("leaky", "gaussian", gain)["recurrent.weight"]
    assert recurrent.std() == pytest.approx(gain / np.sqrt(200), rel=0.02)
    radius = abs(np.linalg.eigvals(recurrent)).max()
    assert radius == pytest.approx(gain, rel=0.15)


def test_mup_variances() -> None:
    weights = _draw("mup", "mup")
    assert weights["recurrent.weight"].var() == pytest.approx(200, rel=0.03)
    assert weights["input.weight"].var() == pytest.approx(1 / 3, rel=0.15)
    assert weights["readout.weight"].var() == pytest.approx(1, rel=0.15)
    assert not weights["recurrent.bias"].any()
    assert "readout.bias" not in weights


def test_lowrank_entries_are_of_order_one() -> None:
    weights = _draw("lowrank", "gaussian", 2.0)
    assert weights["recurrent.left"].std() == pytest.approx(2, rel=0.1)
    assert weights["recurrent.right"].std() == pytest.approx(1, rel=0.1)


def _recurrent(kind: str, units: int, seed: int, **more: object) -> np.ndarray:
    shape = Architecture(family="vanilla", units=units, inputs=2, outputs=1, **more)  # type: ignore[arg-type]
    return draw_weights(shape, kind, 1.0, np.random.default_rng(seed))["recurrent.weight"].astype(float)


def test_orthogonal_is_orthogonal_and_uniform_over_the_group() -> None:
    """Haar: Q v is uniform on the sphere and the trace has mean 0 and variance 1; QR without signs has neither."""
    draws = np.stack([_recurrent("orthogonal", 4, seed) for seed in range(3000)])
    np.testing.assert_allclose(draws @ draws.transpose(0, 2, 1), np.broadcast_to(np.eye(4), draws.shape), atol=1e-6)
    assert abs(np.linalg.det(draws).mean()) < 4 / np.sqrt(3000)
    for row in range(4):
        assert abs(draws[:, row, row].mean()) < 4 * 0.5 / np.sqrt(3000)
    trace = np.trace(draws, axis1=1, axis2=2)
    assert abs(trace.mean()) < 4 / np.sqrt(3000)
    assert trace.var() == pytest.approx(1, abs=4 * np.sqrt(2 / 3000))


def test_normal_is_normal_with_eigenvalues_of_the_stated_variance() -> None:
    draws = [_recurrent("normal", 40, seed) for seed in range(60)]
    for drawn in draws:
        assert np.linalg.norm(drawn @ drawn.T - drawn.T @ drawn) < 1e-6 * np.linalg.norm(drawn) ** 2
    values = np.stack([np.linalg.eigvals(drawn) for drawn in draws])
    for part in (values.real, values.imag):
        # 1200 independent pairs, each seen twice
        assert (part**2).mean() == pytest.approx(1 / 6, rel=4 * np.sqrt(2 / 1200))


def test_cayley_draws_the_paper_s_law() -> None:
    """A = (U - U^T)/2: entries below the diagonal have the triangular law of half a difference, variance 1/(6 N)."""
    shape = Architecture(family="vanilla", units=60, inputs=2, outputs=1, recurrent="cayley")
    held = [draw_weights(shape, "cayley", 1.0, np.random.default_rng(seed)) for seed in range(5)]
    skew = np.concatenate([one["recurrent.skew"] for one in held])
    assert abs(skew).max() <= 1 / np.sqrt(60)
    assert skew.var() == pytest.approx(1 / 360, rel=0.05)
    square = np.concatenate([one["recurrent.real"] ** 2 + one["recurrent.imaginary"] ** 2 for one in held])
    # |lambda|^2 of a matrix with entries of variance 1/(3 N): uniform in the disc of radius .58, mean 1/6
    assert square.mean() == pytest.approx(1 / 6, rel=0.1)
    for one in held:
        matrix = one["recurrent.weight"].astype(float)
        values = np.sort_complex(np.linalg.eigvals(matrix))
        expected = one["recurrent.real"] + 1j * one["recurrent.imaginary"]
        np.testing.assert_allclose(values, np.sort_complex(np.concatenate([expected, expected.conj()])), atol=1e-5)


def test_the_rest_of_a_square_draw_is_uniform() -> None:
    shape = Architecture(family="leaky", units=50, inputs=40, outputs=30, rate=0.5, recurrent="cayley")
    drawn = draw_weights(shape, "cayley", 1.0, np.random.default_rng(0))
    for name in set(drawn) - {"recurrent.weight", *CAYLEY_TENSORS}:
        assert 0.8 / np.sqrt(50) < abs(drawn[name]).max() <= 1 / np.sqrt(50), name


def test_no_biases_are_drawn_for_a_network_without() -> None:
    for family in FAMILIES:
        shape = Architecture(
            family=family, units=6, inputs=2, outputs=1, rank=1 if family == "lowrank" else 0, bias=False
        )
        drawn = draw_weights(shape, default_initialisation(family), 1.0, np.random.default_rng(0))
        assert not [name for name in drawn if name.endswith("bias")]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_draws_all_its_tensors(family: str) -> None:
    shape = architecture(family)
    drawn = draw_weights(shape, default_initialisation(family), 1.0, np.random.default_rng(0))
    expected = {name: s for name, s in shape.shapes().items() if name != "initial_state"}
    assert {name: value.shape for name, value in drawn.items()} == expected
    assert all(value.dtype == np.float32 for value in drawn.values())


@pytest.mark.parametrize(
    ("family", "kind", "gain"),
    [
        ("vanilla", "mup", 1.0),
        ("mup", "uniform", 1.0),
        ("lowrank", "uniform", 1.0),
        ("vanilla", "uniform", 2.0),
        ("vanilla", "gaussian", -1.0),
        ("vanilla", "gaussian", float("nan")),
        ("vanilla", "orthogonl", 1.0),
        ("vanilla", "orthogonal", 2.0),
        ("vanilla", "cayley", 1.0),
        ("gru", "orthogonal", 1.0),
        ("lstm", "normal", 1.0),
        ("mup", "orthogonal", 1.0),
        ("lowrank", "normal", 1.0),
    ],
)
def test_refuses_what_does_not_fit(family: str, kind: str, gain: float) -> None:
    with pytest.raises(InputError):
        _draw(family, kind, gain, units=8)


def test_architecture_refuses_nonsense() -> None:
    for wrong in (
        {"family": "vanila"},
        {"units": 0},
        {"nonlinearity": "tan"},
        {"rate": 0.5},
        {"family": "leaky", "rate": 0.0},
        {"gamma": 0.0},
        {"rank": 1},
        {"family": "lowrank"},
        {"family": "gru", "nonlinearity": "relu"},
        {"recurrent": "kayley"},
        {"recurrent": "cayley", "units": 5},
        {"recurrent": "cayley", "family": "mup"},
        {"recurrent": "cayley", "family": "gru"},
        {"recurrent": "cayley", "family": "lowrank", "rank": 1},
    ):
        with pytest.raises(InputError):
            Architecture(**({"family": "vanilla", "units": 4, "inputs": 1, "outputs": 1} | wrong))  # type: ignore[arg-type]


def test_plrnn_factors_follow_init_a_and_leave_the_rest_alone() -> None:
    shape = architecture("plrnn", "relu", units=400)
    drawn = {
        a: draw_weights(shape, "uniform", 1.0, np.random.default_rng(0), init_a=a) for a in ("half", "small", "-0.3")
    }
    assert (drawn["half"]["recurrent.diagonal"] == 0.5).all()
    assert (drawn["-0.3"]["recurrent.diagonal"] == np.float32(-0.3)).all()
    small = drawn["small"]["recurrent.diagonal"]
    assert abs(small).max() <= 1 / 20
    assert small.std() == pytest.approx(1 / np.sqrt(1200), rel=0.1)
    for name in set(shape.shapes()) - {"recurrent.diagonal", "initial_state"}:
        np.testing.assert_array_equal(drawn["half"][name], drawn["small"][name])
    inputs = drawn["half"]["input.weight"]
    assert inputs.std() == pytest.approx(1 / 3, rel=0.05)  # U(+-1/sqrt I), 3 inputs
    assert drawn["half"]["recurrent.weight"].std() == pytest.approx(1 / np.sqrt(1200), rel=0.02)


@pytest.mark.parametrize("gain", [1.0, 4.0])
def test_a_gain_of_1_has_the_spread_of_xavier(gain: float) -> None:
    """Xavier's U(+-sqrt(3 / N)) has standard deviation 1 / sqrt N."""
    recurrent = _draw("leaky", "gaussian", gain)["recurrent.weight"]
    xavier = np.random.default_rng(0).uniform(-np.sqrt(3 / 200), np.sqrt(3 / 200), (200, 200))
    assert recurrent.std() == pytest.approx(gain * xavier.std(), rel=0.02)


def test_input_weights_by_the_root_of_the_inputs() -> None:
    shape = architecture("vanilla", units=200)
    by = {law: draw_weights(shape, "uniform", 1.0, np.random.default_rng(0), init_input=law) for law in INPUT_LAWS}
    ratio = by["inputs"]["input.weight"] / by["units"]["input.weight"]
    np.testing.assert_allclose(ratio, np.sqrt(200 / 3), rtol=1e-5)
    np.testing.assert_array_equal(by["inputs"]["recurrent.weight"], by["units"]["recurrent.weight"])


def test_critical_vectors_overlap_by_one() -> None:
    shape = Architecture(family="leaky", units=40_000, inputs=2, outputs=1, rank=2)
    drawn = draw_weights(shape, "critical", 1.0, np.random.default_rng(0), "float64")
    left, right = drawn["recurrent.left"], drawn["recurrent.right"]
    overlaps = (left * right).mean(0)
    np.testing.assert_allclose(overlaps, 1.0, atol=4 * 1.5 / 200)  # 3 x .5 N(0, 1) over sqrt N
    assert left.std() == pytest.approx(0.5, rel=0.02)
    gaussian = draw_weights(shape, "gaussian", 2.0, np.random.default_rng(0), "float64")
    assert gaussian["recurrent.left"].std() == pytest.approx(2.0, rel=0.02)
    assert gaussian["recurrent.right"].std() == pytest.approx(1.0, rel=0.02)
