"""The findings of the Schur study: each rule on planted numbers, the page on planted tables, the Makefile's targets."""

from __future__ import annotations

import doctest
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from rnnkit.provenance import Provenance
from rnnkit.tables import build, open_writer, read, table_metadata
from rnnkit.tasks import PRESETS
from tests.pipelines.scripts import load

ROOT = Path(__file__).parents[2] / "pipelines" / "schur"
SEEDS = 8


verdicts, findings = load("schur", "seed_verdicts"), load("schur", "findings")

STEADY = np.array([1.0, 1.1, 0.9, 1.05])


def test_examples():
    for script, least in ((verdicts, 7), (findings, 1)):
        ran = doctest.testmod(script)
        assert ran.failed == 0
        assert ran.attempted >= least


def test_signs():
    assert verdicts.verdict_of_sign(STEADY) == "holds"
    assert verdicts.verdict_of_sign(-STEADY) == "does not hold"
    assert verdicts.verdict_of_sign(np.array([3.0, -2.9, 0.1])) == "undecided"
    assert verdicts.verdict_of_sign(np.array([1.0])) == "undecided"
    assert verdicts.verdict_of_sign(np.array([np.nan, np.nan])) == "undecided"


@pytest.mark.parametrize(
    ("paper", "verdict"),
    [
        (1.0, "holds"),
        (1.6, "holds"),
        (0.6, "holds"),
        (2.1, "undecided"),
        (3.0, "does not hold"),
        (0.3, "does not hold"),
    ],
)
def test_sizes_within_a_factor_of_two(paper, verdict):
    assert verdicts.verdict_of_size(STEADY, paper) == verdict


def test_no_change():
    assert verdicts.verdict_of_no_change(STEADY / 1000, 0.01) == "holds"
    assert verdicts.verdict_of_no_change(STEADY, 0.01) == "does not hold"
    assert verdicts.verdict_of_no_change(-STEADY, 0.01) == "does not hold"
    assert verdicts.verdict_of_no_change(np.array([0.0, 0.02, 0.001]), 0.01) == "undecided"


#: Damage by ablation, chosen so that every comparison of the paper comes out one way.
DAMAGE = {"RR": 0.001, "CR": 0.1, "CC": 0.05, "RR+CR": 0.1, "RR+CC": 0.05, "CR+CC": 0.12, "RR+CR+CC": 0.12}


def ablation_rows(alphas=(0.9,), *, damage=DAMAGE, width=0.0, mass=0.2, accuracy=True):
    rng = np.random.default_rng(0)
    for alpha in alphas:
        for seed in range(SEEDS):
            for ablation, size in damage.items():
                delta = size * (1 + 0.02 * rng.standard_normal())
                yield {
                    "network": f"net-s{seed}",
                    "ablation": ablation,
                    "alpha": alpha,
                    "fvu_full": 0.0048,
                    "fvu": 0.0048 + delta,
                    "delta_fvu": delta,
                    "accuracy_full": 1.0 if accuracy else None,
                    "accuracy": 1 - delta if accuracy else None,
                    "removed_mass": mass,
                    "sensitivity": delta / mass,
                    "dim_r": 3,
                    "gap": 0.5,
                    # The CR ablation is one and the same under every order.
                    "delta_fvu_order_min": delta - (width if ablation != "CR" else 0),
                    "delta_fvu_order_median": delta,
                    "delta_fvu_order_max": delta + (width if ablation != "CR" else 0),
                    "drive": 0.1,
                    "status": "ok",
                }


def control_rows():
    for seed in range(SEEDS):
        for ablation in DAMAGE:
            for k, kind in enumerate(findings.KINDS):
                place = {"network": f"net-s{seed}", "ablation": ablation, "alpha": 0.9, "control": kind}
                yield {**place, "draws": 20, "diverged": 0, "share_at_most": k / 2, "status": "ok"}


def write(path: Path, schema: str, rows) -> None:
    with open_writer(path, "parquet", table_metadata(schema, Provenance())) as writer:
        writer.write(build(schema, list(rows)))


@pytest.fixture
def tables(tmp_path) -> Path:
    for held in (*findings.CROSS, findings.COPY, findings.CAYLEY):
        write(tmp_path / f"{held}-ablations.parquet", "ablations", ablation_rows())
        write(tmp_path / f"{held}-orders.parquet", "ablations", ablation_rows(width=0.01))
        write(tmp_path / f"{held}-alphas.parquet", "ablations", ablation_rows((0.8, 0.9, 0.95)))
        write(tmp_path / f"{held}-controls.parquet", "ablation_controls", control_rows())
    return tmp_path


def judged(folder: Path) -> dict[str, str]:
    return {f.claim: f.verdict for f in findings.findings(findings.Study(folder))}


def test_planted_verdicts(tables):
    found = judged(tables)
    assert found["flipflop: −CR does more damage than −CC"] == "holds"
    assert found["sine: −CC does more damage than −CR"] == "does not hold"
    assert found["flipflop: −RR changes little (≤ 0.01)"] == "holds"
    assert found["flipflop: ΔFVU of −CR"] == "holds"
    assert found["sine: ΔFVU of −CC"] == "does not hold"
    assert found["flipflop: FVU of the full network"] == "holds"
    assert found["copy: −CC changes no accuracy alone (≤ 0.005)"] == "does not hold"
    assert found["copy: −CC changes no accuracy given −RR −CR (≤ 0.005)"] == "does not hold"


def test_an_order_that_turns_a_comparison_leaves_it_open(tables):
    """CR .10 against CC .05 by modulus, but up to .13 under another order: no verdict of order-free kind."""
    write(tables / "flipflop-orders.parquet", "ablations", ablation_rows(width=0.08))
    assert (
        judged(tables)["flipflop: −CR does more damage than −CC"] == "undecided: holds by modulus, orders decide in 8"
    )


def test_seeds_that_differ_under_every_order_are_no_matter_of_order(tables):
    """One seed of eight the other way round, whatever the order: the mean over seeds speaks."""
    for kind, width in (("ablations", 0.0), ("orders", 0.01)):
        planted = list(ablation_rows(width=width))
        for row in planted:
            if row["network"] == "net-s3" and row["ablation"] == "CC":
                for name in row:
                    row[name] = row[name] + 0.06 if name.startswith("delta_fvu") else row[name]
        write(tables / f"flipflop-{kind}.parquet", "ablations", planted)
    by_claim = {f.claim: f for f in findings.findings(findings.Study(tables))}
    found = by_claim["flipflop: −CR does more damage than −CC"]
    assert found.verdict == "holds"
    assert found.orders == "above 0 under every order in 7, below in 1"


def test_what_removes_nothing_says_nothing(tables):
    none = dict.fromkeys(DAMAGE, 0.0)
    write(tables / f"{findings.CAYLEY}-ablations.parquet", "ablations", ablation_rows(damage=none, mass=1e-8))
    claim = "copy: ablations leave the Cayley network as it is"
    assert judged(tables)[claim] == "holds, and says nothing: normal by construction"
    write(tables / f"{findings.CAYLEY}-ablations.parquet", "ablations", ablation_rows(damage=none, mass=0.3))
    assert judged(tables)[claim] == "holds"
    assert judged(tables)[f"{findings.COPY}: the profile is the same at α .8 to .95"].endswith("at every α")


def test_nulls_are_named_with_their_share(tables):
    text = findings.Study(tables).null("flipflop", "CR")
    assert text == "isotropic 0.00 [0.00, 0.00], entries 0.50 [0.50, 0.50], rotated 1.00 [1.00, 1.00]"


def test_the_page_and_its_errors(tables, capsys):
    assert findings.main([str(tables), "-o", str(tables / "page.md")]) == 0
    page = (tables / "page.md").read_text(encoding="utf-8")
    assert findings.main([str(tables)]) == 0
    assert capsys.readouterr().out == page
    assert findings.main([str(tables), "-o", str(tables / "page.md"), "--claims", str(tables / "claims.parquet")]) == 0
    rows = read(tables / "claims.parquet", "claims").to_pylist()
    assert len(rows) == len(judged(tables)) == 29
    row = next(row for row in rows if row["task"] == "flipflop" and row["claim"] == "ΔFVU of −CR")
    assert (row["verdict"], row["note"], row["networks"], row["figure"]) == ("holds", None, "8", "section 4")
    values = np.array([one["delta_fvu"] for one in ablation_rows() if one["ablation"] == "CR"])
    assert row["estimate"] == pytest.approx(values.mean())
    assert row["ci_high"] - row["estimate"] == pytest.approx(2.364624 * values.std(ddof=1) / 8**0.5, rel=1e-5)
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in page.splitlines() if line.startswith("| flipflop")}
    assert len(widths) <= 2
    (tables / "sine-orders.parquet").unlink()
    assert findings.main([str(tables)]) == 2
    assert "sine-orders.parquet" in capsys.readouterr().err


def test_the_makefile_asks_for_every_experiment():
    """A dry run names every training run and every table, with options that exist."""
    done = subprocess.run(
        ["make", "-n", "-C", str(ROOT), "OUT=nowhere", "BIN="], capture_output=True, text=True, check=True, timeout=60
    )
    text = done.stdout.replace("\\\n", " ")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    trained = [line for line in lines if " train " in line]
    for preset in {name for name in PRESETS if name.startswith("schur/")} - {"schur/copy"}:
        assert [line for line in trained if f" {preset} " in line and "--seeds 0:8" in line]
    copies = [line for line in trained if " schur/copy " in line]
    assert len(copies) == 12
    for units in (56, 64, 72):
        chosen = [line for line in copies if f"--units {units} " in line]
        assert sum("--recurrent cayley" in line for line in chosen) == 1
        kinds = re.findall(r"--init (\w+) ", "\n".join(chosen))
        assert sorted(kinds) == ["default", "normal", "orthogonal"]
    ablated = [line for line in lines if " schur-ablate " in line]
    assert len(ablated) == 3 + 12 + 3 * 4
    assert all("-t lags=128" in line for line in ablated if "/copy-" in line)
    for option in ("--alpha", "--orders", "--controls"):
        assert sum(f" {option} " in line for line in ablated) == 4
    assert sum(" python findings.py " in line for line in lines) == 1
