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
