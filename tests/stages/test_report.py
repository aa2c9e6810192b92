"""The page of a planted folder: every table, picture, command and digest is in it, and nothing of them is markup."""

import json
import re
from itertools import pairwise

import pyarrow.parquet as pq
import pytest

from rnnkit.errors import InputError
from rnnkit.plots import KINDS
from rnnkit.provenance import Provenance, file_digest
from rnnkit.stages import report
from rnnkit.stages.report_plots import NETWORKS, TRIALS
from tests.plots import planted as pictures
from tests.report import planted
from tests.report.planted import Reading


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return planted.run(tmp_path_factory.mktemp("r") / "run")


@pytest.fixture(scope="module")
def page(folder):
    return report(folder, title="Two <clusters>", rows=7, ran=Provenance("rnnkit report run -o r.html"))


@pytest.fixture(scope="module")
def read(page):
    return Reading(page.html)


def test_every_table_is_there_with_its_head(folder, read):
    tables = [element["data-label"] for element in read.all("table")]
    assert tables == [
        "Networks",
        *(
            f"{name}, head"
            for name in ("ckpts/training.parquet", "rollout.parquet", "summary.csv", planted.ODD, "fixedpoints.parquet")
        ),
        "Files",
    ]
    whole = [element["data-label"] for element in read.all("table") if "whole" in element["class"].split()]
    assert whole == ["Networks", "Files"]
    assert "1500 rows in all, the first 7 here." in " ".join(read.said("caption"))
    cells = read.said("td")
    assert "bits=2 start=zero" in cells
    assert cells.count("0.6") >= 1
    heads = [element["id"] for element in read.all("tr") if "id" in element]
    assert [f"network-{k}" for k in range(5)] == [one for one in heads if one.startswith("network-")]


def test_every_picture_that_the_tables_allow(read):
    schemas = {"training", "rollout", "summary", "comparisons", "fixedpoints"}
    # The planted points have no eigenvalues, and are of one step: those pictures are missing; the first is said to be.
    absent = {"spectrum", "landscape"}
    possible = [name for name, kind in KINDS.items() if schemas & set(kind.needs) and name not in absent]
    assert {"training", "distances", "embedding", "trajectories", "fixedpoints"} <= set(possible)
    drawn = [element["id"] for element in read.all("section") if element.get("id", "").startswith("plot-")]
    assert drawn == [f"plot-{name}" for name in possible]
    assert len(read.all("img")) == len(possible) - 1  # the embedding is an element of the page
    assert all(element["alt"] for element in read.all("img"))
    assert all(element["src"].startswith("data:image/svg+xml;base64,") for element in read.all("img"))
    lines = [text for text in read.said("code") if text.startswith("rnnkit plot ")]
    assert len(lines) == len(possible)


def test_every_point_of_the_embedding_leads_to_its_network(read):
    points = [element for element in read.all("a") if "data-network" in element]
    assert [point["data-network"] for point in points] == pictures.names(5)
    assert [point["href"] for point in points] == [f"#network-{k}" for k in range(5)]
    assert [point["aria-label"] for point in points] == pictures.names(5)


def test_commands_in_an_order_that_works_with_what_they_read(read):
    lines = read.said("pre")
    assert lines[0] == planted.TRAINED
    assert sorted(lines[1:]) == sorted([planted.COMPARED, "rnnkit fixedpoints run/ckpts", "rnnkit rollout run/ckpts"])
    said = " ".join(read.said("p"))
    assert "Read 5 files: 5 in this folder and unchanged." in said
    assert "Read 6 files: 4 in this folder and unchanged, 1 in this folder, but changed since, 1 not in" in said
    assert "Without a command: summary.csv." in said


def test_digests_and_versions(folder, page, read):
    cells = read.said("td")
    for path in (*folder.rglob("*.parquet"), *folder.rglob("*.safetensors")):
        assert file_digest(path) in cells
    assert any(re.match(r"rnnkit \S+, python \S+, numpy ", text) for text in read.said("li"))
    (note,) = (element["content"] for element in read.all("meta") if element.get("name") == "rnnkit")
    held = json.loads(note)
    assert held["command"] == "rnnkit report run -o r.html"
    assert held["inputs"][planted.ODD] == file_digest(folder / planted.ODD)
    assert {"jinja2", "itables"} <= set(held["software"])


def test_the_summary_and_what_is_missing(page, read):
    lines = read.said("li")
    assert "5 networks on flipflop: vanilla, 8 units (5 converged)." in lines
    assert "On flipflop: fraction of variance unexplained 0 to 0.3, median 0.15." in lines
    assert "summary.csv: 1 of 5 rows are flagged (diverged 1)." in lines
    assert page.missing == (
        "plot spectrum of fixedpoints.parquet: TABLE: no network has an eigenvalue (look at its statuses)",
    )
    assert set(page.missing) <= set(lines)


def test_texts_are_escaped(page, read):
    assert "Two &lt;clusters&gt;" in page.html
    assert "&lt;b&gt;&amp;.parquet" in page.html
    assert "<b>" not in page.html.split("<script")[0]
    assert read.said("h1") == ["Two <clusters>"]


def test_nothing_is_loaded_from_anywhere(read):
    loads = [element[key] for _, element in read.elements for key in ("src", "href", "xlink:href") if key in element]
    assert all(target.startswith(("#", "data:")) for target in loads)
    assert not read.all("link")
    assert not read.all("iframe")


def test_links_lead_somewhere_and_ids_are_unique(read):
    ids = [element["id"] for _, element in read.elements if element.get("id")]
    assert len(ids) == len(set(ids))
    targets = {element["href"][1:] for element in read.all("a")}
    assert targets <= set(ids)
    assert len(targets) > 20


def test_headings_are_in_order_and_tables_have_captions(read):
    levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert len(read.said("caption")) == len(read.all("table"))
    assert all(read.said("caption"))


def test_the_same_folder_gives_the_same_page(folder):
    first, again = (report(folder, kinds=["training", "embedding"]).html for _ in range(2))
    assert again == first


def test_static_pages_have_no_script(folder, page):
    html = report(folder, static=True, kinds=["training"]).html
    assert "<script" not in html
    assert len(html) < 0.5 * len(page.html)


def test_kinds(folder):
    assert len(Reading(report(folder, kinds=["training"], static=True).html).all("figure")) == 1
    assert not Reading(report(folder, kinds=[], static=True).html).all("figure")
    with pytest.raises(InputError, match="--plots: unknown kind of plot 'trainin'"):
        report(folder, kinds=["trainin"])
    with pytest.raises(InputError, match="'ablations' needs a 'ablations' table"):
        report(folder, kinds=["ablations"])
    with pytest.raises(InputError, match="--rows: 0 is not"):
        report(folder, rows=0)


def test_damage_is_told_and_the_rest_is_there(folder, tmp_path):
    planted.network(tmp_path / "a.safetensors", 0)
    data = bytearray((tmp_path / "a.safetensors").read_bytes())
    data[-3] ^= 4
    (tmp_path / "b.safetensors").write_bytes(data)
    (tmp_path / "cut.parquet").write_bytes((folder / "rollout.parquet").read_bytes()[:900])
    (tmp_path / "wrong.csv").write_text(
        "network,epoch,loss,val_loss,accuracy,grad_norm,lr,seconds,status\na,x,,,,,1,1,ok\n"
    )
    planted.table(tmp_path / "odd.parquet", "training", pictures.training(1).drop_columns(["lr"]))
    page = report(tmp_path, static=True)
    named = ["b.safetensors", "cut.parquet", "odd.parquet", "wrong.csv", "plot training of wrong.csv"]
    assert [line.partition(":")[0] for line in page.missing] == named
    assert str(tmp_path) not in "".join(page.missing[:4])
    ids = [element.get("id", "") for element in Reading(page.html).all("tr")]
    assert [one for one in ids if one.startswith("network-")] == ["network-0"]


def test_file_names_and_cells_are_no_markup(tmp_path):
    (tmp_path / 'a"><script>alert(1).csv').write_text('network,note\n<script>alert(2),"</td>"\n')
    (tmp_path / "empty.csv").write_text("")
    page = report(tmp_path, title="<script>", static=True)
    assert page.missing == ()
    assert "<script" not in page.html
    read = Reading(page.html)
    assert read.said("td")[:2] == ["<script>alert(2)", "</td>"]
    assert "The file holds no columns." in read.said("p")


def test_no_more_of_a_large_table_than_a_picture_needs(tmp_path, monkeypatch):
    """The rows that a picture gets, whatever the order of the row groups."""
    rows = pictures.rollout(NETWORKS + 3, trials=TRIALS + 2)
    planted.table(tmp_path / "rollout.parquet", "rollout", rows)
    planted.table(tmp_path / "fixedpoints.parquet", "fixedpoints", pictures.fixedpoints(NETWORKS + 3))
    seen = {}

    def look(kind, tables):
        seen[kind] = dict(tables)
        raise InputError("here", "is enough", "stop")

    monkeypatch.setattr("rnnkit.stages.report_plots.plot", look)
    page = report(tmp_path, kinds=["fixedpoints"], static=True)
    held = seen["fixedpoints"]["rollout"]
    assert set(held["network"].to_pylist()) == set(pictures.names(NETWORKS))
    assert held.num_rows == NETWORKS * TRIALS * 10
    assert set(seen["fixedpoints"]["fixedpoints"]["network"].to_pylist()) == set(pictures.names(NETWORKS))
    assert page.missing == ("plot fixedpoints of fixedpoints.parquet, rollout.parquet: here: is enough (stop)",)
    assert pq.read_metadata(tmp_path / "rollout.parquet").num_rows == rows.num_rows


def test_pictures_are_of_the_tables_of_one_folder(tmp_path):
    for part in ("a", "b"):
        planted.table(tmp_path / part / "fixedpoints.parquet", "fixedpoints", pictures.fixedpoints(1))
    planted.table(tmp_path / "b" / "rollout.parquet", "rollout", pictures.rollout(1))
    page = Reading(report(tmp_path, kinds=["fixedpoints"], static=True).html)
    lines = [text for text in page.said("code") if text.startswith("rnnkit plot fixedpoints")]
    assert [line.count(".parquet") for line in lines] == [1, 2]
    assert "a/fixedpoints.parquet" in lines[0]
    assert "b/rollout.parquet" in lines[1]
