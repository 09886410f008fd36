"""Settings that change what clients meet, and parts that an operator adds by hand."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time

import pytest
import websockets

from browsers import Chromium
from cluster import Cluster, apus_binary, wait_until
from conftest import run
from kurento import KurentoClient, KurentoError
from peer import Peer, ToneTrack
from ports import free_media_ports, free_port
from test_operator import loopback


def test_limits_refuse_newcomers_and_harm_nobody():
    extra = "limits: {sessions_per_worker: 2, endpoints_per_reactor: 3}\n"
    with Cluster(workers=1, embedded=True, extra=extra) as cluster:
        cluster.wait_ready(1)

        async def scenario():
            async with KurentoClient(cluster.kurento) as client:
                pipeline, peer = await loopback(client, [ToneTrack()])
                second = await client.create("MediaPipeline")
                with pytest.raises(KurentoError, match="40009"):
                    await client.create("MediaPipeline")
                await client.create("WebRtcEndpoint", mediaPipeline=second)
                third = await client.create("WebRtcEndpoint", mediaPipeline=second)
                with pytest.raises(KurentoError, match="40009"):
                    await client.create("WebRtcEndpoint", mediaPipeline=second)
                # Room is room again once somebody has left.
                await client.release(third)
                await client.create("WebRtcEndpoint", mediaPipeline=second)
                await client.release(second)
                await client.create("MediaPipeline")
                before = peer.frames["audio"]
                await asyncio.sleep(0.5)
                assert peer.frames["audio"] > before + 10
                await peer.close()

        run(scenario())


def test_a_client_that_vanished_is_collected_and_one_that_idles_is_not():
    with Cluster(workers=1, embedded=True, extra="limits: {session_garbage_period: 2}\n") as cluster:
        cluster.wait_ready(1)

        async def scenario():
            async with KurentoClient(cluster.kurento) as idle:
                kept = await idle.create("MediaPipeline")
                async with KurentoClient(cluster.kurento) as client:
                    lost = await client.create("MediaPipeline")
                    await client.create("WebRtcEndpoint", mediaPipeline=lost)
                await asyncio.sleep(5)
                # No request in all that time, but the socket is open.
                assert await idle.invoke(kept, "getName") == kept
                with pytest.raises(KurentoError, match="40101"):
                    await idle.invoke(lost, "getName")
            (worker,) = cluster.workers().values()
            assert worker["load"]["endpoints"] == 0

        run(scenario())


def test_a_foreign_origin_is_refused_and_an_allowed_one_is_not():
    port, first = free_port(), free_media_ports()
    config = f"""\
signaling: {{listen: ["127.0.0.1:{port}"], allowed_origins: ["https://app.example.com"]}}
tls: {{listen: []}}
media: {{udp_ports: {first}-{first + 63}, interfaces: [lo]}}
"""
    with Cluster(embedded=True, config=config) as cluster:
        cluster.port = port
        cluster.wait_ready(2)

        async def opens(origin):
            try:
                async with websockets.connect(cluster.kurento, origin=origin):
                    return True
            except websockets.InvalidStatus as refusal:
                return refusal.response.status_code

        assert run(opens("https://app.example.com")) is True
        assert run(opens("https://evil.example.com")) == 403


def test_the_page_follows_a_path_of_its_own():
    port, first = free_port(), free_media_ports()
    config = f"""\
signaling: {{listen: ["127.0.0.1:{port}"], kurento_path: media/control}}
tls: {{listen: []}}
media: {{udp_ports: {first}-{first + 63}, interfaces: [lo]}}
workers: {{count: 1}}
"""

    async def scenario(cluster):
        async with websockets.connect(cluster.http.replace("http", "ws") + "/media/control") as socket:
            await socket.send('{"jsonrpc":"2.0","id":1,"method":"ping"}')
            assert "pong" in await asyncio.wait_for(socket.recv(), 5)
        browser = await Chromium().start()
        try:
            await browser.open(cluster.http + "/")
            await browser.evaluate("document.querySelector('#start').click(), true")
            await browser.wait_for("window.apus.firstFrameMs !== null || !!window.apus.error", 10, "no picture")
            return await browser.evaluate("window.apus.error")
        finally:
            await browser.close()

    with Cluster(embedded=True, config=config) as cluster:
        cluster.port = port
        cluster.wait_ready(1)
        assert run(scenario(cluster)) is None


# Parts by hand


@contextlib.contextmanager
def part(cluster, *arguments, config=None):
    """One more process of the cluster."""
    with open(os.path.join(cluster.folder.name, "part-log"), "wb") as log:
        process = subprocess.Popen(
            [apus_binary(), *arguments, "--config", str(config or cluster.config)],
            stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        process.log = lambda: open(log.name, errors="replace").read()
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(8)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise


def test_a_worker_joins_and_leaves():
    with Cluster(workers=1) as cluster:
        cluster.wait_ready(1)
        with part(cluster, "worker", "--id", "extra", "--index", "5") as extra:
            cluster.wait_ready(2, 10)

            async def scenario():
                async with KurentoClient(cluster.kurento) as client:
                    calls = [await loopback(client, [ToneTrack()]) for _ in range(2)]
                    spread = {name: w["assignedSessions"] for name, w in cluster.workers().items()}
                    for pipeline, peer in calls:
                        await client.subscribe(pipeline, "Error")
                    # Asked to go: whoever it carries hears of it at once.
                    told = asyncio.Event()
                    client.handlers.append(lambda event: event["type"] == "Error" and told.set())
                    started = time.monotonic()
                    extra.send_signal(signal.SIGTERM)
                    await asyncio.wait_for(told.wait(), 5)
                    delay = time.monotonic() - started
                    await asyncio.to_thread(extra.wait, 8)
                    frames = [peer.frames["audio"] for _, peer in calls]
                    await asyncio.sleep(1)
                    alive = sum(peer.frames["audio"] > old + 20 for (_, peer), old in zip(calls, frames))
                    for _, peer in calls:
                        await peer.close()
                    return spread, delay, alive

            spread, delay, alive = run(scenario())
            print(f"told after {delay:.2f} s")
            assert spread == {"w1": 1, "extra": 1}
            assert alive == 1 and delay < 1.5
            assert extra.returncode == 0, extra.log()
            wait_until(lambda: "extra" not in cluster.workers() or not cluster.workers()["extra"]["isAlive"], 5)


def test_two_controllers_share_the_workers(tmp_path):
    with Cluster(workers=1) as cluster:
        cluster.wait_ready(1)
        port = free_port()
        other = tmp_path / "other.yml"
        other.write_text(cluster.config.read_text().replace(f":{cluster.port}\"", f":{port}\""))
        with part(cluster, "controller", "--id", "c2", config=other) as second:
            async def scenario():
                url = f"ws://127.0.0.1:{port}/kurento"
                for _ in range(50):
                    try:
                        async with KurentoClient(url):
                            break
                    except OSError:
                        await asyncio.sleep(0.1)
                async with KurentoClient(cluster.kurento) as one, KurentoClient(url) as two:
                    _, first_peer = await loopback(one, [ToneTrack()])
                    pipeline, second_peer = await loopback(two, [ToneTrack()])
                    await two.subscribe(pipeline, "Error")
                    assert sum(w["assignedSessions"] for w in cluster.workers().values()) == 2
                    os.kill(cluster.status()["controllers"][0]["processID"], signal.SIGKILL)
                    await asyncio.sleep(1.5)
                    before = first_peer.frames["audio"], second_peer.frames["audio"]
                    await asyncio.sleep(1)
                    # Media needs no controller, least of all another one's.
                    after = first_peer.frames["audio"], second_peer.frames["audio"]
                    assert all(new > old + 20 for new, old in zip(after, before))
                    assert await two.invoke(pipeline, "getName") == pipeline
                    await loopback(two, [ToneTrack()])
                    assert not [event for event in two.events if event["type"] == "Error"]
                    await first_peer.close()
                    await second_peer.close()

            run(scenario())
        assert second.returncode == 0, second.log()


def test_a_worker_of_a_name_that_is_taken_is_refused():
    with Cluster(workers=1) as cluster:
        cluster.wait_ready(1)
        incumbent = cluster.workers()["w1"]["processID"]
        with part(cluster, "worker", "--id", "w1", "--index", "5") as twin:
            wait_until(lambda: twin.poll() is not None, 10, twin.log)
            assert cluster.workers()["w1"]["processID"] == incumbent
            assert "worker restarted" not in cluster.log(), "two processes take the name from each other"
            assert twin.poll() != 0, twin.log()[-800:]
            assert "another process is worker w1" in twin.log()


def test_a_store_that_is_restarted_empty_is_told_what_runs():
    with Cluster(workers=1) as cluster:
        cluster.wait_ready(1)

        async def scenario():
            async with KurentoClient(cluster.kurento) as client:
                pipeline, peer = await loopback(client, [ToneTrack()])
                await client.subscribe(pipeline, "Error")
                redis = cluster.redis_pid()
                os.kill(redis, signal.SIGKILL)
                await asyncio.sleep(1)
                await asyncio.to_thread(cluster.wait_ready, 1, 10)
                before = peer.frames["audio"]
                await asyncio.sleep(1)
                assert peer.frames["audio"] > before + 30, "media stopped"
                # The pipeline can still be worked with.
                more = await Peer(client, pipeline, receive=("audio",)).negotiate()
                await client.invoke(peer.endpoint, "connect", sink=more.endpoint)
                await more.wait_for(lambda p: p.frames["audio"] > 10, 10, "sound at a newcomer")
                assert not [event for event in client.events if event["type"] == "Error"]
                assert cluster.workers()["w1"]["assignedSessions"] == 1
                await client.release(pipeline)
                await asyncio.sleep(1.2)
                assert cluster.workers()["w1"]["load"]["endpoints"] == 0
                await peer.close()
                await more.close()

        run(scenario())


def test_a_worker_that_was_frozen_serves_again():
    """A virtual machine that stands still for two seconds: who was told of the loss is not served twice."""
    with Cluster(workers=1) as cluster:
        cluster.wait_ready(1)

        async def scenario():
            async with KurentoClient(cluster.kurento) as client:
                pipeline, peer = await loopback(client, [ToneTrack()])
                await client.subscribe(pipeline, "Error")
                with cluster.lose("w1"):
                    await asyncio.sleep(2.5)
                await asyncio.to_thread(cluster.wait_ready, 1, 5)
                errors = [event for event in client.events if event["type"] == "Error"]
                await asyncio.sleep(1.5)
                before = peer.frames["audio"]
                await asyncio.sleep(1)
                flows = peer.frames["audio"] > before + 20
                assert flows != bool(errors), f"told {len(errors)} errors, and media {'flows' if flows else 'stopped'}"
                second, other = await loopback(client, [ToneTrack()])
                if errors:
                    await asyncio.sleep(1)
                    assert cluster.workers()["w1"]["load"]["endpoints"] == 1, "the lost session was kept"
                await peer.close()
                await other.close()
                return bool(errors)

        print("the client was told of a loss:", run(scenario()))
