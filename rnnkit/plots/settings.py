"""What can be chosen about a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from rnnkit.errors import InputError, unknown_name

__all__ = ["CHOICES", "FORMATS", "SCALES", "Settings"]

#: Of pictures, which are the endings of their files.
FORMATS = ("png", "svg", "pdf")
SCALES = ("log", "linear")

#: Settings that choose what is drawn, with the option that an error names.
CHOICES = {
    "colour": "--colour",
    "value": "--value",
    "metrics": "--metric",
    "networks": "--network",
    "factor": "--factor",
    "factor_scale": "--factor-scale",
    "scale": "--scale",
    "dims": "--dims",
    "trials": "--trials",
    "step": "--step",
}


@dataclass(frozen=True)
class Settings:
    """What a picture looks like, and what of its tables it shows; None leaves it to the kind.

    Attributes
    ----------
    width, height : float, optional
        In inches; 3.4 wide for one column of panels, 7 for several.
    title, xlabel, ylabel : str, optional
    font_size : float
        In points.
    dpi : float
        Dots per inch of PNG files.
    rc : mapping
        Parameters of matplotlib, by name, over those of the theme.
    colour : str, optional
        Column to colour by.
    value : str, optional
        Column to show.
    metrics, networks : tuple of str
        Those to show; all if empty.
    factor : str, optional
        Group column along the x axis.
    factor_scale : str, optional
        `log` or `linear`, of the factor.
    scale : str, optional
        `log` or `linear`, of values.
    dims : int
        2 or 3 principal components.
    trials : int, optional
        Trials to show, the first of the table.
    step : int, optional
        Optimiser step of training to show; each network's last if None.

    Raises
    ------
    InputError
        When a size is no positive number, or a scale or number of dimensions is not known.

    Examples
    --------
    >>> Settings(width=0)
    Traceback (most recent call last):
    rnnkit.errors.InputError: --width: 0 is not between 0.5 and 100 (give a number in inches)
    """

    width: float | None = None
    height: float | None = None
    title: str | None = None
    xlabel: str | None = None
    ylabel: str | None = None
    font_size: float = 8.0
    dpi: float = 300.0
    rc: Mapping[str, str] = field(default_factory=dict)
    colour: str | None = None
    value: str | None = None
    metrics: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    factor: str | None = None
    factor_scale: str | None = None
    scale: str | None = None
    dims: int = 2
    trials: int | None = None
    step: int | None = None

    def __post_init__(self) -> None:
        _between("--width", self.width, 0.5, 100, "inches")
        _between("--height", self.height, 0.5, 100, "inches")
        _between("--font-size", self.font_size, 1, 100, "points")
        _between("--dpi", self.dpi, 10, 2400, "dots per inch")
        for option, scale in (("--scale", self.scale), ("--factor-scale", self.factor_scale)):
            if scale is not None and scale not in SCALES:
                raise unknown_name(option, scale, SCALES, "scale")
        if self.dims not in (2, 3):
            raise InputError("--dims", f"{self.dims} is not a number of axes", "give 2 or 3")
        if self.trials is not None and self.trials < 1:
            raise InputError("--trials", f"{self.trials} is not a number of trials", "give 1 or more")
        if self.step is not None and self.step < 0:
            raise InputError("--step", f"{self.step} is not a step of training", "give 0 or more")


def _between(option: str, value: float | None, low: float, high: float, unit: str) -> None:
    if value is not None and not (math.isfinite(value) and low <= value <= high):
        raise InputError(option, f"{value} is not between {low} and {high}", f"give a number in {unit}")
