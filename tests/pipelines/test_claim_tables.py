"""The table of claims that studies share, and the claims of the studies that have no rules of their own."""

from __future__ import annotations

import doctest
import math
import subprocess
import sys
from pathlib import Path

import pytest

from rnnkit.provenance import Provenance
from rnnkit.tables import build, open_writer, read, table_metadata
from tests.pipelines.scripts import PIPELINES, load

claim_tables = load("schur", "claim_tables")


def outcome(**changed):
    held = {"paper": "A", "figure": "Fig. 1", "task": "t", "claim": "c", "statistic": "s", "values": "v"}
    held |= {"estimate": 1.0, "ci_low": 0.5, "ci_high": 1.5, "networks": "8", "verdict": "holds", "command": "make"}
    return claim_tables.Outcome(**(held | changed))


def test_examples():
    ran = doctest.testmod(claim_tables)
    assert ran.failed == 0
    assert ran.attempted >= 5


def test_a_bar_in_a_cell_does_not_end_it():
    assert claim_tables.markdown(("a", "b"), [("|x| / |y|", "1")]).splitlines()[-1] == r"| \|x\| / \|y\| | 1 |"


def test_holm_against_its_definition():
    """By hand: the k-th smallest of m times m - k + 1, never below an earlier one, at most 1."""
    assert claim_tables.holm([0.001, 0.02, 0.015, 0.9]) == pytest.approx([0.004, 0.045, 0.045, 0.9])
    assert claim_tables.holm([0.6, 0.7]) == [1.0, 1.0]
    assert claim_tables.holm([]) == []


def test_tables_are_joined_as_they_are(tmp_path, capsys):
    """Adjustments are of each study's own tests; joining changes no row."""
    first, second, both = (tmp_path / name for name in ("a.parquet", "b.csv", "both.parquet"))
    claim_tables.write_rows(claim_tables.rows_of([outcome(p_value=0.02), outcome(claim="d", p_value=0.03)]), first)
    empty = outcome(paper="B", estimate=math.nan, ci_low=math.nan, ci_high=math.nan, verdict="undecided: no network")
    claim_tables.write_rows(claim_tables.rows_of([empty]), second)
    assert claim_tables.main([str(first), str(second), "-o", str(both)]) == 0
    rows = read(both, "claims").to_pylist()
    assert [row["p_holm"] for row in rows] == [pytest.approx(0.04), pytest.approx(0.04), None]
    assert [(row["status"], row["note"]) for row in rows] == [("ok", None)] * 2 + [("no_estimate", "no network")]
    page = capsys.readouterr().out
    assert page.startswith("3 claims: 2 holds, 1 undecided.")
    assert "| A, Fig. 1 | t | c | s: v | 1 [0.5, 1.5] | 0.02 | 0.04 | 8 | holds | `make` |" in page
    assert claim_tables.main([str(tmp_path / "none.parquet")]) == 2
    assert "none.parquet" in capsys.readouterr().err


def run(study: str, *words: object) -> str:
    line = [sys.executable, "claims.py", *map(str, words)]
    environment = {"PYTHONPATH": f"..:{PIPELINES.parent}", "PATH": ""}
    done = subprocess.run(line, cwd=PIPELINES / study, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def write(path: Path, schema: str, rows, extra=()) -> None:
    with open_writer(path, path.suffix[1:], table_metadata(schema, Provenance())) as writer:
        writer.write(build(schema, list(rows), extra))


def test_gamma_is_judged_seed_by_seed(tmp_path):
    """Alignment falls by .1 in every seed, though seeds differ by more; the seed without a large gamma is left out."""
    rows = [
        {"network": f"g{gamma}-s{seed}", "gamma": str(gamma), "parameters": "recurrent", "centred": False}
        | {"weight_change_norm_absolute": 5 - gamma + seed / 100, "kernel_alignment": 0.5 + seed - gamma / 10}
        | {"status": "ok"}
        for gamma in (1, 2)
        for seed in range(5)
        if (gamma, seed) != (2, 4)
    ]
    write(tmp_path / "mup.parquet", "feature_learning", rows, ["gamma"])
    page = run("feature-learning", tmp_path / "mup.parquet", "-o", tmp_path / "claims.parquet")
    assert "2 claims: 1 holds, 1 does not hold." in page
    further, turns = read(tmp_path / "claims.parquet", "claims").to_pylist()
    assert (further["verdict"], further["networks"]) == ("does not hold", "4")
    assert turns["estimate"] == pytest.approx(-0.1)
    assert turns["ci_high"] == pytest.approx(-0.1, abs=1e-6)


def test_memory_demands_beside_the_printed_ones(tmp_path):
    def demand(name: str, star, low, high) -> None:
        row = {"history": 1, "task": "t", "task_parameters": "{}", "seeds": 3, "trials": 9, "status": "ok"}
        row |= {"inputs_until": "t", "outputs": "window", "h_star": star, "h_star_low": low, "h_star_high": high}
        write(tmp_path / f"{name}.csv", "memory_demand", [row])

    for name, found in (("flipflop", (1, 1, 2)), ("sine", (3, 3, 4)), ("path-integration", (None, None, None))):
        demand(name, *found)
    for name, found in (("delayed-discrimination", 25), ("delay-15", 20), ("delay-25", 29)):
        demand(name, found, found - 1, found + 1)
    run("memory-demand", tmp_path, "-o", tmp_path / "claims.parquet")
    rows = read(tmp_path / "claims.parquet", "claims").to_pylist()
    assert [row["verdict"] for row in rows] == ["holds", "does not hold", "undecided", "holds", "holds"]
    assert [rows[-1][name] for name in ("estimate", "ci_low", "ci_high")] == [9, 7, 11]
    assert rows[2]["status"] == "no_estimate"


def test_collecting_before_any_study_was_run(tmp_path):
    line = ["make", "-C", str(PIPELINES), "claims", "RAN="]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no study has claims yet" in done.stderr
