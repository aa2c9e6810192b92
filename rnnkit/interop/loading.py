"""Which files a command line means, what they hold, and what their networks are called."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rnnkit.checkpoints import HISTORY_SUFFIX, Checkpoint, check_tensors, load_native
from rnnkit.errors import FileError
from rnnkit.interop.fitting import architecture_of
from rnnkit.interop.reading import read_safetensors_widened
from rnnkit.interop.torch_layout import from_state_dict

__all__ = ["CheckpointFile", "Loaded", "find_all", "find_checkpoints", "load", "load_all", "network_names"]

_SUFFIX = ".safetensors"
#: Files that the tools write, and that hold no network.
_OF_OURS = {
    **dict.fromkeys((".parquet", ".csv", ".jsonl"), "table"),
    **dict.fromkeys((".png", ".svg", ".pdf"), "picture"),
    ".html": "page",
}


@dataclass(frozen=True)
class Loaded:
    """Networks with the files they came from, in the same order.

    Attributes
    ----------
    paths : tuple of Path
    checkpoints : tuple of Checkpoint
        Each under its own name.
    """

    paths: tuple[Path, ...]
    checkpoints: tuple[Checkpoint, ...]


def load(path: Path) -> Checkpoint:
    """Return the network of a native checkpoint, or of a PyTorch state dict in a safetensors file.

    Raises
    ------
    FileError
        When the file is missing or damaged, or needs `rnnkit import` first.
    InputError
        When its tensors make no network.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from safetensors.numpy import save_file
    >>> state = {"rnn.weight_ih_l0": np.ones((2, 1)), "rnn.weight_hh_l0": np.eye(2)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_file(state, Path(folder) / "net.safetensors")
    ...     net = load(Path(folder) / "net.safetensors")
    >>> net.name, net.architecture.family, net.architecture.units
    ('net', 'vanilla', 2)
    """
    if path.is_file() and path.suffix.lower() != _SUFFIX:
        if kind := _OF_OURS.get(path.suffix.lower()):
            raise FileError(str(path), f"is a {kind}, not a checkpoint", "give .safetensors files, or their folder")
        raise FileError(str(path), "is no safetensors file", "bring it in with rnnkit import")
    tensors, strings = read_safetensors_widened(path)
    if "rnnkit" in strings:
        return load_native(path, (tensors, strings))
    family, weights = from_state_dict(tensors, str(path))
    architecture = architecture_of(family, weights)
    check_tensors(str(path), architecture, weights)
    return Checkpoint(path.stem, architecture, weights)


def load_all(arguments: Sequence[str]) -> Loaded:
    """Return the networks that files, folders and globs stand for, under unique names.

    Raises
    ------
    FileError, InputError
        As :func:`find_checkpoints` and :func:`load`.
    """
    paths = find_checkpoints(arguments)
    networks = [load(path).named(name) for path, name in zip(paths, network_names(paths), strict=True)]
    return Loaded(tuple(paths), tuple(networks))


@dataclass(frozen=True)
class CheckpointFile:
    """A checkpoint that is opened when it is needed, under a name unique among those beside it."""

    path: Path
    name: str

    def open(self) -> Checkpoint:
        """Return the network."""
        return load(self.path).named(self.name)

    def activity(self) -> None:
        """Return nothing: a network is run."""
        return


def find_all(arguments: Sequence[str]) -> list[CheckpointFile]:
    """Return what :func:`load_all` would, unopened.

    Raises
    ------
    FileError
        As :func:`find_checkpoints`.
    """
    paths = find_checkpoints(arguments)
    return [CheckpointFile(path, name) for path, name in zip(paths, network_names(paths), strict=True)]


def find_checkpoints(arguments: Sequence[str]) -> list[Path]:
    """Return the files that these arguments stand for, each once, in the order given.

    A folder stands for its `*.safetensors`, sorted, or, if it has none, for those in the folders below it.
    A pattern that the shell left alone is expanded here. Snapshots (`*.history.safetensors`) and hidden files
    are passed by in folders, and snapshots also where their network is among the files.

    Raises
    ------
    FileError
        For a missing file, a folder without checkpoints, or a pattern that matches nothing.
    """
    found: dict[Path, Path] = {}
    for argument in arguments:
        for path in _matches(argument):
            for file in _search(path) if path.is_dir() else [path]:
                found.setdefault(file.resolve(), file)
    kept = [path for real, path in found.items() if _network_of_history(real) not in found]
    if not kept:
        raise FileError("CKPT", "no checkpoints were given", "give files, folders or patterns")
    return kept


def _network_of_history(path: Path) -> Path | None:
    """Return the checkpoint that a file of snapshots belongs to, or None for any other file."""
    if not path.name.endswith(HISTORY_SUFFIX):
        return None
    return path.with_name(path.name.removesuffix(HISTORY_SUFFIX) + _SUFFIX)


def _matches(argument: str) -> list[Path]:
    path = Path(argument)
    if path.exists():
        return [path]
    if not glob.has_magic(argument):
        raise FileError(argument, "no such file or folder", "check the name")
    # Path.glob takes no absolute patterns.
    matches = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207
    if not matches:
        raise FileError(argument, "matches no file", "check the pattern")
    return [Path(match) for match in matches]


def _search(folder: Path) -> list[Path]:
    for candidates in (folder.glob(f"*{_SUFFIX}"), folder.rglob(f"*{_SUFFIX}")):
        files = [path for path in candidates if path.is_file() and not path.name.endswith(HISTORY_SUFFIX)]
        shown = [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
        if shown:
            return sorted(shown, key=lambda path: path.with_suffix(""))  # a before a-twin1
    raise FileError(str(folder), f"holds no *{_SUFFIX} file", "train networks into it, or use rnnkit import")


def network_names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each file: its stem, with as many folders before it as make it unique.

    Examples
    --------
    >>> network_names([Path("runs/a.pt"), Path("runs/b.pt")])
    ['a', 'b']
    >>> network_names([Path("n20/i0/weights.pt"), Path("n40/i0/weights.pt"), Path("n40/i1/weights.pt")])
    ['n20-i0-weights', 'n40-i0-weights', 'i1-weights']
    """
    parts = [(*path.resolve().parent.parts[1:], path.stem) for path in paths]
    depths = [1] * len(parts)
    while True:
        names = ["-".join(part[-depth:]) for part, depth in zip(parts, depths, strict=True)]
        counts = Counter(names)
        clashing = [i for i, name in enumerate(names) if counts[name] > 1 and depths[i] < len(parts[i])]
        if not clashing:
            return _numbered(names)
        for i in clashing:
            depths[i] += 1


def _numbered(names: Sequence[str]) -> list[str]:
    """Tell apart what the folders cannot (one folder, two endings) by a number from the second on."""
    taken: set[str] = set()
    unique = []
    for name in names:
        candidate, number = name, 2
        while candidate in taken or (candidate != name and candidate in names):
            candidate, number = f"{name}-{number}", number + 1
        taken.add(candidate)
        unique.append(candidate)
    return unique
