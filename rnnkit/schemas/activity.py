"""Tables of what units do while a network runs: ramps, what can be read from them, their frequencies."""

from __future__ import annotations

from rnnkit.schemas.columns import NETWORK, STATUS, Column, Schema

__all__ = ["DECODING", "RAMPING", "RAMPING_SUMMARY", "SPECTRA", "SPECTRA_SUMMARY"]

_STEP = Column("step", "int64", "optimiser steps", "of training; 0 before it")
_OF = "`all`; `memory` and `computation` where the first units were set apart as memory units"
_GROUP = Column("group", "string", "", _OF)

RAMPING = Schema(
    "ramping",
    1,
    "How steadily the mean activity of each unit rises or falls within a trial.",
    ("network", "step", "unit"),
    (
        NETWORK,
        _STEP,
        Column("unit", "int64", "", "counts from 0"),
        Column("group", "string", "", "`memory` or `computation`; `all` where units are not set apart"),
        Column("slope", "float64", "per step", "of the mean activity over its peak, within the window", True),
        Column("r2", "float64", "share", "of its variance within the window that the line explains", True),
        Column("peak", "float64", "state units", "largest absolute value of the mean activity in the trial", True),
        Column("ramping", "bool", "", "slope and r2 pass their thresholds", True),
        Column("status", "string", "", "`ok`, `silent`, `constant`, or why numbers are missing"),
    ),
)

RAMPING_SUMMARY = Schema(
    "ramping_summary",
    1,
    "How many units of each group ramp, and how steeply.",
    ("network", "step", "group"),
    (
        NETWORK,
        _STEP,
        _GROUP,
        Column("units", "int64", "", "of the group"),
        Column("ramping", "int64", "", "of them ramp", True),
        Column("mean_abs_slope", "float64", "per step", "mean of |slope| over its units that are not silent", True),
        Column("median_r2", "float64", "share", "median of r2 over its units that do not stand still", True),
        STATUS,
    ),
)

DECODING = Schema(
    "decoding",
    1,
    "How well a linear readout of a group of units at one step tells what a trial holds.",
    ("network", "step", "time", "units", "target"),
    (
        NETWORK,
        _STEP,
        Column("time", "int64", "steps", "step of the trial, counts from 0"),
        Column("units", "string", "", _OF),
        Column(
            "target",
            "string",
            "",
            "what is decoded: a quantity of the trial, as `cue1`; else `input1`, ..., `target1`, ... of the same step",
        ),
        Column("r2", "float64", "share", "explained on the test trials; below 0: worse than their mean", True),
        Column("mse", "float64", "squared target units", "on the test trials", True),
        Column("r2_fit", "float64", "share", "explained on the trials that the readout was fitted to", True),
        Column("rank", "int64", "", "directions in which the group's activity varies over trials", True),
        Column(
            "status",
            "string",
            "",
            "`ok`; `rank_deficient`: several readouts fit equally well; `constant_target`; `too_few_trials`; or "
            "why numbers are missing",
        ),
    ),
)

SPECTRA = Schema(
    "spectra",
    1,
    "Frequencies in the activity of groups of units, over trials that follow on each other.",
    ("network", "step", "group", "frequency"),
    (
        NETWORK,
        _STEP,
        _GROUP,
        Column("frequency", "float64", "cycles per step", "from 0 to 1/2"),
        Column("amplitude", "float64", "", "|FFT| over its largest value, mean over units", True),
        Column("amplitude_no_dc", "float64", "", "the same with frequency 0 set aside, where it is null", True),
        Column("status", "string", "", "`ok`, `silent`, `constant`, or why numbers are missing"),
    ),
)

SPECTRA_SUMMARY = Schema(
    "spectra_summary",
    1,
    "The mean frequency in the activity of groups of units.",
    ("network", "step", "group"),
    (
        NETWORK,
        _STEP,
        _GROUP,
        Column("units", "int64", "", "of the group that are not silent: those that the mean is over", True),
        Column("units_moving", "int64", "", "of the group that do not stand still either: likewise, without DC", True),
        Column("centroid", "float64", "cycles per step", "mean of |frequency|, weighted by amplitude", True),
        Column("centroid_no_dc", "float64", "cycles per step", "the same, weighted by amplitude_no_dc", True),
        Column("status", "string", "", "`ok`, `silent`, `constant`, or why numbers are missing"),
    ),
)
