"""Foreign files into checkpoints: the layout is found by the names of the tensors, or given."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rnnkit.checkpoints import Checkpoint, Tensors, check_tensors, load_native
from rnnkit.errors import InputError, unknown_name
from rnnkit.interop.arrays import from_arrays, holds_native_names
from rnnkit.interop.current_layout import from_current, holds_current
from rnnkit.interop.exporting import INITIAL_MARK
from rnnkit.interop.fitting import architecture_of, shapes_of
from rnnkit.interop.notes import initial_digest, parse_note, restore, tensors_digest
from rnnkit.interop.reading import read_file, read_safetensors_widened
from rnnkit.interop.torch_layout import from_state_dict, holds_module

__all__ = ["LAYOUTS", "import_network", "pair_initial"]

LAYOUTS = ("auto", "torch", "current", "lowrank", "arrays")


@dataclass(frozen=True, kw_only=True)
class _Options:
    """What the caller says about files of one layout."""

    layout: str = "auto"
    alpha: float | None = None
    nonlinearity: str | None = None
    gamma: float | None = None
    family: str | None = None
    arrays: Mapping[str, str] = field(default_factory=dict)
    transpose: Collection[str] = ()

    def constants(self) -> dict[str, Any]:
        """The architecture constants that are given, by their names in an Architecture."""
        given = {"rate": self.alpha, "nonlinearity": self.nonlinearity, "gamma": self.gamma}
        return {name: value for name, value in given.items() if value is not None}


def import_network(
    path: Path,
    *,
    layout: str = "auto",
    alpha: float | None = None,
    nonlinearity: str | None = None,
    gamma: float | None = None,
    initial: Path | None = None,
    task: str | None = None,
    task_parameters: Mapping[str, Any] | None = None,
    arrays: Mapping[str, str] | None = None,
    transpose: Collection[str] = (),
    family: str | None = None,
    name: str | None = None,
) -> Checkpoint:
    """Return a foreign file's network as a checkpoint.

    A file that :func:`rnnkit.interop.export_network` wrote comes back as the checkpoint it was, its weights
    before training included; what is given here replaces what it says. Any other has the status `imported`.

    Parameters
    ----------
    path : Path
        A `.pt`, `.pth`, `.safetensors`, `.npz` or `.mat` file.
    layout : str
        One of :data:`LAYOUTS`; `auto` goes by the names of the tensors.
    alpha : float, optional
        Share of the state that a step replaces (`tau` in `mup`); 0.2 in leaky families unless given.
    nonlinearity : str, optional
        `tanh` unless given.
    gamma : float, optional
        Divisor of the output; 1 unless given.
    initial : Path, optional
        File of the same layout with the weights before training.
    task : str, optional
    task_parameters : mapping, optional
    arrays : mapping, optional
        For plain arrays: native tensor name to the array's name.
    transpose : collection of str
        For plain arrays: native names of those to transpose.
    family : str, optional
        Model family; needed for plain arrays.
    name : str, optional
        The file's stem unless given.

    Raises
    ------
    FileError
        For a file that is missing, damaged or holds pickled objects.
    InputError
        For tensors that make no network of the layout, naming tensor and shapes.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "net.npz"
    ...     np.savez(file, W=np.eye(3), U=np.ones((3, 2)), R=np.ones((1, 3)))
    ...     names = {"recurrent.weight": "W", "input.weight": "U", "readout.weight": "R"}
    ...     net = import_network(file, arrays=names, family="leaky", alpha=0.1)
    >>> net.architecture.family, net.architecture.inputs, net.architecture.rate, net.status
    ('leaky', 2, 0.1, 'imported')
    """
    if layout not in LAYOUTS:
        raise unknown_name("--layout", layout, LAYOUTS, "layout")
    options = _Options(
        layout=layout,
        alpha=alpha,
        nonlinearity=nonlinearity,
        gamma=gamma,
        family=family,
        arrays=arrays or {},
        transpose=transpose,
    )
    checkpoint = _read(path, options)
    if initial is not None:
        untrained = _read(initial, options)
        _check_same(path, checkpoint, initial, untrained)
        checkpoint = replace(checkpoint, initial=untrained.weights)
    if task is not None:
        checkpoint = replace(checkpoint, task=task, task_parameters={})
    if task_parameters is not None:
        checkpoint = replace(checkpoint, task_parameters=dict(task_parameters))
    return checkpoint.named(path.stem if name is None else name)


def pair_initial(paths: Sequence[Path], initial: Sequence[Path] = ()) -> list[tuple[Path, Path | None]]:
    """Pair each network's file with that of its weights before training.

    An exported `NAME.initial.pt` in the list beside its `NAME.pt` is no network of its own and is left out:
    importing `NAME.pt` finds it.

    Raises
    ------
    InputError
        When `initial` is given and has not one file for each network.

    Examples
    --------
    >>> pair_initial([Path("a.pt"), Path("a.initial.pt"), Path("b.pt")])
    [(PosixPath('a.pt'), None), (PosixPath('b.pt'), None)]
    """
    beside = {_initial_beside(path) for path in paths}
    networks = [path for path in paths if path not in beside]
    if not initial:
        return [(path, None) for path in networks]
    if len(initial) != len(networks):
        raise InputError(
            "--initial",
            f"{len(initial)} files for {len(networks)} networks",
            "give one for each, in the same order",
        )
    return list(zip(networks, initial, strict=True))


def _initial_beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}{INITIAL_MARK}{path.suffix}")


def _read(path: Path, options: _Options) -> Checkpoint:
    """Return a file's network with the constants that were given."""
    if path.suffix.lower() == ".safetensors" and path.is_file() and options.layout == "auto":
        content = read_safetensors_widened(path)
        if "rnnkit" in content[1]:
            return _with_constants(load_native(path, content), options)
    file = read_file(path)
    asks_for_arrays = bool(options.arrays or options.transpose)
    if file.note is not None and options.layout == "auto" and not asks_for_arrays:
        note = parse_note(path, file.note)
        checkpoint, intact = restore(path, file, note)
        digest = initial_digest(note)
        beside = _initial_beside(path)
        if intact and digest and beside.is_file():
            checkpoint = replace(checkpoint, initial=_exported_initial(path, beside, digest, checkpoint))
        checkpoint = _with_constants(checkpoint, options)
    else:
        family, weights = _decode(path, file.tensors, options)
        architecture = architecture_of(
            family, weights, alpha=options.alpha, nonlinearity=options.nonlinearity, gamma=options.gamma
        )
        checkpoint = Checkpoint(path.stem, architecture, weights)
    check_tensors(str(path), checkpoint.architecture, checkpoint.weights)
    _check_family(path, checkpoint.architecture.family, options)
    return checkpoint


def _with_constants(checkpoint: Checkpoint, options: _Options) -> Checkpoint:
    return replace(checkpoint, architecture=replace(checkpoint.architecture, **options.constants()))


def _exported_initial(path: Path, beside: Path, digest: str, checkpoint: Checkpoint) -> Tensors:
    """Return the weights before training that were exported along with a network."""
    file = read_file(beside)
    if file.note is None or tensors_digest(file.tensors) != digest:
        raise InputError(
            str(beside),
            f"is not what was exported with {path.name}",
            "remove it, or give --initial the right file",
        )
    untrained, _ = restore(beside, file, parse_note(beside, file.note))
    _check_same(path, checkpoint, beside, untrained)
    return untrained.weights


def _decode(path: Path, tensors: Tensors, options: _Options) -> tuple[str, Tensors]:
    """Return family and native tensors, by the layout that is given or that the names show."""
    layout, where = options.layout, str(path)
    if layout == "auto":
        if options.arrays or options.transpose:
            layout = "arrays"
        elif holds_module(tensors):
            layout = "torch"
        elif holds_current(tensors):
            layout = "current"
        elif holds_native_names(tensors):
            layout = "arrays"
        else:
            raise InputError(
                where,
                f"no known layout; it holds {shapes_of(tensors)}",
                "name them with --layout arrays, or save the state dict of an nn.RNN, nn.GRU or nn.LSTM",
            )
    if layout == "arrays":
        return from_arrays(tensors, where, family=options.family, names=options.arrays, transpose=options.transpose)
    if options.arrays or options.transpose:
        raise InputError("--layout", f"'{layout}' takes no names of arrays and no --transpose", "use --layout arrays")
    if layout == "torch":
        return from_state_dict(tensors, where)
    family, weights = from_current(tensors, where)
    if options.layout not in ("auto", family):
        raise InputError(where, f"holds a '{family}' network, not a '{options.layout}' one", f"--layout {family}")
    return family, weights


def _check_family(path: Path, found: str, options: _Options) -> None:
    if options.family not in (None, found):
        raise InputError(str(path), f"holds a '{found}' network, not a '{options.family}' one", f"--model {found}")


def _check_same(path: Path, checkpoint: Checkpoint, initial: Path, untrained: Checkpoint) -> None:
    """Raise InputError unless the weights before training fit those after it, tensor by tensor."""
    one, other = checkpoint.architecture, untrained.architecture
    if one.family != other.family:
        raise InputError(
            str(initial), f"holds a '{other.family}' network, {path} a '{one.family}' one", "check --initial"
        )
    for name, value in untrained.weights.items():
        expected = checkpoint.weights[name].shape if name in checkpoint.weights else one.shapes()[name]
        if value.shape != expected:
            raise InputError(
                str(initial),
                f"tensor '{name}' has shape {value.shape}, expected {expected}",
                f"as in {path}: both must be the same network",
            )
