"""Which device and how many threads a command uses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from threadpoolctl import ThreadpoolController

from rnnkit.errors import InputError

__all__ = ["choose_device", "one_thread", "set_threads"]


def choose_device(name: str) -> torch.device:
    """Return the device of `auto`, `cpu` or `cuda[:k]`; `auto` is CUDA where there is one.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError("--device", f"'{name}' is no device", "give auto, cpu, cuda or cuda:0") from error
    if device.type not in ("cpu", "cuda"):
        raise InputError("--device", f"'{name}' is not supported", "give auto, cpu, cuda or cuda:0")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError("--device", f"'{name}' is not there", f"{torch.cuda.device_count()} CUDA devices are present")
    return device


def set_threads(threads: int | None) -> int:
    """Set the number of CPU threads, all cores by default; return it."""
    if threads is not None and threads < 1:
        raise InputError("--threads", f"{threads} is not a number of threads", "give 1 or more")
    count = (
        threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else threads or os.cpu_count() or 1
    )
    torch.set_num_threads(count)
    return count


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let linear algebra run on one thread: sums then come out the same, to the last bit, wherever they are taken.

    Examples
    --------
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with _controller().limit(limits=1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)
