"""What each metric says of small networks, against the same worked out by hand, and what it says without a number."""

import itertools
import warnings

import numpy as np
import pyarrow as pa
import pytest
import torch

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError
from rnnkit.metrics import METRICS, MetricOptions, Network, acting_weights, get_metric
from rnnkit.metrics.dsa import Operators
from rnnkit.metrics.weights import unit_weights
from rnnkit.numerics.driven_dmd import fit_driven_operator
from rnnkit.numerics.orthogonal_alignment import align_orthogonal
from rnnkit.stages import compare, rollout
from tests.oracles import representation as oracle

TASK = {"bits": 2, "steps": 12}
TRIALS = 15


def network(name, seed, units=5, family="vanilla", task="flipflop", parameters=TASK, inputs=2, outputs=2, **rest):
    spec = FAMILIES[family]
    shape = Architecture(
        family=family,
        units=units,
        inputs=inputs,
        outputs=outputs,
        rate=0.4 if spec.rate_name else 1.0,
        rank=2 if spec.low_rank else 0,
        **rest,
    )
    rng = np.random.default_rng(seed)
    held = [{k: rng.normal(size=s).astype(np.float32) for k, s in shape.shapes().items()} for _ in range(2)]
    return Checkpoint(name, shape, *held, task=task, task_parameters=parameters)


NETS = [network(name, seed) for seed, name in enumerate("ab")]


def row(metric, nets=NETS, **options):
    given = {name: options.pop(name) for name in ("inputs", "rates") if name in options}
    (found,) = next(compare(nets, [metric], trials=TRIALS, options=MetricOptions(**options), **given)).to_pylist()
    return found


def rolled(column, net, **options):
    (table,) = rollout([net], trials=TRIALS, **options)
    return np.array(table[column].to_pylist(), dtype=float)


def operators(*held, status="ok"):
    held = np.array(held)
    size = held.shape[1]
    return Operators(held, [status] * len(held), [size] * len(held), size, 1, size, "given")


# Weights


@pytest.mark.parametrize("family", ["vanilla", "mup", "gru"])
def test_frobenius(family):
    nets = [network(name, seed, family=family) for seed, name in enumerate("ab")]
    found = row("frobenius", nets)
    a, b = (acting_weights(net) for net in nets)
    assert found["distance"] == pytest.approx(np.linalg.norm((a - b).ravel()), rel=1e-12)
    assert found["relative_distance"] == pytest.approx(found["distance"] / np.sqrt((a**2).sum() + (b**2).sum()))
    assert found["per_parameter"] == pytest.approx(found["distance"] / a.size)
    assert (found["status"], found["level"], found["size_a"]) == ("exact", "weights", 5)
    assert found["distance"] >= row("pif", nets)["distance"]


@pytest.mark.parametrize("family", ["vanilla", "lowrank", "lstm"])
def test_spectrum(family):
    nets = [network(name, seed, family=family) for seed, name in enumerate("ab")]
    orders = np.array(list(itertools.permutations(range(5))))
    squares, size = 0.0, 0.0
    for a, b in zip(*(acting_weights(net) for net in nets), strict=True):
        x, y = np.linalg.eigvals(a), np.linalg.eigvals(b)
        squares += (np.abs(x - y[orders]) ** 2).mean(1).min()
        size += (np.abs(x) ** 2 + np.abs(y) ** 2).mean()
    found = row("spectrum", nets)
    assert found["distance"] == pytest.approx(squares**0.5, rel=1e-9)
    assert found["relative_distance"] == pytest.approx((squares / size) ** 0.5, rel=1e-9)
    assert found["per_parameter"] is found["lower_bound"] is None


@pytest.mark.parametrize("metric", ["frobenius", "spectrum"])
def test_weights_of_other_shapes_have_no_distance(metric):
    for other, status in (
        (network("wide", 2, units=6), "different_units"),
        (network("g", 2, family="gru"), "different_gates"),
    ):
        found = row(metric, [NETS[0], other])
        assert (found["status"], found["distance"]) == (status, None)


@pytest.mark.parametrize("metric", ["frobenius", "spectrum"])
def test_weights_that_are_not_finite_have_no_distance(metric):
    bad = network("bad", 3)
    bad.weights["recurrent.weight"][0, 0] = np.inf
    made = get_metric(metric)
    prepared = made.prepare([Network(net) for net in (*NETS, bad, bad)], MetricOptions())
    found = made.distances(prepared, [(0, 1), (0, 2), (2, 3)], MetricOptions())
    assert [one.status for one in found] == ["exact", "invalid", "invalid"]
    assert np.isnan([one.distance for one in found]).tolist() == [False, True, True]


@pytest.mark.parametrize(("metric", "match"), [("frobenius", ""), ("spectrum", ""), ("pif", "weights"), ("pif", "io")])
def test_triangle_inequality_of_weight_metrics(metric, match):
    made, options = get_metric(metric), MetricOptions(match=match)
    nets = [Network(network(str(seed), seed, units=3)) for seed in range(30)]
    prepared = made.prepare(nets, options)
    pairs = list(itertools.permutations(range(30), 2))
    found = made.distances(prepared, pairs, options)
    distance = dict(zip(pairs, (one.distance for one in found), strict=True))
    rng = np.random.default_rng(0)
    for _ in range(1000):
        i, j, k = rng.choice(30, size=3, replace=False)
        assert distance[i, k] <= distance[i, j] + distance[j, k] + 1e-9
        assert distance[i, j] == pytest.approx(distance[j, i], abs=1e-9)


def test_pif_with_input_and_readout():
    nets = [network(name, seed, units=4, gamma=gamma) for seed, (name, gamma) in enumerate((("a", 1.0), ("b", 3.0)))]
    (a, b), sides = ([net.weights["recurrent.weight"].astype(float) for net in nets]), []
    for net, gamma in zip(nets, (1.0, 3.0), strict=True):
        w = {name: value.astype(float) for name, value in net.weights.items()}
        sides.append(np.column_stack([w["input.weight"], w["recurrent.bias"], w["readout.weight"].T / gamma]))
        np.testing.assert_allclose(unit_weights(net), sides[-1])
    x, y = sides
    orders = [np.array(p) for p in itertools.permutations(range(4))]
    least = min(np.sqrt(((a - b[p][:, p]) ** 2).sum() + ((x - y[p]) ** 2).sum()) for p in orders)
    found, plain = row("pif", nets, match="io"), row("pif", nets)
    size = sum((z**2).sum() for z in (a, b, x, y))
    assert found["distance"] == pytest.approx(least, rel=1e-9)
    assert found["relative_distance"] == pytest.approx(least / size**0.5, rel=1e-9)
    assert found["per_parameter"] == pytest.approx(least / (16 + 4 * 5), rel=1e-9)
    assert found["lower_bound"] <= found["distance"]
    assert plain["distance"] < found["distance"]
    initial = row("pif-initial", nets, match="io")
    assert initial["distance"] != pytest.approx(row("pif-initial", nets)["distance"], rel=1e-3)


def test_unit_weights_of_gated_cells_and_scaled_readouts():
    gru = network("g", 0, family="gru")
    features = unit_weights(gru)
    assert features.shape == (5, 3 * (2 + 2) + 2)
    # The second gate's rows of unit 1: inputs, input bias, recurrent bias.
    w = gru.weights
    expected = [*w["input.weight"][6], w["input.bias"][6], w["recurrent.bias"][6]]
    np.testing.assert_allclose(features[1, 4:8], expected)
    mup = network("m", 1, family="mup", gamma=2.0)
    np.testing.assert_allclose(unit_weights(mup)[:, -2:], mup.weights["readout.weight"].T / (5 * 2.0), rtol=1e-6)


def test_pif_with_input_and_readout_needs_the_same_channels():
    nets = [network(name, inputs, inputs=inputs, task=None) for name, inputs in (("a", 2), ("b", 3))]
    assert row("pif", nets)["distance"] > 0
    found = row("pif", nets, match="io")
    assert (found["status"], found["distance"]) == ("different_channels", None)


# Representation


@pytest.mark.parametrize("rates", [False, True])
def test_cka_and_procrustes(rates):
    nets = [network(name, seed, units, "current") for seed, (name, units) in enumerate((("a", 5), ("b", 7)))]
    x, y = (rolled("hidden", net) for net in nets)
    x, y = (np.tanh(x), np.tanh(y)) if rates else (x, y)
    found = {metric: row(metric, nets, rates=rates) for metric in ("cka", "procrustes")}
    assert found["cka"]["distance"] == pytest.approx(1 - oracle.cka(x, y), abs=1e-5)
    assert found["procrustes"]["distance"] == pytest.approx(oracle.shape_angle(x, y), abs=1e-5)
    for one in found.values():
        assert (one["status"], one["level"], one["size_a"], one["size_b"]) == ("exact", "representation", 5, 7)


@pytest.mark.parametrize("metric", ["cka", "procrustes", "dsa-angular", "dsa-wasserstein", "input-dsa"])
def test_a_network_that_stands_still(metric):
    still = network("still", 0)
    for value in still.weights.values():
        value.fill(0)
    found = row(metric, [NETS[0], still], delay=1, starts=1)
    assert (found["status"], found["distance"]) == ("no_variance", None)


def test_too_few_samples_for_cka():
    inputs = np.random.default_rng(0).normal(size=(1, 3, 2)).astype(np.float32)
    assert row("cka", inputs=inputs)["status"] == "underdetermined"
    assert row("procrustes", inputs=inputs)["status"] == "exact"


# Behaviour


def test_behaviour():
    a, b = (rolled("output", net) for net in NETS)
    found = row("behaviour")
    assert found["distance"] == pytest.approx(np.sqrt(((a - b) ** 2).mean()), rel=1e-5)
    size = np.sqrt((a**2).mean() + (b**2).mean())
    assert found["relative_distance"] == pytest.approx(found["distance"] / size, rel=1e-5)
    assert (found["status"], found["level"], found["size_a"]) == ("exact", "behaviour", 2)


def test_behaviour_out_of_distribution():
    a, b = (rolled("output", net, ood=True) for net in NETS)
    found = row("behaviour-ood")
    assert found["distance"] == pytest.approx(np.sqrt(((a - b) ** 2).mean()), rel=1e-5)
    assert found["distance"] != pytest.approx(row("behaviour")["distance"], rel=1e-4)
    inputs = np.zeros((2, 5, 2), dtype=np.float32)
    with pytest.raises(InputError, match="--inputs: has no out-of-distribution trials"):
        row("behaviour-ood", inputs=inputs)


def test_behaviour_is_measured_where_the_loss_is():
    """Masked steps and auxiliary outputs do not count."""
    parameters = {"loss": "response", "auxiliary": True}
    doing = {"task": "delayed-discrimination", "parameters": parameters, "inputs": 1}
    nets = [network(name, seed, 4, **doing) for seed, name in enumerate("ab")]
    twin = network("twin", 0, 4, **doing)
    twin.weights["readout.weight"][1:] += 1  # the auxiliary output
    assert row("behaviour", [nets[0], twin])["distance"] == 0
    a, b = (rolled("output", net)[:, :1] for net in nets)
    whole = np.sqrt(((a - b) ** 2).mean())
    found = row("behaviour", nets)
    assert found["size_a"] == 1
    assert found["distance"] > 0
    assert found["distance"] != pytest.approx(whole, rel=1e-6)


def test_behaviour_without_a_number():
    inputs = np.ones((2, 5, 2), dtype=np.float32)
    found = row("behaviour", [NETS[0], network("c", 2, outputs=3)], inputs=inputs)
    assert (found["status"], found["distance"]) == ("different_channels", None)
    none = [network(n, s, outputs=0) for s, n in enumerate("ab")]
    assert row("behaviour", none, inputs=inputs)["status"] == "no_outputs"
    shape = Architecture(family="vanilla", units=2, inputs=2, outputs=2, nonlinearity="identity")
    wild = {key: np.full(size, 1e200) for key, size in shape.shapes().items()}
    wild = Checkpoint("wild", shape, wild, task="flipflop", task_parameters=TASK)
    for metric in ("behaviour", "behaviour-ood"):
        found = row(metric, [NETS[0], wild])
        assert (found["status"], found["distance"]) == ("diverged", None)


def test_triangle_inequality_of_behaviour():
    made, options = get_metric("behaviour"), MetricOptions()
    rng = np.random.default_rng(0)
    nets = [Network(NETS[0], outputs=rng.normal(size=(6, 2))) for _ in range(30)]
    pairs = list(itertools.permutations(range(30), 2))
    found = made.distances(made.prepare(nets, options), pairs, options)
    distance = dict(zip(pairs, (one.distance for one in found), strict=True))
    for _ in range(1000):
        i, j, k = rng.choice(30, size=3, replace=False)
        assert distance[i, k] <= distance[i, j] + distance[j, k] + 1e-12


# Dynamics


def test_the_angle_is_that_of_the_distance():
    plain, angular = (row(metric, delay=1, starts=12) for metric in ("dsa", "dsa-angular"))
    assert angular["distance"] == pytest.approx(2 * np.arcsin(plain["relative_distance"] / 2), rel=1e-6)
    assert 0 <= angular["lower_bound"] <= angular["distance"] <= np.pi
    assert angular["relative_distance"] is None
    assert (angular["size_a"], angular["starts"] > 0) == (plain["size_a"], True)


def test_small_angles_keep_their_digits():
    rng = np.random.default_rng(0)
    a, change = rng.normal(size=(2, 4, 4))
    change = change - a * (a * change).sum() / (a**2).sum()  # across a: the angle is that of the tangent
    q = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    made = get_metric("dsa-angular")
    held = operators(a, *(3 * q @ (a + step * change) @ q.T for step in (1e-6, 1e-7)))
    large, small = (one.distance for one in made.distances(held, [(0, 1), (0, 2)], MetricOptions()))
    assert large / small == pytest.approx(10, rel=1e-3)
    assert 0 < large <= 1e-6 * np.linalg.norm(change) / np.linalg.norm(a) * (1 + 1e-4)


@pytest.mark.parametrize("metric", ["dsa", "dsa-angular", "dsa-wasserstein"])
def test_triangle_inequality_of_operators(metric):
    """1000 triples of operators so small that the best rotation is found."""
    made, options = get_metric(metric), MetricOptions(starts=12, bound="spectra")
    held = operators(*np.random.default_rng(1).normal(size=(3000, 2, 2)))
    first, second, across = (
        np.array([one.distance for one in made.distances(held, [(3 * k + i, 3 * k + j) for k in range(1000)], options)])
        for i, j in ((0, 1), (1, 2), (0, 2))
    )
    assert (across <= first + second + 1e-9).all()
    assert (first <= across + second + 1e-9).all()


def test_dsa_metric_says_the_same():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        simdist = pytest.importorskip("DSA.simdist")
    a, b = np.random.default_rng(2).normal(size=(2, 4, 4))
    held = operators(a, b)
    ours = {
        metric: get_metric(metric).distances(held, [(0, 1)], MetricOptions())[0].distance
        for metric in ("dsa-angular", "dsa-wasserstein")
    }
    torch.manual_seed(0)
    peer = simdist.SimilarityTransformDist(iters=50, score_method="angular")
    assert ours["dsa-angular"] <= float(peer.fit_score(a.copy(), b.copy())) + 1e-5  # its own search
    peer.C_star = torch.as_tensor(align_orthogonal(a[None], b[None]).rotation[0]).float()
    assert float(peer.score(a, b)) == pytest.approx(ours["dsa-angular"], abs=1e-4)  # its score at our rotation
    peer = simdist.SimilarityTransformDist(score_method="wasserstein")
    assert float(peer.fit_score(a.copy(), b.copy())) == pytest.approx(ours["dsa-wasserstein"] ** 2, rel=1e-4)


@pytest.mark.parametrize("metric", ["dsa-angular", "dsa-wasserstein"])
def test_what_an_operator_without_number_gives(metric):
    made = get_metric(metric)
    held = operators(np.eye(2), np.zeros((2, 2)), np.full((2, 2), np.nan))
    held.status[2] = "underdetermined"
    zero, none = made.distances(held, [(0, 1), (0, 2)], MetricOptions())
    assert none.status == "underdetermined"
    assert np.isnan(none.distance)
    assert zero.status == ("zero_operator" if metric == "dsa-angular" else "exact")
    assert np.isnan(zero.distance) == (metric == "dsa-angular")
    deficient = operators(np.eye(2), np.diag([1.0, 0.0]), status="rank_deficient")
    (found,) = made.distances(deficient, [(0, 1)], MetricOptions())
    assert found.status == "rank_deficient"
    assert found.distance > 0


def test_input_dsa_compares_what_is_fitted_to_states_and_inputs():
    """Linear networks are their operators: one rotated copy, one of the same recurrence and other input weights."""
    rng = np.random.default_rng(3)
    q, other = (np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(2))
    weights = {
        "input.weight": rng.normal(size=(3, 2)),
        "recurrent.weight": 0.7 * np.linalg.qr(rng.normal(size=(3, 3)))[0] * [1.0, 0.9, 0.6],
        "recurrent.bias": np.zeros(3),
        "readout.weight": rng.normal(size=(2, 3)),
    }
    shape = Architecture(family="vanilla", units=3, inputs=2, outputs=2, nonlinearity="identity")

    def made(name, **changes):
        return Checkpoint(name, shape, {**weights, **changes}, task="flipflop", task_parameters=TASK)

    u, w = weights["input.weight"], weights["recurrent.weight"]
    net = made("a")
    turned = made("b", **{"input.weight": q @ u, "recurrent.weight": q @ w @ q.T})
    driven = made("c", **{"input.weight": other @ u})
    options = {"delay": 1, "components": 3, "basis": "pc"}
    same = row("input-dsa", [net, turned], **options)
    assert same["distance"] < 1e-6
    assert row("dsa", [net, driven], **options)["distance"] > 0.01  # inputs spill into an undriven fit
    apart = row("input-dsa", [net, driven], **options)
    assert apart["distance"] > 0.1
    assert 0 <= apart["lower_bound"] <= apart["distance"]
    assert 0 < apart["relative_distance"] < 2
    states = rolled("hidden", net).reshape(TRIALS, 12, 3)
    inputs = rolled("input", net).reshape(TRIALS, 12, 2)
    found = fit_driven_operator(states - states.mean((0, 1)), inputs, basis="pc")
    operator = found.operator
    assert np.abs(operator - w).max() < 0.05  # but for the first step of the trials, whose mean differs


def test_input_dsa_of_groups_with_different_inputs():
    nets = [
        network(f"{bits}{seed}", seed, parameters={"bits": bits, "steps": 12}, inputs=bits, outputs=bits)
        for bits in (2, 3)
        for seed in (0, 1)
    ]
    options = MetricOptions(delay=1, components=2, starts=2)
    table = pa.concat_tables(compare(nets, ["input-dsa"], within=["bits"], trials=TRIALS, options=options))
    (alone,) = compare(nets[:2], ["input-dsa"], trials=TRIALS, options=options)
    assert table.num_rows == 2
    assert table["distance"][0].as_py() == pytest.approx(alone["distance"][0].as_py(), rel=1e-9)


def test_input_dsa_without_inputs_is_dsa():
    made = get_metric("input-dsa"), get_metric("dsa")
    rng = np.random.default_rng(4)
    activity = rng.normal(size=(2, 10, 20, 3)).cumsum(2)
    nets = [Network(NETS[0], x, np.ones((10, 20, 1))) for x in activity]
    options = MetricOptions(delay=1, components=3, starts=12)
    joint, plain = (m.distances(m.prepare(nets, options), [(0, 1)], options)[0] for m in made)
    assert joint.distance == pytest.approx(plain.distance, rel=1e-6)
    assert plain.distance == pytest.approx(
        float(align_orthogonal(*(made[1].prepare(nets, options).operator[[k]] for k in (0, 1))).distance[0]), rel=1e-6
    )


# All


@pytest.mark.parametrize("name", METRICS)
def test_a_definition_in_words_and_a_level(name):
    metric = get_metric(name)
    assert metric.name == name
    assert metric.level in ("dynamics", "weights", "representation", "behaviour")
    assert len(metric.definition) > 20


def test_only_what_is_asked_for_is_run(monkeypatch):
    import importlib

    stage = importlib.import_module("rnnkit.stages.sources")
    drawn = []
    original = stage.sample_trials
    monkeypatch.setattr(stage, "sample_trials", lambda *a: drawn.append(a[3]) or original(*a))
    for metrics, expected in ((["pif"], []), (["cka", "behaviour"], [False]), (["behaviour-ood"], [True])):
        drawn.clear()
        list(compare(NETS, metrics, trials=4))
        assert drawn == expected
