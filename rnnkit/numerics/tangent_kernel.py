"""How far the tangent kernel of a network turned: its alignment before and after, within a bound on memory.

The kernel of outputs y over trials, steps and output channels is K = J J^T, J = dy / dW, one row of J per number that
the network puts out. The alignment of two kernels needs the traces of K_f K_0, K_f K_f and K_0 K_0, that is, sums over
the elements of both kernels, and neither J nor K as a whole.

A row of J by one weight matrix is a sum of outer products over the steps of its trial, J_i = sum_s d_is x_s^T: d came
back from output i, x went forward in the trial and is shared by all its rows. An element of K between trials b and c is

    K_ij = sum_{s, s'} (d_is . d_js') (x_bs . x_cs'),

for a row at step t a sum over s <= t alone. Two forms, and the cheaper of both by the sizes:

- *summed*: J_i is formed, k m numbers a row; K_ij is their product.
- *by steps*: d_i stays as it is, k steps numbers a row; the Gram matrix x_b x_c^T mixes the steps of d_i once for a
  whole trial c, and K_ij is the product of the mixed d_i with d_j, up to the step of j.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnkit.errors import InputError
from rnnkit.numerics.threads import one_thread

__all__ = ["Factor", "JacobianSize", "KernelAlignment", "Rows", "align_kernels", "kernel_memory"]

#: Slices of a trial's steps: a row's sums end with its slice. More save products, and make them smaller.
_SLICES = 4
#: Rows of a slice at least, where a trial has them: smaller products cost more than those they save.
_ROWS = 64
#: Multiplications of a slice's product, below which threads cost more than they gain.
_ALONE = 5e7


@dataclass(frozen=True)
class Factor:
    """What the rows of a Jacobian are made of, for one weight: J_i = sum_s back_is forward_s^T.

    Attributes
    ----------
    back : (networks, steps, rows, k) float64
        Zero after the step of a row.
    forward : (networks, steps, m) float64
    """

    back: Tensor
    forward: Tensor


@dataclass(frozen=True)
class JacobianSize:
    """Sizes of the Jacobians of networks of one architecture on common trials.

    Attributes
    ----------
    networks, trials, steps, outputs : int
    widths : sequence of (k, m)
        Of the factors, in their order.
    scratch : int
        Numbers that making one row of one network takes besides the factors' own.
    """

    networks: int
    trials: int
    steps: int
    outputs: int
    widths: Sequence[tuple[int, int]]
    scratch: int = 0

    @property
    def rows(self) -> int:
        """Rows of one network's Jacobian."""
        return self.trials * self.steps * self.outputs

    @property
    def summed(self) -> list[bool]:
        """Tell which factors' rows are summed over steps: where that takes fewer operations.

        A row and a trial of the other side take k m outputs steps multiplications when summed. By steps, mixing takes
        about k steps^2 and the products k steps^2 outputs, 0.6 of it as half of the steps lie ahead of a row.
        """
        return [m * self.outputs <= 0.6 * self.steps * (self.outputs + 1) for _, m in self.widths]

    @property
    def row_bytes(self) -> int:
        """Bytes of a row of all networks, as it is kept."""
        sizes = [k * (m if summed else self.steps) for (k, m), summed in zip(self.widths, self.summed, strict=True)]
        return 8 * self.networks * sum(sizes)

    @property
    def step_bytes(self) -> int:
        """Bytes of the rows of one step."""
        return self.outputs * self.row_bytes

    @property
    def slice_steps(self) -> int:
        """Steps of a slice, where memory does not ask for shorter ones."""
        return min(self.steps, max(-(-self.steps // _SLICES), -(-_ROWS // self.outputs)))

    def slice_bytes(self, steps: int) -> int:
        """Bytes taken by work on a slice: its rows while they are made or mixed, and three of its blocks of K."""
        count = steps * self.outputs
        backs = sum(k for k, _ in self.widths) * self.steps
        mixed = 2 * max(k for k, _ in self.widths) * self.steps
        return 8 * self.networks * (count * max(self.scratch + backs, mixed) + 3 * count**2)


#: Makes the factors of the rows of a trial (first argument) at steps from the second to the third, exclusive; over the
#: steps from 0 to the third, rows by step, then output. They are read before the next call.
Rows = Callable[[int, int, int], list[Factor]]


@dataclass(frozen=True)
class KernelAlignment:
    """Alignment of pairs of tangent kernels.

    Attributes
    ----------
    value : (pairs,) float64
        Tr(K_f K_0) / (|K_f| |K_0|), from 0 to 1; NaN where a kernel is zero or not finite.
    product : (pairs,) float64
        Tr(K_f K_0).
    norm, initial_norm : (pairs,) float64
        Frobenius norms |K_f| and |K_0|.
    """

    value: NDArray[np.float64]
    product: NDArray[np.float64]
    norm: NDArray[np.float64]
    initial_norm: NDArray[np.float64]


@dataclass(frozen=True)
class _Plan:
    """How the rows are cut up: steps of a slice and of a block, and how many blocks are kept."""

    slice_steps: int
    block_steps: int
    kept: int


@dataclass(frozen=True)
class _Block:
    """Rows of one trial at consecutive steps. A part is (networks, rows, k m), or (networks, rows, last, k)."""

    trial: int
    first: int
    last: int
    parts: list[Tensor]
    forwards: list[Tensor]


def kernel_memory(size: JacobianSize) -> tuple[int, int]:
    """Return the bytes that :func:`align_kernels` needs at least, and those with which no row is made twice."""
    least = size.slice_bytes(1) + 2 * size.step_bytes
    return least, size.slice_bytes(size.slice_steps) + (size.trials + 1) * size.steps * size.step_bytes


def _plan(size: JacobianSize, memory: int) -> _Plan:
    least, most = kernel_memory(size)
    if memory < least:
        what = f"{memory} bytes, and the rows of one step take {least}"
        raise InputError("memory", what, "give more, or fewer outputs and steps")
    slice_steps = size.slice_steps
    if memory >= most:
        return _Plan(slice_steps, size.steps, size.trials)
    while slice_steps > 1 and (
        size.slice_bytes(slice_steps) > memory / 3
        or memory - size.slice_bytes(slice_steps) < 2 * slice_steps * size.step_bytes
    ):
        slice_steps -= 1
    left = memory - size.slice_bytes(slice_steps)
    block_steps = min(size.steps, left // (2 * size.step_bytes))
    return _Plan(slice_steps, block_steps, left // (block_steps * size.step_bytes) - 1)


def _make(size: JacobianSize, rows: Rows, plan: _Plan, trial: int, first: int, last: int) -> _Block:
    """Make a block slice by slice, so that what a slice takes on the way is bounded."""
    count = (last - first) * size.outputs
    parts: list[Tensor] = []
    forwards: list[Tensor] = []
    for low in range(first, last, plan.slice_steps):
        high = min(low + plan.slice_steps, last)
        factors = rows(trial, low, high)
        here = slice((low - first) * size.outputs, (high - first) * size.outputs)
        if not parts:
            for (k, m), whole, factor in zip(size.widths, size.summed, factors, strict=True):
                shape = (size.networks, count, k * m) if whole else (size.networks, count, last, k)
                parts.append(factor.back.new_empty(shape))
        for part, whole, factor in zip(parts, size.summed, factors, strict=True):
            if whole:
                back, forward = factor.back.flatten(2), factor.forward
                into = part[:, here].view(size.networks, back.shape[2], forward.shape[2])
                torch.bmm(back.transpose(1, 2), forward, out=into)
            else:
                # Nothing reads past the slice's last step.
                part[:, here, :high] = factor.back.transpose(1, 2)
        forwards = [factor.forward for factor in factors]
    return _Block(trial, first, last, parts, forwards)


def _slices(block: _Block, plan: _Plan, outputs: int) -> Iterator[tuple[slice, int]]:
    """Yield the rows of each slice of a block, and the step at which their sums end."""
    for low in range(block.first, block.last, plan.slice_steps):
        high = min(low + plan.slice_steps, block.last)
        yield slice((low - block.first) * outputs, (high - block.first) * outputs), high


def _kernel(size: JacobianSize, plan: _Plan, a: _Block, b: _Block) -> Iterator[Tensor]:
    """Yield the kernel between the rows of two blocks in pieces, (networks, rows, rows)."""
    summed = size.summed
    grams = [x @ y.transpose(1, 2) for x, y in zip(a.forwards, b.forwards, strict=True)]
    for here, end in _slices(a, plan, size.outputs):
        mixed: list[Tensor] = []
        for part, gram, whole in zip(a.parts, grams, summed, strict=True):
            if whole:
                mixed.append(part[:, here])
                continue
            one = part[:, here, :end]
            mixed.append(one.new_empty((*one.shape[:2], b.last, one.shape[3])))
            for network in range(size.networks):
                mixer = gram[network, :end].T.expand(one.shape[1], b.last, end)
                torch.bmm(mixer, one[network], out=mixed[-1][network])
        for there, stop in _slices(b, plan, size.outputs):
            total: Tensor | None = None
            for first, second, whole in zip(mixed, b.parts, summed, strict=True):
                x = first if whole else first[:, :, :stop].flatten(2)
                y = second[:, there] if whole else second[:, there, :stop].flatten(2)
                product = torch.bmm(x, y.transpose(1, 2))
                total = product if total is None else total.add_(product)
            if total is not None:
                yield total


def align_kernels(
    size: JacobianSize, rows: Rows, memory: int, progress: Callable[[float], None] = lambda share: None
) -> KernelAlignment:
    """Return the alignment of tangent kernels after training with those before.

    KA = Tr(K_f K_0) / (|K_f| |K_0|), not centred (paper "degeneracy", appendix C).

    Parameters
    ----------
    size : JacobianSize
        Of an even number of networks: those after training, then the same ones before.
    rows : function of (trial, first step, last step), the last exclusive
        Returns the list of :class:`Factor` of these rows over steps 0 to last; rows by step, then output. They are
        read before it is called again.
    memory : int
        Bytes for rows, products and what making them takes. The value does not depend on it but for rounding.
    progress : function of the share of the work done

    Raises
    ------
    InputError
        When the rows of one step do not fit into `memory`.

    Examples
    --------
    Kernels of two linear networks, y = w . x, on three trials of one step: K = X X^T, and X is the same for both.

    >>> x = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 2.0]], dtype=torch.float64)
    >>> def rows(trial, first, last):
    ...     return [Factor(torch.ones(2, 1, 1, 1, dtype=torch.float64), x[trial].expand(2, 1, 2))]
    >>> size = JacobianSize(networks=2, trials=3, steps=1, outputs=1, widths=[(1, 2)])
    >>> align_kernels(size, rows, memory=1 << 20).value.round(12).tolist()
    [1.0]
    """
    plan = _plan(size, memory)
    cost = (plan.slice_steps * size.outputs) ** 2 * size.row_bytes / (8 * size.networks)
    with one_thread() if cost < _ALONE else nullcontext():
        product, after, before = _traces(size, rows, plan, progress)
    norms = np.sqrt(after), np.sqrt(before)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        value = product / norms[0] / norms[1]
    value = np.where(np.isfinite(value), np.clip(value, 0.0, 1.0), np.nan)
    return KernelAlignment(value, product, *norms)


def _traces(size: JacobianSize, rows: Rows, plan: _Plan, progress: Callable[[float], None]) -> NDArray[np.float64]:
    """Return the traces of K_f K_0, K_f K_f and K_0 K_0 of each pair, (3, pairs)."""
    starts = range(0, size.steps, plan.block_steps)
    cuts = [(trial, low, min(low + plan.block_steps, size.steps)) for trial in range(size.trials) for low in starts]
    pairs = size.networks // 2
    sums = torch.zeros(3, pairs, dtype=torch.float64)

    def add(a: _Block, b: _Block) -> None:
        # Two blocks stand twice in a symmetric kernel.
        weight = 1.0 if a is b else 2.0
        for piece in _kernel(size, plan, a, b):
            after, before = piece[:pairs].flatten(1), piece[pairs:].flatten(1)
            for k, (x, y) in enumerate(((after, before), (after, after), (before, before))):
                sums[k] += weight * torch.linalg.vecdot(x, y).cpu()

    done, total = 0, len(cuts) * (len(cuts) + 1) // 2
    for begin in range(0, len(cuts), plan.kept):
        kept: list[_Block] = []
        for number in range(begin, len(cuts)):
            block = _make(size, rows, plan, *cuts[number])
            if number < begin + plan.kept:
                kept.append(block)
            for other in kept:
                add(other, block)
            # Before the next is made: it needs the room.
            del block
            done += len(kept)
            progress(done / total)
    return np.asarray(sums.numpy())
