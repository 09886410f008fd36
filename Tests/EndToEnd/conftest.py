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


# They count by the millisecond what a start of something else beside them would disturb: files, and tests of files.
ALONE = {
    "test_hubs", "test_hubs_browser", "test_layers_browser", "test_lip_sync", "test_load", "test_slow_path",
    "test_a_killed_process_is_a_flicker", "test_a_process_that_stands_still_is_replaced",
    "test_chaos_reports_each_fault", "test_both_workers_are_rolled_under_fifty_sessions",
}
# They measure too, and mostly wait: two of them leave each other enough.
PAIRED = {
    "test_browser", "test_failover", "test_liveness", "test_loss", "test_pipes", "test_soak", "test_topologies",
    "test_upgrade",
    # How far sound and picture of a call are apart in its recording: the calls' sender must not lag.
    "test_a_call_is_recorded_as_it_was", "test_a_call_in_flv_is_h264_and_aac", "test_a_pause_leaves_no_gap",
    "test_a_split_recording_has_a_file_for_each_kind", "test_a_kind_that_comes_late_is_recorded_beside",
}
# They only calculate, by the simulator: they run where the others leave a processor idle.
CALCULATING = {"test_sim", "test_the_matrix_is_the_same_for_the_same_seed_and_compares_with_a_file"}
# Long ones begin first, so that none is left over when all others are done.
FIRST = [
    "test_media_files", "test_nat", "test_gallery", "test_uploads", "test_move", "test_controllers", "test_browser_calls",
    "test_hosts", "test_upgrade",
]


def pytest_collection_modifyitems(items):
    """Which tests scripts/test runs alone, in pairs, behind these, and three at a time."""
    for item in items:
        file = item.module.__name__
        if {file, item.originalname} & ALONE:
            item.add_marker(pytest.mark.alone)
        elif {file, item.originalname} & PAIRED:
            item.add_marker(pytest.mark.paired)
        elif {file, item.originalname} & CALCULATING:
            item.add_marker(pytest.mark.calculating)

    def order(item):
        file = item.module.__name__
        return FIRST.index(file) if file in FIRST else len(FIRST)

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
