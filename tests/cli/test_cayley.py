"""Cayley networks through every command: they are vanilla networks whose matrix is made of other tensors."""

import numpy as np
import pytest

from tests.conftest import QUICK, run_cli

COMMANDS = {
    "fixedpoints": ["--starts", 16],
    "feature-learning": ["--trials", 2],
    "feature-learning --parameters all": ["--trials", 2, "--parameters", "all"],
    "schur-ablate": ["--trials", 4],
    "rollout": ["--trials", 2],
    "compare": ["--metric", "svcca,pif", "--trials", 4],
}


@pytest.fixture(scope="module")
def cayley(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cayley")
    done = run_cli("train", *QUICK, "--recurrent", "cayley", "--seeds", "0:2", "-o", folder, "-q")
    assert done.code == 0, done.err
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_takes_them_beside_dense_ones(command, cayley, ensemble):
    done = run_cli(command.split()[0], cayley, ensemble, *COMMANDS[command], "-q")
    assert done.code == 0, done.err
    assert done.table().num_rows >= 4


def test_the_kernel_is_by_the_matrix(cayley):
    """The share of all trained tensors that W is does not depend on what W is made of."""
    found = [
        run_cli("feature-learning", cayley, "--trials", 2, "--parameters", which, "-q").table().to_pandas()
        for which in ("recurrent", "all")
    ]
    for table in found:
        assert table["kernel_alignment"].between(0, 1).all()
        assert (table["weight_change_norm_absolute"] > 0).all()
    assert not np.allclose(found[0]["kernel_alignment"], found[1]["kernel_alignment"])
