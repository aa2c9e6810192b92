"""Twins do the same as their original, and are not it; networks of given overlaps have them."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.models.ensembles import run_networks
from rnnkit.numerics.loading_vectors import Layout
from rnnkit.stages import overlaps, sample_gram, summary, twins
from rnnkit.stages.low_rank_networks import Constants, Gram, gram_of_table
from rnnkit.stages.sample_gram import Start, start_gram
from rnnkit.stages.twins import gram_of_network
from rnnkit.tasks import make_task, task_parameters

from .test_overlaps import network

RANK_ONE = Layout(inputs=1, rank=1, outputs=1)
FILTER = task_parameters(make_task("filter"))
PULSE = task_parameters(make_task("flipflop-pulse"))
#: Overlaps with something to see: order m, u, v, z.
SEEN = np.array([[1.0, 0.1, 0.4, 0.5], [0.1, 1.2, 0.6, 0.3], [0.4, 0.6, 1.5, 0.2], [0.5, 0.3, 0.2, 1.1]])


def outputs(nets: list[Checkpoint], task: str) -> np.ndarray:
    trials = make_task(task).sample([np.random.default_rng(0)], 16)
    runs = {run.index: run.outputs for run in run_networks(nets, trials.inputs[0], torch.device("cpu"))}
    return np.stack([runs[k] for k in range(len(nets))])


def test_linear_twins_have_the_same_outputs_and_loss():
    """Acceptance: initial y and L equal to 1e-12 at N = 200."""
    constants = Constants(nonlinearity="identity", task="filter", task_parameters=FILTER)
    (first,) = sample_gram(Gram(RANK_ONE, SEEN), [200], [0], constants, name="a")
    gram, kept = gram_of_network(first)
    made = list(twins(gram, kept, 200, name="a", copies=3, spread=1.5))
    assert [twin.network.name for twin in made] == ["a-twin1", "a-twin2", "a-twin3"]
    nets = [first, *(twin.network for twin in made)]
    found = outputs(nets, "filter")
    assert abs(found[0]).max() > 0.4
    assert abs(found[1:] - found[0]).max() < 1e-12
    losses = summary(nets, trials=2)["loss"].to_pylist()
    assert max(losses) - min(losses) < 1e-12
    for twin in made:
        assert twin.moved > 0.2
        assert twin.kept < 1e-12
        assert twin.network.weights["recurrent.left"].dtype == np.float64
    tables = [pa.concat_tables(overlaps([net])).to_pylist() for net in nets]
    for rows in zip(*tables, strict=True):
        values = [row["value"] for row in rows]
        assert (np.ptp(values) < 1e-12) == rows[0]["visible"]


def test_tanh_twins_have_nearly_the_same_outputs():
    """Acceptance: rms gap below .15 / sqrt(N)."""
    constants = Constants(task="flipflop-pulse", task_parameters=PULSE)
    for units in (256, 4096):
        (first,) = sample_gram(Gram(RANK_ONE, SEEN), [units], [0], constants, name="a")
        made = list(twins(Gram(RANK_ONE, SEEN), constants, units, name="a", copies=2))
        found = outputs([first, *(twin.network for twin in made)], "flipflop-pulse")
        gaps = np.sqrt(((found[1:] - found[0]) ** 2).mean((1, 2, 3)))
        assert np.sqrt((found**2).mean()) > 0.02
        assert (gaps < 0.15 / np.sqrt(units)).all()
        assert (gaps > 1e-6).all()
        for twin in made:
            assert twin.kept < 1e-12
            inner, outer = (np.ix_(part, part) for part in ([0, 1], [2, 3]))
            columns = np.column_stack([twin.network.weights[n] for n in ("input.weight", "recurrent.left")])
            np.testing.assert_allclose(columns.T @ columns / units, SEEN[inner], atol=1e-12)
            right = np.column_stack(
                [twin.network.weights["recurrent.right"][:, 0], twin.network.weights["readout.weight"][0]]
            )
            assert abs(right.T @ right / units - SEEN[outer]).max() > 0.1


@pytest.mark.parametrize(("family", "rank"), [("lowrank", None), ("mup", 2), ("vanilla", 12), ("leaky", 3)])
def test_twins_of_every_linear_family(family, rank):
    """Of a truncation, twins are those of the truncated network; biases, gamma and initial state are kept."""
    net = network(family, "identity")
    gram, constants = gram_of_network(net, rank)
    (twin,) = twins(gram, constants, 64, name="a")
    inputs = np.random.default_rng(5).normal(size=(3, 15, 2)).astype(np.float32)
    (run,) = run_networks([twin.network], inputs, torch.device("cpu"))
    if rank not in (None, 12):
        (same,) = sample_gram(gram, [64], [5], constants, name="b")
        (whole,) = run_networks([same], inputs, torch.device("cpu"))
    else:
        (whole,) = run_networks([net], inputs, torch.device("cpu"))
    np.testing.assert_allclose(run.outputs, whole.outputs, atol=1e-10)
    assert twin.network.architecture.rank == (rank or 2)


def test_twins_go_by_seed_and_spread():
    constants = Constants(nonlinearity="identity")
    line = {"name": "a", "copies": 2}

    def vectors(**more):
        return [t.network.weights["input.weight"] for t in twins(Gram(RANK_ONE, SEEN), constants, 30, **line, **more)]

    assert all(np.array_equal(a, b) for a, b in zip(vectors(), vectors(), strict=True))
    assert not np.array_equal(*vectors())
    assert not np.array_equal(vectors()[0], vectors(seed=1)[0])
    assert not np.array_equal(vectors()[0], vectors(quasi=True)[0])
    near, far = (next(twins(Gram(RANK_ONE, SEEN), constants, 30, name="a", spread=s)).moved for s in (0.01, 2))
    assert near < 0.05 < far


@pytest.mark.parametrize(
    ("net", "rank", "message"),
    [
        (network("current", "relu"), 2, "no theory says"),
        (network("leaky", "tanh"), 2, "no theory says"),
        (network("current"), None, "add --rank R"),
    ],
)
def test_what_has_no_twins(net, rank, message):
    with pytest.raises(InputError, match=message):
        gram_of_network(net, rank)


def test_refusals_of_twins():
    bad = network("lowrank")
    bad.weights["input.weight"][0] = np.nan
    with pytest.raises(InputError, match=r"'input\.weight' holds NaN"):
        gram_of_network(bad)
    for spread in (0, -1, float("nan"), float("inf")):
        with pytest.raises(InputError, match="--spread"):
            list(twins(Gram(RANK_ONE, SEEN), Constants(), 30, name="a", spread=spread))


def test_networks_of_given_overlaps_have_them():
    layout = Layout(inputs=2, rank=2, outputs=1, bias=True, initial=True)
    root = np.random.default_rng(0).standard_normal((layout.size, 12))
    gram = Gram(layout, root @ root.T / 12)
    nets = list(sample_gram(gram, [20, 40], [1, 2], Constants(alpha=0.5), name="g"))
    assert [net.name for net in nets] == ["g-n20-s1", "g-n20-s2", "g-n40-s1", "g-n40-s2"]
    for net in nets:
        (table,) = overlaps([net])
        np.testing.assert_allclose(table["value"].to_pylist(), gram.values[layout.pairs()], atol=1e-12)
        assert (net.architecture.rate, net.status, net.architecture.bias) == (0.5, "imported", True)
        assert gram_of_table(table, "t").layout == layout


def test_starts():
    layout = Layout(inputs=1, rank=2, outputs=1)
    assert (start_gram("independent", layout, 3) == np.eye(6)).all()
    first, second = (start_gram("random", layout, seed) for seed in (0, 1))
    assert (np.diagonal(first) == 1).all()
    assert np.linalg.eigvalsh(first).min() > 0
    assert abs(first - second).max() > 0.1
    nets = list(sample_gram(Start(name="random", rank=2), [30], [0, 1], Constants(), name="r"))
    for net, gram in zip(nets, (first, second), strict=True):
        (table,) = overlaps([net])
        np.testing.assert_allclose(table["value"].to_pylist(), gram[layout.pairs()], atol=1e-12)
    with pytest.raises(InputError, match="--start"):
        start_gram("standard", layout, 0)
    with pytest.raises(InputError, match="--units"):
        list(sample_gram(Start(name="random", rank=2), [3], [0], Constants(), name="r"))


def rows(**change: object) -> pa.Table:
    names = RANK_ONE.names
    held = [
        {"left": names[i], "right": names[j], "value": float(SEEN[i, j]), "network": "a", "step": 5}
        for i, j in zip(*RANK_ONE.pairs(), strict=True)
    ]
    held[3] |= change
    if isinstance(change.get("value"), str):  # one cell of text makes text of the column
        held = [row | {"value": str(row["value"])} for row in held]
    return pa.Table.from_pylist(held)


def test_overlaps_of_a_table():
    found = gram_of_table(rows(), "t")
    assert (found.network, found.step, found.layout) == ("a", 5, RANK_ONE)
    assert (found.values == SEEN).all()
    turned = gram_of_table(rows(left="z", right="m"), "t")
    assert (turned.values == SEEN).all()
    both = pa.concat_tables([rows(), rows().set_column(4, "step", pa.array([6] * 10))])
    assert gram_of_table(both, "t", step=6).step == 6
    with pytest.raises(InputError, match=r"t: holds 2 values of 'step' \(add --step 5"):
        gram_of_table(both, "t")
    with pytest.raises(InputError, match="--step: unknown step '7'"):
        gram_of_table(both, "t", step=7)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (rows().drop_columns(["value"]), "column 'value' is missing"),
        (rows(value=None), "the pair m, z has the value None"),
        (rows(value="abc"), "the pair m, z has the value abc"),
        (rows(value=float("nan")), "the pair m, z has the value nan"),
        (rows(right="v"), "the pair m, v stands there twice"),
        (rows().slice(1), "the pair m, m is missing .give all 10"),
        (rows(right="w"), "which make no network"),
        (rows(right="z2"), "which make no network"),
        (rows(network="b"), "holds 2 values of 'network'"),
        (rows().slice(0, 0), "make no network"),
    ],
)
def test_tables_of_no_overlaps(table, message):
    with pytest.raises(InputError, match=message):
        gram_of_table(table, "t")
