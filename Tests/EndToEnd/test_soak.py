"""One round of the soak of Benchmarks/Soak: what comes goes, and gives back its threads, files and sockets."""

import signal
import subprocess
import sys

import pytest

from cluster import ROOT, apus_binary


@pytest.mark.timeout(330)
def test_every_thread_file_and_socket_is_given_back():
    script = ROOT / "Benchmarks/Soak/soak.py"
    command = [sys.executable, script, "--minutes", "0.1", "--counts-only", "--apus", apus_binary()]
    soak = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = soak.communicate(timeout=300)
    finally:
        # Its cluster ends with it.
        soak.send_signal(signal.SIGTERM)
        soak.wait(20)
    print(output)
    assert soak.returncode == 0 and "round 1" in output, output[-4000:]
