"""`degeneracy` beside slow references, by groups, and with what is missing."""

import numpy as np
import pyarrow as pa
import pytest

from rnnkit.errors import InputError
from rnnkit.stages import degeneracy
from rnnkit.tables import build
from tests.oracles.pair_resampling import mean_over_pairs, network_and_pair_error

PAIR = {"metric": "dsa", "level": "dynamics", "status": "optimal", "seconds": 0.0, "converged": True}
NETWORK = {"task": "flipflop", "task_parameters": "{}", "trials": 10, "steps": 5, "converged": True, "status": "ok"}


def symmetric(n, seed=0):
    values = np.random.default_rng(seed).uniform(1, 2, size=(n, n))
    return np.triu(values, 1) + np.triu(values, 1).T


def comparisons(values, prefix="n", extra=(), **rest):
    rows = [
        {**PAIR, "a": f"{prefix}{i}", "b": f"{prefix}{j}", "distance": values[i, j], **rest}
        for i in range(len(values))
        for j in range(i + 1, len(values))
    ]
    return build("comparisons", rows, extra)


def summary(ood, train=None, extra=(), prefix="n", **rest):
    rows = []
    for k, loss in enumerate(ood):
        row = {**NETWORK, "network": f"{prefix}{k}", "condition": "ood", "loss": loss, **rest}
        rows.append(row)
        if train is not None:
            rows.append({**row, "condition": "train", "loss": train[k]})
    return build("summary", rows, extra)


def found(*args, **options):
    return {row["metric"]: row for row in degeneracy(*args, **options).to_pylist()}


def test_means_over_pairs_with_errors_over_networks():
    values = symmetric(6)
    row = found(comparisons(values))["dsa"]
    assert row["value"] == pytest.approx(mean_over_pairs(values, range(6)))
    assert row["se"] == pytest.approx(network_and_pair_error(values))
    assert row["ci_low"] < row["value"] < row["ci_high"]
    assert (row["level"], row["networks"], row["pairs"], row["status"]) == ("dynamics", 6, 15, "ok")


def test_the_other_forms_of_a_distance():
    values = symmetric(4)
    table = comparisons(values).to_pylist()
    for row in table:
        row |= {"relative_distance": row["distance"] / 10, "per_parameter": row["distance"] / 100}
    rows = found(build("comparisons", table))
    assert list(rows) == ["dsa", "dsa-relative", "dsa-per-parameter"]
    assert rows["dsa-relative"]["value"] == pytest.approx(rows["dsa"]["value"] / 10)
    assert rows["dsa-per-parameter"]["value"] == pytest.approx(rows["dsa"]["value"] / 100)
    assert list(found(comparisons(values))) == ["dsa"]


def test_missing_distances_are_left_out_and_counted():
    values = symmetric(5)
    values[0, 1] = values[1, 0] = np.nan
    row = found(comparisons(values))["dsa"]
    assert (row["networks"], row["pairs"]) == (5, 9)
    assert row["value"] == pytest.approx(mean_over_pairs(values, range(5)))


def test_nothing_but_missing_distances():
    row = found(comparisons(np.full((3, 3), np.nan)))["dsa"]
    assert (row["status"], row["value"], row["se"], row["networks"], row["pairs"]) == ("no_data", None, None, 0, 0)


def test_two_networks_have_a_mean_but_no_error():
    row = found(comparisons(symmetric(2)))["dsa"]
    assert row["value"] == pytest.approx(symmetric(2)[0, 1])
    assert row["se"] is row["ci_low"] is row["ci_high"] is None
    assert row["status"] == "ok"


def test_metrics_and_levels_apart():
    first, second = symmetric(4, 1), symmetric(4, 2)
    table = pa.concat_tables([comparisons(first), comparisons(second, metric="pif", level="weights")])
    rows = degeneracy(table).to_pylist()
    assert [(row["level"], row["metric"]) for row in rows] == [("dynamics", "dsa"), ("weights", "pif")]
    assert rows[1]["value"] == pytest.approx(mean_over_pairs(second, range(4)))


def test_by_groups():
    groups = {"0.3": symmetric(4, 1), "1": symmetric(3, 2)}
    tables = [comparisons(values, f"g{g}n", ["gamma"], gamma=g) for g, values in groups.items()]
    table = pa.concat_tables(tables)
    for by in (None, ["gamma"]):
        rows = {row["gamma"]: row for row in degeneracy(table, by=by).to_pylist()}
        assert {g: row["networks"] for g, row in rows.items()} == {"0.3": 4, "1": 3}
        for g, values in groups.items():
            assert rows[g]["value"] == pytest.approx(mean_over_pairs(values, range(len(values))))
            assert rows[g]["se"] == pytest.approx(network_and_pair_error(values))
    (pooled,) = degeneracy(table, by=[]).to_pylist()
    assert (pooled["networks"], pooled["pairs"]) == (7, 9)


def test_networks_without_a_setting_are_a_group():
    table = pa.concat_tables([comparisons(symmetric(3), g or "x", ["gamma"], gamma=g) for g in ("1", None)])
    rows = degeneracy(table).to_pylist()
    assert [(row["gamma"], row["networks"]) for row in rows] == [("1", 3), (None, 3)]


def test_unconverged_networks_count_only_when_asked():
    good, bad = comparisons(symmetric(4)), comparisons(symmetric(3), "x", converged=False)
    table = pa.concat_tables([good, bad])
    assert found(table)["dsa"]["networks"] == 4
    assert found(table, include_unconverged=True)["dsa"]["networks"] == 7
    with pytest.raises(InputError, match=r"no network got below .* \(add --include-unconverged\)"):
        degeneracy(bad)


def test_behaviour_by_hand():
    rng = np.random.default_rng(0)
    ood, train = rng.uniform(0.1, 1, size=(2, 9))
    rows = found(None, summary(ood, train))
    assert {row["level"] for row in rows.values()} == {"behaviour"}
    expected = {
        "ood-loss": np.std(ood, ddof=1),
        "ood-log-loss": np.std(np.log(ood), ddof=1),
        "ood-loss-mean": np.mean(ood),
        "ood-loss-variation": np.std(ood, ddof=1) / np.mean(ood),
        "ood-excess-loss": np.std(ood - train, ddof=1),
        "ood-training-correlation": np.corrcoef(ood, train)[0, 1],
    }
    assert rows.keys() == expected.keys()
    for name, value in expected.items():
        assert rows[name]["value"] == pytest.approx(value)
        assert rows[name]["ci_low"] <= rows[name]["value"] <= rows[name]["ci_high"]
        assert (rows[name]["networks"], rows[name]["pairs"]) == (9, 0)


def test_the_mean_loss_has_the_usual_error():
    ood = np.random.default_rng(1).uniform(size=8)
    row = found(None, summary(ood))["ood-loss-mean"]
    assert row["se"] == pytest.approx(np.std(ood, ddof=1) / np.sqrt(8))


def test_losses_that_are_missing_zero_or_all_alike():
    rows = found(None, summary([0.5, None, 0.7, 0.9]))
    assert {row["networks"] for row in rows.values()} == {3}
    zero = found(None, summary([0.0, 0.0, 0.0]))
    assert zero["ood-loss"]["value"] == 0
    for name in ("ood-log-loss", "ood-loss-variation"):
        assert (zero[name]["value"], zero[name]["status"]) == (None, "no_data")
    single = found(None, summary([0.5]))
    assert {row["status"] for row in single.values()} == {"no_data"}


def test_a_group_without_ood_rows_is_flagged():
    table = pa.concat_tables(
        [summary([0.1, 0.2, 0.3], extra=["g"], g="1"), summary([0.1, 0.2], extra=["g"], g="2", prefix="x")]
    )
    rows = table.to_pylist()
    for row in rows:
        if row["g"] == "2":
            row["condition"] = "train"
    statuses = {
        (row["g"], row["metric"]): row["status"] for row in degeneracy(None, build("summary", rows, ["g"])).to_pylist()
    }
    assert statuses["1", "ood-loss"] == "ok"
    assert statuses["2", "ood-loss"] == "no_data"


def test_both_tables_share_their_groups():
    pairs = comparisons(symmetric(3), extra=["gamma", "lr"], gamma="1", lr="2")
    losses = summary([0.1, 0.2, 0.4], extra=["gamma"], gamma="1")
    with pytest.raises(InputError, match="the summary table has no column 'lr'"):
        degeneracy(pairs, losses)
    table = degeneracy(pairs, losses, ["gamma"])
    assert table.column_names[:3] == ["level", "metric", "gamma"]
    assert "lr" not in table.column_names
    assert degeneracy(losses and pairs, None, ["lr"])["lr"].to_pylist() == ["2"]
    by_task = degeneracy(None, losses, ["task"])
    assert set(by_task["task"].to_pylist()) == {"flipflop"}


def test_different_tasks_make_no_group():
    """Losses on 1 and on 4 bits have no common spread."""
    rows = [*summary([0.1, 0.2], bits="1", extra=["bits"]).to_pylist()]
    rows += summary([0.3, 0.4], bits="4", extra=["bits"], prefix="m", task_parameters='{"bits": 4}').to_pylist()
    table = build("summary", rows, ["bits"])
    with pytest.raises(InputError, match="a group holds different tasks"):
        degeneracy(None, table, [])
    assert set(degeneracy(None, table)["bits"].to_pylist()) == {"1", "4"}


def test_a_group_in_which_nothing_converged_keeps_its_rows():
    pairs = pa.concat_tables(
        [
            comparisons(symmetric(3), extra=["g"], g="1"),
            comparisons(symmetric(3), extra=["g"], g="2", converged=False, prefix="m"),
        ]
    )
    rows = {row["g"]: row for row in degeneracy(pairs).to_pylist()}
    assert rows["1"]["status"] == "ok"
    assert (rows["2"]["status"], rows["2"]["value"], rows["2"]["networks"]) == ("none_converged", None, 0)


def test_seeds_and_draws():
    table = comparisons(symmetric(6))
    first, again, other = (found(table, seed=s, bootstrap=200)["dsa"] for s in (0, 0, 1))
    plain = found(table)["dsa"]
    assert first == again
    assert (first["value"], first["se"]) == (other["value"], other["se"]) == (plain["value"], plain["se"])
    assert first["ci_low"] != other["ci_low"]
    assert plain == found(table, seed=1)["dsa"]
    assert plain["ci_high"] > first["ci_high"]


@pytest.mark.parametrize(
    ("tables", "by", "what"),
    [
        ((None, None), None, "no table was given"),
        ((comparisons(symmetric(3)), None), ["gamma"], r"no column 'gamma' \(write the table with it"),
        ((comparisons(symmetric(3), extra=["lr"], lr="1"), None), ["gamma"], r"no column 'gamma' \(known: lr\)"),
        ((comparisons(symmetric(3)), None), ["distance"], "no column 'distance'|is a column"),
        ((comparisons(symmetric(3)), None), ["metric"], "'metric': is a column of every degeneracy table"),
        ((None, summary([1.0, 2.0], extra=["g"], g="1")), ["steps"], "no column 'steps'"),
    ],
)
def test_what_is_refused(tables, by, what):
    with pytest.raises(InputError, match=what):
        degeneracy(*tables, by)
    if tables[0] is not None:
        with pytest.raises(InputError, match="1 draws are too few"):
            degeneracy(tables[0], bootstrap=1)


def test_repeated_rows_are_refused():
    table = comparisons(symmetric(3))
    with pytest.raises(InputError, match="given twice"):
        degeneracy(pa.concat_tables([table, table]))
    losses = summary([0.1, 0.2])
    with pytest.raises(InputError, match="network 'n0' stands twice under 'ood'"):
        degeneracy(None, pa.concat_tables([losses, losses]))


def grouped(prefix="", offset=0.0, sizes=(6, 7, 5), **rest):
    """Three groups of gamma, of spreads 1, 2 and 2, as pairs and as losses."""
    rng = np.random.default_rng(7)
    pairs, losses = [], []
    for g, scale, n in zip(("0.3", "1", "3"), (1, 2, 2), sizes, strict=True):
        points = scale * rng.normal(size=(n, 3))
        table = np.linalg.norm(points[:, None] - points, axis=-1)
        pairs.append(comparisons(table, f"{prefix}g{g}n", ["gamma", *rest], gamma=g, **rest))
        ood = offset + scale * rng.gamma(3, size=n)
        losses.append(summary(ood, ood / 2 + rng.random(n), ["gamma", *rest], f"{prefix}g{g}n", gamma=g, **rest))
    return pa.concat_tables(pairs), pa.concat_tables(losses)


DIFFERENCE = ("difference", "difference_se", "difference_low", "difference_high", "p_value", "permutations", "test")


def test_groups_against_one_of_them():
    pairs, losses = grouped()
    rows = degeneracy(pairs, losses, against={"gamma": "1"}, permutations=199).to_pylist()
    plain = degeneracy(pairs, losses).to_pylist()
    assert all(row["against"] is None and row["difference"] is None for row in plain)
    value = {(row["gamma"], row["metric"]): row for row in rows}
    assert len(value) == len(rows) == 3 * 7
    for row in rows:
        if row["gamma"] == "1":
            assert {row[name] for name in ("against", *DIFFERENCE)} == {None}
            continue
        other = value["1", row["metric"]]
        assert row["against"] == "gamma=1"
        assert row["difference"] == pytest.approx(row["value"] - other["value"])
        assert row["difference_se"] == pytest.approx(np.hypot(row["se"], other["se"]))
        assert row["difference_low"] < row["difference"] < row["difference_high"]
        assert 0 < row["p_value"] <= 1
        assert row["permutations"] == 199
        spreads = {"ood-loss", "ood-log-loss", "ood-excess-loss", "ood-loss-variation"}
        assert row["test"] == ("spreads" if row["metric"] in spreads else "contributions")
    assert value["0.3", "dsa"]["p_value"] < 0.05 < value["3", "dsa"]["p_value"]


def test_the_order_of_rows_and_the_names_of_networks_do_not_matter():
    pairs, losses = grouped()
    first = degeneracy(pairs, losses, against={"gamma": "1"}, permutations=999).to_pandas()
    order = np.random.default_rng(0).permutation(pairs.num_rows)
    turned = pairs.take(order).rename_columns({"a": "b", "b": "a"}).select(pairs.column_names)
    again = degeneracy(turned, grouped("other")[1], against={"gamma": "1"}, permutations=999).to_pandas()
    keys = ["level", "metric", "gamma"]
    first, again = (t.set_index(keys).sort_index() for t in (first, again))
    for name in ("value", "se", "ci_low", "ci_high", *DIFFERENCE[:4]):
        assert again[name].to_numpy() == pytest.approx(first[name].to_numpy(), nan_ok=True, rel=1e-9)
    assert again["p_value"].to_numpy() == pytest.approx(first["p_value"].to_numpy(), nan_ok=True, abs=0.06)


def test_the_reference_agrees_in_all_other_keys():
    parts = [grouped(f"u{u}", units=u)[0] for u in ("32", "64")]
    table = pa.concat_tables([*parts, comparisons(symmetric(4), "z", ["gamma", "units"], gamma="9", units="8")])
    rows = degeneracy(table, against={"gamma": "1"}, permutations=19).to_pylist()
    value = {(row["gamma"], row["units"]): row for row in rows}
    assert value["3", "64"]["difference"] == pytest.approx(value["3", "64"]["value"] - value["1", "64"]["value"])
    assert (value["9", "8"]["test"], value["9", "8"]["difference"]) == ("no_group", None)
    one = degeneracy(table, against={"gamma": "1", "units": "32"}, permutations=19).to_pylist()
    row = next(row for row in one if (row["gamma"], row["units"]) == ("9", "8"))
    assert row["against"] == "gamma=1,units=32"
    assert row["difference"] == pytest.approx(row["value"] - value["1", "32"]["value"])


def test_groups_of_two_networks_have_no_test():
    rows = degeneracy(grouped(sizes=(2, 4, 4))[0], against={"gamma": "1"}, permutations=19).to_pylist()
    small = rows[0]
    assert (small["test"], small["p_value"], small["permutations"]) == ("no_data", None, 0)
    assert small["difference"] == pytest.approx(small["value"] - rows[1]["value"])
    assert small["difference_low"] is None


@pytest.mark.parametrize(
    ("against", "by", "what"),
    [
        ({"gama": "1"}, None, r"unknown group column 'gama' \(did you mean 'gamma'"),
        ({"gamma": "0.1"}, None, r"unknown group 'gamma=0.1' \(did you mean 'gamma=0.3'"),
        ({"gamma": "1"}, [], "there is one group only"),
    ],
)
def test_groups_that_are_not_there(against, by, what):
    with pytest.raises(InputError, match=what):
        degeneracy(grouped()[0], by=by, against=against)
    single = comparisons(symmetric(4), extra=["gamma"], gamma="1")
    with pytest.raises(InputError, match="no group can be set against gamma=1"):
        degeneracy(single, against={"gamma": "1"})
    with pytest.raises(InputError, match="0 are too few"):
        degeneracy(single, permutations=0)


def test_ratio_to_the_untrained_networks():
    rng = np.random.default_rng(9)
    trained, untrained = symmetric(6, 1), symmetric(6, 2)
    before = comparisons(untrained, metric="pif-initial", level="weights").to_pylist()
    rng.shuffle(before)
    before[0]["a"], before[0]["b"] = before[0]["b"], before[0]["a"]
    table = pa.concat_tables([comparisons(trained, metric="pif", level="weights"), build("comparisons", before)])
    rows = found(table)
    assert list(rows) == ["pif", "pif-ratio-to-initial", "pif-initial"]
    row = rows["pif-ratio-to-initial"]
    assert row["value"] == pytest.approx(rows["pif"]["value"] / rows["pif-initial"]["value"])
    assert (row["level"], row["networks"], row["pairs"], row["status"]) == ("weights", 6, 15, "ok")
    assert row["ci_low"] < row["value"] < row["ci_high"]
    half = pa.concat_tables([comparisons(untrained / 2), comparisons(untrained, metric="dsa-initial")])
    same = found(half)["dsa-ratio-to-initial"]
    assert (same["value"], same["se"]) == pytest.approx((0.5, 0))
