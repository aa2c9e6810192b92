"""The pictures of a report: which kinds the tables of a folder allow, and what is read for them."""

from __future__ import annotations

import io
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rnnkit.errors import FileError, InputError, unknown_name
from rnnkit.plots import KINDS, Kind, Settings
from rnnkit.plots.activity import TRIALS
from rnnkit.plots.words import many
from rnnkit.report.files import TableFile
from rnnkit.report.page import Plot
from rnnkit.report.pictures import markup
from rnnkit.schemas import SCHEMAS
from rnnkit.stages.plot import plot
from rnnkit.tables import read

__all__ = ["NETWORKS", "TRIALS", "Drawn", "chosen_kinds", "column_frame", "plots"]

#: Of a table with a vector in each row: networks that pictures are drawn from, with the trials that are drawn of each.
NETWORKS = 24
#: Rows that are decoded at a time.
_BATCH = 8192


@dataclass(frozen=True)
class Drawn:
    """Pictures, and a line for each that could not be drawn or lacks something."""

    plots: list[Plot]
    problems: list[str]


def chosen_kinds(wanted: Sequence[str] | None, schemas: Sequence[str | None]) -> list[str]:
    """Return the kinds of pictures to draw, in the order of the registry.

    Raises
    ------
    InputError
        For a kind that is not known, or whose table is not there.

    Examples
    --------
    >>> chosen_kinds(None, ["training", "summary"]), chosen_kinds([], ["training"])
    (['training'], [])
    """
    possible = [name for name, kind in KINDS.items() if set(kind.needs) & set(schemas)]
    if wanted is None:
        return possible
    for name in wanted:
        if name not in KINDS:
            raise unknown_name("--plots", name, [*KINDS, "none"], "kind of plot")
        if name not in possible:
            needs = " or ".join(KINDS[name].needs)
            raise InputError("--plots", f"'{name}' needs a '{needs}' table, and there is none", "make one, or leave it")
    return [name for name in KINDS if name in wanted]


def column_frame(table: TableFile, names: Sequence[str]) -> pd.DataFrame:
    """Return some columns of a table of a declared schema."""
    if table.path.suffix == ".parquet":
        return pq.read_table(table.path, columns=list(names), partitioning=None).to_pandas()
    return read(table.path, str(table.schema)).select(list(names)).to_pandas()


def plots(
    tables: Sequence[TableFile],
    kinds: Sequence[str],
    networks: Mapping[str, str],
    anchors: Mapping[str, str],
    folder: Path,
    static: bool,
    progress: Callable[[float, float, str], None],
) -> Drawn:
    """Return every picture that tables allow.

    Parameters
    ----------
    tables : sequence of TableFile
    kinds : sequence of str
        Of :data:`rnnkit.plots.KINDS`.
    networks, anchors : mapping of str to str
        Ids in the page of networks by name and of files by name, for points to lead to.
    folder : Path
        That of the report, as it stands in the commands shown.
    static : bool
        Points are not to say which network they are.
    progress : function of (done, total, note)
    """
    drawn = Drawn([], [])
    jobs = [(name, group) for name in kinds for group in _groups(KINDS[name], tables)]
    for k, (name, group) in enumerate(jobs):
        progress(k, len(jobs), name)
        alone = sum(other == name for other, _ in jobs) == 1
        anchor, beside = (f"plot-{name}", "") if alone else (f"plot-{name}-{k}", f", {group[0].name}")
        try:
            parts = [_load(table) for table in group]
            pairs = [(str(table.schema), part.rows) for table, part in zip(group, parts, strict=True)]
            picture = plot(name, pairs)
        except (FileError, InputError) as error:
            drawn.problems.append(f"plot {name} of {', '.join(table.name for table in group)}: {error}")
            continue
        # A network that has no row of its own leads to the table.
        links = {
            network: f"#{networks.get(network, anchors[group[0].name])}"
            for _, named in picture.named
            for network in named
        }
        notes = [*(part.note for part in parts if part.note), *picture.notes]
        drawn.problems.extend(f"plot {name} leaves out {what}" for what in picture.left_out)
        drawn.plots.append(
            Plot(
                anchor,
                f"{KINDS[name].title}: {KINDS[name].summary}{beside}",
                markup(picture, Settings(), anchor, None if static else links),
                picture.alt,
                round(96 * picture.figure.get_size_inches()[0]),
                shlex.join(["rnnkit", "plot", name, *(str(folder / one.name) for one in group), "-o", f"{name}.pdf"]),
                [*notes, *(f"Not drawn: {what}" for what in picture.left_out)],
            )
        )
    return drawn


def _groups(kind: Kind, tables: Sequence[TableFile]) -> Iterator[list[TableFile]]:
    """Yield the tables of each picture of a kind: a picture for each table of the schema that is drawn.

    Tables beside it are from its own folder, or from the nearest above that has any. Of the schemas that can be drawn
    the first that a folder has is taken.
    """
    for folder in sorted({table.folder for table in tables}):
        here = [table for table in tables if table.folder == folder]
        schema = next((name for name in kind.needs if any(table.schema == name for table in here)), None)
        for table in here:
            if schema is not None and table.schema == schema and (not kind.column or kind.column in table.columns):
                yield [table, *(one for name in kind.also for one in _beside(table, name, tables))]


def _beside(table: TableFile, schema: str, tables: Sequence[TableFile]) -> list[TableFile]:
    """Return the first table of a schema in the folder of another, or in the nearest above that has one."""
    place = table.folder
    while True:
        found = [one for one in tables if one.folder == place and one.schema == schema]
        if found or not place:
            return found[:1]
        place = place.rpartition("/")[0]


@dataclass(frozen=True)
class _Part:
    """Rows of a table that a picture is drawn from, and a line where they are not all."""

    rows: pa.Table
    note: str = ""


def _load(table: TableFile) -> _Part:
    """Read a table for a picture; of one with vectors, the first networks and trials only, a part at a time."""
    schema = SCHEMAS[str(table.schema)]
    heavy = "network" in table.columns and any(column.type.startswith("vector") for column in schema.columns)
    if not heavy or table.path.suffix != ".parquet":
        return _Part(read(table.path, schema.name))
    kept, networks, rows = io.BytesIO(), dict[str, None](), 0
    with (
        pq.ParquetFile(table.path, page_checksum_verification=True) as held,
        pq.ParquetWriter(kept, held.schema_arrow) as to,
    ):
        for batch in held.iter_batches(batch_size=_BATCH):
            networks |= dict.fromkeys(map(str, batch.column("network").to_pylist()))
            wanted = pc.is_in(batch.column("network"), pa.array(list(networks)[:NETWORKS], pa.string()))
            if "trial" in table.columns:
                wanted = pc.and_(wanted, pc.less(batch.column("trial"), pa.scalar(TRIALS)))
            few = batch.filter(wanted)
            rows += few.num_rows
            to.write_batch(few)
    kept.seek(0)
    if rows == table.rows:
        return _Part(read(kept, schema.name, table.name))
    parts = [f"the first {NETWORKS} of {many(len(networks), 'network')}"] if len(networks) > NETWORKS else []
    parts += [f"the first {TRIALS} trials"] if "trial" in table.columns else []
    turned = " Drawn from all of them, the axes may be turned." if "trial" in table.columns else ""
    return _Part(read(kept, schema.name, table.name), f"From {table.name} {' and '.join(parts)} are taken.{turned}")
