"""Who does the work: this process, several on this computer, or a Dask cluster. The results are the same."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from importlib import import_module
from multiprocessing.connection import wait as wait_for
from typing import Any, Protocol, TypeVar

import torch

from rnnkit.errors import InputError, RnnkitError
from rnnkit.numerics.threads import one_thread
from rnnkit.stages.bench import Study, perform

__all__ = ["Cluster", "Crew", "Inline", "Processes", "gather"]

Tag = TypeVar("Tag")

#: Read by the libraries of linear algebra when they are loaded.
_SINGLE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
#: Jobs waiting for each worker, beside the one it does.
_AHEAD = 2


class Crew(Protocol):
    """Does jobs of a :class:`rnnkit.stages.bench.Bench`."""

    width: int

    def submit(self, what: str, *arguments: Any) -> Future[Any]:
        """Have a job done."""

    def explain(self, error: Exception) -> Exception:
        """Return what to tell of an error of a job."""

    def close(self) -> None:
        """Send everyone home, whatever they are at."""


def gather(crew: Crew, jobs: Iterable[tuple[Tag, tuple[Any, ...] | None]]) -> Iterator[tuple[Tag, Any]]:
    """Have jobs done, a few at a time; yield their results as they come, each with its tag.

    A job of None has the result None at once.
    """
    waiting: dict[Future[Any], Tag] = {}

    def finished() -> Iterator[tuple[Tag, Any]]:
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for future in sorted(done, key=list(waiting).index):
            tag = waiting.pop(future)
            try:
                result = future.result()
            except RnnkitError:
                raise
            except Exception as error:  # whatever a pool or cluster raises
                raise crew.explain(error) from error
            yield tag, result

    for tag, job in jobs:
        if job is None:
            yield tag, None
            continue
        waiting[crew.submit(*job)] = tag
        while len(waiting) >= crew.width:
            yield from finished()
    while waiting:
        yield from finished()


class Inline:
    """This process, on some threads: each does a job of its own, so that no number depends on how many there are."""

    def __init__(self, study: Study, threads: int = 1) -> None:
        self._study, self.width = study, threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._single = ExitStack()
        self._single.enter_context(one_thread())

    def submit(self, what: str, *arguments: Any) -> Future[Any]:
        """Do the job now, or on a thread."""
        if self._pool is not None:
            return self._pool.submit(_alone, self._study, what, *arguments)
        future: Future[Any] = Future()
        future.set_result(perform(self._study, what, *arguments))
        return future

    def explain(self, error: Exception) -> Exception:
        """Return the error itself."""
        return error

    def close(self) -> None:
        """Stop the threads when they have done what they are at."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._single.close()


_study: Study | None = None


def _begin(study: Study) -> None:
    """Begin a worker: one thread, deaf to Ctrl-C (its parent decides), gone when its parent is."""
    global _study
    _study = study
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent.sentinel,), daemon=True).start()


def _leave_with(sentinel: int) -> None:
    wait_for([sentinel])
    os._exit(1)


def _job(what: str, *arguments: Any) -> Any:
    if _study is None:
        raise RuntimeError("the worker has not begun")
    return perform(_study, what, *arguments)


class Processes:
    """Several processes on this computer, each on one thread."""

    def __init__(self, study: Study, workers: int) -> None:
        self.width = workers * (1 + _AHEAD)
        self._before = {name: os.environ.get(name) for name in _SINGLE}
        os.environ.update(dict.fromkeys(_SINGLE, "1"))
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(study,))

    def submit(self, what: str, *arguments: Any) -> Future[Any]:
        """Have a job done."""
        try:
            return self._pool.submit(_job, what, *arguments)
        except BrokenProcessPool as error:
            raise self.explain(error) from error

    def explain(self, error: Exception) -> Exception:
        """Tell that a worker was killed."""
        if isinstance(error, BrokenProcessPool):
            return InputError("--workers", "a worker was killed", "it may have lacked memory: give fewer, or --memory")
        return error

    def close(self) -> None:
        """Stop the workers."""
        processes = list((getattr(self._pool, "_processes", None) or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _given(value: Any) -> Any:
    return value


def _alone(study: Study, what: str, *arguments: Any) -> Any:
    torch.set_num_threads(1)  # of this thread
    return perform(study, what, *arguments)


def _single(study: Study, what: str, *arguments: Any) -> Any:
    with one_thread():
        return perform(study, what, *arguments)


class Cluster:
    """A Dask cluster; workers that are lost are replaced by others."""

    def __init__(self, study: Study, address: str, timeout: float = 10.0) -> None:
        try:
            distributed: Any = import_module("distributed")
        except ImportError as error:
            raise InputError("--scheduler", "needs Dask", "pip install 'rnnkit[cluster]'") from error
        if not re.fullmatch(r".+:\d+|.+://.+", address):
            what = f"'{address}' has no port"
            raise InputError("--scheduler", what, "give HOST:PORT, as dask scheduler prints it")
        try:
            self._client = distributed.Client(address, timeout=timeout, set_as_default=False)
        except (OSError, ValueError, TimeoutError, KeyError, RuntimeError) as error:
            why = "there is no scheduler there" if isinstance(error, OSError) else str(error)
            raise InputError(f"--scheduler {address}", why, "start one with dask scheduler") from error
        slots = sum(self._client.nthreads().values())
        if not slots:
            self._client.close()
            raise InputError(f"--scheduler {address}", "it has no workers", f"start some with dask worker {address}")
        self.width = slots * (1 + _AHEAD)
        # A task, not scattered data: made again when the worker that holds it is lost.
        self._study = self._client.submit(_given, study, key=f"study-{study.key}", pure=False)
        self._executor: Executor = self._client.get_executor(pure=False, retries=5)

    def submit(self, what: str, *arguments: Any) -> Future[Any]:
        """Have a job done."""
        run: Callable[..., Future[Any]] = self._executor.submit
        return run(_single, self._study, what, *arguments)

    def explain(self, error: Exception) -> Exception:
        """Tell that workers were killed again and again."""
        if type(error).__name__ in ("KilledWorker", "CommClosedError", "CancelledError", "FutureCancelledError"):
            return InputError("--scheduler", f"workers were lost: {type(error).__name__}", "look at their logs")
        return error

    def close(self) -> None:
        """Leave the cluster."""
        self._executor.shutdown(wait=False)
        self._client.close()
