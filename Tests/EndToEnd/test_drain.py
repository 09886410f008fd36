"""Taking a worker away: no new sessions, a deadline, and a way back."""

import asyncio
import json
import signal
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from cluster import Cluster, apus_binary, wait_until
from conftest import run
from kurento import KurentoClient, KurentoError
from peer import Peer, ToneTrack


def apus(cluster, *arguments, timeout=30):
    return subprocess.run(
        [apus_binary(), *arguments, "--config", str(cluster.config)], capture_output=True, text=True, timeout=timeout)


def states(cluster):
    return {name: worker["state"] for name, worker in cluster.workers().items()}


async def loopback(client):
    pipeline = await client.create("MediaPipeline")
    peer = await Peer(client, pipeline, [ToneTrack()]).negotiate()
    await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
    await peer.wait_for(lambda p: p.frames["audio"] > 10, 20, "sound")
    return pipeline, peer


def owner(cluster, pipeline):
    return json.loads(cluster.get(f"/api/sessions/{pipeline.replace('/', '%2F')}")[1])["worker"]


async def start_drain(cluster, *arguments):
    return await asyncio.create_subprocess_exec(
        apus_binary(), "drain", *arguments, "--config", str(cluster.config), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)


def test_a_drain_waits_for_the_last_session_and_can_be_taken_back(own_cluster):
    async def scenario():
        async with KurentoClient(own_cluster.kurento) as client:
            pipeline, peer = await loopback(client)
            worker = owner(own_cluster, pipeline)
            (other,) = {"w1", "w2"} - {worker}
            drain = await start_drain(own_cluster, worker, "--deadline", "10m")
            wait_until(lambda: states(own_cluster)[worker] == "draining", 10)
            for _ in range(4):
                assert owner(own_cluster, await client.create("MediaPipeline")) == other
            before = peer.frames["audio"]
            await asyncio.sleep(1)
            assert peer.frames["audio"] > before + 20, "a drain must not stop media"
            assert f'apus_worker_draining{{worker="{worker}"}} 1' in own_cluster.get("/metrics")[1].decode()
            assert "draining" in apus(own_cluster, "status", "--once").stdout
            await peer.close()
            await client.release(pipeline)
            text = (await asyncio.wait_for(drain.communicate(), 15))[0].decode()
            assert drain.returncode == 0 and f"{worker} is drained." in text, text
            assert states(own_cluster)[worker] == "drained"
            assert apus(own_cluster, "undrain", worker).returncode == 0
            assert states(own_cluster)[worker] == "alive"
            assert owner(own_cluster, await client.create("MediaPipeline")) == worker

    run(scenario())


def test_at_the_deadline_clients_are_told_and_come_back_elsewhere(own_cluster):
    async def scenario():
        async with KurentoClient(own_cluster.kurento) as client:
            pipeline, peer = await loopback(client)
            await client.subscribe(pipeline, "Error")
            worker = owner(own_cluster, pipeline)
            drain = await start_drain(own_cluster, worker, "--deadline", "2s")
            text = (await asyncio.wait_for(drain.communicate(), 20))[0].decode()
            assert drain.returncode == 0 and "closed at the deadline" in text, text
            errors = [event for event in client.events if event["type"] == "Error"]
            assert errors and "drained" in errors[0]["data"]["description"]
            again, second = await loopback(client)
            assert owner(own_cluster, again) != worker
            await peer.close()
            await second.close()

    run(scenario())


def test_a_drain_outlives_ctrl_c_and_the_controller(own_cluster):
    async def scenario():
        async with KurentoClient(own_cluster.kurento) as client:
            pipeline, peer = await loopback(client)
            worker = owner(own_cluster, pipeline)
            drain = await start_drain(own_cluster, worker)
            wait_until(lambda: states(own_cluster)[worker] == "draining", 10)
            await asyncio.sleep(1)
            drain.send_signal(signal.SIGINT)
            text = (await asyncio.wait_for(drain.communicate(), 10))[0].decode()
            assert f"The drain of {worker} goes on" in text, text
            await peer.close()
            return worker

    worker = run(scenario())
    controller = own_cluster.status()["controllers"][0]["processID"]
    subprocess.run(["kill", "-9", str(controller)], check=True)
    wait_until(lambda: own_cluster.status()["controllers"][0]["processID"] != controller, 20, own_cluster.log)
    wait_until(lambda: states(own_cluster).get(worker) in ("draining", "drained"), 10, own_cluster.log)


def test_when_all_are_drained_newcomers_are_told_to_come_later(own_cluster):
    for worker in ("w1", "w2"):
        assert apus(own_cluster, "drain", worker).returncode == 0

    async def scenario():
        async with KurentoClient(own_cluster.kurento) as client:
            with pytest.raises(KurentoError, match="40009"):
                await client.create("MediaPipeline")

    run(scenario())
    code, body = own_cluster.get("/readyz")
    assert code == 503 and b"every worker is being drained" in body


def test_mistakes_are_named(cluster):
    unknown = apus(cluster, "drain", "w9")
    assert unknown.returncode == 1 and "there is no worker `w9`" in unknown.stderr and "w1" in unknown.stderr
    assert apus(cluster, "undrain", "w9").returncode == 1
    assert "--deadline" in apus(cluster, "drain", "w1", "--deadline", "soon").stderr
    nobody = subprocess.run(
        [apus_binary(), "drain", "w1", "--url", "http://127.0.0.1:1"], capture_output=True, text=True, timeout=30)
    assert nobody.returncode == 1 and "no controller answers" in nobody.stderr
    for command in ("drain", "undrain"):
        assert "Example: apus" in subprocess.run(
            [apus_binary(), command, "--help"], capture_output=True, text=True).stdout


def test_a_page_in_a_browser_cannot_drain(cluster):
    request = urllib.request.Request(
        cluster.http + "/api/workers/w1/drain", method="POST", headers={"Origin": cluster.http})
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=3)
    assert refusal.value.code == 403
    assert states(cluster) == {"w1": "alive", "w2": "alive"}


def test_power_of_two_spreads_and_keeps_to_labels():
    extra = "  labels: {tier: gold}\nplacement:\n  strategy: power_of_two\n  labels: {tier: gold}\n"
    with Cluster(workers=3, extra=extra) as cluster:
        cluster.wait_ready(3)

        async def scenario():
            async with KurentoClient(cluster.kurento) as client:
                for _ in range(60):
                    await client.create("MediaPipeline")
                return [worker["assignedSessions"] for worker in cluster.workers().values()]

        counts = run(scenario())
        print("sessions by worker:", counts)
        assert sum(counts) == 60 and max(counts) - min(counts) <= 12
        assert cluster.workers()["w1"]["labels"] == {"tier": "gold"}
