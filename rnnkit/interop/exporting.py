"""Checkpoints as files for PyTorch, numpy and MATLAB.

====== =============== ============================================== =====================================
to     file            arrays                                         metadata
====== =============== ============================================== =====================================
torch  `NAME.pt`       a state dict of plain tensors (see below)      `_metadata["rnnkit"]` of the state dict
npz    `NAME.npz`      native names                                   a text array `rnnkit`
mat    `NAME.mat`      native names, `input_weight` for               a text `rnnkit`
                       `input.weight`; vectors are columns
====== =============== ============================================== =====================================

A `.pt` of a `vanilla` (tanh, relu), `gru` or `lstm` network has the names of modules `rnn` and `readout` and
nothing else (but for an initial state, if it has one), so a model with those two attributes loads it
strictly. Its metadata therefore cannot be one more tensor: it sits in `_metadata`, where every state dict
already carries what is no tensor; `torch.save` keeps it, `weights_only` loading allows it and
`load_state_dict` passes it by. A readout with gamma folded in cannot be unfolded to the last bit, so the
unfolded one is kept there too, and so is what a `cayley` matrix is made of. The other families have no module
in PyTorch; their state dict has the native names.

The weights before training are one more file of the same kind, `NAME.initial.pt` and so on. `rnnkit import`
reads all of this back to the same checkpoint, bit for bit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from rnnkit.architectures import CAYLEY_TENSORS
from rnnkit.atomic import atomic_path, check_writable
from rnnkit.checkpoints import Checkpoint, check_tensors
from rnnkit.errors import unknown_name
from rnnkit.interop.arrays import to_matlab_names
from rnnkit.interop.notes import tensors_digest, write_note
from rnnkit.interop.reading import NOTE_KEY
from rnnkit.interop.torch_layout import has_module, to_state_dict

__all__ = ["EXPORTS", "INITIAL_MARK", "export_network"]

#: Stands before the ending of a file with the weights before training.
INITIAL_MARK = ".initial"


def export_network(checkpoint: Checkpoint, to: str, folder: Path) -> list[Path]:
    """Write a network for other software, and its weights before training if they are known.

    Parameters
    ----------
    checkpoint : Checkpoint
    to : str
        `torch`, `npz` or `mat`.
    folder : Path
        Made if it does not exist.

    Returns
    -------
    list of Path
        `NAME.pt` (or `.npz`, `.mat`), then `NAME.initial.pt` if there is one.

    Raises
    ------
    InputError
        For an unknown kind of file.
    FileError
        When the folder cannot be written to.

    Examples
    --------
    >>> import tempfile
    >>> from rnnkit.architectures import Architecture
    >>> shape = Architecture(family="gru", units=2, inputs=1, outputs=1)
    >>> net = Checkpoint("net", shape, {name: np.ones(size) for name, size in shape.shapes().items()})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in export_network(net, "npz", Path(folder))]
    ['net.npz']
    """
    if to not in EXPORTS:
        raise unknown_name("--to", to, EXPORTS, "kind of file")
    suffix, write = EXPORTS[to]
    check_tensors(checkpoint.name, checkpoint.architecture, checkpoint.weights)
    check_writable(folder)
    # A name may hold dots (lr0.01), so with_suffix will not do.
    path = folder / f"{checkpoint.name}{suffix}"
    if not checkpoint.initial:
        write(checkpoint, path, None)
        return [path]
    check_tensors(f"{checkpoint.name} (init)", checkpoint.architecture, checkpoint.initial)
    initial_path = folder / f"{checkpoint.name}{INITIAL_MARK}{suffix}"
    untrained = replace(checkpoint, weights=checkpoint.initial, initial={}, training={}, losses={}, status="imported")
    digest = write(untrained, initial_path, None)
    write(checkpoint, path, digest)
    return [path, initial_path]


def _write_torch(checkpoint: Checkpoint, path: Path, initial: str | None) -> str:
    import torch

    as_module = has_module(checkpoint.architecture)
    arrays = to_state_dict(checkpoint) if as_module else checkpoint.weights
    note: dict[str, Any] = {"json": write_note(checkpoint, arrays, "torch" if as_module else "arrays", initial)}
    if as_module:
        beside = list(CAYLEY_TENSORS)
        if checkpoint.architecture.gamma != 1.0:
            beside += ["readout.weight", "readout.bias"]
        kept = [name for name in beside if name in checkpoint.weights]
        note |= {name: torch.from_numpy(np.array(checkpoint.weights[name])) for name in kept}
    state = OrderedDict((name, torch.from_numpy(np.array(value))) for name, value in arrays.items())
    state._metadata = OrderedDict({NOTE_KEY: note})  # type: ignore[attr-defined]
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        torch.save(state, handle)
    return tensors_digest(arrays)


def _write_npz(checkpoint: Checkpoint, path: Path, initial: str | None) -> str:
    arrays = checkpoint.weights
    note = np.array(write_note(checkpoint, arrays, "arrays", initial))
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        np.savez(handle, allow_pickle=False, **{NOTE_KEY: note}, **arrays)
    return tensors_digest(arrays)


def _write_mat(checkpoint: Checkpoint, path: Path, initial: str | None) -> str:
    import scipy.io

    arrays = to_matlab_names(checkpoint.weights)
    note = write_note(checkpoint, arrays, "arrays", initial)
    with atomic_path(path) as temporary:
        scipy.io.savemat(str(temporary), {NOTE_KEY: note, **arrays}, appendmat=False, oned_as="column")
    return tensors_digest(arrays)


#: Ending and writer of each kind of file; a writer returns the digest of the arrays it wrote.
EXPORTS: dict[str, tuple[str, Callable[[Checkpoint, Path, str | None], str]]] = {
    "torch": (".pt", _write_torch),
    "npz": (".npz", _write_npz),
    "mat": (".mat", _write_mat),
}
