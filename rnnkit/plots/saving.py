"""Figures as files: the same figure gives the same bytes, with where it comes from in the file's metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

import matplotlib as mpl

from rnnkit._version import __version__
from rnnkit.plots.settings import Settings
from rnnkit.plots.style import Picture, themed
from rnnkit.provenance import Provenance

__all__ = ["save"]


def save(
    picture: Picture, target: Path | IO[bytes], form: str, settings: Settings, title: str, ran: Provenance | None = None
) -> None:
    """Write a figure.

    Parameters
    ----------
    picture : Picture
    target : Path or binary stream
    form : str
        `png`, `svg` or `pdf`.
    settings : Settings
        As it was drawn with; `dpi` is that of PNG and of images inside the other two.
    title : str
        For the metadata.
    ran : Provenance, optional
        Command line, parameters, software versions and digests of the tables, kept as JSON in the file: under
        `Description` in PNG and SVG, `Subject` in PDF.

    Examples
    --------
    >>> import io
    >>> from matplotlib.figure import Figure
    >>> files = [io.BytesIO(), io.BytesIO()]
    >>> for file in files:
    ...     save(Picture(Figure(), "nothing"), file, "svg", Settings(), "nothing")
    >>> files[0].getvalue() == files[1].getvalue()
    True
    """
    held = (ran or Provenance()).to_json()
    held["software"] |= {"matplotlib": mpl.__version__}
    said = json.dumps(held, sort_keys=True)
    maker = f"rnnkit {__version__}"
    # Dates, which would make each file another, are left out.
    notes: dict[str, dict[str, Any]] = {
        "png": {"Title": title, "Description": said, "Software": maker},
        "svg": {"Title": title, "Description": said, "Creator": maker, "Date": None},
        "pdf": {"Title": title, "Subject": said, "Creator": maker, "Producer": maker, "CreationDate": None},
    }
    with themed(settings):
        picture.figure.savefig(target, format=form, dpi=settings.dpi, metadata=notes[form])
