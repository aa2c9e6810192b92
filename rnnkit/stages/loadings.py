"""The loading vectors of networks: weights by the names of checkpoints in, columns of a theory's matrix out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rnnkit.architectures import CAYLEY_TENSORS, Architecture
from rnnkit.errors import InputError
from rnnkit.metrics import acting_readout
from rnnkit.models.recurrence import form_cayley
from rnnkit.numerics.balanced_vectors import Factors, balanced_vectors, factors, factors_of_product
from rnnkit.numerics.loading_vectors import Layout
from rnnkit.numerics.threads import one_thread

__all__ = ["Loadings", "layout_of", "loadings", "recurrent_factors", "sees_linearly"]

Floats = NDArray[np.float64]
Stacked = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Loadings:
    """Loading vectors of a stack of networks, or of snapshots of one.

    Attributes
    ----------
    layout : Layout
    rank : int
    vectors : (K, N, n) float64
        Columns in the order of `layout.names`.
    share : (K,) float64
        Share of ||W||_F^2 that they hold: 1 of a low-rank network's own, NaN where W is 0.
    unsettled : (K, n) bool
        Vectors that are not determined: those of a double singular value.
    """

    layout: Layout
    rank: int
    vectors: Floats
    share: Floats
    unsettled: NDArray[np.bool_]


def sees_linearly(architecture: Architecture) -> bool | None:
    """Return whether the loss sees the overlaps of a linear network (True), of tanh (False), or whether none can say.

    Examples
    --------
    >>> shape = {"units": 4, "inputs": 1, "outputs": 1}
    >>> [sees_linearly(Architecture(family="leaky", rate=rate, **shape)) for rate in (1.0, 0.5)]
    [False, None]
    """
    phi = architecture.nonlinearity
    if phi == "identity":
        return True
    leaks_rates = architecture.family == "leaky" and architecture.rate < 1
    return False if phi == "tanh" and not leaks_rates else None


def layout_of(name: str, architecture: Architecture, weights: Stacked, rank: int | None) -> Layout:
    """Return which loading vectors a network has.

    Parameters
    ----------
    name : str
        The network's, for an error.
    architecture : Architecture
    weights : dict of arrays
    rank : int or None
        Of the truncation; None for a low-rank network's own vectors.

    Raises
    ------
    InputError
        For a network with gates or with factors on the units' own states, a rank that does not fit, or a full-rank
        network without one.
    """
    if architecture.spec.gates > 1:
        what = f"is a '{architecture.family}' network, whose gates have no loading vectors"
        raise InputError(name, what, "give networks without gates")
    if architecture.spec.diagonal:
        what = f"is a '{architecture.family}' network, whose units carry factors of their own that no overlap sees"
        raise InputError(name, what, "give networks of another family")
    if rank is None and not architecture.low_rank:
        what = f"is a '{architecture.family}' network of full rank"
        raise InputError(name, what, "add --rank R to truncate its recurrent weights")
    most = architecture.rank if architecture.low_rank else architecture.units
    if rank is not None and not 1 <= rank <= most:
        raise InputError("--rank", f"{rank} for {name}, whose recurrent weights have rank {most}", f"give 1 to {most}")
    return Layout(
        inputs=architecture.inputs,
        rank=architecture.rank if rank is None else rank,
        outputs=architecture.outputs,
        bias="recurrent.bias" in weights,
        initial=bool(np.any(weights.get("initial_state", 0.0))),
    )


def recurrent_factors(architecture: Architecture, weights: Stacked) -> Factors:
    """Take the recurrent weights that act apart.

    Parameters
    ----------
    architecture : Architecture
    weights : dict of (K, ...) arrays
        Finite.
    """
    if architecture.low_rank:
        return factors_of_product(*(_double(weights[f"recurrent.{side}"]) for side in ("left", "right")))
    if "recurrent.weight" in weights:
        matrix = _double(weights["recurrent.weight"])
    else:  # snapshots hold what is trained
        matrix = form_cayley({name: torch.from_numpy(weights[name]) for name in CAYLEY_TENSORS}).matrix.numpy()
    return factors(matrix / architecture.units if architecture.family == "mup" else matrix)


def loadings(
    layout: Layout, architecture: Architecture, weights: Stacked, ranks: Sequence[int | None]
) -> list[Loadings]:
    """Return the loading vectors of a stack of networks, at each rank.

    They are those of h <- h + alpha (-h + u v^T phi(h) / N + m x + b), y = z^T phi(h) / N, with h the state, and in
    `vanilla` networks the pre-activations (alpha = 1): z is the readout times what makes up for the 1 / N, and over
    gamma. The readout's bias is added to y as it stands, and is no vector.

    Parameters
    ----------
    layout : Layout
        Of :func:`layout_of`, at any rank.
    architecture : Architecture
        Of all of them.
    weights : dict of (K, ...) arrays
        Finite, by the names of the checkpoint format.
    ranks : sequence of int or None
        As in :func:`layout_of`.

    Examples
    --------
    >>> shape = Architecture(family="current", units=2, inputs=1, outputs=1, rate=0.5, gamma=2.0, bias=False)
    >>> net = {"input.weight": np.ones((1, 2, 1)), "recurrent.weight": 2 * np.ones((1, 2, 2))}
    >>> net["readout.weight"] = np.array([[[1.0, 3.0]]])
    >>> (found,) = loadings(layout_of("a", shape, {}, 1), shape, net, [1])
    >>> found.layout.names, found.vectors[0].round(12).tolist(), found.share.round(12).tolist()
    (('m', 'u', 'v', 'z'), [[1.0, 2.0, 2.0, 1.0], [1.0, 2.0, 2.0, 3.0]], [1.0])
    """
    drives = [_double(weights["input.weight"])]
    if layout.bias:
        drives.append(_double(weights["recurrent.bias"])[..., None])
    if layout.initial:
        drives.append(_initial(architecture, _double(weights["initial_state"]))[..., None])
    inner = np.concatenate(drives, axis=-1)
    outer = acting_readout(architecture, weights).swapaxes(-1, -2) * architecture.units
    count = len(inner)
    truncated = [rank for rank in ranks if rank is not None]
    found = []
    with one_thread():
        whole = recurrent_factors(architecture, weights) if truncated else None
        for rank in ranks:
            if rank is None or whole is None:
                left, right = (_double(weights[f"recurrent.{side}"]) for side in ("left", "right"))
                share, unsettled = np.ones(count), np.zeros((count, architecture.rank), bool)
            else:
                left, right = balanced_vectors(whole, rank, inner, outer)
                share, unsettled = whole.share(rank), whole.unsettled(rank)
            own = Layout(
                inputs=layout.inputs,
                rank=left.shape[-1],
                outputs=layout.outputs,
                bias=layout.bias,
                initial=layout.initial,
            )
            settled = [np.zeros((count, extent), bool) for extent in (own.drives, own.outputs)]
            flags = np.concatenate([settled[0], unsettled, unsettled, settled[1]], axis=-1)
            vectors = np.concatenate([inner, left, right, outer], axis=-1)
            found.append(Loadings(own, own.rank, vectors, share, flags))
    return found


def _double(value: NDArray[Any]) -> Floats:
    return np.asarray(value, dtype=np.float64)


def _initial(architecture: Architecture, state: Floats) -> Floats:
    """Return the state before the first step: of `vanilla`, whose h is phi of it, the pre-activation."""
    if architecture.family != "vanilla" or architecture.nonlinearity != "tanh":
        return state  # a relu of a state that it made is that state
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.arctanh(state))
