"""What gradient flow conserves of a low-rank network's overlaps.

With D = +1 on group A and -1 on group B, a linear network whose vectors all train obeys (DS)' = [Gamma, DS] (Gamma has
entries between the groups only), so that the spectrum of DS stays: I_k = tr (DS)^k. Changes of basis of the rank,
(U, V) -> (U g, V g^-T), leave every network as it was, linear or not: S_UU - S_VV stays (Noether; Kunin et al., 2021,
"Neural mechanics"). A linear network is not changed by (M, Z) -> (M c, Z / c) either: tr S_MM - tr S_ZZ stays, bias and
initial state counting as inputs. Descent conserves them up to its learning rate; weight decay, momentum and
Adam do not.

That DS obeys a Lax equation is our derivation, not the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnnkit.errors import InputError
from rnnkit.numerics.loading_vectors import Layout
from rnnkit.numerics.reduced_kernels import Array
from rnnkit.numerics.threads import one_thread

__all__ = ["Conserved", "conserved"]


@dataclass(frozen=True, kw_only=True)
class Conserved:
    """Quantities that gradient flow may conserve, and whether it does.

    Attributes
    ----------
    names : tuple of str
        `I1` to `In`; `uu-vv`, or `u1u1-v1v1`, `u1u2-v1v2`, ... at higher rank; `mm-zz`.
    values : (..., quantities) float64
    holds : (quantities,) bool
        Whether flow conserves it, for this nonlinearity and these rates.
    """

    names: tuple[str, ...]
    values: Array
    holds: NDArray[np.bool_]


def conserved(layout: Layout, overlaps: Array, linear: bool, relative: Array | None = None) -> Conserved:
    """Return the candidates for conservation, each with its value and whether it holds.

    Parameters
    ----------
    layout : Layout
    overlaps : (..., n, n)
    linear : bool
    relative : (n,), optional
        Factor on the rate of each vector; 0: it is not trained. All 1 but for the initial state by default. Vectors of
        unequal rates are conserved as if each had been divided by the root of its rate; one that is not trained counts
        as it is, and what needs it to be trained does not hold.

    Returns
    -------
    Conserved

    Raises
    ------
    InputError
        When shapes do not fit.

    Examples
    --------
    >>> found = conserved(Layout(inputs=1, rank=1, outputs=1), np.diag([1.0, 2.0, 3.0, 5.0]), linear=False)
    >>> found.names, found.values
    (('I1', 'I2', 'I3', 'I4', 'uu-vv', 'mm-zz'), array([  -5.,   39., -143.,  723.,   -1.,   -4.]))
    >>> [name for name, holds in zip(found.names, found.holds) if holds]
    ['uu-vv']
    """
    overlaps, n = np.asarray(overlaps, dtype=np.float64), layout.size
    rates = _rates(layout, relative)
    if overlaps.shape[-2:] != (n, n):
        raise InputError("overlaps", f"have shape {overlaps.shape}", f"give (..., {n}, {n})")
    divisor = np.sqrt(np.where(rates > 0, rates, 1.0))
    weighted = overlaps / divisor / divisor[:, None]
    everything = bool(np.all(rates > 0))
    names, values, holds = [], [], []
    for k, trace in enumerate(_traces(weighted, layout.inner)):
        names.append(f"I{k + 1}")
        values.append(trace)
        holds.append(linear and everything)
    u, v = layout.drives + np.arange(layout.rank), layout.inner + np.arange(layout.rank)
    for r in range(layout.rank):
        for s in range(r, layout.rank):
            of_u, of_v = (f"{layout.names[x[r]]}{layout.names[x[s]]}" for x in (u, v))
            names.append(f"{of_u}-{of_v}")
            values.append(weighted[..., u[r], u[s]] - weighted[..., v[r], v[s]])
            holds.append(_balanced(rates, u[[r, s]], v[[r, s]]))
    ends = [*range(layout.drives), *range(layout.inner + layout.rank, n)]
    sign = np.where(np.arange(n) < layout.drives, 1.0, -1.0)[ends]
    names.append("mm-zz")
    values.append((weighted[..., ends, ends] * sign).sum(-1))
    holds.append(linear and bool(np.all(rates[ends] > 0)))
    return Conserved(names=tuple(names), values=np.stack(values, -1), holds=np.array(holds))


def _rates(layout: Layout, relative: Array | None) -> Array:
    if relative is None:
        return np.array([float(not (layout.initial and name == "h")) for name in layout.names])
    rates = np.asarray(relative, dtype=np.float64)
    if rates.shape != (layout.size,) or not np.all(rates >= 0):
        raise InputError("relative", f"{relative}", f"give a factor from 0 up for each of {', '.join(layout.names)}")
    return rates


def _traces(overlaps: Array, inner: int) -> list[Array]:
    """Return tr (DS)^k for k = 1 to n, each (...)."""
    n = overlaps.shape[-1]
    signed = overlaps * np.where(np.arange(n) < inner, 1.0, -1.0)[:, None]
    power, found = signed, []
    # What diverged is infinite, and is to be seen as that.
    with one_thread(), np.errstate(all="ignore"):
        for _ in range(n):
            found.append(np.trace(power, axis1=-2, axis2=-1))
            power = power @ signed
    return found


def _balanced(rates: Array, u: NDArray[np.intp], v: NDArray[np.intp]) -> bool:
    """Tell whether u_r u_s / sqrt(rates) - v_r v_s / sqrt(rates) is conserved, of ranks r and s.

    With K = U^T dL/dU = (V^T dL/dV)^T the two change by -(K_rs rate_us + K_sr rate_ur) and
    -(K_sr rate_vs + K_rs rate_vr): in proportion only if rate_ur rate_vr = rate_us rate_vs.
    """
    return bool(np.all(rates[[*u, *v]] > 0)) and bool(np.isclose(rates[u[0]] * rates[v[0]], rates[u[1]] * rates[v[1]]))
