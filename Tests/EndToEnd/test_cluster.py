"""Several workers: spread, death, a store that goes away."""

import asyncio
import os
import signal
import subprocess
import time

from cluster import Cluster, wait_until
from conftest import run
from kurento import KurentoClient, KurentoError
from peer import Peer, ToneTrack


def test_a_hundred_loopback_sessions_spread_evenly_and_all_flow(own_cluster):
    async def scenario():
        async with KurentoClient(own_cluster.kurento) as client:
            peers = []

            async def join():
                pipeline = await client.create("MediaPipeline")
                # Five frames a second: the clients share the machine with what they test.
                peer = await Peer(client, pipeline, [ToneTrack(rate=5)]).negotiate()
                await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
                peers.append(peer)

            for _ in range(10):
                await asyncio.gather(*(join() for _ in range(10)))
            for peer in peers:
                await peer.wait_for(lambda p: p.frames["audio"] >= 5, 60, "sound of every session")
            spread = {name: worker["assignedSessions"] for name, worker in own_cluster.workers().items()}
            before = [peer.frames["audio"] for peer in peers]
            await asyncio.sleep(3)
            after = [peer.frames["audio"] for peer in peers]
            await asyncio.gather(*(peer.close() for peer in peers))
            return spread, before, after

    spread, before, after = run(scenario())
    print("sessions by worker:", spread)
    assert spread == {"w1": 50, "w2": 50}
    assert len(after) == 100 and all(new > old for new, old in zip(after, before))


def test_a_lost_worker_is_known_dead_within_a_second(own_cluster):
    async def scenario():
        async with KurentoClient(own_cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peer = await Peer(client, pipeline, [ToneTrack()]).negotiate()
            await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
            await client.subscribe(peer.endpoint, "Error")
            await client.subscribe(pipeline, "Error")
            await peer.wait_for(lambda p: p.frames["audio"] > 10, 20, "sound")
            workers = own_cluster.workers()
            (victim,) = [w for w in workers.values() if w["assignedSessions"] == 1]
            (other,) = [name for name in workers if name != victim["id"]]

            told = asyncio.Event()
            client.handlers.append(lambda event: event["type"] == "Error" and told.set())
            with own_cluster.lose(victim["id"]):
                lost = time.monotonic()
                await asyncio.wait_for(told.wait(), 5)
                delay = time.monotonic() - lost
                print(f"the client was told after {delay * 1000:.0f} ms")

                again = await client.create("MediaPipeline")
                second = await Peer(client, again, [ToneTrack()]).negotiate()
                await client.invoke(second.endpoint, "connect", sink=second.endpoint)
                await second.wait_for(lambda p: p.frames["audio"] > 10, 20, "sound on the next session")
            landed = own_cluster.get(f"/api/sessions/{again.replace('/', '%2F')}")[1].decode()
            errors = [event for event in client.events if event["type"] == "Error"]
            await client.release(pipeline)
            await peer.close()
            await second.close()
            return delay, landed, other, errors

    delay, landed, other, errors = run(scenario())
    assert delay <= 1.0
    assert f'"worker":"{other}"' in landed
    assert errors[0]["data"]["description"]


def test_a_store_that_goes_away_stops_no_media(own_cluster):
    async def scenario():
        async with KurentoClient(own_cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peer = await Peer(client, pipeline, [ToneTrack()]).negotiate()
            await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
            await peer.wait_for(lambda p: p.frames["audio"] > 10, 20, "sound")
            redis = own_cluster.redis_pid()
            os.kill(redis, signal.SIGSTOP)
            try:
                await asyncio.sleep(1)
                before = peer.frames["audio"]
                await asyncio.sleep(4)
                assert peer.frames["audio"] - before > 150, "media stopped with the store"
                started = time.monotonic()
                try:
                    await client.create("MediaPipeline")
                    raise AssertionError("a session was opened without a store")
                except KurentoError as error:
                    refusal = (time.monotonic() - started, error)
            finally:
                os.kill(redis, signal.SIGCONT)
            wait_until(lambda: own_cluster.get("/readyz")[0] == 200, 10)
            before = peer.frames["audio"]
            again = await client.create("MediaPipeline")
            second = await Peer(client, again, [ToneTrack()]).negotiate()
            await client.invoke(second.endpoint, "connect", sink=second.endpoint)
            await second.wait_for(lambda p: p.frames["audio"] > 10, 20, "sound on a session after the outage")
            assert peer.frames["audio"] > before
            assert not [event for event in client.events if event["type"] == "Error"]
            await peer.close()
            await second.close()
            return refusal

    seconds, error = run(scenario())
    print(f"refused after {seconds * 1000:.0f} ms: {error}")
    assert seconds < 1
    assert "store" in str(error).lower()


def test_a_dead_worker_is_started_again(own_cluster):
    victim = own_cluster.workers()["w1"]["processID"]
    os.kill(victim, signal.SIGKILL)
    wait_until(
        lambda: own_cluster.workers()["w1"]["isAlive"] and own_cluster.workers()["w1"]["processID"] != victim, 10,
        own_cluster.log)


def test_a_redis_that_is_away_at_start_gives_one_line_and_is_waited_for():
    with Cluster(extra="") as cluster:
        pass
    config = f"""\
cluster: late
signaling:
  listen: ["127.0.0.1:{cluster.port}"]
tls: {{listen: []}}
media: {{udp_ports: {cluster.udp_first}-{cluster.udp_first + 63}, interfaces: [lo]}}
store: {{url: "redis://127.0.0.1:{cluster.redis_port}/0", start: false}}
workers: {{count: 1}}
"""
    with Cluster(config=config) as late:
        late.port = cluster.port
        wait_until(lambda: "store is away" in late.log(), 20, late.log)
        time.sleep(3)
        lines = [line for line in late.log().splitlines() if "store is away" in line and "apus.worker" in line]
        assert len(lines) == 1, "\n".join(lines)
        redis = subprocess.Popen(
            ["redis-server", "--port", str(cluster.redis_port), "--save", "", "--bind", "127.0.0.1"],
            stdout=subprocess.DEVNULL)
        try:
            late.wait_ready(workers=1, seconds=20)
        finally:
            redis.terminate()
            redis.wait()
