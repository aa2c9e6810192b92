"""`benchmarks/planted_copies.py`: what the page on other packages says of copies, on a few small ones."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = Path(__file__).parents[1] / "benchmarks" / "planted_copies.py"
    spec = importlib.util.spec_from_file_location("planted_copies", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_relabelled_copy_is_at_0_here_and_where_it_is_labelled_there(script):
    found = script.relabelled(3, 9)
    assert np.allclose(found["rnnkit"], 0, atol=1e-12)
    assert np.array_equal(found["qc-procrustes"], found["units as they are labelled"])
    assert found["qc-procrustes"].min() > 0.5


@pytest.mark.slow
def test_a_rotated_copy_is_at_0_here(script):
    found = script.rotated(3, 6)
    assert np.allclose(found["rnnkit"], 0, atol=1e-10)
    assert (found["dsa-metric"] > 1e-8).all()
