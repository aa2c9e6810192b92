"""What of a network's past is left in its overlaps: by class of overlaps, and in what a linear network does.

Learn A, then B, then A again. What the loss of A sees comes back; what it does not see need not. Measures are ratios of
distances, Euclidean over pairs of vectors, each pair once: |x(A2) - x(A1)| over the excursion |x(B) - x(A1)|. Where a
phase has not converged, x moves on even with no B between; A-A-A of as many steps is the control.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnkit.errors import InputError
from rnnkit.numerics.loading_vectors import Layout
from rnnkit.numerics.reduced_kernels import Array
from rnnkit.numerics.threads import one_thread

__all__ = ["Memory", "Separation", "functional_names", "functional_overlaps", "memory", "separation"]


@dataclass(frozen=True, kw_only=True)
class Separation:
    """How far apart two sets of overlaps are, by class.

    Attributes
    ----------
    visible, invisible : (...) float64
        Euclidean distance over the overlaps that the loss sees, and over the others.
    functional : (...) float64
        Over the :func:`functional_overlaps`; NaN where the network is not linear.
    """

    visible: Array
    invisible: Array
    functional: Array


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What A-B-A leaves behind, relative to the way there.

    Attributes
    ----------
    excursion : Separation
        From the end of the first A to the end of B.
    left : Separation
        |x(A2) - x(A1)| / excursion. NaN where there was no excursion.
    beyond_control : Separation
        |x(A2) - x(A-A-A)| / excursion: what B did, without what more training of A does by itself. NaN without a
        control.
    """

    excursion: Separation
    left: Separation
    beyond_control: Separation


def functional_names(layout: Layout) -> tuple[str, ...]:
    """Return the names of the :func:`functional_overlaps`.

    Examples
    --------
    >>> functional_names(Layout(inputs=1, rank=1, outputs=1))
    ('zm', 'vu', 'zu*vm')
    >>> functional_names(Layout(inputs=1, rank=2, outputs=1))
    ('zm', 'c1(vu)', 'c2(vu)', 'zu*vm', 'zu*vu*vm')
    """
    drives, readouts = layout.names[: layout.drives], layout.names[layout.inner + layout.rank :]
    poles = ["vu"] if layout.rank == 1 else [f"c{k + 1}(vu)" for k in range(layout.rank)]
    chains = [f"{z}u*{'vu*' * k}v{m}" for k in range(layout.rank) for z in readouts for m in drives]
    return (*(z + m for z in readouts for m in drives), *poles, *chains)


def functional_overlaps(layout: Layout, overlaps: Array) -> Array:
    """Return all that a linear network's response depends on, free of the basis of its rank.

    Its response to an impulse is alpha (S_ZM mu^t + S_ZU [...] S_VM) with powers of mu + alpha S_VU in between: that
    is S_ZM, the coefficients of the characteristic polynomial of S_VU (at rank 1 s_vu itself), which its poles are
    the roots of, and S_ZU S_VU^k S_VM for k below the rank; higher k follow by Cayley and Hamilton. Inputs, bias and
    initial state all count as M. At rank 1 with one input and output, s_zm, s_vu and s_zu s_vm.

    Parameters
    ----------
    layout : Layout
    overlaps : (..., n, n)

    Returns
    -------
    (..., drives outputs + rank + rank drives outputs) float64
        In the order of :func:`functional_names`.

    Raises
    ------
    InputError
        When the shape does not fit.

    Examples
    --------
    >>> overlaps = np.arange(16.0).reshape(4, 4)
    >>> functional_overlaps(Layout(inputs=1, rank=1, outputs=1), overlaps)
    array([ 12.,   9., 104.])
    """
    overlaps = np.asarray(overlaps, dtype=np.float64)
    if overlaps.shape[-2:] != (layout.size, layout.size):
        raise InputError("overlaps", f"have shape {overlaps.shape}", f"give (..., {layout.size}, {layout.size})")
    drive, left = slice(0, layout.drives), slice(layout.drives, layout.inner)
    right, read = slice(layout.inner, layout.inner + layout.rank), slice(layout.inner + layout.rank, layout.size)
    recurrent, chain = overlaps[..., right, left], overlaps[..., right, drive]
    shape = overlaps.shape[:-2]
    chains = []
    # What diverged is infinite, and is to be seen as that.
    with one_thread(), np.errstate(all="ignore"):
        for _ in range(layout.rank):
            chains.append((overlaps[..., read, left] @ chain).reshape(*shape, -1))
            chain = recurrent @ chain
        return np.concatenate(
            [overlaps[..., read, drive].reshape(*shape, -1), _characteristic(recurrent), *chains], axis=-1
        )


def _characteristic(matrices: Array) -> Array:
    """Return c_1 .. c_R of det(x - A) = x^R - c_1 x^(R-1) + c_2 x^(R-2) - ...: sums of products of eigenvalues.

    By Faddeev and LeVerrier, which is exact in the entries and needs no eigenvalues.
    """
    rank = matrices.shape[-1]
    one = np.eye(rank)
    found, helper, sign = [], np.broadcast_to(one, matrices.shape), 1.0
    for k in range(1, rank + 1):
        product = matrices @ helper
        coefficient = -np.trace(product, axis1=-2, axis2=-1) / k
        sign = -sign
        found.append(sign * coefficient)
        helper = product + coefficient[..., None, None] * one
    return np.stack(found, -1)


def separation(layout: Layout, first: Array, second: Array, linear: bool) -> Separation:
    """Return how far apart overlaps are: two networks after the same task, or one network at two times.

    Parameters
    ----------
    layout : Layout
    first, second : (..., n, n)
    linear : bool

    Examples
    --------
    >>> found = separation(Layout(inputs=1, rank=1, outputs=1), np.eye(4), np.diag([4.0, 5.0, 1.0, 1.0]), linear=True)
    >>> float(found.visible), float(found.invisible), float(found.functional)
    (0.0, 5.0, 0.0)
    """
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    rows, columns = layout.pairs()
    visible = layout.visible(linear)[rows, columns]
    apart = (second - first)[..., rows, columns]
    seen, unseen = (np.asarray(np.linalg.norm(apart[..., part], axis=-1)) for part in (visible, ~visible))
    functional = np.full(seen.shape, np.nan)
    if linear:
        change = functional_overlaps(layout, second) - functional_overlaps(layout, first)
        functional = np.asarray(np.linalg.norm(change, axis=-1))
    return Separation(visible=seen, invisible=unseen, functional=functional)


def memory(
    layout: Layout, first: Array, between: Array, again: Array, linear: bool, control: Array | None = None
) -> Memory:
    """Return what is left of B after A-B-A.

    Parameters
    ----------
    layout : Layout
    first, between, again : (..., n, n)
        Overlaps at the end of A, of B, and of A again.
    linear : bool
    control : (..., n, n), optional
        At the end of A-A-A, from the same start and of the same lengths.

    Examples
    --------
    >>> layout = Layout(inputs=1, rank=1, outputs=1)
    >>> found = memory(layout, np.eye(4), 3 * np.eye(4), 2 * np.eye(4), linear=True, control=np.eye(4) * 1.5)
    >>> float(found.excursion.invisible), float(found.left.invisible), float(found.beyond_control.invisible)
    (4.0, 0.5, 0.25)
    """
    excursion = separation(layout, first, between, linear)
    beyond = np.full(np.shape(first), np.nan) if control is None else np.asarray(control, dtype=np.float64)
    return Memory(
        excursion=excursion,
        left=_relative(separation(layout, first, again, linear), excursion),
        beyond_control=_relative(separation(layout, beyond, again, linear), excursion),
    )


def _relative(apart: Separation, excursion: Separation) -> Separation:
    def ratio(x: Array, whole: Array) -> Array:
        share: Array = np.full(np.shape(x), np.nan)
        np.divide(x, whole, out=share, where=np.asarray(whole) > 0)
        return share

    return Separation(
        visible=ratio(apart.visible, excursion.visible),
        invisible=ratio(apart.invisible, excursion.invisible),
        functional=ratio(apart.functional, excursion.functional),
    )
