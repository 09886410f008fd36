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


# They count gaps by the millisecond, or frames of browsers that take all processors there are.
ALONE = {"test_browser", "test_failover", "test_layers_browser", "test_lip_sync"}
# They measure too, and mostly wait: two of them leave each other enough.
PAIRED = {
    "test_hubs", "test_hubs_browser", "test_liveness", "test_load", "test_loss", "test_pipes", "test_slow_path",
    "test_topologies", "test_upgrade",
}
# Long ones begin first, so that none is left over when all others are done.
FIRST = ["test_soak", "test_nat", "test_move", "test_hosts", "test_hubs", "test_load"]


def pytest_collection_modifyitems(items):
    """Which files scripts/test runs alone, in pairs, and more at a time."""
    for item in items:
        name = item.module.__name__
        if name in ALONE | PAIRED:
            item.add_marker(pytest.mark.alone if name in ALONE else pytest.mark.paired)

    def order(item):
        name = item.module.__name__
        return FIRST.index(name) if name in FIRST else len(FIRST)

    items.sort(key=order)


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
