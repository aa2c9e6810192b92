import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rnnkit.architectures import FAMILIES, Architecture
from rnnkit.checkpoints import Checkpoint, Tensors


def random_weights(architecture: Architecture, seed: int, dtype: type = np.float32) -> Tensors:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in architecture.shapes().items()}


def make_network(
    family: str,
    *,
    units: int = 4,
    inputs: int = 2,
    outputs: int = 3,
    seed: int = 0,
    dtype: type = np.float32,
    **constants: object,
) -> Checkpoint:
    spec = FAMILIES[family]
    architecture = Architecture(
        family=family,
        units=units,
        inputs=inputs,
        outputs=outputs,
        rank=2 if spec.low_rank else 0,
        **{"rate": 0.3 if spec.rate_name else 1.0, **constants},
    )
    return Checkpoint(
        name=f"flipflop-{family}-lr0.01-s3",
        architecture=architecture,
        weights=random_weights(architecture, seed, dtype),
        initial=random_weights(architecture, seed + 100, dtype),
        task="flipflop",
        task_parameters={"bits": 3, "p": 0.25},
        training={"lr": 0.01, "epochs": 7, "stop": None},
        seed=3,
        losses={"training": 0.125, "validation": 0.1, "crossing": None},
        status="converged",
        provenance={"command": "rnnkit train flipflop -t note=é", "inputs": {}},
    )


@pytest.fixture(scope="session")
def network() -> Callable[..., Checkpoint]:
    return make_network


@pytest.fixture(scope="session")
def external() -> Path:
    """Networks trained by others; they are no part of the project."""
    root = Path(__file__).parents[2].parent / "shared" / "external"
    folder = Path(os.environ.get("RNNKIT_EXTERNAL", root))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}")
    return folder
