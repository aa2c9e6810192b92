"""Groups of units, snapshots of Cayley networks, and states that are held a block at a time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import torch

from rnnkit.errors import InputError
from rnnkit.history import history_beside, open_history
from rnnkit.interop import load
from rnnkit.stages import moments, ramping
from rnnkit.stages.evaluation import TaskChoice
from rnnkit.stages.moments import Moment, batches, run_states, unit_groups
from tests.conftest import QUICK, run_cli
from tests.stages.planted_activity import random_network, states


def test_groups_of_units():
    def sizes(given=None, **training):
        return {name: found.tolist() for name, found in unit_groups(random_network(training=training), given).items()}

    assert (
        sizes() == sizes(memory_units=4) == sizes(memory_units=0) == sizes(memory_units=None) == {"all": [0, 1, 2, 3]}
    )
    assert sizes(memory_units=1) == {"all": [0, 1, 2, 3], "memory": [0], "computation": [1, 2, 3]}
    assert sizes(3, memory_units=1)["memory"] == [0, 1, 2]
    for bad in (0, 4, -1):
        with pytest.raises(InputError, match="--memory-units"):
            sizes(bad)


def test_states_come_in_blocks_of_trials(monkeypatch):
    nets = [random_network(seed, name=f"n{seed}") for seed in range(2)]
    inputs = np.random.default_rng(0).normal(size=(11, 14, 2)).astype(np.float32)
    monkeypatch.setattr(moments, "_STATE_BYTES", 2 * 4 * 8 * 14 * 4 * 3)
    blocks = []
    for block, found, sound in run_states([Moment(net, 0, None) for net in nets], inputs, torch.device("cpu")):
        blocks.append((block.start, block.stop))
        assert sound.all()
        for net, mine in zip(nets, found, strict=True):
            np.testing.assert_allclose(mine, states(net, inputs[block]), atol=1e-12)
    assert blocks == [(0, 4), (4, 8), (8, 11)]


def test_batches_are_of_one_kind_and_no_larger_than_fits(monkeypatch):
    nets = [random_network(seed, units=4 + seed // 3, name=f"n{seed}") for seed in range(5)]
    found = [[m.network.name for m in batch.moments] for batch in batches(nets, TaskChoice())]
    assert found == [["n0", "n1", "n2"], ["n3", "n4"]]
    monkeypatch.setattr(moments, "_STATE_BYTES", 2 * 64 * 8 * 14 * 4 * 3)
    found = [[m.network.name for m in batch.moments] for batch in batches(nets, TaskChoice())]
    assert found == [["n0", "n1"], ["n2"], ["n3"], ["n4"]]


def test_snapshots_of_a_cayley_network(tmp_path):
    line = ["train", *QUICK, "--recurrent", "cayley", "--seeds", 0, "--snapshots", 1, "-o", tmp_path, "-q"]
    assert run_cli(*line).code == 0
    (path,) = (path for path in tmp_path.glob("*.safetensors") if "history" not in path.name)
    net = load(path)
    (along,) = ramping([net], histories=[open_history(history_beside(path))], trials=5)
    (after,), (before,) = ramping([net], trials=5), ramping([net], trials=5, initial=True)
    for end, step in ((after, 8), (before, 0)):
        part = along.filter(pa.compute.equal(along["step"], step))
        np.testing.assert_allclose(part["slope"].to_numpy(), end["slope"].to_numpy(), rtol=1e-3, atol=1e-5)
