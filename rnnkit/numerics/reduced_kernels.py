"""The compiled loops of the reduced theory of low-rank networks; :mod:`rnnkit.numerics.reduced_activity` calls them.

One file, because compiled code on disk is renewed when its own file changes. Values may be infinite or NaN where a
descent diverges, so that nothing here assumes finite numbers. `sizes` is (inputs, bias, initial, rank, outputs), bias
and initial being 0 or 1; n is the number of loading vectors, `inner` of those in group A.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnnkit.numerics.compiled import compiled_keeping_nan

__all__ = ["Array", "Sizes", "descend_", "descend_overlaps_", "gaussian_gain", "loss_gradient_", "outputs_"]

Array = NDArray[np.float64]
Sizes = tuple[int, int, int, int, int]

_INTERVALS = 128
# Beyond 8.5 standard deviations a Gaussian weighs 2e-17; sech^2 beyond 20 weighs 2e-17 too.
_XI, _Z = 8.5 / _INTERVALS, 20.0 / _INTERVALS
_ENDS = np.where(np.isin(np.arange(_INTERVALS + 1), (0, _INTERVALS)), 0.5, 1.0)
#: Weights of the nodes xi_j of the even integrand, and of the nodes z_j with sech^2(z_j) in them.
_GAUSSIAN = _ENDS * 2 * _XI * np.exp(-0.5 * (_XI * np.arange(_INTERVALS + 1)) ** 2) / np.sqrt(2 * np.pi)
_SECH = _ENDS * 2 * _Z / np.cosh(_Z * np.arange(_INTERVALS + 1)) ** 2 / np.sqrt(2 * np.pi)


@compiled_keeping_nan
def gaussian_gain(variance: float) -> tuple[float, float]:
    """Return G = <tanh'(sqrt(variance) xi)> over xi ~ N(0, 1), and dG / d variance = <tanh'''> / 2.

    The trapezoid rule, which converges geometrically on analytic integrands: over xi with spacing 8.5/128 up to a
    standard deviation of 20/8.5, over z = sqrt(variance) xi with spacing 20/128 above it, where in xi the integrand
    would be narrower than the spacing resolves. Both need one exponential, the others being its powers. Absolute
    errors below 1e-15 at any variance.
    """
    if variance < 0.0:
        # Rounding may leave a variance of nothing below it; no Gaussian has one that is really negative.
        if variance < -1e-9:
            return np.nan, np.nan
        variance = 0.0
    deviation = np.sqrt(variance)
    gain = slope = 0.0
    if deviation <= _Z / _XI:
        # tanh' = q = 4 e / (1 + e)^2 with e = exp(-2 z), and tanh''' = q (4 tanh^2 - 2 q) = q (4 - 6 q).
        ratio, e = np.exp(-2.0 * deviation * _XI), 1.0
        for j in range(_INTERVALS + 1):
            q = 4.0 * e / ((1.0 + e) * (1.0 + e))
            gain += _GAUSSIAN[j] * q
            slope += _GAUSSIAN[j] * q * (4.0 - 6.0 * q)
            e *= ratio
        return gain, 0.5 * slope
    # <tanh'''(sqrt(D) xi)> = <tanh'(sqrt(D) xi) (xi^2 - 1)> / D: twice by parts.
    ratio, e = np.exp(-0.5 * _Z * _Z / variance), 1.0
    factor = ratio
    for j in range(_INTERVALS + 1):
        gain += _SECH[j] * e
        slope += _SECH[j] * e * ((j * _Z) ** 2 / variance - 1.0)
        e *= factor
        factor *= ratio * ratio
    return gain / deviation, 0.5 * slope / (deviation * variance)


@compiled_keeping_nan
def _run_(
    overlaps: Array, sizes: Sizes, alpha: float, linear: bool, inputs: Array, state: Array, gain: Array, slope: Array
) -> None:
    """Run one trial: w (steps + 1, inner) from before the first step on, and G and G' of its variance, (steps + 1,).

    Parameters
    ----------
    inputs : (steps, inputs)
    """
    count, bias, initial, rank, _ = sizes
    drives = count + bias + initial
    inner, steps = drives + rank, len(inputs)
    for a in range(inner):
        state[0, a] = 0.0
    if initial == 1:
        state[0, drives - 1] = 1.0
    for t in range(steps + 1):
        gain[t], slope[t] = 1.0, 0.0
        if not linear:
            variance = 0.0
            for a in range(inner):
                for b in range(inner):
                    variance += state[t, a] * overlaps[a, b] * state[t, b]
            gain[t], slope[t] = gaussian_gain(variance)
        if t == steps:
            break
        for a in range(inner):
            state[t + 1, a] = (1.0 - alpha) * state[t, a]
        for a in range(count):
            state[t + 1, a] += alpha * inputs[t, a]
        if bias == 1:
            state[t + 1, count] += alpha
        for r in range(rank):
            read = 0.0
            for a in range(inner):
                read += overlaps[inner + r, a] * state[t, a]
            state[t + 1, drives + r] += alpha * gain[t] * read


@compiled_keeping_nan
def outputs_(
    overlaps: Array, offset: Array, scale: Array, sizes: Sizes, alpha: float, linear: bool, inputs: Array, out: Array
) -> None:
    """Fill the outputs (networks, trials, steps, outputs) after each step.

    Parameters
    ----------
    overlaps : (networks, n, n)
    offset : (networks, outputs)
    scale : (networks,)
    inputs : (networks or 1, trials, steps, inputs)
    """
    inner = sizes[0] + sizes[1] + sizes[2] + sizes[3]
    steps = out.shape[2]
    state, gain, slope = np.empty((steps + 1, inner)), np.empty(steps + 1), np.empty(steps + 1)
    for network in range(out.shape[0]):
        own = min(network, inputs.shape[0] - 1)
        for trial in range(out.shape[1]):
            _run_(overlaps[network], sizes, alpha, linear, inputs[own, trial], state, gain, slope)
            for t in range(steps):
                for o in range(out.shape[3]):
                    read = 0.0
                    for a in range(inner):
                        read += overlaps[network, inner + sizes[3] + o, a] * state[t + 1, a]
                    out[network, trial, t, o] = scale[network] * (gain[t + 1] * read + offset[network, o])


@compiled_keeping_nan
def _gradient_(
    overlaps: Array,
    offset: Array,
    scale: float,
    sizes: Sizes,
    alpha: float,
    linear: bool,
    inputs: Array,
    targets: Array,
    mask: Array,
    out: Array,
    offset_out: Array,
) -> float:
    """Return the loss of one network; fill Gamma, (n, n), and the slope by the offset, (outputs,).

    Back through the steps, p is the slope of the loss by the latent state k one step later; the slope of the loss by
    an output is e. At a state w with gain G = G(w^T S_AA w): dS_VA += alpha p G w^T, dS_ZA += e G w^T,
    dS_AA += l w w^T with l = G' (alpha p . S_VA w + e . S_ZA w); then
    p <- (1 - alpha) p + G (alpha S_VU^T p + S_ZU^T e) + 2 l S_UA w.

    Parameters
    ----------
    overlaps : (n, n)
    offset : (outputs,)
    inputs : (trials, steps, inputs)
    targets : (trials, steps, outputs)
    mask : (trials, steps)
    """
    rank, readouts = sizes[3], sizes[4]
    drives = sizes[0] + sizes[1] + sizes[2]
    inner, (trials, steps) = drives + rank, mask.shape
    n = inner + rank + readouts
    for a in range(n):
        for b in range(n):
            out[a, b] = 0.0
    for o in range(readouts):
        offset_out[o] = 0.0
    total = 0.0
    for trial in range(trials):
        for t in range(steps):
            total += mask[trial, t]
    norm, loss = 1.0 / (total * readouts), 0.0
    state, gain, slope = np.empty((steps + 1, inner)), np.empty(steps + 1), np.empty(steps + 1)
    # What comes back to each vector of group B, and S_BA w.
    back, read = np.zeros(rank + readouts), np.zeros(rank + readouts)
    latent, earlier = np.zeros(rank), np.zeros(rank)
    for trial in range(trials):
        _run_(overlaps, sizes, alpha, linear, inputs[trial], state, gain, slope)
        for r in range(rank):
            latent[r] = 0.0
        for t in range(steps, -1, -1):
            turned = 0.0
            for b in range(rank + readouts):
                read[b] = 0.0
                for a in range(inner):
                    read[b] += overlaps[inner + b, a] * state[t, a]
                if b < rank:
                    back[b] = alpha * latent[b]
                elif t == 0:
                    back[b] = 0.0
                else:
                    o, weight = b - rank, mask[trial, t - 1]
                    error = scale * (gain[t] * read[b] + offset[o]) - targets[trial, t - 1, o]
                    loss += norm * weight * error * error
                    back[b] = 2.0 * norm * weight * error * scale
                    offset_out[o] += back[b]
                turned += back[b] * read[b]
            turned *= slope[t]
            for a in range(inner):
                for b in range(rank + readouts):
                    out[inner + b, a] += back[b] * gain[t] * state[t, a]
                if not linear:
                    for b in range(inner):
                        out[a, b] += turned * state[t, a] * state[t, b]
            for r in range(rank):
                earlier[r] = (1.0 - alpha) * latent[r]
                for b in range(rank + readouts):
                    earlier[r] += gain[t] * back[b] * overlaps[inner + b, drives + r]
                for a in range(inner):
                    earlier[r] += 2.0 * turned * overlaps[drives + r, a] * state[t, a]
            for r in range(rank):
                latent[r] = earlier[r]
    for a in range(n):
        for b in range(a + 1):
            both = out[a, b] + out[b, a]
            out[a, b] = both
            out[b, a] = both
    return loss


@compiled_keeping_nan
def loss_gradient_(
    overlaps: Array,
    offset: Array,
    scale: Array,
    sizes: Sizes,
    alpha: float,
    linear: bool,
    inputs: Array,
    targets: Array,
    mask: Array,
    loss: Array,
    out: Array,
    offset_out: Array,
) -> None:
    """Fill the loss (networks,), Gamma (networks, n, n) and the slope by the offset (networks, outputs).

    Parameters
    ----------
    inputs, targets, mask : (networks or 1, trials, steps, ...)
    """
    for k in range(len(loss)):
        own = min(k, len(mask) - 1)
        loss[k] = _gradient_(
            *(overlaps[k], offset[k], scale[k], sizes, alpha, linear),
            *(inputs[own], targets[own], mask[own], out[k], offset_out[k]),
        )


@compiled_keeping_nan
def _carry_(start: Array, transfer: Array, out: Array) -> None:
    """Fill S = L^T S_0 L, exactly symmetric, of one network."""
    n = len(start)
    half = np.empty((n, n))
    for a in range(n):
        for b in range(n):
            half[a, b] = 0.0
            for c in range(n):
                half[a, b] += start[a, c] * transfer[c, b]
    for a in range(n):
        for b in range(a + 1):
            total = 0.0
            for c in range(n):
                total += transfer[c, a] * half[c, b]
            out[a, b] = total
            out[b, a] = total


@compiled_keeping_nan
def descend_(
    start: Array,
    transfer: Array,
    velocity: Array,
    offset: Array,
    offset_velocity: Array,
    scale: Array,
    sizes: Sizes,
    alpha: float,
    linear: bool,
    inputs: Array,
    targets: Array,
    mask: Array,
    rates: Array,
    offset_rate: float,
    momentum: float,
    decay: float,
    losses: Array,
) -> None:
    """Take as many steps as `losses` has columns, (networks, steps), in place, each on the same trials.

    Parameters
    ----------
    start, transfer, velocity : (networks, n, n)
        S_0; X_t = X_0 transfer, and the velocity X_0 velocity.
    rates : (n,)
        Learning rate of each vector.
    """
    n = start.shape[1]
    overlaps, slope, offset_slope = np.empty((n, n)), np.empty((n, n)), np.empty(offset.shape[1])
    moved = np.empty(n)
    for k in range(len(start)):
        own = min(k, len(mask) - 1)
        for step in range(losses.shape[1]):
            _carry_(start[k], transfer[k], overlaps)
            losses[k, step] = _gradient_(
                *(overlaps, offset[k], scale[k], sizes, alpha, linear),
                *(inputs[own], targets[own], mask[own], slope, offset_slope),
            )
            for a in range(n):
                # Row a of X_0's coefficients: the step reads it whole before it is changed.
                for b in range(n):
                    moved[b] = decay * transfer[k, a, b]
                    for c in range(n):
                        moved[b] += transfer[k, a, c] * slope[c, b]
                for b in range(n):
                    velocity[k, a, b] = momentum * velocity[k, a, b] + moved[b]
                    transfer[k, a, b] -= rates[b] * velocity[k, a, b]
            for o in range(offset.shape[1]):
                offset_velocity[k, o] = momentum * offset_velocity[k, o] + offset_slope[o]
                offset[k, o] -= offset_rate * offset_velocity[k, o]


@compiled_keeping_nan
def descend_overlaps_(
    overlaps: Array,
    offset: Array,
    scale: Array,
    sizes: Sizes,
    alpha: float,
    linear: bool,
    inputs: Array,
    targets: Array,
    mask: Array,
    rate: float,
    offset_rate: float,
    losses: Array,
) -> None:
    """Take steps down the loss as a function of the overlaps themselves, (networks, n, n), in place."""
    n = overlaps.shape[1]
    slope, offset_slope = np.empty((n, n)), np.empty(offset.shape[1])
    for k in range(len(overlaps)):
        own = min(k, len(mask) - 1)
        for step in range(losses.shape[1]):
            losses[k, step] = _gradient_(
                *(overlaps[k], offset[k], scale[k], sizes, alpha, linear),
                *(inputs[own], targets[own], mask[own], slope, offset_slope),
            )
            for a in range(n):
                for b in range(n):
                    # Gamma's diagonal is twice the derivative by the overlap.
                    overlaps[k, a, b] -= rate * slope[a, b] * (0.5 if a == b else 1.0)
            for o in range(offset.shape[1]):
                offset[k, o] -= offset_rate * offset_slope[o]
