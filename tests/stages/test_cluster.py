"""`compare` on a Dask cluster: the same table, also when a worker is killed midway."""

import os
import signal
import warnings

import pytest

from rnnkit.errors import InputError
from rnnkit.stages.compare import Scale
from tests.stages.test_scale import table

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cluster = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
        )
        yield cluster
        cluster.close()


@pytest.mark.filterwarnings("ignore")
def test_the_same_table_also_when_a_worker_is_killed(cluster):
    expected = table(metrics=("dsa", "svcca"))
    scale = Scale(scheduler=cluster.scheduler_address)
    assert table(metrics=("dsa", "svcca"), scale=scale).equals(expected)
    killed = []

    def kill(done, total):
        if not killed:
            victim = next(iter(cluster.workers.values()))
            killed.append(victim.pid)
            os.kill(victim.pid, signal.SIGKILL)

    assert table(metrics=("dsa", "svcca"), scale=scale, progress=kill).equals(expected)
    assert killed


def test_no_scheduler_and_no_workers():
    with pytest.raises(InputError, match="no scheduler there"):
        table(scale=Scale(scheduler="tcp://127.0.0.1:1"))
