"""`schur-ablate` from the command line: its tables, their metadata, and the networks it saves."""

import json

import pyarrow.parquet as pq
import pytest

from rnnkit.checkpoints import load_native
from rnnkit.interop import load_all
from rnnkit.provenance import file_digest
from rnnkit.stages import schur_ablate
from rnnkit.tables import read
from tests.conftest import run_cli, table_note

LINE = ("schur-ablate", "--trials", 8, "--alpha", "0.5,0.9")


@pytest.fixture(scope="module")
def made(ensemble, tmp_path_factory):
    folder = tmp_path_factory.mktemp("schur")
    controls = ("--controls", 3, "--controls-out", folder / "controls.parquet", "--control", "entries,isotropic")
    rest = ("--schur", folder / "blocks.parquet", "--save", folder / "saved", "--orders", 2, "-o", folder / "a.parquet")
    done = run_cli(*LINE, ensemble, *controls, *rest, "-v")
    assert (done.code, done.out) == (0, b"")
    return folder


def test_the_tables_are_those_of_the_stage(made, ensemble):
    networks = load_all([str(ensemble)]).checkpoints
    found = schur_ablate(
        networks, alphas=[0.5, 0.9], controls=3, kinds=["entries", "isotropic"], orders=2, trials=8, seed=0
    )
    for name, file, table in (
        ("ablations", "a", found.ablations),
        ("ablation_controls", "controls", found.controls),
        ("schur", "blocks", found.schur),
    ):
        path = made / f"{file}.parquet"
        assert read(path, name).to_pylist() == table.to_pylist()
        note = table_note(path)
        assert note["schema"] == name
        assert note["parameters"]["alpha"] == [0.5, 0.9]
        assert note["parameters"]["control"] == ["entries", "isotropic"]
        assert set(note["inputs"].values()) == {
            file_digest(one) for one in ensemble.glob("*.safetensors") if ".history." not in one.name
        }
    assert len(found.ablations) == 3 * 2 * 7
    assert len(found.controls) == 3 * 2 * 7 * 2


def test_saved_networks_name_their_parent(made, ensemble):
    rows = pq.read_table(made / "a.parquet").to_pylist()
    expected = {f"{row['network']}-alpha{row['alpha']:g}-{row['ablation']}" for row in rows if row["status"] != "empty"}
    saved = {path.stem: load_native(path) for path in (made / "saved").glob("*.safetensors")}
    assert set(saved) == expected
    assert len(expected) > 10
    for name, network in saved.items():
        parent = network.provenance["parent"]
        source = ensemble / f"{parent['name']}.safetensors"
        assert name.startswith(parent["name"])
        assert parent["sha256"] == file_digest(source)
        assert parent["command"].startswith("rnnkit train")
        assert network.provenance["inputs"] == {str(source): parent["sha256"]}
        assert network.provenance["command"].startswith("rnnkit schur-ablate")
    # Its settings are columns elsewhere.
    done = run_cli("rollout", made / "saved", "--summary", "--by", "ablation,ablation_alpha", "--trials", 8)
    by_name = {row["network"]: row for row in done.table().to_pylist()}
    for row in rows:
        name = f"{row['network']}-alpha{row['alpha']:g}-{row['ablation']}"
        if name in by_name:
            assert (by_name[name]["ablation"], float(by_name[name]["ablation_alpha"])) == (
                row["ablation"],
                row["alpha"],
            )
            assert by_name[name]["fvu"] == pytest.approx(row["fvu"], rel=1e-4)


def test_without_options_there_is_one_table(ensemble):
    done = run_cli("schur-ablate", ensemble, "--trials", 4)
    rows = done.table().to_pylist()
    assert len(rows) == 3 * 7
    assert all(row["delta_fvu_order_min"] is None and row["alpha"] == 0.9 for row in rows)
    assert json.loads(json.dumps(table_note(done.out)))["parameters"]["trials"] == 4


def test_notes_are_no_failures_and_failures_are(ensemble):
    done = run_cli("schur-ablate", ensemble, "--trials", 2, "-t", "probability=1e-12")
    assert done.code == 1
    assert done.err == "some rows are flagged: no_variance\n"
    assert run_cli("schur-ablate", ensemble, "--trials", 2).code == 0
