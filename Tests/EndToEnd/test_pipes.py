"""A pipeline that outgrows one reactor: its streams are piped to the others, and no client knows."""

import asyncio
import contextlib
import json
import re

from cluster import Cluster
from conftest import run
from kurento import KurentoClient
from peer import ColourTrack, Peer, ToneTrack

LIMITS = "limits:\n  endpoints_per_shard: 2\n"


def shards(cluster, pipeline):
    code, body = cluster.get(f"/api/sessions/{pipeline}")
    assert code == 200
    return json.loads(body)["shards"]


def pipes(cluster):
    return {name: worker["load"]["pipes"] for name, worker in cluster.workers().items()}


async def wait_for(condition, seconds, what):
    for _ in range(int(seconds * 10)):
        if condition():
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{what} did not come true")


async def one_to_five(client, pipeline):
    """A presenter and five viewers; all see the picture and hear the tone."""
    presenter = await Peer(client, pipeline, [ToneTrack(), ColourTrack(160)]).negotiate()
    viewers = []
    for _ in range(5):
        viewer = await Peer(client, pipeline, receive=("audio", "video")).negotiate()
        await client.invoke(presenter.endpoint, "connect", sink=viewer.endpoint)
        viewers.append(viewer)
    for viewer in viewers:
        await viewer.wait_for(lambda p: p.frames["audio"] > 50 and p.frames["video"] > 30, 40, "sound and picture")
        assert abs(viewer.luma - 160) < 20 and viewer.loudest > 3000
    return presenter, viewers


def test_a_presenter_and_five_viewers_over_two_workers():
    with Cluster(extra=LIMITS) as cluster:
        cluster.wait_ready()

        async def scenario():
            async with KurentoClient(cluster.kurento) as client:
                pipeline = await client.create("MediaPipeline")
                presenter, viewers = await one_to_five(client, pipeline)
                assert sorted(shards(cluster, pipeline)) == ["w1", "w2"]
                # One pipe for the presenter, whose two streams cross once: 80 packets a second and some reports.
                await wait_for(lambda: pipes(cluster) == {"w1": 1, "w2": 1}, 5, "one pipe with two ends")
                await asyncio.sleep(1)
                load = {name: worker["load"] for name, worker in cluster.workers().items()}
                source = shards(cluster, pipeline)[0]
                rate = load[source]["pipePacketsSentPerSecond"]
                far = next(name for name in load if name != source)
                sent = load[far]["packetsSentPerSecond"]
                assert 0 < rate < sent / 2, f"{rate} packets a second cross, {sent} leave beyond"
                page = cluster.get("/metrics")[1].decode()
                assert re.search(r'apus_worker_pipes\{worker="w1"\} 1', page)
                # A viewer of another shard sends too: a pipe the other way.
                assert (await client.invoke(viewers[-1].endpoint, "getStats"))
                # The viewers beyond go, and the pipe with them.
                for viewer in viewers:
                    await client.release(viewer.endpoint)
                await wait_for(lambda: pipes(cluster) == {"w1": 0, "w2": 0}, 5, "no pipe without viewers")
                for peer in [presenter, *viewers]:
                    await peer.close()
                await client.release(pipeline)
                await wait_for(
                    lambda: sum(w["assignedSessions"] for w in cluster.workers().values()) == 0, 5, "no session is left")

        run(scenario())
        # Keys of pipes are nobody's to read.
        assert not re.search(r"[0-9a-f]{56}", cluster.log())


def test_a_presenter_and_five_viewers_over_the_reactors_of_one_worker():
    with Cluster(workers=1, extra="  reactors: 2\n" + LIMITS) as cluster:
        cluster.wait_ready(workers=1)

        async def scenario():
            async with KurentoClient(cluster.kurento) as client:
                pipeline = await client.create("MediaPipeline")
                presenter, viewers = await one_to_five(client, pipeline)
                assert shards(cluster, pipeline) == ["w1", "w1"]
                await wait_for(lambda: pipes(cluster) == {"w1": 2}, 5, "one pipe with two ends")
                for peer in [presenter, *viewers]:
                    await peer.close()
                await client.release(pipeline)

        run(scenario())


def test_the_embedded_cluster_pipes_as_well():
    with Cluster(embedded=True, extra=LIMITS) as cluster:
        cluster.wait_ready()

        async def scenario():
            async with KurentoClient(cluster.kurento) as client:
                pipeline = await client.create("MediaPipeline")
                presenter, viewers = await one_to_five(client, pipeline)
                assert sorted(shards(cluster, pipeline)) == ["w1", "w2"]
                for peer in [presenter, *viewers]:
                    await peer.close()
                await client.release(pipeline)

        run(scenario())


def test_viewers_of_a_living_worker_see_on_when_the_other_dies():
    """The presenter's worker lives: its own viewer keeps the picture, the others are told that they failed."""
    with Cluster(extra=LIMITS) as cluster, contextlib.ExitStack() as away:
        cluster.wait_ready()

        async def scenario():
            async with KurentoClient(cluster.kurento) as client:
                pipeline = await client.create("MediaPipeline")
                await client.subscribe(pipeline, "Error")
                presenter = await Peer(client, pipeline, [ColourTrack(120)]).negotiate()
                near = await Peer(client, pipeline, receive=("video",)).negotiate()
                far = await Peer(client, pipeline, receive=("video",)).negotiate()
                await client.subscribe(far.endpoint, "ConnectionStateChanged")
                for viewer in (near, far):
                    await client.invoke(presenter.endpoint, "connect", sink=viewer.endpoint)
                for viewer in (near, far):
                    await viewer.wait_for(lambda p: p.frames["video"] > 30, 40, "the picture")
                home, other = shards(cluster, pipeline)
                away.enter_context(cluster.lose(other))
                await wait_for(
                    lambda: any(
                        event["type"] == "ConnectionStateChanged" and event["data"]["newState"] == "DISCONNECTED"
                        for event in client.events if event["object"] == far.endpoint), 10, "the far viewer is told")
                before = near.frames["video"]
                await near.wait_for(lambda p: p.frames["video"] > before + 60, 20, "the near viewer's picture")
                assert not [event for event in client.events if event["type"] == "Error"]
                # It comes again, to whoever has room.
                await client.release(far.endpoint)
                again = await Peer(client, pipeline, receive=("video",)).negotiate()
                await client.invoke(presenter.endpoint, "connect", sink=again.endpoint)
                await again.wait_for(lambda p: p.frames["video"] > 30, 40, "the picture again")
                assert shards(cluster, pipeline)[0] == home
                for peer in (presenter, near, far, again):
                    await peer.close()
                await client.release(pipeline)

        run(scenario())
