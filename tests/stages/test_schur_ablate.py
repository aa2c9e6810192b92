"""`schur_ablate` beside one copy at a time, and what must hold whatever the network."""

import math
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.checkpoints import Checkpoint, save_native
from rnnkit.errors import InputError
from rnnkit.metrics import acting_weights
from rnnkit.numerics.ordered_schur import ordered_schur
from rnnkit.numerics.schur_ablations import ABLATIONS
from rnnkit.random_streams import stream
from rnnkit.stages import TaskChoice, schur_ablate, summary, train
from rnnkit.stages.copies import DENSE
from rnnkit.tasks import make_task
from rnnkit.training.plans import plan_networks
from tests.oracles.schur import ablation

from .planted import relabelled

FIXTURE = Path(__file__).parents[2] / "fixtures" / "recurrent_weights.npz"
TASK = {"bits": 2, "steps": 9}


def network(name="net", family="vanilla", units=8, seed=0, **rest) -> Checkpoint:
    spec = FAMILIES[family]
    shape = Architecture(
        family=family,
        units=units,
        inputs=2,
        outputs=2,
        rate=0.4 if spec.rate_name else 1.0,
        rank=3 if spec.low_rank else 0,
        nonlinearity=rest.pop("nonlinearity", ""),
        gamma=rest.pop("gamma", 1.0),
    )
    rng = np.random.default_rng(seed)
    weights = {key: rng.normal(size=size).astype(np.float32) for key, size in shape.shapes().items()}
    return Checkpoint(name, shape, weights, task="flipflop", task_parameters=TASK, **rest)


@cache
def trained() -> tuple[Checkpoint, ...]:
    """Ten networks of 64 units trained on the 3-bit flip-flop."""
    shape = Architecture(family="vanilla", units=64, inputs=3, outputs=3)
    names = {"recurrent.weight": "recurrent", "input.weight": "input", "recurrent.bias": "bias"}
    names |= {"readout.weight": "readout"}
    with np.load(FIXTURE) as held:
        arrays = {name: held[key] for name, key in names.items()}
    task = {"task": "flipflop", "task_parameters": {"bits": 3, "steps": 25}}
    return tuple(
        Checkpoint(f"n{k}", shape, {name: value[k] for name, value in arrays.items()}, **task) for k in range(10)
    )


def rows(networks, table="ablations", **settings):
    return getattr(schur_ablate(networks, **{"trials": 16, **settings}), table).to_pylist()


def outputs_one_by_one(net, recurrent, inputs):
    """Run the formula of a family in float64, one trial at a time, with these acting recurrent weights."""
    shape, w = net.architecture, {key: value.astype(np.float64) for key, value in net.weights.items()}
    scale = 1 / shape.units if shape.family in ("mup", "lowrank") else 1.0
    reads_rates = shape.family in ("mup", "current", "lowrank")
    out = []
    for trial in inputs.astype(np.float64):
        h, found = w["initial_state"], []
        for x in trial:
            drive = w["input.weight"] @ x + w["recurrent.bias"]
            if shape.family == "plrnn":
                h = w["recurrent.diagonal"] * h + recurrent @ np.maximum(h, 0.0) + drive
            elif reads_rates:
                h = h + shape.rate * (-h + recurrent @ np.tanh(h) + drive)
            else:
                h = (1 - shape.rate) * h + shape.rate * np.tanh(recurrent @ h + drive)
            seen = np.tanh(h) if reads_rates else h
            found.append((scale * w["readout.weight"] @ seen + w.get("readout.bias", 0.0)) / shape.gamma)
        out.append(found)
    return np.array(out)


@pytest.mark.parametrize("family", DENSE)
def test_rows_are_the_formulas(family):
    net = network(family=family, gamma=1.5)
    trials = make_task("flipflop", TASK).sample([stream(3, "evaluation")], 16)
    x, y = trials.inputs[0], trials.targets[0].astype(np.float64)
    w = acting_weights(net)[0]
    full = outputs_one_by_one(net, w, x)
    spread = ((y - y.mean((0, 1))) ** 2).sum()
    found = rows([net], seed=3, alphas=[0.6])
    assert [row["ablation"] for row in found] == list(ABLATIONS)
    dim = found[0]["dim_r"]
    assert 0 < dim < 8
    for row in found:
        sectors = row["ablation"].split("+")
        # A formed low-rank matrix has eigenvalue 0 many times: no eigenvectors to go by.
        if family == "lowrank":
            continue
        copy = ablation(w, dim, sectors)
        out = outputs_one_by_one(net, copy, x)
        assert row["fvu_full"] == pytest.approx(((full - y) ** 2).sum() / spread, rel=1e-4)
        assert row["fvu"] == pytest.approx(((out - y) ** 2).sum() / spread, rel=1e-4)
        assert row["delta_fvu"] == row["fvu"] - row["fvu_full"]
        mass = np.linalg.norm(copy - w) / np.linalg.norm(w)
        assert row["removed_mass"] == pytest.approx(mass, abs=1e-9)
        assert row["removed_norm"] == pytest.approx(np.linalg.norm(copy - w), abs=1e-9)
        if mass < 1e-6:
            assert (row["status"], row["sensitivity"], row["delta_fvu"]) == ("empty", None, 0)
            continue
        assert row["sensitivity"] == pytest.approx(row["delta_fvu"] / mass)
        own = ((full - full.mean((0, 1))) ** 2).sum()
        assert row["rollout_distance"] == pytest.approx(((out - full) ** 2).sum() / own, rel=1e-4)
        right = ((out > 0) & (y > 0)) | ((out < 0) & (y < 0))
        assert row["accuracy"] == pytest.approx(right.sum() / (y != 0).sum())


def test_low_rank_weights_are_formed():
    net = network(family="lowrank")
    formed = Architecture(family="current", units=8, inputs=2, outputs=2, rate=0.4)
    weights = {k: v for k, v in net.weights.items() if k not in ("recurrent.left", "recurrent.right")}
    weights["recurrent.weight"] = net.weights["recurrent.left"].astype(float) @ net.weights["recurrent.right"].T / 8
    weights["readout.weight"] = net.weights["readout.weight"] / 8.0
    same = replace(net, architecture=formed, weights=weights)
    assert rows([net]) == rows([same])
    (fvu,) = summary([net], trials=16)["fvu"].to_pylist()
    assert rows([net])[0]["fvu_full"] == pytest.approx(fvu, rel=1e-5)


def test_mup_acts_with_its_effective_weights():
    net = network(family="mup", units=6)
    found = rows([net])[-1]
    effective = ordered_schur(net.weights["recurrent.weight"] / 6.0)
    assert found["spectral_radius"] == pytest.approx(effective.spectral_radius)
    stored = {**net.weights, "recurrent.weight": 4 * net.weights["recurrent.weight"]}
    for name in ("removed_mass", "gap", "in_pcs"):
        first, second = (rows([one])[-1][name] for one in (net, replace(net, weights=stored)))
        # Masses and gap do not depend on the scale; what the activity does, does.
        assert (first == pytest.approx(second, rel=1e-9)) == (name != "in_pcs")


@pytest.mark.parametrize("family", DENSE)
def test_relabelled_units_give_the_same_rows(family):
    net = network(family=family)
    copy = relabelled(net, np.random.default_rng(1).permutation(8))
    settings = {"orders": 3, "controls": 4, "alphas": [0.6]}
    first, second = (schur_ablate([one], trials=16, **settings) for one in (net, copy))
    for one, other in zip(first.ablations.to_pylist(), second.ablations.to_pylist(), strict=True):
        for name, value in one.items():
            if isinstance(value, float):
                # Eigenvalues that are 0 several times have no order of their own.
                loose = family == "lowrank" and ("CC" in one["ablation"] or "order" in name or name == "sep")
                tolerance = {"removed_mass": 1e-10, "gap": 1e-10}.get(name, 1e-5)
                assert loose or other[name] == pytest.approx(value, rel=1e-5, abs=tolerance), name
            elif name != "network":
                assert value == other[name] or family == "lowrank"
    for one, other in zip(first.controls.to_pylist(), second.controls.to_pylist(), strict=True):
        if family != "lowrank" and one["fvu_max"] is not None:
            assert other["fvu_max"] == pytest.approx(one["fvu_max"], rel=1e-3)
            assert other["p_value"] == one["p_value"]


def test_company_changes_nothing():
    nets = [network("a"), network("b", seed=1), network("c", seed=2, gamma=2.0), network("d", units=5)]
    together = rows(nets, orders=2)
    apart = [row for net in nets for row in rows([net], orders=2)]
    assert [row["network"] for row in together] == [row["network"] for row in apart]
    for one, other in zip(together, apart, strict=True):
        assert one["fvu"] == pytest.approx(other["fvu"], rel=1e-6)
        assert one["removed_norm"] == other["removed_norm"]
        assert one["drive"] == (other["drive"] and pytest.approx(other["drive"], rel=1e-6))


def test_small_batches_are_the_same(monkeypatch):
    from rnnkit.stages import copies

    nets = [network("a"), network("b", seed=1)]
    plain = schur_ablate(nets, trials=70, controls=3, orders=2)
    monkeypatch.setattr(copies, "_STEP_ELEMENTS", 1)
    monkeypatch.setattr(sys.modules["rnnkit.stages.schur_ablate"], "_ELEMENTS", 1)
    small = schur_ablate(nets, trials=70, controls=3, orders=2)
    for name in ("ablations", "controls"):
        for one, other in zip(getattr(plain, name).to_pylist(), getattr(small, name).to_pylist(), strict=True):
            for key, value in one.items():
                assert other[key] == (pytest.approx(value, rel=1e-5, abs=1e-7) if isinstance(value, float) else value)


def test_normal_weights_have_nothing_to_remove():
    """An orthogonal matrix, as the Cayley construction makes them: no ablation is a test of anything."""
    q = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
    net = network()
    net.weights["recurrent.weight"] = q.astype(np.float32)
    for row in rows([net], controls=2):
        assert row["status"] == "empty"
        assert 0 < row["removed_mass"] < 1e-6 or row["removed_mass"] == 0
        assert row["sensitivity"] is None
        assert row["drive"] is None
        assert row["stabiliser"] is False
        assert abs(row["delta_fvu"]) < 1e-5
    for row in rows([net], "controls", controls=2):
        assert (row["status"], row["draws"], row["p_value"]) == ("empty", 0, None)


def test_cayley_networks_have_nothing_to_remove():
    settings = {"units": 12, "recurrent": "cayley", "bias": False, "batch": 8, "epochs": 1, "steps_per_epoch": 20}
    (net,) = train(plan_networks("flipflop", {"bits": 2, "steps": 9}, settings, [0])).networks
    kept = []
    found = schur_ablate([net], trials=16, alphas=[0.5], keep=lambda place, copy: kept.append(copy)).ablations
    assert set(found["status"].to_pylist()) == {"empty"}
    assert max(found["removed_mass"].to_pylist()) < 1e-6
    assert kept == []
    # Once disturbed it is a dense network like any other, and no copy of it claims to be made of A, a and b.
    net.weights["recurrent.weight"] = (net.weights["recurrent.weight"] + np.triu(np.ones((12, 12)))).astype(np.float32)
    schur_ablate([net], trials=4, alphas=[0.5], keep=lambda place, copy: kept.append(copy))
    assert {copy.architecture.recurrent for copy in kept} == {"dense"}
    assert not any("skew" in name for copy in kept for name in copy.weights)
    with TemporaryDirectory() as folder:
        save_native(kept[0], Path(folder) / "copy.safetensors")


def test_copy_counts_its_lags_alone():
    task = make_task("copy", {"symbols": 3, "channels": 2, "lags": 12})
    shape = Architecture(family="vanilla", units=7, inputs=2, outputs=2, bias=False)
    rng = np.random.default_rng(0)
    weights = {k: rng.normal(size=v).astype(np.float32) for k, v in shape.shapes().items() if k != "initial_state"}
    net = Checkpoint("net", shape, weights, task="copy", task_parameters={"symbols": 3, "channels": 2, "lags": 12})
    trials = task.sample([stream(0, "evaluation")], 16)
    plain = replace(net, weights={**weights, "initial_state": np.zeros(7), "recurrent.bias": np.zeros(7)})
    y = trials.targets[0, :, 3:]
    for row in rows([net], alphas=[0.6]):
        copy = ablation(weights["recurrent.weight"].astype(np.float64), row["dim_r"], row["ablation"].split("+"))
        out = outputs_one_by_one(plain, copy, trials.inputs[0])[:, 3:]
        assert row["accuracy"] == (np.sign(out) == y).mean()
        assert row["fvu"] == pytest.approx(((out - y) ** 2).sum() / ((y - y.mean((0, 1))) ** 2).sum(), rel=1e-4)


def test_a_network_that_blows_up_is_told():
    net = network(nonlinearity="relu")
    net.weights["recurrent.weight"] = (1e30 * np.abs(net.weights["recurrent.weight"])).astype(np.float32)
    found = schur_ablate([net, network("sound")], trials=8, controls=2)
    for table, numbers in ((found.ablations, "fvu_full fvu delta_fvu stabiliser drive"), (found.controls, "p_value")):
        rows_of = [row for row in table.to_pylist() if row["network"] == "net"]
        assert {row["status"] for row in rows_of} == {"diverged"}
        assert all(row[name] is None for row in rows_of for name in numbers.split())
        assert {row["status"] for row in table.to_pylist() if row["network"] == "sound"} != {"diverged"}
    assert max(row["removed_mass"] for row in found.ablations.to_pylist()[:7]) > 0


def test_an_ablation_that_blows_up_is_told():
    """A coupling that keeps a unit silent: without it, and with most noise in its place, it grows without bound."""
    net = network(nonlinearity="relu")
    net.weights.update({name: np.zeros_like(net.weights[name]) for name in ("recurrent.weight", "input.weight")})
    net.weights["recurrent.weight"][:2, :2] = [[1e6, -5.0], [0.0, 0.5]]
    net.weights["recurrent.bias"] = np.array([1.0, 0.5, 0, 0, 0, 0, 0, 0], np.float32)
    net.weights["initial_state"] = np.array([0.0, 1.0, 0, 0, 0, 0, 0, 0], np.float32)
    found = schur_ablate([net], trials=8, orders=1, controls=8)
    by_ablation = {row["ablation"]: row for row in found.ablations.to_pylist()}
    row = by_ablation["CR"]
    assert row["status"] == "diverged"
    assert row["fvu"] is row["delta_fvu"] is row["rollout_distance"] is row["stabiliser"] is row["accuracy"] is None
    assert row["delta_fvu_order_max"] is None
    assert row["fvu_full"] is not None
    assert by_ablation["RR"]["status"] == "empty"
    null = {row["control"]: row for row in found.controls.to_pylist() if row["ablation"] == "CR"}
    for row in null.values():
        assert (row["status"], row["fvu"], row["p_value"]) == ("diverged", None, None)
    assert null["entries"]["diverged"] == 8  # there is no other entry to remove


def test_weights_that_are_not_finite():
    bad = network("bad")
    bad.weights["recurrent.weight"][0, 0] = np.nan
    found = schur_ablate([bad, network("good")], trials=4, controls=1)
    for table in (found.ablations, found.controls, found.schur):
        by_network = {row["network"]: row for row in table.to_pylist()}
        assert by_network["bad"]["status"] == "not_finite:recurrent.weight"
        assert by_network["good"]["status"] in ("ok", "threshold_close", "empty", "no_freedom")
    assert found.ablations.to_pylist()[0]["fvu"] is None
    with pytest.raises(InputError, match=r"bad: tensor 'recurrent\.weight' holds NaN"):
        schur_ablate([bad])


@pytest.mark.parametrize("family", ["gru", "lstm"])
def test_gates_have_no_single_matrix(family):
    shape = Architecture(family=family, units=3, inputs=2, outputs=2)
    weights = {key: np.zeros(size, np.float32) for key, size in shape.shapes().items()}
    net = Checkpoint("net", shape, weights, task="flipflop", task_parameters=TASK)
    with pytest.raises(InputError, match=f"net: is a '{family}' network, .* one|no single dense"):
        schur_ablate([net])


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"alphas": []}, "--alpha"),
        ({"alphas": [0.9, 0.9]}, "--alpha"),
        ({"alphas": [1.5]}, "--alpha"),
        ({"alphas": [math.nan]}, "--alpha"),
        ({"epsilon": -1.0}, "--epsilon"),
        ({"epsilon": math.nan}, "--epsilon"),
        ({"orders": -1}, "--orders"),
        ({"controls": -1}, "--controls"),
        ({"kinds": ["gaussian"]}, "--control"),
        ({"trials": 0}, "--trials"),
    ],
)
def test_values_out_of_range(settings, where):
    with pytest.raises(InputError, match=where):
        schur_ablate([network()], **settings)


def test_targets_that_do_not_vary():
    found = rows([network()], choice=TaskChoice("flipflop", {"bits": 2, "steps": 3, "probability": 1e-12}))
    assert {row["status"] for row in found} == {"no_variance"}
    assert {row["fvu"] for row in found} == {None}


def test_masked_steps_are_left_out():
    parameters = {"loss": "response"}
    task = make_task("delayed-discrimination", parameters)
    shape = Architecture(family="vanilla", units=6, inputs=task.inputs, outputs=task.outputs)
    rng = np.random.default_rng(0)
    weights = {key: rng.normal(size=size).astype(np.float32) for key, size in shape.shapes().items()}
    net = Checkpoint("net", shape, weights, task=task.name, task_parameters=parameters)
    (expected,) = summary([net], trials=16).to_pylist()
    found = rows([net])
    assert found[0]["fvu_full"] == pytest.approx(expected["fvu"], rel=1e-5)
    assert found[0]["accuracy_full"] == expected["accuracy"]
    trials = task.sample([stream(0, "evaluation")], 16)
    assert trials.mask is not None
    mask, y = trials.mask[0][..., None].astype(np.float64), trials.targets[0].astype(np.float64)
    dim = found[0]["dim_r"]
    w = weights["recurrent.weight"].astype(np.float64)
    for row in found:
        out = outputs_one_by_one(net, ablation(w, dim, row["ablation"].split("+")), trials.inputs[0])
        centre = (mask * y).sum((0, 1)) / mask.sum((0, 1))
        fvu = (mask * (out - y) ** 2).sum() / (mask * (y - centre) ** 2).sum()
        assert row["fvu"] == pytest.approx(fvu, rel=1e-4)


def test_the_subspace_account_is_of_the_activity():
    net = network()
    trials = make_task("flipflop", TASK).sample([stream(0, "evaluation")], 16)
    w = {key: value.astype(np.float64) for key, value in net.weights.items()}
    states = []
    for trial in trials.inputs[0].astype(np.float64):
        h = w["initial_state"]
        for x in trial:
            h = np.tanh(w["recurrent.weight"] @ h + w["input.weight"] @ x + w["recurrent.bias"])
            states.append(h)
    h = np.array(states)
    values, vectors = np.linalg.eigh(np.cov(h.T))
    count = int(np.argmax(np.cumsum(values[::-1]) >= 0.95 * values.sum())) + 1
    axes = vectors[:, ::-1][:, :count]
    z = np.linalg.qr(w["readout.weight"].T)[0]
    found = rows([net], alphas=[0.6])
    for row in found[1:]:
        part = w["recurrent.weight"] - ablation(w["recurrent.weight"], row["dim_r"], row["ablation"].split("+"))
        total = (part**2).sum()
        assert row["pcs"] == count
        assert row["in_pcs"] == pytest.approx(((part @ axes) ** 2).sum() / total, rel=1e-4)
        assert row["out_pcs"] == pytest.approx(((axes.T @ part) ** 2).sum() / total, rel=1e-4)
        assert row["out_readout"] == pytest.approx(((z.T @ part) ** 2).sum() / total, rel=1e-4)
        drive = ((h @ part.T) ** 2).sum() / ((h @ w["recurrent.weight"].T) ** 2).sum()
        assert row["drive"] == pytest.approx(drive, rel=1e-4)


def test_alphas_that_cut_alike_share_their_rows():
    net = network()
    moduli = ordered_schur(net.weights["recurrent.weight"]).moduli
    middle = float(moduli[1] + moduli[2]) / 2 / float(moduli[0])
    alphas = [middle - 1e-3, middle, float(moduli[3] / moduli[0]) - 1e-3]
    found = rows([net], alphas=alphas, orders=2)
    assert [row["alpha"] for row in found] == [alpha for alpha in alphas for _ in ABLATIONS]
    first, second, third = (found[7 * k : 7 * k + 7] for k in range(3))
    assert [{**row, "alpha": 0} for row in first] == [{**row, "alpha": 0} for row in second]
    assert third[0]["dim_r"] > first[0]["dim_r"]
    table = rows([net], "schur", alphas=alphas)
    sectors = {alpha: "".join(row["sector"] for row in table if row["alpha"] == alpha) for alpha in alphas}
    assert sectors[alphas[0]].startswith("RRC")
    assert sectors[alphas[2]].startswith("RRRRC")


def test_the_table_of_blocks():
    net = network()
    (found, w) = (rows([net], "schur"), net.weights["recurrent.weight"].astype(np.float64))
    values = sorted(np.linalg.eigvals(w), key=lambda v: (-abs(v), -v.imag))
    upper = [v for v in values if v.imag >= 0]
    for row, value in zip(found, upper, strict=True):
        assert complex(row["re"], row["im"]) == pytest.approx(value)
        assert row["modulus"] == pytest.approx(abs(value))
        assert row["size"] == (2 if value.imag else 1)
        assert (row["sector"] == "R") == (abs(value) >= 0.9 * abs(values[0]))
    assert [row["start"] for row in found] == np.cumsum([0] + [row["size"] for row in found[:-1]]).tolist()
    assert any(abs(row["nonnormal"]) > 0.1 for row in found if row["size"] == 2)
    assert {row["nonnormal"] for row in found if row["size"] == 1} == {0.0}


def test_kept_copies_are_the_ablated_networks():
    kept = []
    net = network(losses={"training": 0.1}, status="converged", training={"lr": 0.1})
    found = schur_ablate([net], trials=16, alphas=[0.6], keep=lambda place, copy: kept.append((place, copy)))
    rows_of = {row["ablation"]: row for row in found.ablations.to_pylist()}
    assert [copy.name for _, copy in kept] == [f"net-{name}" for name in ABLATIONS]
    for place, copy in kept:
        assert place == 0
        name = copy.training["ablation"]
        assert (copy.training["ablation_alpha"], copy.training["lr"], dict(copy.losses)) == (0.6, 0.1, {})
        assert copy.status == "imported"
        assert copy.weights["recurrent.weight"].dtype == np.float32
        (again,) = summary([copy], trials=16).to_pylist()
        assert again["fvu"] == pytest.approx(rows_of[name]["fvu"], rel=1e-4)
        (rest,) = (row for row in rows([copy], alphas=[0.6]) if row["ablation"] == name)
        assert rest["removed_mass"] < 1e-5
    formed = []
    schur_ablate([network(family="lowrank")], trials=2, keep=lambda place, copy: formed.append(copy))
    assert {copy.architecture.family for copy in formed} == {"current"}


# Trained networks


def test_trained_networks_at_the_default_order():
    """Which couplings a flip-flop needs: those into the leading sector most, those inside it hardly at all."""
    found = rows(trained()[:4], trials=128)
    delta = {(row["network"], row["ablation"]): row["delta_fvu"] for row in found}
    for net in {row["network"] for row in found}:
        assert delta[net, "CR"] > delta[net, "CC"] > 10 * abs(delta[net, "RR"])
    assert {row["dim_r"] for row in found} == {3}
    assert all(row["accuracy_full"] > 0.99 for row in found)


def test_the_order_inside_a_sector_decides_but_for_the_cross_coupling():
    spreads = []
    for row in rows(trained()[:3], trials=64, orders=12):
        low, middle, high = (row[f"delta_fvu_order_{name}"] for name in ("min", "median", "max"))
        assert row["gap"] > 0.01
        assert low <= middle <= high
        if row["ablation"] == "CR":
            assert high - low < 1e-5
            assert row["delta_fvu"] == pytest.approx(middle, abs=1e-5)
        if row["ablation"] == "CC":
            spreads.append(high / low)
    assert len(spreads) == 3
    assert min(spreads) > 1.3


def test_controls_of_trained_networks():
    settings = {"trials": 64, "controls": 12, "orders": 1}
    found = {(r["network"], r["ablation"], r["control"]): r for r in rows(trained()[:2], "controls", **settings)}
    assert len(found) == 2 * 7 * 3
    for (_, ablation_name, kind), row in found.items():
        assert row["draws"] == 12
        assert row["fvu_min"] <= row["fvu_median"] <= row["fvu_max"]
        assert 1 / 13 <= row["p_value"] <= 1
        assert (row["overlap"] is None) == (kind != "entries")
        if kind == "entries":
            free = ablation_name != "RR+CR+CC"
            assert row["status"] == ("ok" if free else "no_freedom")
            assert free or row["overlap"] == pytest.approx(1)
            assert free or row["fvu_min"] == pytest.approx(row["fvu"], rel=1e-3)
    for net in ("n0", "n1"):
        # Milder than noise of its norm: it is the sector that no activity enters.
        assert found[net, "CC", "isotropic"]["share_at_most"] == 0
        assert found[net, "CC", "isotropic"]["p_value"] == 1
