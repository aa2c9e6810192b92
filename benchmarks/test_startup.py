"""Time to help beside `import torch`; figures are in `extra_info`.

``pytest benchmarks/test_startup.py --benchmark-only``. The contract: help in under a quarter of the time.
"""

import subprocess
import sys
import time

import pytest

PEER = [sys.executable, "-c", "import torch"]


def seconds(words):
    started = time.perf_counter()
    subprocess.run(words, check=True, capture_output=True)
    return time.perf_counter() - started


@pytest.fixture(scope="module")
def torch_seconds():
    return min(seconds(PEER) for _ in range(5))


@pytest.mark.parametrize("words", ["--help", "--version", "train --help", "compare --help"])
def test_startup(benchmark, torch_seconds, words):
    line = [sys.executable, "-m", "rnnkit", *words.split()]
    benchmark.pedantic(seconds, [line], rounds=5, warmup_rounds=1)
    own = benchmark.stats.stats.min
    benchmark.extra_info |= {
        "peer": "import torch",
        "peer_seconds": torch_seconds,
        "ratio": own / torch_seconds,
        "iterations": 5,
        "status": "ok" if own < torch_seconds / 4 else "too slow",
    }
    assert own < torch_seconds / 4
