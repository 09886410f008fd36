"""What `apus nat` says of the NATs that Linux makes, and what `apus sim nat-matrix` says of all of them."""

import concurrent.futures
import itertools
import json
import os
import subprocess
import threading

import pytest

from cluster import apus_binary
from namespaces import Net, require_namespaces

APUS = apus_binary()


def apus(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess:
    return subprocess.run([APUS, *arguments], capture_output=True, text=True, timeout=timeout)


@pytest.mark.parametrize(
    "rule, mapping, filtering, translated",
    [
        # The port is kept, and shared between destinations: to its user that is independent of the endpoint.
        ("masquerade", "EIM", "APDF", True),
        ("masquerade fully-random", "APDM", "APDF", True),
    ])
def test_linux_nats_are_told_for_what_they_are(rule, mapping, filtering, translated):
    require_namespaces()
    with Net() as net:
        net.start(
            "inet", APUS, "stun", "--listen", "203.0.113.1:3478", "--alternate", "203.0.113.2:3479", until=b"STUN at")
        address = net.client("c", 1, rule)
        found = subprocess.run(
            net.command("c", APUS, "nat", "--server", "203.0.113.1", "--json"), capture_output=True, text=True,
            timeout=60)
        assert found.returncode == 0, found.stderr
        report = json.loads(found.stdout)
        assert report["local"].startswith(address) and report["mapped"].startswith("203.0.113.11:")
        assert (report["mapping"], report["filtering"]) == (mapping, filtering)
        assert report["translated"] == translated and report["udpBlocked"] is False
        words = subprocess.run(
            net.command("c", APUS, "nat", "--server", "203.0.113.1"), capture_output=True, text=True, timeout=60)
        assert mapping in words.stdout and filtering in words.stdout and "behind a NAT" in words.stdout


def test_no_answer_is_told():
    found = apus("nat", "--server", "127.0.0.1:9", "--json")
    assert found.returncode == 0 and json.loads(found.stdout)["udpBlocked"] is True
    wrong = apus("nat", "--server", "no-such-host.invalid")
    assert wrong.returncode == 1 and "no-such-host.invalid" in wrong.stderr


def test_the_matrix_is_the_same_for_the_same_seed_and_compares_with_a_file(tmp_path):
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    for file in (first, second):
        run = apus(
            "sim", "nat-matrix", "--tables-only", "--seed", "3", "--loss", "5", "--json", str(file), timeout=120)
        assert run.returncode == 0 and "EIM/APDF" in run.stdout, run.stderr
    assert first.read_bytes() == second.read_bytes()
    expected = json.loads(first.read_text())
    cell = expected["p2p"]["stun_only"]["EIM/APDF|APDM/APDF"]
    assert cell["a"] == "--"
    cell["a"] = "SP"
    second.write_text(json.dumps(expected))
    check = apus(
        "sim", "nat-matrix", "--tables-only", "--seed", "3", "--loss", "5", "--check", str(second), timeout=120)
    assert check.returncode == 1
    assert "EIM/APDF|APDM/APDF: expected SP" in check.stderr and check.stderr.count("expected") == 1
    assert apus("sim", "nat-matrix", "--check", os.devnull).returncode == 1


# What Linux can express. Its filter is always by address and port, and applies to one mapping.
LINUX = {
    "OPEN": None,
    "EIM/APDF": "masquerade",
    "APDM/APDF": "masquerade fully-random",
}


def call(net: Net, left: list[str], right: list[str], seconds: float = 45) -> tuple[str, str]:
    """Two `apus ice` whose lines are passed between them; the path as each sees it."""
    ends = [
        subprocess.Popen(
            net.command(name, APUS, "ice", "--stun", "203.0.113.1", "--seconds", "60", *options), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for name, options in (("a", ["--controlling", *left]), ("b", right))
    ]
    results: list[str | None] = [None, None]

    def pass_on(source, target):
        for line in source.stdout:
            try:
                target.stdin.write(line)
                target.stdin.flush()
            except (BrokenPipeError, ValueError):
                return

    def listen(index):
        for line in ends[index].stderr:
            if line.startswith("{"):
                results[index] = json.loads(line)["path"]
                return

    threads = [threading.Thread(target=pass_on, args=pair, daemon=True) for pair in (ends, ends[::-1])]
    listeners = [threading.Thread(target=listen, args=(index,), daemon=True) for index in (0, 1)]
    for thread in threads + listeners:
        thread.start()
    for thread in listeners:
        thread.join(seconds)
    for end in ends:
        end.terminate()
        end.wait(timeout=10)
    assert None not in results, "an end said nothing"
    return results[0], results[1]


def meet(a: str, b: str, relays: str) -> tuple[str, str]:
    """What two hosts find, each behind its kind of NAT."""
    with Net() as net:
        net.start("inet", APUS, "stun", "--listen", "203.0.113.1:3478", until=b"STUN at")
        options = [[], []]
        if relays != "stun_only":
            net.start("inet", APUS, "turn", "--listen", "203.0.113.2:3478", "--user", "a:secret", until=b"TURN at")
            options = [["--turn", "203.0.113.2", "--user", "a:secret"]] * 2
        for index, (name, kind) in enumerate((("a", a), ("b", b)), start=1):
            net.client(name, index, LINUX[kind]) if LINUX[kind] else net.host(name, index)
        return call(net, *options)


@pytest.mark.parametrize("relays", ["stun_only", "stun_turn_both"])
def test_real_nats_connect_as_simulated_ones_do(relays):
    require_namespaces()
    simulated = json.loads(apus("sim", "nat-matrix", "--tables-only", "--json", timeout=300).stdout)["p2p"][relays]
    pairs = list(itertools.product(LINUX, LINUX))
    # Each in a world of its own, so all at once: the ones without a path take half a minute to know it.
    with concurrent.futures.ThreadPoolExecutor(len(pairs)) as pool:
        found = list(pool.map(lambda pair: meet(*pair, relays), pairs))
    for (a, b), paths in zip(pairs, found):
        expected = simulated[f"{a}|{b}"]
        assert paths == (expected["a"], expected["b"]), f"{a} x {b} with {relays}"
