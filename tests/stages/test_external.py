"""Networks trained by others go through the same stages. Skipped where the files are absent."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from rnnkit.checkpoints import Checkpoint
from rnnkit.interop import import_network, network_names, read_tensors
from rnnkit.models import make_model
from rnnkit.models.ensembles import stack_weights
from rnnkit.stages.compare import compare
from rnnkit.stages.fixedpoints import fixedpoints
from rnnkit.stages.overlaps import overlaps
from rnnkit.stages.rollout import rollout, summary
from rnnkit.stages.truncations import truncations
from rnnkit.tasks import make_task, task_parameters

from .planted import planted_is_recovered

EXTERNAL = Path(os.environ.get("RNNKIT_EXTERNAL", Path(__file__).parents[2].parent / "shared" / "external"))

pytestmark = pytest.mark.skipif(not EXTERNAL.is_dir(), reason="the external networks are not here")

PULSED = task_parameters(make_task("delayed-discrimination", {"timeline": "pulsed"}))


def _discrimination() -> list[Checkpoint]:
    paths = sorted((EXTERNAL / "delayed_discrimination").glob("*/*/weights.pt"))
    return [
        import_network(
            path,
            initial=path.with_name("initial_weights.pt"),
            task="delayed-discrimination",
            task_parameters=PULSED,
            name=name,
        )
        for path, name in zip(paths, network_names(paths), strict=True)
    ]


def _columns(tables: Sequence[pa.Table], name: str, trials: int) -> NDArray[np.float64]:
    values = np.stack(pa.concat_tables(tables).column(name).to_pylist())
    return values.reshape(trials, -1, values.shape[-1])


def test_every_network_does_the_pulsed_task() -> None:
    networks = _discrimination()
    assert len(networks) == 8
    table = summary(networks).to_pandas()
    assert (table["loss"] < 2e-4).all()
    assert (table["accuracy"] == 1).all()
    assert all(network.initial for network in networks)


def test_a_planted_relabelling_is_recovered_under_noise() -> None:
    paths = [*EXTERNAL.glob("delayed_discrimination/*/*/weights.pt"), *EXTERNAL.glob("interval*/*/*/weights.pt")]
    assert len(paths) >= 12
    for seed, path in enumerate(paths):
        planted_is_recovered(import_network(path), seed)


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("delayed_discrimination/vanilla_20", torch.nn.RNN),
        ("delayed_discrimination/vanilla_40", torch.nn.RNN),
        ("interval_reproduction/gru_20", torch.nn.GRU),
        ("interval_reproduction/lstm_20", torch.nn.LSTM),
    ],
)
def test_rollout_agrees_with_torch_modules(folder: str, kind: type[torch.nn.RNNBase]) -> None:
    """To 1e-6, with the modules in float64: in float32 they differ from themselves in float64 by up to 2e-6."""
    inputs = np.random.default_rng(0).normal(size=(6, 60, 2)).astype(np.float32)
    for path in sorted((EXTERNAL / folder).glob("*/weights.pt")):
        state = torch.load(path, map_location="cpu", weights_only=True)
        units = state["fc.weight"].shape[1]
        module = torch.nn.ModuleDict({"rnn": kind(2, units, batch_first=True), "fc": torch.nn.Linear(units, 1)})
        module.load_state_dict(state)
        module.double()
        with torch.no_grad():
            hidden, _ = module["rnn"](torch.from_numpy(inputs).double())
            outputs = module["fc"](hidden)
        tables = list(rollout([import_network(path)], inputs=inputs))
        np.testing.assert_allclose(_columns(tables, "hidden", 6), hidden.numpy(), atol=1e-6)
        np.testing.assert_allclose(_columns(tables, "output", 6), outputs.numpy(), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", ["mante_fr_fig1", "rdm_lr_fig2", "romo_rank2_500"])
def test_rollout_agrees_with_the_continuous_time_equations(name: str) -> None:
    """h <- h + alpha (-h + W phi(h) + sum_i si_i wi_i x_i), y = (wo so)^T phi(h) (over N if low rank)."""
    path = EXTERNAL / "continuous_time" / f"{name}.pt"
    held = {key: value.astype(np.float64) for key, value in read_tensors(path).items()}
    channels, units = held["wi"].shape
    inputs = np.random.default_rng(1).normal(size=(4, 50, channels)).astype(np.float32)
    low_rank = "m" in held
    weights = held["m"] @ held["n"].T / units if low_rank else held["wrec"]
    state = np.tile(held["h0"], (4, 1))
    hidden, outputs = [], []
    for t in range(50):
        drive = np.tanh(state) @ weights.T + inputs[:, t] @ (held["si"][:, None] * held["wi"])
        state = state + 0.2 * (-state + drive)
        hidden.append(state)
        outputs.append(np.tanh(state) @ (held["wo"] * held["so"]) / (units if low_rank else 1))
    tables = list(rollout([import_network(path, alpha=0.2)], inputs=inputs))
    scale = max(1.0, float(np.abs(hidden).max()))
    np.testing.assert_allclose(_columns(tables, "hidden", 4), np.stack(hidden, 1), atol=1e-6 * scale)
    scale = max(1.0, float(np.abs(outputs).max()))
    np.testing.assert_allclose(_columns(tables, "output", 4), np.stack(outputs, 1), atol=1e-6 * scale)


@pytest.mark.parametrize(
    ("folder", "counts"),
    [
        ("delayed_discrimination/vanilla_20", [1, 5, 7, 1]),
        ("delayed_discrimination/vanilla_40", [3, 7, 1, 1]),
        ("interval_reproduction/gru_20", [1, 1]),
        ("interval_reproduction/lstm_20", [3, 1]),
    ],
)
def test_fixed_points_are_proven_and_add_up(folder: str, counts: list[int]) -> None:
    paths = sorted((EXTERNAL / folder).glob("*/weights.pt"))
    networks = [import_network(path, name=name) for path, name in zip(paths, network_names(paths), strict=True)]
    points, covered = _fixed_points(networks, 256)
    assert points.groupby("network", sort=False).size().tolist() == counts
    assert (covered["index_sum"] == 1).all()
    _hold(networks, points)


@pytest.mark.parametrize(("name", "count"), [("mante_fr_fig1", 7), ("rdm_lr_fig2", 3), ("romo_rank2_500", 3)])
def test_fixed_points_of_continuous_time_networks_are_proven(name: str, count: int) -> None:
    network = import_network(EXTERNAL / "continuous_time" / f"{name}.pt", alpha=0.2)
    points, covered = _fixed_points([network], 32)
    assert len(points) == count
    assert covered["index_sum"].tolist() == [1]
    _hold([network], points[:3])


def _fixed_points(networks: Sequence[Checkpoint], starts: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    parts = zip(*fixedpoints(networks, starts=starts), strict=True)
    points, covered = (pa.concat_tables(held).to_pandas() for held in parts)
    return points, covered[covered["starts_from"] == "all"]


def _hold(networks: Sequence[Checkpoint], points: pd.DataFrame) -> None:
    """Certified, still to rounding, and with the eigenvalues of finite differences of the model's own step."""
    assert points["certified"].all()
    assert points["stability_certified"].all()
    assert (points["speed"] < 1e-24).all()
    models = {network.name: network for network in networks}
    for row in points.to_dict("records"):
        network = models[row["network"]]
        model, weights = make_model(network.architecture), stack_weights([network], torch.device("cpu"))
        still = torch.zeros(1, 2 * len(row["state"]), network.architecture.inputs).double()
        found = np.array([complex(z["re"], z["im"]) for z in row["eigenvalues"]])
        slopes = _slopes(partial(model.step, weights), torch.tensor(row["state"]).double(), still)
        distances = np.abs(np.linalg.eigvals(slopes)[:, None] - found)
        assert distances[linear_sum_assignment(distances)].max() < 1e-6


def _slopes(step: Callable[..., torch.Tensor], x: torch.Tensor, inputs: torch.Tensor) -> NDArray[np.float64]:
    """Jacobian (n x n) at x (n) by central differences of order eight: small eigenvalues of non-normal Jacobians are
    ill-conditioned, and those of order two are off by more than 1e-6."""
    h, total = 1e-2, torch.zeros(len(x), len(x)).double()
    for k, weight in enumerate((4 / 5, -1 / 5, 4 / 105, -1 / 280), 1):
        moved = k * h * torch.eye(len(x)).double()
        ahead, behind = step(torch.cat([x + moved, x - moved])[None], inputs)[0].chunk(2)
        total += weight * (ahead - behind).T / h
    return total.numpy()


def _held(name: str) -> dict[str, NDArray[np.float64]]:
    """The tensors of a file, and its input and readout vectors: scaled as they are stored, in single precision."""
    held = read_tensors(EXTERNAL / "continuous_time" / f"{name}.pt")
    held |= {"input": held["si"][:, None] * held["wi"], "readout": (held["wo"] * held["so"]).T}
    return {key: value.astype(np.float64) for key, value in held.items()}


@pytest.mark.parametrize(("name", "rank"), [("rdm_lr_fig2", 1), ("romo_rank2_500", 2)])
def test_overlaps_of_low_rank_networks_are_a_direct_calculation(name: str, rank: int) -> None:
    held = _held(name)
    assert held["m"].shape[1] == rank
    columns = [held["input"], held["m"].T, held["n"].T, held["readout"]]
    if held["h0"].any():
        columns.insert(1, held["h0"][None])
    vectors = np.concatenate(columns).T
    network = import_network(EXTERNAL / "continuous_time" / f"{name}.pt", alpha=0.2)
    (table,) = overlaps([network])
    expected = (vectors.T @ vectors / len(vectors))[np.triu_indices(vectors.shape[1])]
    np.testing.assert_allclose(table["value"].to_pylist(), expected, rtol=1e-10, atol=1e-10)
    assert set(table["status"].to_pylist()) == {"ok"}


def test_truncations_of_a_full_rank_network_are_a_direct_calculation() -> None:
    """Overlaps of the first three singular vectors, and how much of the outputs they keep, by plain numpy."""
    held = _held("mante_fr_fig1")
    units = len(held["wrec"])
    network = import_network(EXTERNAL / "continuous_time" / "mante_fr_fig1.pt", alpha=0.2)
    left, singular, right = np.linalg.svd(held["wrec"])
    inner, z = held["input"], held["readout"] * units
    rows = {(row["rank"], row["left"], row["right"]): row for row in next(overlaps([network], [1, 2, 3])).to_pylist()}
    for rank in (1, 2, 3):
        size = np.sqrt(units * singular[:rank])
        signs = np.sign(inner[0] @ left[:, :rank])
        u, v = left[:, :rank] * size * signs, right[:rank].T * size * signs
        # An initial state, where there is one, has columns of its own, left out here.
        names = [
            f"{kind}{k + 1}" if count > 1 else kind
            for kind, count in (("m", len(inner)), ("u", rank), ("v", rank), ("z", len(z)))
            for k in range(count)
        ]
        vectors = np.column_stack([inner.T, u, v, z.T])
        expected = vectors.T @ vectors / units
        for i, first in enumerate(names):
            for j in range(i, len(names)):
                row = rows[rank, first, names[j]]
                assert row["value"] == pytest.approx(expected[i, j], rel=1e-10, abs=1e-10 * abs(expected).max())
                assert row["share_of_norm"] == pytest.approx((singular[:rank] ** 2).sum() / (singular**2).sum())
    inputs = np.random.default_rng(1).normal(size=(4, 50, len(inner))).astype(np.float32)
    kept = {row["rank"]: row for row in next(truncations([network], [1, 2, 3], inputs=inputs)).to_pylist()}
    whole = _outputs(held, held["wrec"], inputs)
    for rank in (1, 2, 3):
        cut = _outputs(held, left[:, :rank] * singular[:rank] @ right[:rank], inputs)
        distance = ((cut - whole) ** 2).sum() / ((whole - whole.mean((0, 1))) ** 2).sum()
        assert kept[rank]["rollout_distance"] == pytest.approx(distance, rel=1e-10)


def _outputs(
    held: dict[str, NDArray[np.float64]], weights: NDArray[np.float64], inputs: NDArray[np.float32]
) -> NDArray[np.float64]:
    state, found = np.tile(held["h0"], (len(inputs), 1)), []
    for t in range(inputs.shape[1]):
        drive = np.tanh(state) @ weights.T + inputs[:, t] @ held["input"]
        state = state + 0.2 * (-state + drive)
        found.append(np.tanh(state) @ (held["readout"].T))
    return np.stack(found, 1)


def test_compare_gives_a_table_of_all_pairs() -> None:
    networks = [network for network in _discrimination() if network.architecture.units == 20]
    table = pa.concat_tables(compare(networks, trials=60)).to_pandas()
    assert len(table) == 3 * 6
    assert table["distance"].notna().all()
    assert (table["distance"] >= table["lower_bound"].fillna(0) - 1e-12).all()
    assert (table.query("metric == 'dsa'")["distance"] > 0).all()
