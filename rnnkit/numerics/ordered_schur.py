"""Real Schur forms with their blocks ordered by modulus, and other orders inside two sectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.linalg import lapack

from rnnkit.errors import InputError

__all__ = ["ORDER_TOLERANCE", "OrderedSchur", "ordered_schur", "separation", "shuffled_sectors"]

#: Moduli closer than this share of the largest are ties, which the angle decides.
_TIE = 1e-12
#: A pair further out of order than this share of the largest modulus makes the order inexact.
ORDER_TOLERANCE = 1e-10

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class OrderedSchur:
    """A real Schur form W = Q T Q^T, its blocks in a given order.

    Attributes
    ----------
    form : (units, units) float64
        T: 1x1 and 2x2 blocks on the diagonal, exact zeros below them. A 2x2 block (a, b; c, a) has b c < 0.
    vectors : (units, units) float64
        Q: orthogonal.
    starts, sizes : (blocks,) int64
        First row and number of rows (1 or 2) of each block.
    eigenvalues : (blocks,) complex128
        Of each block, of a pair the one above the real axis.
    moduli : (blocks,) float64
    violation : float
        The most by which a later block's modulus is above an earlier one's, as a share of the largest modulus; 0
        when the blocks are in order.
    refused : int
        Swaps of blocks that would have changed the eigenvalues by more than rounding, and were left undone.
    """

    form: Floats
    vectors: Floats
    starts: Integers
    sizes: Integers
    eigenvalues: NDArray[np.complex128]
    moduli: Floats
    violation: float
    refused: int

    @property
    def spectral_radius(self) -> float:
        """The largest modulus."""
        return float(self.moduli.max())


def ordered_schur(matrix: NDArray[np.floating]) -> OrderedSchur:
    """Return the real Schur form whose blocks stand in the order of falling modulus.

    Blocks are moved to the front one by one, by orthogonal swaps (Bai and Demmel 1993, LAPACK's `dtrexc`). A swap
    of nearly equal eigenvalues of an ill-conditioned matrix can be refused; then passes of adjacent swaps follow,
    leaving out those refused, until none improves the order. What stays out of order is the `violation`.

    Ties (within 1e-12 of the largest modulus) go by the angle from the positive real axis, then by where they
    stood. Signs of the Schur vectors, which no decomposition fixes, are chosen so that the sum of their cubes is
    positive, and of a 2x2 block the form with abs(b) >= abs(c): both are kept when the units are relabelled.

    Parameters
    ----------
    matrix : (units, units) float
        Finite. Scaling by a power of two changes nothing but the scale of T.

    Raises
    ------
    InputError
        For a matrix that is not square, is empty, or is not finite.

    Examples
    --------
    >>> found = ordered_schur(np.array([[0.1, 3.0, 0.0], [0.0, 0.0, -2.0], [0.0, 2.0, 0.0]]))
    >>> found.sizes.tolist(), found.moduli.round(6).tolist()
    ([2, 1], [2.0, 0.1])
    """
    w = np.asarray(matrix, dtype=np.float64)
    if w.ndim != 2 or w.shape[0] != w.shape[1] or w.size == 0:
        raise InputError("matrix", f"has shape {w.shape}", "a Schur form is of a square matrix")
    if not np.isfinite(w).all():
        raise InputError("matrix", "holds NaN or infinity", "give finite numbers")
    # The swaps are made without LAPACK's own scaling: a power of two costs no digit and spares them the extremes.
    exponent = int(np.frexp(np.abs(w).max())[1])
    t, q = scipy.linalg.schur(np.ldexp(w, -exponent), output="real")
    t, q = np.asfortranarray(t), np.asfortranarray(q)
    t, q, refused = _sorted(t, q)
    _standardise(t, q)
    return _described(np.ldexp(t, exponent), q, refused)


def shuffled_sectors(schur: OrderedSchur, leading: int, rng: np.random.Generator) -> OrderedSchur:
    """Return a Schur form of the same matrix with the blocks of each of two sectors in random order.

    Parameters
    ----------
    schur : OrderedSchur
    leading : int
        Rows of the leading sector; blocks stay on their side of it.
    rng : numpy.random.Generator
        All orders inside a sector are equally likely, but where a swap is refused: that block stays where it got.

    Raises
    ------
    InputError
        When `leading` cuts a block.

    Examples
    --------
    >>> first = ordered_schur(np.triu(np.ones((4, 4)), 1) + np.diag([4.0, 3.0, 2.0, 1.0]))
    >>> shuffled_sectors(first, 2, np.random.default_rng(3)).moduli.round(6).tolist()
    [3.0, 4.0, 2.0, 1.0]
    """
    units = len(schur.form)
    if leading not in (*schur.starts, units):
        raise InputError("leading", f"{leading} rows cut a block or are out of range", "cut between blocks")
    exponent = int(np.frexp(np.abs(schur.form).max())[1])
    t, q = np.asfortranarray(np.ldexp(schur.form, -exponent)), np.array(schur.vectors, order="F")
    refused = 0
    for low, high in ((0, leading), (leading, units)):
        place = low
        while place < high:
            starts, sizes = _blocks(t)
            left = starts[(starts >= place) & (starts < high)]
            chosen = int(left[rng.integers(len(left))])
            if chosen != place:
                t, q, info = lapack.dtrexc(t, q, chosen + 1, place + 1, overwrite_a=1, overwrite_q=1)
                refused += info != 0
                starts, sizes = _blocks(t)
            place += int(sizes[np.searchsorted(starts, place)])
    _standardise(t, q)
    return _described(np.ldexp(t, exponent), q, refused)


def separation(schur: OrderedSchur, leading: int) -> float:
    """Return how well the first rows' eigenvalues are set apart from the others: sep(T_11, T_22).

    One over the 1-norm of the inverse of X -> T_11 X - X T_22, as LAPACK's `dtrsen` estimates it: within a factor
    sqrt(k (N - k)) of the smallest singular value, on either side. A change E of the matrix turns the leading
    invariant subspace by about 2 norm(E) / sep (Stewart 1973), an estimate and no bound. NaN when a sector is empty.

    Parameters
    ----------
    schur : OrderedSchur
    leading : int
        Rows of the leading sector.

    Examples
    --------
    >>> round(separation(ordered_schur(np.diag([3.0, 1.0])), 1), 6)
    2.0
    """
    units = len(schur.form)
    if not 0 < leading < units:
        return float("nan")
    exponent = int(np.frexp(np.abs(schur.form).max())[1])
    chosen = np.arange(units) < leading
    cells = leading * (units - leading)
    scaled = np.ldexp(schur.form, -exponent)
    *_, found, info = lapack.dtrsen(chosen, scaled, schur.vectors, job="B", lwork=max(1, 2 * cells), liwork=cells)
    return float(np.ldexp(found, exponent)) if info == 0 else float("nan")


def _blocks(t: Floats) -> tuple[Integers, Integers]:
    """Return where the diagonal blocks start, and their sizes."""
    second = np.concatenate([[False], np.diagonal(t, -1) != 0])
    starts = np.flatnonzero(~second)
    return starts, np.diff(np.append(starts, len(t)))


def _eigenvalues(t: Floats, starts: Integers, sizes: Integers) -> tuple[NDArray[np.complex128], Floats]:
    """Return each block's eigenvalue on or above the real axis, and its modulus, with no overflow."""
    real = np.diagonal(t)[starts]
    imaginary = np.zeros(len(starts))
    pairs = starts[sizes == 2]
    imaginary[sizes == 2] = np.sqrt(np.abs(t[pairs, pairs + 1])) * np.sqrt(np.abs(t[pairs + 1, pairs]))
    return real + 1j * imaginary, np.hypot(real, imaginary)


def _sorted(t: Floats, q: Floats) -> tuple[Floats, Floats, int]:
    """Bring the blocks into order: insertion, then adjacent swaps if a move was refused or a pair split."""
    refused = place = 0
    while True:
        # Scanned anew each time: a swap can split a pair of nearly real eigenvalues into two blocks.
        starts, sizes = _blocks(t)
        if place >= len(starts) - 1:
            break
        values, moduli = _eigenvalues(t, starts, sizes)
        rest = moduli[place:]
        tied = np.flatnonzero(rest >= rest.max() - _TIE * moduli.max())
        chosen = place + int(tied[np.argmin(np.abs(np.angle(values[place:][tied])))])
        if chosen != place:
            t, q, info = lapack.dtrexc(t, q, starts[chosen] + 1, starts[place] + 1, overwrite_a=1, overwrite_q=1)
            refused += info != 0
        place += 1
    # A pair that split when it was already in place leaves its two halves in either order.
    starts, sizes = _blocks(t)
    _, moduli = _eigenvalues(t, starts, sizes)
    if refused or (np.diff(moduli) > _TIE * moduli.max()).any():
        return _bubbled(t, q)
    return t, q, 0


def _bubbled(t: Floats, q: Floats) -> tuple[Floats, Floats, int]:
    """Swap neighbours that are out of order until no swap is made; the number of those refused in the last pass."""
    # Rounding of ill-conditioned eigenvalues could make two blocks change places for ever: no more than N passes.
    for _ in range(len(t)):
        swapped, refused, place = False, 0, 0
        while True:
            starts, sizes = _blocks(t)
            if place >= len(starts) - 1:
                break
            _, moduli = _eigenvalues(t, starts, sizes)
            if moduli[place + 1] > moduli[place] + _TIE * moduli.max():
                t, q, info = lapack.dtrexc(t, q, starts[place + 1] + 1, starts[place] + 1, overwrite_a=1, overwrite_q=1)
                swapped |= info == 0
                refused += info != 0
            place += 1
        if not swapped:
            break
    return t, q, refused


def _standardise(t: Floats, q: Floats) -> None:
    """Fix, in place and exactly, what orthogonal similarity inside the blocks leaves open."""
    starts, sizes = _blocks(t)
    first = starts[sizes == 2]
    first = first[np.abs(t[first, first + 1]) < np.abs(t[first + 1, first])]
    second = first + 1
    # (q1, q2) -> (q2, -q1), a quarter turn: (a, b; c, a) becomes (a, -c; -b, a).
    for whole in (t, q):
        whole[:, first], whole[:, second] = whole[:, second], -whole[:, first]
    t[first], t[second] = t[second], -t[first]
    signs = np.where((q**3).sum(0) < 0, -1.0, 1.0)
    q *= signs
    t *= signs[:, None] * signs


def _described(t: Floats, q: Floats, refused: int) -> OrderedSchur:
    starts, sizes = _blocks(t)
    values, moduli = _eigenvalues(t, starts, sizes)
    # The largest modulus still to come, against each block's own.
    later = np.maximum.accumulate(moduli[::-1])[::-1]
    radius = moduli.max()
    violation = float((later - moduli).max() / radius) if radius > 0 else 0.0
    return OrderedSchur(
        np.ascontiguousarray(t), np.ascontiguousarray(q), starts, sizes, values, moduli, violation, refused
    )
