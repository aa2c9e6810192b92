"""Initial weights: ranges, variances, gains, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.errors import InputError
from rnnkit.models.initialisation import default_initialisation, draw_weights

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
        ("vanilla", "orthogonal", 1.0),
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
    ):
        with pytest.raises(InputError):
            Architecture(**({"family": "vanilla", "units": 4, "inputs": 1, "outputs": 1} | wrong))  # type: ignore[arg-type]
