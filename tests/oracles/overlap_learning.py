"""Slow, obvious references of the theory of overlaps: networks of N units by autograd, and the theory step by step."""

import numpy as np
import torch


def vectors_of(overlaps, units, seed):
    """Vectors (units, n) with exactly these overlaps and otherwise Gaussian entries."""
    x = np.random.default_rng(seed).standard_normal((units, len(overlaps)))
    values, basis = np.linalg.eigh(x.T @ x / units)
    x = x @ (basis / np.sqrt(values)) @ basis.T
    values, basis = np.linalg.eigh(overlaps)
    return x @ (basis * np.sqrt(np.clip(values, 0, None))) @ basis.T


def network_outputs(vectors, layout, alpha, linear, inputs, offset=0.0, scale=1.0):
    """Outputs (trials, steps, outputs) of a network with these vectors; torch, so that autograd can follow."""
    units = vectors.shape[0]
    m, b, h, u, v, z = _split(vectors, layout)
    state = torch.zeros(inputs.shape[0], units, dtype=torch.float64) + (h if h is not None else 0.0)
    phi = (lambda x: x) if linear else torch.tanh
    out = []
    for t in range(inputs.shape[1]):
        drive = phi(state) @ v @ u.T / units + inputs[:, t] @ m.T + (b if b is not None else 0.0)
        state = (1 - alpha) * state + alpha * drive
        out.append(scale * (phi(state) @ z / units + offset))
    return torch.stack(out, 1)


def _split(vectors, layout):
    names = layout.names
    first = layout.inputs
    b = vectors[:, first] if layout.bias else None
    h = vectors[:, names.index("h")] if layout.initial else None
    u = vectors[:, layout.drives : layout.inner]
    v = vectors[:, layout.inner : layout.inner + layout.rank]
    return vectors[:, :first], b, h, u, v, vectors[:, layout.inner + layout.rank :]


def masked_error(outputs, targets, mask):
    """The loss of training: sum(mask e^2) / (sum(mask) outputs)."""
    return (mask[..., None] * (outputs - targets) ** 2).sum() / (mask.sum() * targets.shape[-1])


def train(
    vectors, layout, alpha, linear, batches, rate, relative=None, momentum=0.0, decay=0.0, offset=None, scale=1.0
):
    """Overlaps (steps + 1, n, n), losses (steps,) and offsets of gradient descent by torch.optim's own rule.

    `batches` is a list of (inputs, targets, mask), one for each step.
    """
    units, n = vectors.shape
    x = torch.tensor(vectors, requires_grad=True)
    c = torch.zeros(layout.outputs, dtype=torch.float64) if offset is None else torch.tensor(offset)
    c.requires_grad_(offset is not None)
    relative = torch.ones(n, dtype=torch.float64) if relative is None else torch.tensor(relative)
    velocity, c_velocity = torch.zeros_like(x), torch.zeros_like(c)
    path, losses = [_overlaps(x)], []
    for inputs, targets, mask in batches:
        inputs, targets, mask = (torch.as_tensor(held) for held in (inputs, targets, mask))
        loss = masked_error(network_outputs(x, layout, alpha, linear, inputs, c, scale), targets, mask)
        slopes = torch.autograd.grad(loss, [x, c] if offset is not None else [x])
        with torch.no_grad():
            velocity = momentum * velocity + units * slopes[0] + decay * x
            x -= rate * relative * velocity
            if offset is not None:
                c_velocity = momentum * c_velocity + slopes[1]
                c -= rate * c_velocity
        losses.append(loss.item())
        path.append(_overlaps(x))
    return np.array(path), np.array(losses), c.detach().numpy()


def _overlaps(x):
    x = x.detach().numpy()
    return x.T @ x / len(x)


def gain(variance):
    """<tanh'> of a Gaussian of this variance, by the trapezoid rule, as torch can differentiate."""
    xi = torch.arange(129, dtype=torch.float64) * 8.5 / 128
    weights = 2 * 8.5 / 128 * torch.exp(-(xi**2) / 2) / np.sqrt(2 * np.pi)
    weights[0], weights[-1] = weights[0] / 2, weights[-1] / 2
    return ((1 - torch.tanh(torch.sqrt(variance)[..., None] * xi) ** 2) * weights).sum(-1)


def theory_outputs(overlaps, layout, alpha, linear, inputs, offset=0.0, scale=1.0):
    """Outputs (trials, steps, outputs) from overlaps (n, n), written out as the specification's section 2."""
    inner, drives, rank = layout.inner, layout.drives, layout.rank
    w = torch.zeros(inputs.shape[0], inner, dtype=torch.float64)
    if layout.initial:
        w[:, drives - 1] = 1.0
    aa, va = overlaps[:inner, :inner], overlaps[inner : inner + rank, :inner]
    za = overlaps[inner + rank :, :inner]
    out = []
    for t in range(inputs.shape[1]):
        # The root's derivative at 0 is infinite, and 0 is where a network without initial state starts.
        factor = 1.0 if linear or not bool((w != 0).any()) else gain(torch.einsum("ka,ab,kb->k", w, aa, w))[:, None]
        constant = torch.zeros(inputs.shape[0], layout.bias + layout.initial, dtype=torch.float64)
        constant[:, : layout.bias] = 1.0
        w = (1 - alpha) * w + alpha * torch.cat([inputs[:, t], constant, factor * (w @ va.T)], 1)
        factor = 1.0 if linear else gain(torch.einsum("ka,ab,kb->k", w, aa, w))[:, None]
        out.append(scale * (factor * (w @ za.T) + offset))
    return torch.stack(out, 1)


def theory_gradient(overlaps, layout, alpha, linear, batch):
    """Loss and Gamma = G0 + G0^T from autograd through independent entries of the overlaps."""
    s = torch.tensor(overlaps, requires_grad=True)
    inputs, targets, mask = (torch.as_tensor(held) for held in batch)
    loss = masked_error(theory_outputs(s, layout, alpha, linear, inputs), targets, mask)
    (slope,) = torch.autograd.grad(loss, [s])
    return loss.item(), (slope + slope.T).numpy()


def filter_loss(zm, product, vu, gain_of_target, decay):
    """Loss and its slopes by (zm, zu vm, vu) of a rank-one linear filter in continuous time.

    L = 1/2 integral of (g(t) - a e^{-ct})^2, the closed form of the specification's section 4.
    """
    z, p, a, c, ell = zm, product, gain_of_target, decay, 1 - vu
    both, shift = (1 + c) * (ell + c), 1 + ell
    loss = 0.5 * (
        z**2 / 2 + z * p / shift + p**2 / (2 * ell * shift) + a**2 / (2 * c) - 2 * a * z / (1 + c) - 2 * a * p / both
    )
    by_z = z / 2 + p / (2 * shift) - a / (1 + c)
    by_p = z / (2 * shift) + p / (2 * ell * shift) - a / both
    by_ell = 0.5 * (
        -z * p / shift**2 - p**2 * (1 + 2 * ell) / (2 * ell**2 * shift**2) + 2 * a * p / ((1 + c) * (ell + c) ** 2)
    )
    return loss, (by_z, by_p, -by_ell)


def filter_slope(gain_of_target, decay):
    """The slope that `overlap_flow.follow` takes, of vectors (m, u, v, z) that learn this filter in continuous time."""

    def slope(s, c):
        m, u, v, z = range(4)
        loss, (by_z, by_p, by_vu) = filter_loss(s[z, m], s[z, u] * s[v, m], s[v, u], gain_of_target, decay)
        gamma = np.zeros((4, 4))
        for (a, b), value in {(z, m): by_z, (z, u): by_p * s[v, m], (v, m): by_p * s[z, u], (v, u): by_vu}.items():
            gamma[a, b] = gamma[b, a] = value
        return loss, gamma, 0 * c

    return slope
