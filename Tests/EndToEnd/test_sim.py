"""`apus sim`: scenario files from the command line, what they leave behind, and random ones."""

import pathlib
import re
import signal
import struct
import subprocess

import pytest

from cluster import apus_binary

APUS = apus_binary()
SCENARIOS = sorted((pathlib.Path(__file__).parents[2] / "Simulations" / "Scenarios").glob("*.yaml"))


def sim(*arguments, timeout=120) -> subprocess.CompletedProcess:
    return subprocess.run([APUS, "sim", *map(str, arguments)], capture_output=True, text=True, timeout=timeout)


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_every_scenario_keeps_its_promises_and_its_bytes(file, tmp_path):
    logs, hashes = [], set()
    for name in ("first", "second"):
        log = tmp_path / name
        found = sim(
            "run", file, "--seed", 11, "--log", log, "--pcap", tmp_path / "out.pcapng", "--report", tmp_path / "out.html")
        assert found.returncode == 0, found.stdout + found.stderr
        logs.append(log.read_bytes())
        hashes.add(re.search(r"replay hash (\w+)", found.stdout)[1])
    assert logs[0] == logs[1] and len(hashes) == 1
    capture = (tmp_path / "out.pcapng").read_bytes()
    assert struct.unpack("<II", capture[:4] + capture[8:12]) == (0x0A0D0D0A, 0x1A2B3C4D)
    page = (tmp_path / "out.html").read_text()
    assert "<svg" in page and "Binding" in page
    # Nothing of it is fetched from anywhere.
    assert not re.search(r"(src|href)\s*=\s*[\"']?https?:", page)


def test_a_bad_file_is_refused_by_name_of_the_field(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("title: x\nnetwork:\n  hosts:\n    - { name: a, colour: red }\n")
    found = sim("run", file)
    assert found.returncode != 0 and "colour" in found.stderr, found.stderr
    assert sim("run", tmp_path / "missing.yaml").returncode != 0


def test_random_scenarios_break_no_invariant():
    found = sim("soak", "--seeds", 40, "--time-limit", 100)
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_call_is_the_same_for_the_same_seed():
    runs = [sim("call", "--parties", 3, "--seconds", 3, "--loss", 2, "--seed", 5).stdout for _ in range(2)]
    hashes = [re.search(r"replay hash (\w+)", run)[1] for run in runs]
    assert hashes[0] == hashes[1]


def test_ctrl_c_ends_a_soak_cleanly():
    process = subprocess.Popen(
        [APUS, "sim", "soak", "--seeds", "100000"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=3)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode in (0, 130) and "Fatal" not in output


def test_a_calls_capture_has_its_packets_and_its_keys(tmp_path):
    file = tmp_path / "call.pcapng"
    assert sim("call", "--parties", 2, "--seconds", 1, "--pcap", file).returncode == 0
    capture, kinds, secrets = file.read_bytes(), [], b""
    while capture:
        kind, length = struct.unpack("<II", capture[:8])
        if kind == 10:
            secrets = capture[8:length - 4]
        kinds.append(kind)
        capture = capture[length:]
    # A section, an interface for each host, one block of secrets with a line for each association, then packets.
    assert kinds[:5] == [0x0A0D0D0A, 1, 1, 1, 10] and kinds.count(6) > 500
    # Both ends of both associations.
    assert secrets.count(b"CLIENT_RANDOM ") >= 2
