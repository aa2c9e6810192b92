"""Figures inside a page: vectors where they are small, pixels where they are not, and points that say what they are."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from rnnkit.plots import Settings

if TYPE_CHECKING:
    from rnnkit.plots.style import Picture

__all__ = ["LARGEST", "markup"]

#: Bytes of SVG above which a picture becomes pixels: browsers on phones draw it slowly, and the file is mailed.
LARGEST = 600_000
#: Dots per inch then: twice the size on a screen, enough for print.
_DPI = 220.0
#: Radius in points within which the pointer is on a point, a finger's width.
_REACH = 7
_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"


def markup(picture: Picture, settings: Settings, name: str, links: Mapping[str, str] | None = None) -> str:
    """Return a picture as HTML that needs nothing beside it.

    Parameters
    ----------
    picture : Picture
    settings : Settings
        As it was drawn with.
    name : str
        Unique in the page; ids inside the picture begin with it.
    links : mapping of str to str, optional
        Where the points that stand for a network lead, by its name. Without it, pictures are images only.

    Returns
    -------
    str
        An `img` element, or an `svg` element where points are links that carry the network's name.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from rnnkit.plots.style import Picture
    >>> markup(Picture(Figure(figsize=(1, 1)), "<nothing>"), Settings(), "p")[:49]
    '<img alt="&lt;nothing&gt;" width="96" height="96"'
    """
    if picture.named and links is not None:
        for points, networks in picture.named:
            points.set_urls([links[network] for network in networks])
        drawn = _drawn(picture, settings, "svg")
        if len(drawn) <= LARGEST:
            names = [network for _, networks in picture.named for network in networks]
            return _inline(drawn.decode(), name, picture.alt, names)
    else:
        drawn = _drawn(picture, settings, "svg")
    kind = "svg+xml"
    if len(drawn) > LARGEST:
        kind, drawn = "png", _drawn(picture, replace(settings, dpi=_DPI), "png")
    width, height = (round(96 * inches) for inches in picture.figure.get_size_inches())
    data = base64.b64encode(drawn).decode()
    alt = escape(picture.alt)
    return f'<img alt="{alt}" width="{width}" height="{height}" src="data:image/{kind};base64,{data}">'


def _drawn(picture: Picture, settings: Settings, form: str) -> bytes:
    from rnnkit.plots.saving import save

    stream = io.BytesIO()
    save(picture, stream, form, settings, "")
    return stream.getvalue()


def _inline(svg: str, name: str, alt: str, networks: list[str]) -> str:
    """Return an SVG file as an element of a page, its links named after the networks, in their order."""
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _LINK)
    # A file that matplotlib has just written.
    root = ElementTree.fromstring(_owned(svg, name))
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    root.set("role", "group")
    root.set("aria-label", alt)
    # Names of groups repeat from panel to panel; nothing refers to them.
    for group in root.iter(f"{{{_SVG}}}g"):
        if "id" in group.attrib:
            group.set("class", group.attrib.pop("id").removeprefix(f"{name}-"))
    anchors = root.iter(f"{{{_SVG}}}a")
    for anchor, network in zip(anchors, networks, strict=True):
        anchor.set("aria-label", network)
        anchor.set("data-network", network)
        anchor.set("href", anchor.attrib.pop(f"{{{_LINK}}}href"))
        anchor.attrib.pop("target", None)
        centre = next(anchor.iter(f"{{{_SVG}}}use"), None)
        if centre is not None:  # a point alone in its panel is a path, and takes the pointer by itself
            reach = {"cx": centre.get("x", "0"), "cy": centre.get("y", "0"), "r": str(_REACH), "fill-opacity": "0"}
            ElementTree.SubElement(anchor, f"{{{_SVG}}}circle", reach)
    return ElementTree.tostring(root, encoding="unicode")


def _owned(svg: str, name: str) -> str:
    """Return an SVG file with its ids, and what refers to them, under a name: a page has several pictures.

    Examples
    --------
    >>> _owned('<g id="a" clip-path="url(#b)"/><use xlink:href="#a"/><a xlink:href="#c"/>', "p")
    '<g id="p-a" clip-path="url(#p-b)"/><use xlink:href="#p-a"/><a xlink:href="#c"/>'
    """
    svg = re.sub(r'(<[^>]*?\s)id="', rf'\1id="{name}-', svg)
    svg = svg.replace("url(#", f"url(#{name}-")
    return re.sub(r'(<use\b[^>]*?xlink:href=")#', rf"\1#{name}-", svg)
