"""Read back the JSON that :mod:`rnnkit.plots.saving` keeps in a picture. Needs no matplotlib."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnnkit.errors import FileError

__all__ = ["read_caption"]

_PNG = b"\x89PNG\r\n\x1a\n"


def read_caption(path: Path) -> dict[str, Any]:
    """Return command, parameters, software versions and digests of the tables that a picture was drawn from.

    Parameters
    ----------
    path : Path
        A picture that `rnnkit plot` wrote.

    Returns
    -------
    dict
        With the keys `command`, `parameters`, `software` and `inputs`.

    Raises
    ------
    FileError
        When the file is missing, is no picture of its ending, or says nothing that rnnkit wrote.

    Examples
    --------
    >>> import tempfile
    >>> note = '<dc:description>{"command": "rnnkit plot a"}</dc:description>'
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     picture = Path(folder) / "a.svg"
    ...     _ = picture.write_text("<?xml version='1.0'?><svg>" + note + "</svg>")
    ...     read_caption(picture)["command"]
    'rnnkit plot a'
    """
    if not path.is_file():
        raise FileError(str(path), "is a folder" if path.is_dir() else "no such file", "check the name")
    data = path.read_bytes()
    try:
        said = {".png": _png, ".svg": _svg, ".pdf": _pdf}[path.suffix](data)
        held = None if said is None else json.loads(said)
    except (ValueError, RecursionError):  # what was damaged need not be text any more
        held = None
    if not isinstance(held, dict) or not isinstance(held.get("command"), str):
        raise FileError(str(path), "says nothing of how it was made", "give a picture that rnnkit plot wrote")
    return held


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and content of each chunk of a PNG file, as far as it goes."""
    place = len(_PNG)
    while data.startswith(_PNG) and place + 8 <= len(data):
        size = int.from_bytes(data[place : place + 4], "big")
        yield data[place + 4 : place + 8], data[place + 8 : place + 8 + size]
        place += size + 12  # its length, its kind, and a checksum


def _png(data: bytes) -> str | None:
    for kind, content in _chunks(data):
        key, _, rest = content.partition(b"\0")
        if key == b"Description" and kind == b"tEXt":
            return rest.decode("latin-1")
        if key == b"Description" and kind == b"iTXt" and rest[:1] == b"\0":  # not compressed
            return rest[2:].split(b"\0", 2)[-1].decode("utf-8", "replace")
    return None


def _svg(data: bytes) -> str | None:
    found = re.search(r"<dc:description>(.*?)</dc:description>", data.decode("utf-8", "replace"), re.DOTALL)
    return None if found is None else html.unescape(found[1])


def _pdf(data: bytes) -> str | None:
    """Read the Subject of a PDF's information: a string in brackets, with backslashes before special bytes."""
    found = re.search(rb"/Subject \(((?:[^\\()]|\\.)*)\)", data, re.DOTALL)
    if found is None:
        return None
    text = re.sub(rb"\\(.)", lambda mark: {b"n": b"\n", b"r": b"\r"}.get(mark[1], mark[1]), found[1], flags=re.DOTALL)
    return text.decode("utf-16") if text.startswith(b"\xfe\xff") else text.decode("latin-1")
