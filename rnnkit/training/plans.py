"""From settings by name (command line, configuration file, --vary) to one plan per network."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.checkpoints import Checkpoint
from rnnkit.errors import InputError, unknown_name
from rnnkit.models import MODELS
from rnnkit.models.initialisation import check_initialisation, default_initialisation, default_input_law
from rnnkit.tasks import PRESETS, Task, make_task, task_class
from rnnkit.tasks.parameters import describe
from rnnkit.training.consistency import check_consistency
from rnnkit.training.frozen import check_zero_diagonal, frozen_entries
from rnnkit.training.memory import check_memory
from rnnkit.training.optimizers import check_decay
from rnnkit.training.phases import make_phases
from rnnkit.training.settings import SAVED, NetworkPlan, Settings
from rnnkit.training.starts import start_architecture, start_type

__all__ = ["MODEL_KEYS", "SETTING_KEYS", "network_name", "parse_seeds", "parse_vary", "plan_networks"]

_TYPES: dict[str, type] = {
    "int": int,
    "float": float,
    "str": str,
    "bool": bool,
    "float | None": float,
    "int | None": int,
}
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
    "readout": str,
}
#: Settings that a task has defaults for.
_PRESET_KEYS = ("lr", "batch", "epochs", "steps_per_epoch", "schedule", "stop_loss", "patience")

#: Names that set the training, with their types.
SETTING_KEYS: dict[str, type] = {f.name: _TYPES[str(f.type)] for f in fields(Settings)} | {"init_gain": float}

#: Settings that shape weights before training, which a network that starts from a saved one has.
_DRAWING = ("init", "gain", "init_gain", "init_input", "init_a", "mai")


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
            option = f"--{key.replace('_', '-')}"
            raise InputError(option, f"'{value}' is no true or false", "give true or false")
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


def network_name(
    task: str, model: str, units: int, varied: Mapping[str, str], seed: int, start: str | None = None
) -> str:
    """Return the file stem of a network, the varied settings before the seed (model and units have their place).

    `start` is the name of the network it starts from. What is not trained may name columns, `recurrent.left:0`: a
    colon means something in file names on some systems, and becomes a dot.

    Examples
    --------
    >>> network_name("flipflop", "vanilla", 64, {"gamma": "0.3"}, 0)
    'flipflop-vanilla-n64-gamma0.3-s0'
    """
    settings = [f"{key}{value}" for key, value in varied.items() if key not in ("model", "units")]
    begun = [] if start is None else [start]
    return "-".join([task, model, f"n{units}", *begun, *settings, f"s{seed}"]).replace(":", ".")


def _fitting(preset: Mapping[str, Any], given: Mapping[str, Any], start: Checkpoint | None) -> dict[str, Any]:
    """Return a preset's settings, without its initialisation where another kind of network is asked for.

    A saved network brings all that is the model's.
    """
    if start is not None:
        return {key: value for key, value in preset.items() if key not in (*MODEL_KEYS, *_DRAWING)}
    other = str(given.get("model", preset["model"])) != preset["model"] or given.get("recurrent", "dense") != "dense"
    return {key: value for key, value in preset.items() if key != "init" or not other}


def _architecture(given: Mapping[str, Any], task: Task) -> Architecture:
    """Build the architecture; what is not set comes from the family's and the task's defaults."""
    family = given.get("model", "vanilla")
    if family not in FAMILIES:
        raise unknown_name("--model", family, FAMILIES, "model family")
    spec = FAMILIES[family]
    for key in ("alpha", "tau"):
        if key in given and key != spec.rate_name:
            has = f"its leak is --{spec.rate_name}" if spec.rate_name else "it has no leak"
            raise InputError(f"--{key}", f"does not fit the '{family}' family", has)
    default_rate = task.preset.tau if family == "mup" else spec.default_rate
    return Architecture(
        family=family,
        units=given.get("units", 128),
        inputs=task.inputs,
        outputs=task.outputs,
        nonlinearity=given.get("nonlinearity", ""),
        rate=given.get(spec.rate_name, default_rate) if spec.rate_name else 1.0,
        gamma=given.get("gamma", 1.0),
        rank=given.get("rank", 1 if spec.low_rank else 0),
        bias=given.get("bias", True),
        recurrent=given.get("recurrent", "dense"),
        readout=given.get("readout", "linear"),
    )


def _settings(given: Mapping[str, Any], task: Task, architecture: Architecture, start: Checkpoint | None) -> Settings:
    """Build the training settings; what is not set comes from the task's preset and the family's defaults."""
    preset = task.preset
    if "restart" in given and given.get("schedule", preset.schedule) != "cosine":
        raise InputError("--restart", "is the period of the cosine schedule", "add --schedule cosine")
    chosen: dict[str, Any] = {key: getattr(preset, key) for key in _PRESET_KEYS}
    chosen |= {key: given[key] for key in given if key in SETTING_KEYS}
    chosen.setdefault("tcr_on", "both" if MODELS[architecture.family].has_currents else "state")
    if start is not None:
        for key in _DRAWING:
            if given.get(key, False) is not False:
                what = f"draws weights, and '{start.name}' has weights"
                raise InputError(f"--{key.replace('_', '-')}", what, "leave it out, or --start")
        settings = Settings(**({"dtype": start_type(start)} | chosen | {"init": SAVED, "init_input": SAVED}))
    else:
        settings = Settings(**_initialised(chosen, given, architecture))
        check_initialisation(architecture, settings.init, settings.gain, settings.init_input, settings.init_a)
    check_consistency(architecture, settings)
    check_memory(architecture, settings)
    check_decay(architecture, settings)
    check_zero_diagonal(architecture, settings.zero_diagonal, start)
    return settings


def _initialised(chosen: Mapping[str, Any], given: Mapping[str, Any], architecture: Architecture) -> dict[str, Any]:
    """Return settings with what is unset of the initialisation filled in; `init_gain` is `gaussian` with its `gain`."""
    found = dict(chosen)
    gain = found.pop("init_gain", None)
    if gain is not None:
        for key, value in (("init", "gaussian"), ("gain", gain)):
            if found.get(key, value) not in (value, "default"):
                what = f"{found[key]} contradicts --init-gain {gain}, which is --init gaussian --gain {gain}"
                raise InputError(f"--{key}", what, "leave one out")
            found[key] = value
    if found.get("init", "default") == "default":
        found["init"] = default_initialisation(architecture.family, architecture.recurrent, architecture.low_rank)
    if found.get("init_input", "default") == "default":
        found["init_input"] = default_input_law(architecture)
    if "init_a" in given and not architecture.spec.diagonal:
        raise InputError("--init-a", f"does not fit the '{architecture.family}' family", "use --model plrnn")
    return found


@dataclass(frozen=True)
class _Request:
    """What is asked for of all networks alike: as :func:`plan_networks` takes it."""

    task: str
    parameters: Mapping[str, Any]
    settings: Mapping[str, Any]
    protocol: Sequence[str]
    phases: Mapping[str, Mapping[str, Any]]


def _one(request: _Request, varied: Mapping[str, str], seed: int, start: Checkpoint | None) -> NetworkPlan:
    """Build one network's plan."""
    known_parameters = {p.name for p in describe(task_class(request.task))}
    parameters = dict(request.parameters)
    values: dict[str, Any] = {key: value for key, value in request.settings.items() if value is not None}
    for key, value in varied.items():
        if key in known_parameters:
            parameters[key] = value
        elif key in MODEL_KEYS or key in SETTING_KEYS:
            values[key] = value
        else:
            raise unknown_name("--vary", key, {*known_parameters, *MODEL_KEYS, *SETTING_KEYS}, "setting")
    task = make_task(request.task, parameters)
    phases = make_phases(request.task, parameters, request.protocol, request.phases)
    task = phases[-1].task if phases else task
    kinds = MODEL_KEYS | SETTING_KEYS
    for key in values:
        if key not in kinds:
            raise unknown_name("settings", key, kinds, "setting")
    named = PRESETS.get(request.task)
    preset = {} if named is None else _fitting(named.settings, values, start)
    given = {key: _convert(key, value, kinds[key]) for key, value in (preset | values).items()}
    if start is None:
        architecture = _architecture(given, task)
    else:
        architecture = start_architecture(start, {key: given[key] for key in given if key in MODEL_KEYS}, task)
    settings = _settings(given, task, architecture, start)
    frozen_entries(architecture, settings.freeze)  # refuses what the network does not have
    begun = None if start is None else start.name
    name = network_name(task.name, architecture.family, architecture.units, varied, seed, begun)
    return NetworkPlan(name, seed, task, architecture, settings, phases, start)


def plan_networks(
    task: str,
    parameters: Mapping[str, Any],
    settings: Mapping[str, Any],
    seeds: Sequence[int],
    vary: Mapping[str, Sequence[str]] | None = None,
    *,
    protocol: Sequence[str] = (),
    phases: Mapping[str, Mapping[str, Any]] | None = None,
    starts: Sequence[Checkpoint] = (),
) -> list[NetworkPlan]:
    """Return one plan per combination of varied settings, network to start from and seed.

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
    protocol : sequence of str
        Names of phases, trained one after the other (:func:`rnnkit.training.phases.make_phases`).
    phases : dict of dict, by name
        Task parameters that are a phase's own; they go before all others.
    starts : sequence of Checkpoint
        Networks whose weights to start from, each under a name of its own; seeds then draw trials only.

    Examples
    --------
    >>> plans = plan_networks("flipflop", {"bits": 2}, {"units": 16}, [0, 1], {"gamma": ["1", "3"]})
    >>> [plan.name for plan in plans][:2]
    ['flipflop-vanilla-n16-gamma1-s0', 'flipflop-vanilla-n16-gamma1-s1']
    """
    vary = vary or {}
    request = _Request(task, parameters, settings, protocol, phases or {})
    begun: Sequence[Checkpoint | None] = starts or [None]
    plans = []
    for combination in itertools.product(*vary.values()):
        varied = dict(zip(vary, combination, strict=True))
        plans += [_one(request, varied, seed, start) for start in begun for seed in seeds]
    return plans
