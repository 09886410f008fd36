import asyncio
import os
import shutil

import pytest

from cluster import Cluster


def pytest_configure(config):
    browsers = () if os.environ.get("APUS_NO_BROWSERS") else ("chromium", "firefox-esr")
    for program in ("redis-server", *browsers):
        if not shutil.which(program):
            raise pytest.UsageError(f"{program} is not installed: scripts/test installs it")


# They count frames, gaps and rates by the millisecond.
MEASURING = {
    "test_browser", "test_failover", "test_hubs", "test_hubs_browser", "test_layers_browser", "test_liveness", "test_load", "test_loss", "test_pipes", "test_slow_path", "test_topologies",
    "test_upgrade",
}


def pytest_collection_modifyitems(items):
    """What measures runs alone; scripts/test runs the others two files at a time."""
    for item in items:
        if item.module.__name__ in MEASURING:
            item.add_marker(pytest.mark.alone)


@pytest.fixture(scope="module")
def cluster():
    """Two workers, one controller, Redis: shared by the tests of a file that leave it as it was."""
    with Cluster() as cluster:
        yield cluster.wait_ready()


@pytest.fixture
def own_cluster():
    """A cluster for a test that breaks it."""
    with Cluster() as cluster:
        yield cluster.wait_ready()


def run(coroutine):
    return asyncio.run(coroutine)
