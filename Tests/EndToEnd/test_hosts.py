"""Workers on hosts of their own: network namespaces, cut off from each other and from the store."""

import json
import subprocess
import sys

import pytest

from cluster import ROOT
from namespaces import require_namespaces


def chaos(tmp_path, fault, *more):
    """What one fault came to, under four rooms on two workers."""
    require_namespaces()
    done = subprocess.run(
        [sys.executable, str(ROOT / "Simulations/Chaos/chaos.py"), "--times", "1", "--sessions", "4", "--workers", "2",
         "--faults", fault, "--json", str(tmp_path / "chaos.json"), *more], capture_output=True, text=True, timeout=150)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    (figures,) = json.loads((tmp_path / "chaos.json").read_text())
    return figures


def test_a_host_that_is_cut_off_loses_its_sessions_to_others(tmp_path):
    figures = chaos(tmp_path, "cut-host")
    assert figures["reconnects"]["lost"] == 4 and figures["gaps"]
    # A debug build on a busy machine; Simulations/Chaos has the figures.
    assert figures["seen"][0] < 4000


@pytest.mark.parametrize("fault, away", [("half-open", 0), ("store-down", 4)])
def test_no_packet_is_lost_with_the_store(tmp_path, fault, away):
    figures = chaos(tmp_path, fault, "--away", str(away), "--gap", "500")
    assert figures["lost"] == 0 and not figures["gaps"]
    assert figures["reconnects"]["lost"] == 0 and figures["reconnects"]["moved"] == 0
    if fault == "store-down":
        assert len(figures["refusals"]) >= 2
