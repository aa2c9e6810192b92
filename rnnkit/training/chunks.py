"""How a batch of networks is cut so that each thread works on arrays that fit its cache."""

from __future__ import annotations

import math

__all__ = ["chunk_sizes", "trial_piece"]

#: Elements of one step's state, (networks, trials, units), that keep the fast path in a core's cache.
#: Measured with benchmarks/test_training.py: larger pieces spill, smaller ones pay for dispatch.
_STEP_ELEMENTS = 32768
_PIECE_TRIALS = 64


def trial_piece(trials: int, one_kernel: bool) -> int:
    """Trials to run through time together."""
    return trials if one_kernel else min(trials, _PIECE_TRIALS)


def chunk_sizes(networks: int, trials: int, units: int, threads: int, one_kernel: bool) -> list[int]:
    """Sizes of the chunks of networks, each one thread's work for an epoch; one chunk on a GPU.

    Examples
    --------
    >>> chunk_sizes(8, 256, 128, 2, False)
    [4, 4]
    >>> chunk_sizes(8, 256, 128, 2, True)
    [8]
    """
    if one_kernel:
        return [networks]
    most = max(1, _STEP_ELEMENTS // (trial_piece(trials, False) * units))
    rounds = math.ceil(networks / (threads * most))
    chunks = min(networks, threads * rounds)
    return [networks // chunks + (k < networks % chunks) for k in range(chunks)]
