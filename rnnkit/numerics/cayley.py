"""Normal matrices through the Cayley map: W = O D O^T, with its gradient by hand (paper "schur", section 3).

A is skew, given by its strict lower triangle row by row; O = (I - A)(I + A)^-1 is orthogonal; D is made of blocks
(a, -b; b, a). W is normal whatever the numbers: W W^T = W^T W. With S = (I + A)^-1, which needs the only solve,
O = 2 S - I. The singular values of I + A are 1 or more, so the solve is always well conditioned.

For a loss with G = dL/dW:

- dL/dD = O^T G O, of which a block's a gets the diagonal's sum and b the lower entry less the upper one;
- dL/dO = H = G O D^T + G^T O D;
- dO = -2 S dA S, hence dL/dA = -2 S^T H S^T, and an entry below the diagonal gets its own less its mirror's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Cayley", "cayley_backward", "cayley_matrix", "real_blocks"]


@dataclass(frozen=True)
class Cayley:
    """A stack of normal matrices and what their gradient needs.

    Attributes
    ----------
    matrix : (networks, units, units)
        W.
    orthogonal : (networks, units, units)
        O.
    blocks : (networks, units, units)
        D.
    """

    matrix: Tensor
    orthogonal: Tensor
    blocks: Tensor


def cayley_matrix(skew: Tensor, real: Tensor, imaginary: Tensor) -> Cayley:
    """Return W = O D O^T.

    Parameters
    ----------
    skew : (networks, units * (units - 1) / 2)
        Strict lower triangle of A, row by row.
    real, imaginary : (networks, units / 2)
        a and b of each block.

    Examples
    --------
    >>> skew = torch.tensor([[0.0]], dtype=torch.float64)
    >>> quarter = cayley_matrix(skew, torch.zeros(1, 1).double(), torch.ones(1, 1).double())
    >>> quarter.matrix.tolist()
    [[[0.0, -1.0], [1.0, 0.0]]]
    """
    units = 2 * real.shape[-1]
    eye = torch.eye(units, dtype=skew.dtype, device=skew.device)
    rows, columns = torch.tril_indices(units, units, -1, device=skew.device)
    plus = eye.expand(*skew.shape[:-1], units, units).clone()
    plus[..., rows, columns] = skew
    plus[..., columns, rows] = -skew
    # Unchecked: a network whose numbers are no longer finite must not stop those beside it.
    orthogonal = 2 * torch.linalg.solve_ex(plus, eye.expand_as(plus))[0] - eye
    blocks = torch.diag_embed(real.repeat_interleave(2, -1))
    even = torch.arange(0, units, 2, device=skew.device)
    blocks[..., even, even + 1] = -imaginary
    blocks[..., even + 1, even] = imaginary
    return Cayley(orthogonal @ blocks @ orthogonal.mT, orthogonal, blocks)


def cayley_backward(at: Cayley, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradient by skew, real and imaginary of a loss whose gradient by W is `grad`.

    Parameters
    ----------
    at : Cayley
        What :func:`cayley_matrix` gave.
    grad : (networks, units, units)

    Returns
    -------
    tuple of Tensor
        Shaped as the arguments of :func:`cayley_matrix`.

    Examples
    --------
    >>> at = cayley_matrix(torch.zeros(1, 1), torch.zeros(1, 1), torch.ones(1, 1))
    >>> [part.tolist() for part in cayley_backward(at, torch.tensor([[[1.0, 0.0], [3.0, 5.0]]]))]
    [[[0.0]], [[6.0]], [[3.0]]]
    """
    o, d = at.orthogonal, at.blocks
    units = o.shape[-1]
    by_blocks = o.mT @ grad @ o
    by_orthogonal = grad @ o @ d.mT + grad.mT @ o @ d
    half = (o + torch.eye(units, dtype=o.dtype, device=o.device)).mT  # 2 S^T
    by_skew = -0.5 * half @ by_orthogonal @ half
    rows, columns = torch.tril_indices(units, units, -1, device=o.device)
    even = torch.arange(0, units, 2, device=o.device)
    diagonal = by_blocks.diagonal(dim1=-2, dim2=-1)
    return (
        by_skew[..., rows, columns] - by_skew[..., columns, rows],
        diagonal[..., 0::2] + diagonal[..., 1::2],
        by_blocks[..., even + 1, even] - by_blocks[..., even, even + 1],
    )


def real_blocks(eigenvalues: NDArray[np.complex128]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a and b of the blocks that stand for the eigenvalues of a real matrix of even size.

    A conjugate pair a +- ib is one block. Real eigenvalues come in an even number: taken in order of size, two
    neighbours p <= q make the block a = (p + q)/2, b = (q - p)/2, which has their trace and their Frobenius norm.

    Parameters
    ----------
    eigenvalues : (units,) complex

    Returns
    -------
    real, imaginary : (units / 2,)

    Examples
    --------
    >>> a, b = real_blocks(np.array([3.0, 1 + 2j, 1.0, 1 - 2j]))
    >>> a.tolist(), b.tolist()
    ([1.0, 2.0], [2.0, 1.0])
    """
    above = eigenvalues[eigenvalues.imag > 0]
    alone = np.sort(eigenvalues[eigenvalues.imag == 0].real)
    low, high = alone[0::2], alone[1::2]
    return np.concatenate([above.real, (low + high) / 2]), np.concatenate([above.imag, (high - low) / 2])
