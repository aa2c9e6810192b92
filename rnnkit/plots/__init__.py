"""Pictures of tables: one module per kind, tables in and a figure out.

This package imports no matplotlib; the module of a kind does, when it is first drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from rnnkit.errors import InputError, RnnkitError, unknown_name
from rnnkit.plots.settings import CHOICES, Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from rnnkit.plots.style import Picture

__all__ = ["KINDS", "Kind", "Settings", "draw", "get_kind"]


@dataclass(frozen=True)
class Kind:
    """A kind of picture.

    Attributes
    ----------
    title : str
        What it is called where pictures are listed.
    summary : str
        What it shows.
    needs : tuple of str
        Schemas, one of which must be given; the first that is there is drawn.
    also : tuple of str
        Schemas that may be given beside it.
    choices : tuple of str
        Settings that choose what is drawn and have a part in this kind; others are refused.
    column : str
        An optional column without which a table has nothing to draw; empty if there is none.
    """

    title: str
    summary: str
    needs: tuple[str, ...]
    also: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    column: str = ""

    @property
    def schemas(self) -> tuple[str, ...]:
        """All schemas that tables of this kind may have."""
        return self.needs + self.also


#: A kind's module has its name, with underscores, and a function `draw(tables, settings)`.
KINDS: dict[str, Kind] = {
    "training": Kind("Training", "loss by epoch", ("training",), (), ("colour", "value", "scale", "networks")),
    "distances": Kind("Distances", "matrix with dendrogram", ("comparisons",), (), ("value", "metrics", "networks")),
    "embedding": Kind(
        "Embedding",
        "networks in a plane",
        ("embedding", "comparisons"),
        ("summary", "feature_learning", "info"),
        ("colour", "metrics"),
    ),
    "degeneracy": Kind(
        "Degeneracy",
        "values with 95 % intervals",
        ("degeneracy",),
        (),
        ("colour", "metrics", "factor", "factor_scale", "scale"),
    ),
    "trajectories": Kind(
        "Trajectories", "states in PC space", ("rollout",), (), ("colour", "networks", "dims", "trials")
    ),
    "fixedpoints": Kind(
        "Fixed points", "points in PC space", ("fixedpoints",), ("rollout",), ("networks", "dims", "trials", "step")
    ),
    "spectrum": Kind(
        "Spectrum", "eigenvalues in the plane", ("eigenvalues", "schur", "fixedpoints"), (), ("networks", "step")
    ),
    "landscape": Kind(
        "Landscape", "slow points in training", ("fixedpoints",), (), ("scale", "networks"), column="step"
    ),
    "ablations": Kind(
        "Ablations", "losses by block", ("ablations",), ("ablation_controls",), ("value", "scale", "networks")
    ),
    "schur": Kind("Schur", "ordered Schur forms", ("schur",), (), ("scale", "networks")),
    "feature-learning": Kind(
        "Feature learning",
        "change and alignments",
        ("feature_learning",),
        (),
        ("value", "factor", "factor_scale", "scale", "networks"),
    ),
    "task": Kind("Task", "example trials", ("sample", "rollout"), (), ("networks", "trials")),
    "overlaps": Kind("Overlaps", "overlaps in training", ("overlap_theory", "overlaps"), (), ("value", "networks")),
    "theory-loss": Kind(
        "Theory of the loss", "losses by step", ("overlap_theory",), (), ("colour", "scale", "networks")
    ),
    "gram": Kind("Gram matrix", "matrices of overlaps", ("gram_matrix", "overlaps"), (), ("networks", "step")),
    "onset": Kind("Onsets", "ends of the search", ("onsets",), ("training",), ("value", "scale", "networks")),
    "freeze-in": Kind("Freeze-in", "settled points in learning", ("freeze_in",), (), ("networks",)),
    "ramping": Kind("Ramping", "units that ramp", ("ramping_summary", "ramping"), (), ("networks", "step")),
    "decoding": Kind("Decoding", "what units tell", ("decoding",), (), ("value", "scale", "networks", "step")),
    "activity-spectrum": Kind(
        "Activity spectra", "frequencies of units", ("spectra",), (), ("value", "scale", "networks", "step")
    ),
    "twins": Kind("Twins", "overlaps side by side", ("overlaps",), (), ("networks", "step")),
    "path-dependence": Kind(
        "Path dependence", "what earlier tasks left", ("path_dependence",), (), ("value", "scale", "networks")
    ),
    "weight-updates": Kind("Weight updates", "weights in training", ("weight_updates",), (), ("networks",)),
    "weight-correlation": Kind(
        "Weight correlation", "weights at two times", ("weight_correlation",), (), ("networks",)
    ),
    "latent": Kind("Latent circuits", "fixed points, flow", ("latent",), ("latent_flow",), ("networks", "step")),
}


def get_kind(name: str) -> Kind:
    """Return the kind of that name.

    Examples
    --------
    >>> get_kind("training").needs
    ('training',)
    """
    if name not in KINDS:
        raise unknown_name("KIND", name, KINDS, "kind of plot")
    return KINDS[name]


def draw(name: str, tables: Mapping[str, pa.Table], settings: Settings | None = None) -> Picture:
    """Draw one kind of picture.

    Parameters
    ----------
    name : str
        One of `KINDS`.
    tables : mapping of str to pyarrow.Table
        By schema.
    settings : Settings, optional

    Returns
    -------
    Picture
        The figure, and what could not be drawn.

    Raises
    ------
    InputError
        When a table, network, metric or column is not there, or a setting has no part in the kind.
    RnnkitError
        When matplotlib is not installed.

    Examples
    --------
    >>> from rnnkit.tables import build
    >>> held = {"network": "a", "phase": 1, "lr": 1, "seconds": 1, "status": "ok"}
    >>> rows = [held | {"epoch": k, "val_loss": 1 / k} for k in (1, 2)]
    >>> draw("training", {"training": build("training", rows)}).figure.axes[0].get_yscale()
    'log'
    """
    kind, settings = get_kind(name), settings or Settings()
    for choice in CHOICES:
        if getattr(settings, choice) != getattr(Settings(), choice) and choice not in kind.choices:
            raise InputError(CHOICES[choice], f"has no part in a plot of {name}", "leave it out")
    if not any(schema in tables for schema in kind.needs):
        raise InputError("TABLE", f"a plot of {name} needs a '{' or '.join(kind.needs)}' table", "add it")
    first = next(schema for schema in kind.needs if schema in tables)
    if not tables[first].num_rows:
        raise InputError("TABLE", f"the '{first}' table has no rows", "give one with rows")
    try:
        from rnnkit.plots.style import themed
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise RnnkitError("plot", "matplotlib is not installed", "pip install 'rnnkit[plots]'") from error
    with themed(settings):
        picture: Picture = import_module(f"rnnkit.plots.{name.replace('-', '_')}").draw(tables, settings)
        # The layout is worked out once: at every further drawing it would move by fractions of a point.
        picture.figure.draw_without_rendering()
        picture.figure.set_layout_engine("none")
    return picture
