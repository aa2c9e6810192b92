"""Threads of the linear algebra below numpy and scipy."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager
from typing import Any

import scipy.linalg  # noqa: F401 - loads the library whose threads are meant
from threadpoolctl import ThreadpoolController

__all__ = ["one_thread_each"]


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_thread_each() -> AbstractContextManager[Any]:
    """Keep products of small matrices on the thread that calls them while the block lasts.

    Threads of their own make them slower, and many times slower when several callers want them at once.

    Examples
    --------
    >>> import numpy as np
    >>> with one_thread_each():
    ...     float(np.ones((2, 2)).dot(np.ones((2, 2))).sum())
    8.0
    """
    limited: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limited
