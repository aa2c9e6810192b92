"""Quick lines of specification "degeneracy", section 8: what training must do to weights and distances.

Small scale as measured there: T=40, batch 48, learning rate 3e-3, threshold .002, N=64; four networks a condition.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from rnnkit.checkpoints import Checkpoint
from rnnkit.metrics import acting_weights
from rnnkit.stages.compare import compare
from rnnkit.stages.train import train
from rnnkit.training.plans import plan_networks

SETTINGS = {"units": 64, "batch": 48, "lr": 3e-3, "stop_loss": 2e-3, "epochs": 90, "steps_per_epoch": 64}


@functools.cache
def _trained(bits: int, **changes: float) -> tuple[Checkpoint, ...]:
    plans = plan_networks("flipflop", {"bits": bits, "steps": 40}, SETTINGS | changes, range(4))
    networks = tuple(train(plans, threads=2).networks)
    assert all(network.status == "converged" for network in networks)
    return networks


def _weight_change(networks: Sequence[Checkpoint]) -> float:
    return float(np.mean([np.linalg.norm(acting_weights(n) - acting_weights(n, initial=True)) for n in networks]))


def _mean(networks: Sequence[Checkpoint], metric: str, column: str = "distance") -> float:
    table = pa.concat_tables(compare(networks, [metric], trials=60))
    return float(np.mean(table.column(column).to_pylist()))


def test_gamma_moves_the_weights() -> None:
    lazy, rich = _trained(3, gamma=0.3, lr=2e-3), _trained(3, gamma=3.0, lr=2e-3)
    assert _weight_change(rich) / _weight_change(lazy) > 1.15


def test_more_bits_move_the_weights_and_spread_them() -> None:
    few, many = _trained(2), _trained(4)
    assert _weight_change(many) > _weight_change(few)
    assert _mean(many, "pif") > _mean(few, "pif")


def test_l1_penalty_lowers_weight_and_dynamical_distances() -> None:
    free, sparse = _trained(3), _trained(3, l1=1e-3)
    assert _mean(sparse, "pif", "relative_distance") < 0.85 * _mean(free, "pif", "relative_distance")
    assert _mean(sparse, "dsa") < _mean(free, "dsa") / 4


def test_nuclear_penalty_lowers_weight_distances_and_rank() -> None:
    free, low = _trained(3), _trained(3, nuclear=1e-3)
    assert _mean(low, "pif", "relative_distance") < 0.65
    singular = [np.linalg.svd(acting_weights(n)[0], compute_uv=False) for n in (free[0], low[0])]
    ranks = [(values > 0.1 * values[0]).sum() for values in singular]
    assert ranks[1] < ranks[0] / 2


def test_path_integration_with_velocity_inputs_is_learnt_quickly() -> None:
    settings = {"units": 64, "batch": 64, "lr": 1e-3, "stop_loss": 0.05, "epochs": 4, "patience": 0}
    plans = plan_networks("path-integration", {"encoding": "velocity"}, settings, [0, 1])
    assert [network.status for network in train(plans, threads=2).networks] == ["converged"] * 2
