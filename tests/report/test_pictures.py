"""Pictures as parts of a page."""

import base64
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from rnnkit.plots import Settings, draw
from rnnkit.report import pictures
from rnnkit.report.pictures import markup
from rnnkit.stages import embedding
from rnnkit.tables import build
from tests.plots import planted


def placed(count: int):
    rng = np.random.default_rng(count)
    return draw("embedding", {"embedding": embedding(planted.comparisons(rng.normal(size=(count, 3))))})


@pytest.mark.parametrize("count", [2, 5, 50])
def test_each_point_is_a_link_with_its_networks_name(count):
    names = planted.names(count)
    links = {name: f"#network-{k}" for k, name in enumerate(names)}
    root = ElementTree.fromstring(markup(placed(count), Settings(), "p", links))
    points = list(root.iter("{http://www.w3.org/2000/svg}a"))
    assert {point.get("data-network"): point.get("href") for point in points} == links
    assert len(points) == count
    # Where a point is drawn is where the table says it is: names are not exchanged.
    rows = {row["network"]: row for row in embedding_rows(count)}
    xs = [float(point.find("{http://www.w3.org/2000/svg}circle").get("cx")) for point in points]
    wanted = [rows[point.get("data-network")]["x"] for point in points]
    assert np.corrcoef(xs, wanted)[0, 1] == pytest.approx(1, abs=1e-6)
    assert not [one for one in root.iter() if (one.get("id") or "p-").partition("-")[0] != "p"]


def embedding_rows(count: int) -> list[dict[str, object]]:
    rng = np.random.default_rng(count)
    return embedding(planted.comparisons(rng.normal(size=(count, 3)))).to_pylist()


def test_a_point_alone():
    row = {"network": "a", "metric": "dsa", "level": "dynamics", "x": 0.0, "y": 0.0, "status": "ok"}
    picture = draw("embedding", {"embedding": build("embedding", [row])})
    assert re.findall('data-network="(.*?)"', markup(picture, Settings(), "p", {"a": "#n"})) == ["a"]


def test_without_links_it_is_an_image():
    html = markup(placed(5), Settings(), "p")
    assert html.startswith('<img alt="5 networks as points in a plane')
    assert b"<svg" in base64.b64decode(html.partition("base64,")[2][:-2])


def test_what_is_large_becomes_pixels(monkeypatch):
    picture = draw("training", {"training": planted.training(3)})
    assert "data:image/svg+xml;base64," in markup(picture, Settings(), "p")
    monkeypatch.setattr(pictures, "LARGEST", 100)
    html = markup(picture, Settings(), "p")
    data = base64.b64decode(html.partition("data:image/png;base64,")[2][:-2])
    width = int.from_bytes(data[16:20], "big")
    assert width == pytest.approx(220 * picture.figure.get_size_inches()[0], abs=1)
    assert markup(placed(5), Settings(), "p", dict.fromkeys(planted.names(5), "#n")).startswith("<img ")
