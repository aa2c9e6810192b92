"""The claims on memory and divergence: of planted tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.provenance import Provenance
from rnnkit.tables import build, open_writer, table_metadata
from tests.pipelines.scripts import load

claims = load("overlaps", "path_claims")


def write(path: Path, name: str, rows: list[dict]) -> Path:
    with open_writer(path, "parquet", table_metadata(name, Provenance())) as writer:
        writer.write(build(name, rows))
    return path


def measured(measure: str, kind: str, k: int, **more: object) -> dict:
    held = {
        "network": f"n{k}",
        "other": f"m{k}",
        "measure": measure,
        "kind": kind,
        "protocol": "A,B,A",
        "losses": [0.0],
        "status": "ok",
    }
    return held | more


def memories(unseen: float, functional: float, status: str = "ok") -> list[dict]:
    """Six networks with about these ratios beyond the control."""
    noise = 1 + 0.01 * np.random.default_rng(0).normal(size=6)
    kinds = {"unseen": unseen, "visible": 0.5, "functional": functional}
    return [
        measured("memory", kind, k, ratio_beyond_control=float(value * noise[k]), status=status)
        for k in range(6)
        for kind, value in kinds.items()
    ]


@pytest.mark.parametrize(
    ("unseen", "functional", "verdicts"),
    [(0.3, 0.001, ["holds", "holds"]), (0.3, 0.5, ["does not hold", "does not hold"])],
)
def test_memory(tmp_path, unseen, functional, verdicts):
    path = write(tmp_path / "m.parquet", "path_dependence", memories(unseen, functional))
    found = list(claims.outcomes(3, path, None))
    assert [one.verdict for one in found] == verdicts
    assert found[0].estimate == pytest.approx(functional, rel=0.02)
    assert found[1].estimate == pytest.approx(unseen - functional, rel=0.02)
    assert {one.networks for one in found} == {"6"}
    assert "Adam" in next(claims.outcomes(7, path, None)).claim


def test_what_has_not_converged_is_said(tmp_path):
    path = write(tmp_path / "m.parquet", "path_dependence", memories(0.3, 0.001, "phase_not_converged"))
    assert [one.verdict for one in claims.outcomes(3, path, None)] == ["holds: 6 of 6 networks not converged"] * 2


@pytest.mark.parametrize(("visible", "verdicts"), [(0.001, ["holds"] * 3), (0.9, ["holds", *["does not hold"] * 2])])
def test_divergence(tmp_path, visible, verdicts):
    ratios = {"unseen": 0.4, "visible": visible, "functional": 0.0}
    noise = 1 + 0.01 * np.random.default_rng(1).normal(size=6)
    rows = [
        measured("divergence", kind, k, ratio=float(value * noise[k]), excursion=float(noise[k]))
        for k in range(6)
        for kind, value in ratios.items()
    ]
    path = write(tmp_path / "d.parquet", "path_dependence", rows)
    assert [one.verdict for one in claims.outcomes(9, path, None)] == verdicts
    with pytest.raises(InputError, match="measure 'memory'"):
        list(claims.outcomes(3, path, None))


@pytest.mark.parametrize("figure", [6, 10])
def test_single_overlaps(tmp_path, figure):
    measure = "memory" if figure == 6 else "divergence"
    table = write(tmp_path / "m.parquet", "path_dependence", [measured(measure, "unseen", k) for k in range(3)])
    shift = {"n": {("m", "m"): (1.0, False), ("m", "v"): (2.0, True)}, "m": {}}
    rows = [
        {
            "network": f"{letter}{k}",
            "step": step,
            "left": names[0],
            "right": names[1],
            "visible": seen,
            "value": (start + 0.1 * k) * (letter == "n") * (step == 5),
            "rank": 1,
            "status": "ok",
        }
        for letter in shift
        for k in range(3)
        for step in (0, 5)
        for names, (start, seen) in shift["n"].items()
    ]
    history = write(tmp_path / "h.parquet", "overlaps", rows)
    (found,) = claims.outcomes(figure, table, history)
    assert found.estimate == pytest.approx(-1.0)
    assert found.verdict == "does not hold"
    with pytest.raises(InputError, match="--history"):
        list(claims.outcomes(figure, table, None))
    few = write(tmp_path / "f.parquet", "overlaps", rows[:4])
    with pytest.raises(InputError, match="lacks networks"):
        list(claims.outcomes(figure, table, few))


def test_the_script_writes_a_table(tmp_path, capsys):
    path = write(tmp_path / "m.parquet", "path_dependence", memories(0.3, 0.001))
    assert claims.main([str(path), "--figure", "3", "-o", str(tmp_path / "c.parquet")]) == 0
    assert "2 claims: 2 holds." in capsys.readouterr().out
    assert claims.main([str(tmp_path / "none.parquet"), "--figure", "3", "-o", str(tmp_path / "c.parquet")]) == 2
