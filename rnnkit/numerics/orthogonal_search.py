"""Search steps of the orthogonal alignment: coordinates, starts, local ascent, recombination.

Everything here works on torch tensors with a leading axis of pairs (or of pairs x candidates, flattened) and
raises ``<x, q y q^T>`` over orthogonal ``q``, for ``x`` and ``y`` of unit Frobenius norm. Each item of a batch is
treated alone. :mod:`rnnkit.numerics.orthogonal_alignment` puts the steps together and says why these.
"""

from __future__ import annotations

import torch

from rnnkit.numerics.orthogonal_climb import MEMORY, STEP_CAP, climb_items

__all__ = [
    "climb",
    "climb_candidates",
    "crossings",
    "distinct_first",
    "flips",
    "haar",
    "intrinsic_basis",
    "orthonormal",
    "repeat",
    "spectral_starts",
    "synchronised",
    "take",
    "value",
]

_SAME = 0.95  # |<q1, q2>| / n above which two rotations are taken for one
_PARENTS = 24  # local maxima that recombine
_BASES = 6  # how many of them are moved by the differences of others


def value(x: torch.Tensor, y: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """Return ``<x, q y q^T>`` : (pairs, candidates) for q : (pairs, candidates, n, n)."""
    return (x[:, None] * (q @ y[:, None] @ q.mT)).sum((-1, -2))


def orthonormal(q: torch.Tensor, steps: int) -> torch.Tensor:
    """Return the polar factor of nearly orthogonal matrices by Newton-Schulz, quadratic from within 0.5."""
    for _ in range(steps):
        q = 1.5 * q - 0.5 * (q @ (q.mT @ q))
    return q


def repeat(x: torch.Tensor, count: int) -> torch.Tensor:
    """Return x : (pairs, n, n) as (pairs * count, n, n), each pair's copies together."""
    return x.repeat_interleave(count, dim=0)


def take(q: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Return the candidates index : (pairs, k) of q : (pairs, candidates, n, n)."""
    return q.gather(1, index[:, :, None, None].expand(-1, -1, *q.shape[2:]))


def intrinsic_basis(x: torch.Tensor) -> torch.Tensor:
    """Return orthonormal columns that turn with the matrix: eigenvectors of the symmetric part, signs by the skew.

    Each sign makes the skew coupling to the sum of the columns before it positive, so that ``basis^T x basis`` is
    the same (to rounding) for ``x`` and for ``r x r^T``, unless the symmetric part has repeated eigenvalues.
    """
    basis: torch.Tensor = torch.linalg.eigh((x + x.mT) / 2)[1]
    skew = basis.mT @ ((x - x.mT) / 2) @ basis
    signs = torch.ones_like(basis[:, 0])
    for column in range(1, x.shape[-1]):
        coupling = (signs[:, :column] * skew[:, :column, column]).sum(1)
        signs[:, column] = torch.where(coupling < 0, -1.0, 1.0)
    return basis * signs[:, None, :]


def haar(count: int, n: int, seed: int) -> torch.Tensor:
    """Return (count, n, n) float64 rotations, uniform on O(n), of alternating determinant."""
    generator = torch.Generator().manual_seed(seed)
    q: torch.Tensor
    q, r = torch.linalg.qr(torch.randn(count, n, n, generator=generator, dtype=torch.float64))
    q *= torch.where(torch.diagonal(r, dim1=-2, dim2=-1) < 0, -1.0, 1.0)[:, None, :]
    wanted = 1.0 - 2.0 * (torch.arange(count) % 2)
    q[:, :, 0] *= (wanted * torch.linalg.det(q).sign())[:, None]
    return q


def spectral_starts(x: torch.Tensor, y: torch.Tensor, count: int, seed: int) -> torch.Tensor:
    """Return rotations (pairs, 3 + count, n, n) that match sorted eigenbases of symmetric functions of x and y.

    The symmetric part alone is right for a planted rotation unless it has repeated eigenvalues; two mixtures with
    ``x x^T`` and ``x^T x`` then tell the eigenvectors apart wherever an orthogonal invariant can. ``count``
    mixtures of six functions with Gaussian weights follow: starts of all kinds, and better than random rotations.
    """
    generator = torch.Generator().manual_seed(seed)
    fixed = torch.zeros(3, 6, dtype=torch.float64)
    fixed[:, :3] = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.7, 0.4], [0.3, 0.5, 1.0]])
    weights = torch.cat([fixed, torch.randn(count, 6, generator=generator, dtype=torch.float64)]).to(x.device)
    bases = []
    scale = x.shape[-1] ** 0.5  # puts products on the scale of the matrix
    for z in (x, y):
        square, part = z @ z, (z + z.mT) / 2
        cubes = part @ z @ z.mT @ part, square @ z
        functions = [part, scale * z @ z.mT, scale * z.mT @ z, scale * square, *(scale**2 * c for c in cubes)]
        symmetric = torch.stack([(f + f.mT) / 2 for f in functions], dim=1)
        bases.append(torch.linalg.eigh(torch.einsum("kf,pfij->pkij", weights, symmetric))[1])
    left, right = bases
    agreement = (left.mT @ x[:, None] @ left) * (right.mT @ y[:, None] @ right)
    signs = synchronised(agreement.flatten(0, 1)).reshape(left.shape[:3])
    matched: torch.Tensor = (left * signs[:, :, None, :]) @ right.mT
    return matched


def synchronised(agreement: torch.Tensor) -> torch.Tensor:
    """Return signs that raise ``s^T K s``: those of the leading eigenvector, then reversals while they help."""
    k = agreement + agreement.mT
    k = k - torch.diag_embed(torch.diagonal(k, dim1=-2, dim2=-1))
    signs = torch.where(torch.linalg.eigh(k)[1][:, :, -1] < 0, -1.0, 1.0).to(k.dtype)
    rows = torch.arange(len(k), device=k.device)
    for _ in range(2 * k.shape[-1]):
        support, worst = (signs * (k @ signs[:, :, None])[:, :, 0]).min(1)
        if not bool((support < 0).any()):
            break
        signs[rows, worst] *= torch.where(support < 0, -1.0, 1.0)
    return signs


def distinct_first(q: torch.Tensor, values: torch.Tensor, count: int) -> torch.Tensor:
    """Return (pairs, count) indices by falling value, those that repeat a better rotation put last."""
    order = values.argsort(dim=1, descending=True, stable=True)
    flat = take(q, order).flatten(2)
    alike = (flat @ flat.mT).abs() > _SAME * q.shape[-1]
    again = torch.tril(alike, diagonal=-1).any(2)
    return order.gather(1, again.to(torch.int8).argsort(dim=1, stable=True))[:, :count]


def flips(
    x: torch.Tensor, y: torch.Tensor, q: torch.Tensor, best: torch.Tensor, number: int, count: int
) -> torch.Tensor:
    """Return the two best rotations with one or two coordinates reversed: the ``number``-th lot by least loss."""
    pairs, n = x.shape[:2]
    lots = []
    for parent in range(min(2, best.shape[1])):
        base = take(q, best[:, parent : parent + 1])[:, 0]
        k = x * (base @ y @ base.mT)
        k = k + k.mT
        row = k.sum(2) - torch.diagonal(k, dim1=-2, dim2=-1)
        loss = 2 * (row[:, :, None] + row[:, None, :]) - 4 * k
        loss.diagonal(dim1=-2, dim2=-1).copy_(2 * row)
        upper = torch.triu_indices(n, n, device=x.device)
        each = (count + 1 - parent) // 2
        lot = loss[:, upper[0], upper[1]].argsort(dim=1, stable=True)[:, number * each : (number + 1) * each]
        signs = torch.ones(pairs, lot.shape[1], n, dtype=x.dtype, device=x.device)
        for end in upper:
            signs.scatter_(2, end[lot][:, :, None], -1.0)
        lots.append(signs[:, :, :, None] * base[:, None])
    return torch.cat(lots, dim=1)


def crossings(x: torch.Tensor, y: torch.Tensor, q: torch.Tensor, best: torch.Tensor, count: int) -> torch.Tensor:
    """Return ``q_a q_b^T q_c`` of the best rotations, the highest that are new first.

    Its value is ``<q_a^T x q_a, q_b^T M_c q_b>`` with ``M_c = q_c y q_c^T``, so that all triples are scored by one
    product of the flattened factors and only the chosen few are formed.
    """
    parents = take(q, best[:, :_PARENTS])
    pairs, k, n = parents.shape[:3]
    bases = min(_BASES, k)
    turned = parents[:, :bases] @ y[:, None] @ parents[:, :bases].mT
    left = (parents.mT @ x[:, None] @ parents).flatten(2)
    right = (parents.mT[:, :, None] @ turned[:, None] @ parents[:, :, None]).reshape(pairs, k * bases, n * n)
    scores = (left @ right.mT).reshape(pairs, k, k, bases)
    same = torch.eye(k, dtype=torch.bool, device=x.device)
    scores = scores.masked_fill(same[:, :, None] | same[None, :, :bases], -2.0).flatten(1)
    short = scores.argsort(dim=1, descending=True, stable=True)[:, : 4 * count]
    first, second, base = short // (k * bases), short // bases % k, short % bases
    made = take(parents, first) @ take(parents, second).mT @ take(parents, base)
    known = (made.flatten(2) @ q.flatten(2).mT).abs().amax(2) > _SAME * n
    reached = scores.gather(1, short) - 2.0 * known
    return take(made, distinct_first(made, reached, count))


def climb(
    x: torch.Tensor, y: torch.Tensor, q: torch.Tensor, limit: int, goal: float = 1e-8, fixed: int = 0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Raise every item's value by L-BFGS in the Lie algebra; return rotations, gradient norms and steps taken.

    With ``M = q y q^T`` and ``T = x M^T + x^T M`` the value is ``tr T / 2`` and its derivative along
    ``exp(S) q``, ``S`` skew, is ``<S, (T - T^T) / 2>``. The preconditioner is the curvature of single plane
    rotations without the products of off-diagonal entries, in absolute value. A step that lowers the value is
    undone and the trust radius cut to a quarter. In float64 items leave the batch once their gradient is below
    ``goal``; in float32 all take ``limit`` steps.

    Parameters
    ----------
    x, y, q : (items, n, n) float32 or float64
    limit : int
    goal : float
    fixed : int
        The last so many coordinates do not turn: `q` is the identity there, and stays so.

    Returns
    -------
    rotations : (items, n, n)
    gradients : (items,)
    steps : (items,) int64
    """
    items, n = x.shape[:2]
    exact = x.dtype == torch.float64
    slack = 4 * n * torch.finfo(x.dtype).eps
    final, gradient = q.clone(), torch.zeros_like(x[:, 0, 0])
    steps = torch.full((items,), limit, dtype=torch.int64, device=x.device)
    active = torch.arange(items, device=x.device)
    sides = torch.cat([x, x.mT], dim=-1)
    m = q @ y @ q.mT
    f, t, g = _landscape(sides, m, fixed)
    radius = torch.full_like(f, STEP_CAP)
    past: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    for step in range(limit):
        if exact and step % 5 == 0:
            size = torch.linalg.vector_norm(g, dim=(1, 2))
            done = size < goal
            if bool(done.any()):
                final[active[done]], gradient[active[done]], steps[active[done]] = q[done], size[done], step
                left = ~done
                active = active[left]
                if active.numel() == 0:
                    return final, gradient, steps
                x, y, q, sides, m, f, t, g, radius = (z[left] for z in (x, y, q, sides, m, f, t, g, radius))
                past = [(s[left], d[left], r[left]) for s, d, r in past]
        direction = _direction(x, m, t, g, past)
        length = torch.linalg.vector_norm(direction, dim=(1, 2))
        cut = (radius / length.clamp_min(1e-30)).clamp_max(1.0)
        move = direction * cut[:, None, None]
        turn = _exponential(move)
        if exact:
            q_new = orthonormal(torch.bmm(turn, q), 1)
            m_new = torch.bmm(torch.bmm(q_new, y), q_new.mT)
        else:
            q_new = torch.bmm(turn, q)
            m_new = torch.bmm(torch.bmm(turn, m), turn.mT)
        f_new, t_new, g_new = _landscape(sides, m_new, fixed)
        up = f_new >= f - slack * ((-2 * f).sqrt() + slack)
        wider = torch.where(cut < 1, 2 * radius, radius).clamp_max(STEP_CAP)
        radius = torch.where(up, wider, cut * length / 4)
        _remember(past, move, g - g_new)
        moved = up[:, None, None]
        q, m, g = (torch.where(moved, new, old) for new, old in ((q_new, q), (m_new, m), (g_new, g)))
        t = torch.where(up[:, None], t_new, t)
        f = torch.where(up, f_new, f)
    final[active], gradient[active] = q, torch.linalg.vector_norm(g, dim=(1, 2))
    return final, gradient, steps


def climb_candidates(
    x: torch.Tensor,
    y: torch.Tensor,
    q: torch.Tensor,
    limit: int,
    goal: float = 1e-8,
    gain: float = 0.0,
    fixed: int = 0,
    compiled: bool = True,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Raise every candidate of every pair: one after the other in compiled loops, or all in one batch by `climb`.

    Parameters
    ----------
    x, y : (pairs, n, n)
    q : (pairs, candidates, n, n)
    limit, goal, fixed
        As in :func:`climb`.
    gain : float
        Slope of a step at which the compiled search of a candidate ends.
    compiled : bool
        For tensors on the CPU only.

    Returns
    -------
    rotations : (pairs, candidates, n, n)
    gradients : (pairs, candidates)
    steps : (pairs, candidates) int64
    """
    pairs, count, n = q.shape[:3]
    if compiled:
        ends = q.contiguous().clone()
        slack = 4 * n * torch.finfo(x.dtype).eps
        first, second = x.contiguous().numpy(), y.contiguous().numpy()
        gradient, steps = climb_items(first, second, ends.numpy(), limit, goal, gain, slack, fixed)
        return ends, torch.from_numpy(gradient), torch.from_numpy(steps)
    wide = repeat(x, count), repeat(y, count)
    ends, slope, taken = climb(*wide, q.reshape(-1, n, n), limit, goal, fixed)
    return ends.reshape(q.shape), slope.reshape(pairs, count), taken.reshape(pairs, count)


def _landscape(sides: torch.Tensor, m: torch.Tensor, fixed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    t = torch.bmm(sides, torch.cat([m.mT, m], dim=-2))
    trace = torch.diagonal(t, dim1=-2, dim2=-1)
    g = (t - t.mT) / 2
    if fixed:  # the exponential and L-BFGS keep such rows and columns zero
        g[:, -fixed:], g[:, :, -fixed:] = 0.0, 0.0
    # The value but for a constant, with its digits kept where x and m all but agree.
    return -((sides[:, :, : m.shape[-1]] - m) ** 2).sum((1, 2)) / 2, trace, g


def _exponential(s: torch.Tensor) -> torch.Tensor:
    """Return ``exp(s)`` to fourth order at half the argument, squared: orthogonal to ``|s|^6 / 2304``."""
    half = s / 2
    square = torch.bmm(half, half)
    series = torch.baddbmm(half, square, half / 6 + square / 24, beta=1.0)
    series = series + square / 2
    series.diagonal(dim1=-2, dim2=-1).add_(1.0)
    return torch.bmm(series, series)


def _direction(
    x: torch.Tensor,
    m: torch.Tensor,
    trace: torch.Tensor,
    g: torch.Tensor,
    past: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]],
) -> torch.Tensor:
    """Return the L-BFGS ascent direction (two loops), or the gradient where that does not ascend."""
    diag_x, diag_m = torch.diagonal(x, dim1=-2, dim2=-1), torch.diagonal(m, dim1=-2, dim2=-1)
    ones = torch.ones_like(trace)
    curvature = torch.bmm(
        torch.stack([trace, ones, diag_x, diag_m], dim=2),
        torch.stack([ones, trace, -2 * diag_m, -2 * diag_x], dim=1),
    )
    curvature = curvature.abs_().clamp_min_(1e-3)
    direction, weights = g.clone(), []
    for s, d, rho in reversed(past):
        weight = rho * _dot(s, direction)
        direction.addcmul_(d, weight[:, None, None], value=-1.0)
        weights.append(weight)
    scaled = direction.div_(curvature)
    for (s, d, rho), weight in zip(past, reversed(weights), strict=True):
        scaled.addcmul_(s, (weight - rho * _dot(d, scaled))[:, None, None])
    slope = _dot(g, scaled)
    wrong = slope <= 1e-5 * _dot(g, g).sqrt() * _dot(scaled, scaled).sqrt()
    return torch.where(wrong[:, None, None], g, scaled)


def _remember(
    past: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]], move: torch.Tensor, change: torch.Tensor
) -> None:
    """Append a step and its change of gradient; one without positive curvature counts for nothing."""
    along = _dot(move, change)
    sound = along > 1e-8 * (_dot(move, move) * _dot(change, change)).sqrt()
    past.append((move, change, torch.where(sound, 1 / along, 0.0)))
    if len(past) > MEMORY:
        past.pop(0)


def _dot(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    # Five times faster on the CPU than a batched product of row and column.
    return (a * b).sum((1, 2))
