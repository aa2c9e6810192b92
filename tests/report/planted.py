"""A folder of networks and tables whose report is known in advance."""

from __future__ import annotations

from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow as pa

from rnnkit.architectures import Architecture
from rnnkit.checkpoints import Checkpoint, save_native
from rnnkit.provenance import Provenance, file_digest
from rnnkit.tables import build, open_writer, table_metadata
from tests.plots import planted

TRAINED = "rnnkit train flipflop --units 8 -o run/ckpts"
COMPARED = "rnnkit compare run/ckpts -o 'run/<b>&.parquet'"
#: A file name that is markup where it is not escaped.
ODD = "<b>&.parquet"


def network(path: Path, seed: int, command: str = TRAINED) -> None:
    """Write a network with the name that the tables give it."""
    shape = Architecture(family="vanilla", units=8, inputs=2, outputs=2)
    rng = np.random.default_rng(seed)
    weights = {name: rng.normal(size=size).astype(np.float32) for name, size in shape.shapes().items()}
    parameters = {"bits": 2, "start": "zero"}
    losses = {"training": 0.25, "validation": 0.5}
    ran = Provenance(command).to_json()
    save_native(
        Checkpoint(path.stem, shape, weights, {}, "flipflop", parameters, {}, seed, losses, "converged", ran), path
    )


def table(path: Path, schema: str, rows: pa.Table, command: str = "", inputs: Mapping[str, str] | None = None) -> None:
    """Write a table with where it comes from."""
    ran = Provenance(command, {}, inputs or {})
    with open_writer(path, path.suffix[1:], table_metadata(schema, ran)) as to:
        to.write(rows)


def run(folder: Path) -> Path:
    """Five networks in two clusters; losses, distances, points, activity; one digest that does not fit any more."""
    names = planted.names(5)
    for seed, name in enumerate(names):
        network(folder / "ckpts" / f"{name}.safetensors", seed)
    table(folder / "ckpts" / "training.parquet", "training", planted.training(5), TRAINED)
    own = {f"run/ckpts/{name}.safetensors": file_digest(folder / "ckpts" / f"{name}.safetensors") for name in names}
    place = np.array([[0.0, 0], [1, 0], [0, 1], [9, 9], [9, 8]])
    table(folder / ODD, "comparisons", planted.comparisons(place), COMPARED, own)
    table(folder / "fixedpoints.parquet", "fixedpoints", planted.fixedpoints(5), "rnnkit fixedpoints run/ckpts", own)
    old = own | {"run/ckpts/flipflop-n8-s0.safetensors": "0" * 64, "elsewhere/x.npz": "1" * 64}
    table(folder / "rollout.parquet", "rollout", planted.rollout(5, trials=30), "rnnkit rollout run/ckpts", old)
    table(folder / "summary.csv", "summary", summary(names))
    return folder


def summary(names: list[str]) -> pa.Table:
    """Network k leaves a share of k / 10 unexplained; the last has no number."""
    rows = [
        {"network": name, "condition": "train", "task": "flipflop", "task_parameters": '{"bits": 2}', "trials": 4}
        | {"steps": 9, "loss": k / 5, "fvu": k / 10 if k < 4 else None, "converged": True}
        | {"status": "ok" if k < 4 else "diverged"}
        for k, name in enumerate(names)
    ]
    return build("summary", rows)


class Reading(HTMLParser):
    """What a page holds: elements with their attributes, and the text below those that are asked for."""

    VOID = frozenset({"meta", "img", "br", "circle", "use", "path"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in self.VOID:
            self._open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            del self._open[len(self._open) - 1 - self._open[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts[tag][-1] += data

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every element of that name."""
        return [attributes for name, attributes in self.elements if name == tag]

    def said(self, tag: str) -> list[str]:
        """The text of every element of that name, blanks joined."""
        return [" ".join(text.split()) for text in self.texts.get(tag, [])]
