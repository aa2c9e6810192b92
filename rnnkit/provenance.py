"""What ran: software versions, command line, parameters and the digests of what was read."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rnnkit._version import __version__

__all__ = ["Provenance", "file_digest", "software"]


def software() -> dict[str, str]:
    """Versions of rnnkit, Python and the libraries that the numbers depend on."""
    versions = {"rnnkit": __version__, "python": platform.python_version()}
    for package in ("torch", "numpy", "scipy", "safetensors", "pyarrow"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # a stage that does not need it can run without it
            continue
    return versions


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@dataclass(frozen=True)
class Provenance:
    """Where a table or checkpoint comes from.

    Attributes
    ----------
    command : str
        The command line, as typed.
    parameters : dict
        The options in force, defaults included.
    inputs : dict
        SHA-256 of each input file, by the name it was given.
    """

    command: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return a plain dictionary, software versions included."""
        return {
            "command": self.command,
            "parameters": dict(self.parameters),
            "software": software(),
            "inputs": dict(self.inputs),
        }

    def with_inputs(self, paths: Sequence[Path]) -> Provenance:
        """Return a copy that also names these files and their digests."""
        digests = {str(path): file_digest(path) for path in paths}
        return Provenance(self.command, self.parameters, {**self.inputs, **digests})
