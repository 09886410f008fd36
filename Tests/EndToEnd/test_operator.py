"""What the operator of a cluster sees and does: the live table, metrics, readiness, kills, restarts."""

import asyncio
import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from browsers import Chromium
from cluster import Cluster, apus_binary, wait_until
from conftest import run
from kurento import KurentoClient
from peer import ColourTrack, Peer, ToneTrack
from test_up import children_of


def controller_pid(cluster):
    return cluster.status()["controllers"][0]["processID"]


def is_running(pid):
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
    return bool(state) and not state.startswith("Z")


def metrics(cluster):
    """Every sample: name with its labels → value."""
    text = cluster.get("/metrics")[1].decode()
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


async def loopback(client, tracks):
    pipeline = await client.create("MediaPipeline")
    peer = await Peer(client, pipeline, tracks).negotiate()
    await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
    await peer.wait_for(lambda p: p.frames["audio"] > 10, 20, "sound")
    return pipeline, peer


def test_the_live_table_is_drawn_anew_and_ends_with_ctrl_c(cluster):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(apus_binary(), [apus_binary(), "status", "--url", cluster.http])
    text, deadline = b"", time.monotonic() + 8
    while time.monotonic() < deadline and text.count(b"\x1b[H") < 3:
        if select.select([terminal], [], [], 0.2)[0]:
            text += os.read(terminal, 65536)
    os.write(terminal, b"\x03")
    wait_until(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid, 3)
    os.close(terminal)
    assert text.count(b"\x1b[H") >= 3, text
    for word in (b"WORKER", b"w1", b"w2", b"alive", b"c1"):
        assert word in text


def test_the_live_table_says_when_nobody_answers_and_goes_on():
    with Cluster(workers=1) as cluster:
        cluster.wait_ready(1)
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(apus_binary(), [apus_binary(), "status", "--url", cluster.http])
        try:
            os.read(terminal, 65536)
            cluster.stop()
            text, deadline = b"", time.monotonic() + 8
            while time.monotonic() < deadline and b"no answer" not in text:
                if select.select([terminal], [], [], 0.2)[0]:
                    text += os.read(terminal, 65536)
            assert b"no answer" in text, text
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(terminal)


def test_metrics_move_with_media(cluster):
    async def scenario():
        before = metrics(cluster)
        async with KurentoClient(cluster.kurento) as client:
            pipeline, peer = await loopback(client, [ToneTrack(), ColourTrack()])
            await asyncio.sleep(3)
            during = await asyncio.to_thread(metrics, cluster)
            table = await asyncio.to_thread(
                subprocess.run, [apus_binary(), "status", "--once", "--url", cluster.http],
                capture_output=True, text=True)
            await client.release(pipeline)
            await peer.close()
        await asyncio.sleep(3)
        return before, during, await asyncio.to_thread(metrics, cluster), table.stdout

    before, during, after, table = run(scenario())

    def total(samples, name):
        return sum(value for key, value in samples.items() if key.split("{")[0] == name)

    def rise(name):
        return total(during, name) - total(before, name)

    assert rise("apus_worker_endpoints") == rise("apus_worker_sessions") == rise("apus_kurento_pipelines") == 1
    assert total(during, "apus_worker_received_packets_per_second") > 40
    assert total(during, "apus_worker_sent_packets_per_second") > 40
    assert total(during, "apus_worker_received_bits_per_second") > 20_000
    assert rise("apus_kurento_requests_total") >= 5
    for name in ("apus_worker_endpoints", "apus_worker_assigned_sessions", "apus_kurento_pipelines"):
        assert total(after, name) == total(before, name), name
    assert total(after, "apus_worker_received_packets_per_second") < 5
    assert re.search(r"w[12] +alive +\d+ +1/", table), table


def test_every_metric_is_well_formed(cluster):
    text = cluster.get("/metrics")[1].decode()
    described, typed = set(), set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            described.add(line.split()[2])
        elif line.startswith("# TYPE "):
            typed.add(line.split()[2])
            assert line.split()[3] in ("gauge", "counter", "histogram")
            assert line.split()[2].endswith("_total") == (line.split()[3] == "counter"), line
        else:
            name = re.fullmatch(r'([a-z_]+)(\{([a-z]+="[^"]*",?)+\})? [-+0-9.eE]+|NaN', line)
            assert name and name[1] in described & typed, line


def test_readiness_gives_its_reasons():
    with Cluster(workers=2) as cluster:
        cluster.wait_ready()
        with cluster.lose("w1", "w2"):
            wait_until(lambda: cluster.get("/readyz")[0] == 503, 10)
            assert b"no worker" in cluster.get("/readyz")[1]
            assert cluster.get("/healthz")[0] == 200, "health is local"
            assert metrics(cluster)['apus_worker_up{worker="w1"}'] == 0
        wait_until(lambda: cluster.get("/readyz")[0] == 200, 10, lambda: cluster.get("/readyz"))
        redis = cluster.redis_pid()
        os.kill(redis, signal.SIGSTOP)
        try:
            wait_until(lambda: cluster.get("/readyz")[0] == 503, 10)
            assert b"store" in cluster.get("/readyz")[1]
            assert cluster.get("/healthz")[0] == 200
            assert cluster.get("/api/status")[0] == 200
        finally:
            os.kill(redis, signal.SIGCONT)
        wait_until(lambda: cluster.get("/readyz")[0] == 200, 10, lambda: cluster.get("/readyz"))
        # Killed, not only silent: `up` starts it again, and everybody finds their way.
        os.kill(redis, signal.SIGKILL)
        wait_until(lambda: cluster.get("/readyz")[0] == 503, 10)
        cluster.wait_ready(2, 15)


def test_a_killed_controller_is_started_again_and_the_page_works_again():
    async def scenario(cluster):
        browser = await Chromium().start()
        try:
            await browser.open(cluster.http + "/")
            await browser.evaluate("document.querySelector('#start').click(), true")
            await browser.wait_for("window.apus.firstFrameMs !== null", 20, "no picture")
            old = controller_pid(cluster)
            os.kill(old, signal.SIGKILL)
            await browser.wait_for("!!window.apus.error", 10, "the page does not notice")
            error = await browser.evaluate("document.querySelector('#message').textContent")
            assert "connection" in error.lower(), error
            await asyncio.to_thread(cluster.wait_ready, 2, 10)
            assert controller_pid(cluster) != old
            await browser.evaluate("document.querySelector('#start').click(), true")
            await browser.wait_for("window.apus.firstFrameMs !== null", 20, "no picture after the restart")
            await browser.evaluate("document.querySelector('#start').click(), true")
        finally:
            await browser.close()

    with Cluster() as cluster:
        cluster.wait_ready()
        run(scenario(cluster))


def test_a_worker_that_keeps_dying_is_started_more_and_more_slowly():
    with Cluster(workers=1) as cluster:
        cluster.wait_ready(1)
        last = None
        pauses = []
        deadline = time.monotonic() + 20
        while len(pauses) < 3 and time.monotonic() < deadline:
            pids = subprocess.run(
                ["pgrep", "-P", str(cluster.process.pid), "-f", "worker --id w1"], capture_output=True, text=True
            ).stdout.split()
            if pids and pids[0] != last:
                last = pids[0]
                os.kill(int(last), signal.SIGKILL)
                pauses = [float(text) for text in re.findall(r"w1 has ended .*again in ([0-9.]+)", cluster.log())]
            time.sleep(0.02)
        print("pauses:", pauses)
        assert len(pauses) >= 3 and all(later > earlier for earlier, later in zip(pauses, pauses[1:])), cluster.log()
        assert "signal 9" in cluster.log()
        # Left alone it comes back.
        cluster.wait_ready(1, 25)


@pytest.mark.parametrize("embedded", [False, True], ids=["processes", "embedded"])
def test_sigterm_ends_as_cleanly_as_ctrl_c(embedded):
    with Cluster(embedded=embedded) as cluster:
        cluster.wait_ready()
        children = children_of(cluster.process.pid)
        # A client is connected: nobody waits for it to leave.
        pid = cluster.process.pid

        async def scenario():
            async with KurentoClient(cluster.kurento) as client:
                _, peer = await loopback(client, [ToneTrack()])
                started = time.monotonic()
                os.kill(pid, signal.SIGTERM)
                await asyncio.to_thread(cluster.process.wait, 15)
                ended = time.monotonic() - started
                await client.socket.wait_closed()
                await peer.close()
                return ended, client.socket.close_code

        seconds, code = run(scenario())
        print(f"ended after {seconds:.2f} s, the client was closed with {code}")
        assert cluster.process.returncode == 0, cluster.log()
        assert seconds < 4, cluster.log()
        assert code in (1001, 1012), "the client should hear that the server goes"
        assert not [child for child in children if is_running(child)]
        assert "has ended (" not in cluster.log(), "ends that were asked for are no news"


def test_children_do_not_outlive_a_killed_up():
    with Cluster() as cluster:
        cluster.wait_ready()
        children = children_of(cluster.process.pid)
        assert len(children) == 4
        names = {child: open(f"/proc/{child}/cmdline").read().split("\0")[:2] for child in children}
        os.kill(cluster.process.pid, signal.SIGKILL)
        cluster.process.wait()
        try:
            wait_until(
                lambda: not [child for child in children if is_running(child)], 1.5,
                lambda: f"still there: {[names[child] for child in children if is_running(child)]}")
        finally:
            for child in children:
                if is_running(child):
                    os.kill(int(child), signal.SIGKILL)


def test_a_restart_on_the_same_ports_works_at_once():
    with Cluster() as first:
        first.wait_ready()
        first.stop()
        with Cluster(config=first.config.read_text()) as second:
            second.port = first.port
            second.wait_ready(2, 10)
            assert "starting it again" not in second.log(), second.log()
