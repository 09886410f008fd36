"""The soak of Benchmarks/Soak for two minutes: what comes goes, and gives back its threads, files and sockets."""

import subprocess
import sys

from cluster import ROOT, apus_binary


def test_every_thread_file_and_socket_is_given_back():
    done = subprocess.run(
        [sys.executable, ROOT / "Benchmarks/Soak/soak.py", "--minutes", "2", "--counts-only", "--apus", apus_binary()],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=170)
    print(done.stdout)
    assert done.returncode == 0 and "round 2" in done.stdout, done.stdout[-4000:]
