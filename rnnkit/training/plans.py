"""From settings by name (command line, configuration file, --vary) to one plan per network."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.errors import InputError, unknown_name
from rnnkit.models.initialisation import check_initialisation, default_initialisation
from rnnkit.tasks import PRESETS, make_task, task_class
from rnnkit.tasks.parameters import describe
from rnnkit.training.settings import NetworkPlan, Settings

__all__ = ["MODEL_KEYS", "SETTING_KEYS", "network_name", "parse_seeds", "parse_vary", "plan_networks"]

_TYPES: dict[str, type] = {"int": int, "float": float, "str": str, "float | None": float}
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

#: Names that set the architecture, with their types.
MODEL_KEYS: dict[str, type] = {
    "model": str,
    "units": int,
    "rank": int,
    "alpha": float,
    "tau": float,
    "nonlinearity": str,
    "gamma": float,
    "bias": bool,
    "recurrent": str,
}
#: Names that set the training, with their types.
SETTING_KEYS: dict[str, type] = {f.name: _TYPES[str(f.type)] for f in fields(Settings)}


def parse_seeds(text: str) -> list[int]:
    """Read seeds: a range, one number, or a list.

    Examples
    --------
    >>> parse_seeds("0:3"), parse_seeds("3"), parse_seeds("0,4,7")
    ([0, 1, 2], [3], [0, 4, 7])
    """
    fix = "give a range 0:8, a number 3, or a list 0,4,7"
    seeds: list[int] = []
    for part in text.split(","):
        first, colon, last = part.partition(":")
        try:
            low = int(first)
            high = int(last) if colon else low + 1
        except ValueError as error:
            raise InputError("--seeds", f"'{text}' is no set of seeds", fix) from error
        if low < 0 or high <= low:
            what = "holds a negative seed" if low < 0 else f"holds the empty range '{part}'"
            raise InputError("--seeds", f"'{text}' {what}", fix)
        if high > 2**63:
            raise InputError("--seeds", f"'{part}' is beyond 64 bits", "give smaller seeds")
        if high - low > 1_000_000:
            raise InputError("--seeds", f"'{part}' is {high - low} networks", "give fewer")
        seeds += range(low, high)
    if len(set(seeds)) < len(seeds):
        raise InputError("--seeds", f"'{text}' names a seed twice", fix)
    return seeds


def _convert(key: str, value: Any, kind: type) -> Any:
    if kind is bool and not isinstance(value, bool):
        if str(value).lower() not in _TRUTH:
            raise InputError(f"--{key}", f"'{value}' is no true or false", "give true or false")
        return _TRUTH[str(value).lower()]
    try:
        return kind(value)
    except (TypeError, ValueError) as error:
        option = f"--{key.replace('_', '-')}"
        raise InputError(option, f"'{value}' is no {kind.__name__}", f"give a value like {kind(1)}") from error


def parse_vary(texts: Sequence[str]) -> dict[str, list[str]]:
    """Read `KEY=V1,V2,...` texts.

    Examples
    --------
    >>> parse_vary(["gamma=0.3,1,3"])
    {'gamma': ['0.3', '1', '3']}
    """
    vary: dict[str, list[str]] = {}
    for text in texts:
        key, equals, values = text.partition("=")
        key = key.strip().replace("-", "_")
        parts = [part.strip() for part in values.split(",")]
        if not equals or not key or "" in parts:
            raise InputError("--vary", f"'{text}' is not KEY=V1,V2,...", "for example gamma=0.3,1,3")
        if key in vary or len(set(parts)) < len(parts):
            raise InputError("--vary", f"'{text}' names something twice", "name each key and value once")
        vary[key] = parts
    return vary


def network_name(task: str, model: str, units: int, varied: Mapping[str, str], seed: int) -> str:
    """Return the file stem of a network, the varied settings before the seed (model and units have their place).

    Examples
    --------
    >>> network_name("flipflop", "vanilla", 64, {"gamma": "0.3"}, 0)
    'flipflop-vanilla-n64-gamma0.3-s0'
    """
    settings = [f"{key}{value}" for key, value in varied.items() if key not in ("model", "units")]
    return "-".join([task, model, f"n{units}", *settings, f"s{seed}"])


def _fitting(preset: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a preset's settings, without its initialisation where another kind of network is asked for."""
    other = str(given.get("model", preset["model"])) != preset["model"] or given.get("recurrent", "dense") != "dense"
    return {key: value for key, value in preset.items() if key != "init" or not other}


def _one(
    task_name: str,
    parameters: Mapping[str, Any],
    settings: Mapping[str, Any],
    varied: Mapping[str, str],
    seed: int,
) -> NetworkPlan:
    """Build one network's plan; what is not set comes from the task's preset and the family's defaults."""
    known_parameters = {p.name for p in describe(task_class(task_name))}
    named = PRESETS.get(task_name)
    parameters = dict(parameters)
    values: dict[str, Any] = {key: value for key, value in settings.items() if value is not None}
    for key, value in varied.items():
        if key in known_parameters:
            parameters[key] = value
        elif key in MODEL_KEYS or key in SETTING_KEYS:
            values[key] = value
        else:
            raise unknown_name("--vary", key, {*known_parameters, *MODEL_KEYS, *SETTING_KEYS}, "setting")
    task = make_task(task_name, parameters)
    kinds = MODEL_KEYS | SETTING_KEYS
    for key in values:
        if key not in kinds:
            raise unknown_name("settings", key, kinds, "setting")
    if named is not None:
        values = _fitting(named.settings, values) | values
    given = {key: _convert(key, value, kinds[key]) for key, value in values.items()}
    family = given.get("model", "vanilla")
    if family not in FAMILIES:
        raise unknown_name("--model", family, FAMILIES, "model family")
    spec = FAMILIES[family]
    for key in ("alpha", "tau"):
        if key in given and key != spec.rate_name:
            has = f"its leak is --{spec.rate_name}" if spec.rate_name else "it has no leak"
            raise InputError(f"--{key}", f"does not fit the '{family}' family", has)
    preset = task.preset
    default_rate = preset.tau if family == "mup" else spec.default_rate
    architecture = Architecture(
        family=family,
        units=given.get("units", 128),
        inputs=task.inputs,
        outputs=task.outputs,
        nonlinearity=given.get("nonlinearity", "tanh"),
        rate=given.get(spec.rate_name, default_rate) if spec.rate_name else 1.0,
        gamma=given.get("gamma", 1.0),
        rank=given.get("rank", 1 if spec.low_rank else 0),
        bias=given.get("bias", True),
        recurrent=given.get("recurrent", "dense"),
    )
    own_init = default_initialisation(family, architecture.recurrent)
    if given.get("init") == "default":
        given["init"] = own_init
    defaults: dict[str, Any] = {
        "lr": preset.lr,
        "batch": preset.batch,
        "epochs": preset.epochs,
        "steps_per_epoch": preset.steps_per_epoch,
        "schedule": preset.schedule,
        "stop_loss": preset.stop_loss,
        "patience": preset.patience,
        "init": own_init,
    }
    if "restart" in given and given.get("schedule", preset.schedule) != "cosine":
        raise InputError("--restart", "is the period of the cosine schedule", "add --schedule cosine")
    chosen = Settings(**(defaults | {key: given[key] for key in given if key in SETTING_KEYS}))
    check_initialisation(architecture, chosen.init, chosen.gain)
    name = network_name(task.name, family, architecture.units, varied, seed)
    return NetworkPlan(name, seed, task, architecture, chosen)


def plan_networks(
    task: str,
    parameters: Mapping[str, Any],
    settings: Mapping[str, Any],
    seeds: Sequence[int],
    vary: Mapping[str, Sequence[str]] | None = None,
) -> list[NetworkPlan]:
    """Return one plan per combination of varied settings and seed.

    Parameters
    ----------
    task : str
        A task, or a preset such as `schur/copy`, whose parameters and settings count where none are given.
    parameters : dict
        Task parameters that differ from their defaults, as values or text.
    settings : dict
        Model and training settings by name (:data:`MODEL_KEYS`, :data:`SETTING_KEYS`); None means unset.
    seeds : sequence of int
    vary : dict of lists of text, optional
        The grid: any task parameter or setting; goes before what `parameters` and `settings` say.

    Examples
    --------
    >>> plans = plan_networks("flipflop", {"bits": 2}, {"units": 16}, [0, 1], {"gamma": ["1", "3"]})
    >>> [plan.name for plan in plans][:2]
    ['flipflop-vanilla-n16-gamma1-s0', 'flipflop-vanilla-n16-gamma1-s1']
    """
    vary = vary or {}
    plans = []
    for combination in itertools.product(*vary.values()):
        varied = dict(zip(vary, combination, strict=True))
        plans += [_one(task, parameters, settings, varied, seed) for seed in seeds]
    return plans
