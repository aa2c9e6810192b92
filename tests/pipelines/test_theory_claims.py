"""The claims on the theory, on twins and on the Gram matrix: of planted tables."""

from __future__ import annotations

from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.provenance import Provenance
from rnnkit.tables import build, open_writer, read, table_metadata
from tests.pipelines.scripts import load

theory, twins, gram = (load("overlaps", f"{name}_claims") for name in ("theory", "twin", "gram"))
PAIRS = list(combinations_with_replacement("muvz", 2))
SEEN = {"linear": {("m", "v"), ("m", "z"), ("u", "v"), ("u", "z")}}
SEEN["tanh"] = SEEN["linear"] | {("m", "m"), ("m", "u"), ("u", "u")}


def write(path: Path, name: str, rows: list[dict]) -> Path:
    with open_writer(path, "parquet", table_metadata(name, Provenance())) as writer:
        writer.write(build(name, rows))
    return path


def predicted(path: Path, off: dict[str, float], last: float = 0.001, names: tuple[str, ...] = ()) -> Path:
    """Networks whose overlaps move by 1 and whose losses fall from 1 to `last`; `off` is each motion's deviation."""
    rows = []
    for k, name in enumerate(names or [f"n{k}" for k in range(6)]):
        for motion, gap in off.items():
            for step in (0, 10):
                own = (gap if step else 0.0) * (1 + 0.001 * k)
                shared = {"network": name, "step": step, "motion": motion, "phase": 1, "status": "ok", "deviation": own}
                for pair in PAIRS:
                    value = 1.0 + step / 10
                    held = {"left": pair[0], "right": pair[1], "measured": value, "predicted": value + own}
                    rows.append(shared | held | {"visible": pair in SEEN["linear"]})
                value = last if step else 1.0
                loss = {"left": "loss", "right": "loss", "measured": value, "predicted": value + own}
                rows.append(shared | loss)
    return write(path, "overlap_theory", rows)


def verdicts(outcomes) -> list[str]:
    return [one.verdict for one in outcomes]


def test_filters(tmp_path):
    good = theory.Theory(predicted(tmp_path / "a.parquet", {"descent": 1e-14, "flow": 0.02}))
    finer = theory.Theory(predicted(tmp_path / "b.parquet", {"flow": 0.01}))
    found = list(theory.linear_claims(good, finer, 5))
    assert verdicts(found) == ["holds"] * 6
    assert found[-1].estimate == pytest.approx(0.0, abs=1e-9)
    assert found[4].estimate == pytest.approx(0.02, rel=0.01)
    bad = theory.Theory(predicted(tmp_path / "c.parquet", {"descent": 1e-3, "flow": 0.2}, last=0.5))
    assert verdicts(theory.linear_claims(bad, bad, 12)) == ["does not hold"] * 6


def test_flip_flops(tmp_path):
    path = predicted(tmp_path / "a.parquet", {"descent": 0.01, "direct": 0.5})
    assert verdicts(theory.flip_flop_claims(theory.Theory(path), None)) == ["holds"] * 4
    path = predicted(tmp_path / "b.parquet", {"descent": 0.1, "direct": 0.05}, last=0.5)
    assert verdicts(theory.flip_flop_claims(theory.Theory(path), None)) == ["does not hold"] * 4
    with pytest.raises(InputError, match="--motion direct"):
        list(theory.flip_flop_claims(theory.Theory(predicted(tmp_path / "c.parquet", {"descent": 0.1})), None))


def test_outputs_of_effective_networks(tmp_path):
    """Outputs are those of the overlaps before training, or nearly."""
    held = theory.Theory(predicted(tmp_path / "a.parquet", {"descent": 0.0}))
    held.rows.loc[held.rows["left"] != "loss", ["measured", "predicted"]] = 0.2
    held.rows.loc[held.rows["left"] == held.rows["right"], "measured"] = 1.0
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(3, 20, 1))
    outputs = theory.reduced_outputs(theory.MODEL, held.last("n0", "measured")[None], inputs)[0]
    assert held.last("n0", "measured")[0] == pytest.approx([1.0, 0.2, 0.2, 0.2])
    rows = [
        {"network": "n0", "trial": b, "step": t, "input": inputs[b, t].tolist(), "target": [0.0], "hidden": [0.0]}
        | {"output": outputs[b, t].tolist(), "status": "ok"}
        for b in range(3)
        for t in range(20)
    ]
    path = write(tmp_path / "r.parquet", "rollout", rows)
    assert theory.unexplained(path, held, "measured") == pytest.approx([0.0], abs=1e-10)
    assert theory.unexplained(path, held, "predicted") > 1e-3
    with pytest.raises(InputError, match="no network 'other'"):
        held.last("other", "measured")


def test_optimisers(tmp_path):
    near = theory.Theory(predicted(tmp_path / "a.parquet", {"descent": 0.01}))
    rows = [
        {"network": f"n{k}", "epoch": epoch, "val_loss": 1.0 / (1 + 50 * epoch), "status": "ok", "seconds": 0.1}
        | {"loss": 1.0, "grad_norm": 1.0, "lr": 0.1, "phase": 1}
        for k in range(4)
        for epoch in (0, 1)
    ]
    trained = write(tmp_path / "t.parquet", "training", rows)
    words = [f"momentum={tmp_path / 'a.parquet'}", "--figure", "8", "--training", f"momentum={trained}"]
    assert theory.main([*words, "-o", str(tmp_path / "c.parquet")]) == 0
    claims = read(tmp_path / "c.parquet", "claims").to_pylist()
    assert [one["claim"].partition(":")[0] for one in claims] == ["momentum"] * 3
    assert claims[0]["estimate"] == pytest.approx(1 / 51)
    assert len(verdicts(theory.followed(near, "Fig. 8", "x"))) == 2


def test_twins(tmp_path):
    names = tuple(f"n{k}{twin}" for k in range(4) for twin in ("", "-twin1"))
    rows = read(predicted(tmp_path / "a.parquet", {"descent": 1e-15}, names=names), "overlap_theory").to_pylist()
    for row in rows:
        if "-twin" in row["network"] and (row["step"] or row["visible"] is False):
            row["measured"] += 0.3
    table = write(tmp_path / "b.parquet", "overlap_theory", rows)
    shared = {
        "condition": "train",
        "task": "filter",
        "task_parameters": "{}",
        "converged": True,
        "trials": 1,
        "steps": 1,
        "loss": 0.2,
        "status": "ok",
    }
    same = write(tmp_path / "s.parquet", "summary", [{"network": name} | shared for name in names])
    assert verdicts(twins.outcomes(same, table)) == ["holds"] * 6
    # Twins that are one and the same: nothing tells them apart.
    one = predicted(tmp_path / "c.parquet", {"descent": 1e-3}, names=names)
    expected = ["holds", "does not hold", "holds", "does not hold", "does not hold", "does not hold"]
    assert verdicts(twins.outcomes(same, one)) == expected
    with pytest.raises(InputError, match="no twins"):
        list(twins.outcomes(same, predicted(tmp_path / "d.parquet", {"descent": 0.0})))


def matrices(folder: Path, kind: str, networks: int = 14) -> tuple[Path, Path]:
    """Tables of random overlaps, and of the matrices that their definition gives."""
    rng = np.random.default_rng(1)
    overlaps, entries = [], []
    for k in range(networks):
        square = rng.normal(size=(4, 4))
        value = dict(zip(PAIRS, (square @ square.T)[np.triu_indices(4)], strict=True))
        for pair in PAIRS:
            shared = {"network": f"n{k}", "step": 0, "left": pair[0], "right": pair[1], "status": "ok"}
            overlaps.append(shared | {"value": value[pair], "visible": pair in SEEN[kind], "rank": 1})
            for by in PAIRS:
                held = 0.0
                for i, j in ((0, 1), (1, 0)):
                    for m, n in ((0, 1), (1, 0)):
                        if pair[i] == by[m]:
                            held += value[tuple(sorted((pair[j], by[n])))]
                seen = {"visible": pair in SEEN[kind], "by_visible": by in SEEN[kind]}
                entries.append(shared | {"by_left": by[0], "by_right": by[1], "value": held} | seen)
    return (
        write(folder / f"{kind}.parquet", "overlaps", overlaps),
        write(folder / f"{kind}-gram.parquet", "gram_matrix", entries),
    )


def test_gram_matrices(tmp_path):
    linear, tanh = (gram.structure(*matrices(tmp_path, kind)) for kind in ("linear", "tanh"))
    found = list(gram.outcomes(linear, tanh))
    assert verdicts(found) == ["holds"] * 4
    assert found[3].estimate > 0
    assert found[0].networks == "14"
    # Each in the place of the other; what the loss does not see moves by what it sees with tanh too.
    assert verdicts(gram.outcomes(tanh, linear))[1:] == ["does not hold", "holds", "does not hold"]
    with pytest.raises(InputError, match="do not tell 10 overlaps apart"):
        gram.structure(*matrices(tmp_path, "linear", networks=9))
