"""`freeze-in`: the specification's numbers, a plain loop, proofs, networks that do not know of each other."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from rnnkit.checkpoints import load_native, save_native
from rnnkit.errors import InputError
from rnnkit.random_streams import stream
from rnnkit.stages import FreezeIn, Probe, fixedpoints, freeze_in, rollout
from rnnkit.stages.freeze_in_rows import probe_rows
from rnnkit.stages.freezing import Crowd
from tests.oracles import freeze_in as oracle

#: Learns three cues in a second.
SMALL = FreezeIn(units=100, cues=3, rate=1e-2, epochs=12)


def frames(settings, seeds, probe=None, **more):
    return [table.to_pandas() for table in freeze_in(settings, seeds, probe, **more)]


def same(table, other):
    """To the last bit; a column of whole numbers without a null has a type of its own."""
    pd.testing.assert_frame_equal(table, other.reset_index(drop=True), check_dtype=False, check_exact=True)


@pytest.fixture(scope="module")
def learnt():
    (table,) = frames(SMALL, [0, 1, 2], Probe(every=6))
    return table


def test_25_points_abruptly():
    """Specification, section 9: amplitude 4, 50 and 20 steps: none after 8 epochs, 22 or more after 24."""
    (proven,) = frames(FreezeIn(), [0], Probe(every=8))
    (counted,) = frames(FreezeIn(), [1], Probe(every=8, certify="none"))
    for table in (proven, counted):
        points = table.groupby("epoch")["point"].nunique()
        assert points[[0, 8]].tolist() == [0, 0]
        assert points[24] >= 22
        assert table["weight_norm_ratio"].between(0.97, 1.06).all()
    last = proven[(proven["epoch"] == 24) & proven["point"].notna()]
    assert last["certified"].all()
    assert last["stability_certified"].all()
    assert (last["abscissa"] < 0).all()
    assert (last["radius"] < 1).all()
    assert (proven["status"] == "ok").all()


def test_plastic_during_the_cue_too_makes_none():
    (table,) = frames(FreezeIn(plastic="both"), [0], Probe(every=24, certify="none"))
    assert table.groupby("epoch")["point"].nunique().tolist() == [0, 0]


def test_as_a_plain_loop_has_it():
    settings = FreezeIn(units=21, cues=3, epochs=2, noise=0.3, carry=True, rate=1e-2, cue_steps=9, plastic_steps=4)
    (table,) = frames(settings, [5], Probe(every=2, free_steps=12, certify="none"))
    draw = stream(5, "weights")
    before = 1.8 / np.sqrt(21) * draw.standard_normal((21, 21))
    np.fill_diagonal(before, 0)
    cues = draw.standard_normal((3, 21))
    weights, state = before, np.zeros(21)
    for epoch in range(2):
        draw = stream(5, "training", epoch)
        for cue in draw.permutation(3):
            noise = 0.3 * draw.standard_normal((13, 21))
            weights, state = oracle.present(weights, state, 4 * cues[cue], noise, 0.1, 1e-2, 9, 4, "after")
    last = table[table["epoch"] == 2]
    norm = np.linalg.norm
    np.testing.assert_allclose(last["weight_norm_ratio"], norm(weights) / norm(before), rtol=1e-12)
    np.testing.assert_allclose(last["weight_change"], norm(weights - before) / norm(before), rtol=1e-12)
    for row, cue in zip(last.to_dict("records"), cues, strict=True):
        r = oracle.respond(weights, 4 * cue, 0.1, 9, 12)
        assert row["speed"] == pytest.approx(norm(np.tanh(weights @ r) - r), rel=1e-9)
        assert row["rms"] == pytest.approx(norm(r) / np.sqrt(21), rel=1e-9)
        assert row["overlap_cue"] == pytest.approx(r @ cue / norm(r) / norm(cue), rel=1e-9)
        assert row["settled"] == (row["speed"] < 1e-3)


def test_proofs_and_eigenvalues(learnt):
    last = learnt[learnt["epoch"] == 12]
    assert last["point"].tolist() == [0, 1, 2] * 3
    assert last["certified"].all()
    assert last["stability_certified"].all()
    assert (last["proof_radius"] < last["unique_radius"]).all()
    assert learnt.loc[learnt["epoch"] < 12, ["certified", "radius", "abscissa"]].isna().all(axis=None)
    crowd = Crowd.drawn(SMALL, [0])
    for _ in range(12):
        crowd.advance()
    states, _ = crowd.respond(Probe())
    for r, row in zip(states[0], last[:3].to_dict("records"), strict=True):
        slopes = (1 - r**2)[:, None] * crowd.recurrent[0]
        values = np.linalg.eigvals(slopes - np.eye(100))
        assert row["abscissa"] == pytest.approx(values.real.max(), abs=1e-9)
        assert row["radius"] == pytest.approx(np.abs(1 + 0.1 * values).max(), abs=1e-9)


def test_what_stands_still_for_a_moment_is_no_point():
    """Before learning the state wanders; with so lax a bound it counts as settled, and proofs say no."""
    crowd = Crowd.drawn(FreezeIn(units=100, cues=3), [0])
    rows = probe_rows(crowd, Probe(still=1.0), ["a"], True)
    assert all(row["settled"] for row in rows)
    assert {row["status"] for row in rows} == {"no_point_near"}
    assert not any(row["certified"] for row in rows)


def test_silence_is_settled_and_no_point():
    (table,) = frames(FreezeIn(units=30, cues=2, amplitude=0.0, epochs=1), [0])
    assert table["settled"].all()
    assert table["point"].isna().all()
    assert table["overlap_cue"].isna().all()
    assert (table["rms"] == 0).all()


def test_a_network_does_the_same_alone_and_on_other_threads(learnt):
    (alone,) = frames(SMALL, [1], Probe(every=6))
    same(alone, learnt[learnt["network"] == "freeze-in-n100-k3-s1"])
    (shared,) = frames(SMALL, [0, 1, 2], Probe(every=6), threads=2)
    assert shared.equals(learnt)


def test_batches_that_fit_memory(monkeypatch, learnt):
    monkeypatch.setitem(freeze_in.__globals__, "_ELEMENTS", Crowd.elements(SMALL))
    tables = frames(SMALL, [0, 1], Probe(every=6))
    assert [set(table["network"]) for table in tables] == [{f"freeze-in-n100-k3-s{k}"} for k in (0, 1)]
    for table in tables:
        same(table, learnt[learnt["network"].isin(table["network"])])


def test_probes_do_not_change_what_is_learnt(learnt):
    (often,) = frames(SMALL, [0], Probe(every=4, certify="none"))
    columns = ["epoch", "cue", "speed", "rms", "weight_change"]
    kept = learnt[learnt["network"] == "freeze-in-n100-k3-s0"]
    both = [table.loc[table["epoch"].isin([0, 12]), columns].reset_index(drop=True) for table in (often, kept)]
    assert both[0].equals(both[1])
    assert sorted(often["epoch"].unique()) == [0, 4, 8, 12]


def test_relabelled_units_learn_the_same():
    order = np.random.default_rng(0).permutation(100)
    one = Crowd.drawn(SMALL, [0])
    other = Crowd(SMALL, [0], one.initial[:, order][:, :, order], one.inputs[:, order])
    for crowd in (one, other):
        for _ in range(SMALL.epochs):
            crowd.advance()
    first, second = (probe_rows(crowd, Probe(), ["a"], True) for crowd in (one, other))
    for a, b in zip(first, second, strict=True):
        for key, value in a.items():
            tolerance = {"proof_radius": 0.5, "unique_radius": 0.03}.get(key, 1e-7)  # tried in steps
            expected = pytest.approx(value, rel=tolerance, abs=1e-12) if isinstance(value, float) else value
            assert b[key] == expected, key


def test_noise_and_its_own_stream():
    settings = [FreezeIn(units=30, cues=2, epochs=3, noise=sd) for sd in (0.0, 0.3, 0.3)]
    tables = [frames(one, [0], Probe(every=3, certify="none"))[0] for one in settings]
    assert tables[1].equals(tables[2])
    assert not np.allclose(tables[0]["weight_change"], tables[1]["weight_change"])
    start = [table[table["epoch"] == 0] for table in tables]
    assert start[0].equals(start[1])


def test_the_norm_falls_and_comes_back_and_does_not_collapse(learnt):
    """The paper asks what keeps W from 0: nothing is learnt at rest."""
    (table,) = frames(FreezeIn(units=100, cues=3, rate=1e-2, epochs=60), [0], Probe(every=60, certify="none"))
    late, soon = table[table["epoch"] == 60], learnt[learnt["epoch"] == 12]
    assert (late["point"] == [0, 1, 2]).all()
    assert late["weight_norm_ratio"].between(0.97, 1.06).all()
    assert late["weight_change"].iloc[0] < 2 * soon["weight_change"].iloc[0]


def test_networks_that_are_kept(tmp_path, learnt):
    kept = []
    list(freeze_in(SMALL, [0], Probe(every=12, certify="none"), keep=kept.append))
    save_native(kept[0], tmp_path / "a.safetensors")
    network = load_native(tmp_path / "a.safetensors")
    assert (network.architecture.family, network.architecture.outputs, network.seed) == ("leaky", 0, 0)
    assert (network.training["rule"], network.training["amplitude"]) == ("freeze-in", 4.0)
    crowd = Crowd.drawn(SMALL, [0])
    assert (network.initial["recurrent.weight"] == crowd.initial[0]).all()
    assert (network.weights["input.weight"] == 4 * crowd.inputs[0]).all()
    # A cue is a one on its channel, for as long as in learning; the state that it leads to outlives it.
    inputs = np.zeros((3, 550, 3), dtype=np.float32)
    for cue in range(3):
        inputs[cue, :50, cue] = 1
    rows = next(rollout([network], inputs=inputs))
    pq.write_table(rows, tmp_path / "a.parquet")
    table = pq.read_table(tmp_path / "a.parquet").to_pandas()
    assert table["output"].map(len).eq(0).all()
    ends = np.stack(table.groupby("trial")["hidden"].last().to_list())
    crowd.recurrent = network.weights["recurrent.weight"][None].copy()
    np.testing.assert_allclose(ends, crowd.respond(Probe())[0][0], atol=1e-3)
    assert min(np.sqrt(((a - b) ** 2).mean()) for a, b in pairwise(ends)) > 0.05


def test_a_kept_network_is_read_by_fixedpoints():
    kept = []
    list(freeze_in(FreezeIn(units=20, cues=2, epochs=1), [0], Probe(certify="none"), keep=kept.append))
    points, _ = next(fixedpoints(kept, starts=8))
    assert points["certified"].to_pylist()[0]


def test_what_is_refused():
    with pytest.raises(InputError, match="--seeds: names no network"):
        next(freeze_in(SMALL, []))
    with pytest.raises(InputError, match="--threads: 0"):
        next(freeze_in(SMALL, [0], threads=0))
    with pytest.raises(InputError, match="--probe-every: 0 is not between 1"):
        Probe(every=0)
