"""A controller is killed: no packet is lost, and its clients go on at the same one or at another."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time

import pytest
import websockets

from cluster import Cluster, apus_binary, wait_until
from conftest import run
from kurento import KurentoClient, KurentoError
from peer import ColourTrack, Peer, ToneTrack
from test_whip import play, publish, sees, whip_status
from whip import patch, request


def children(process, word):
    found = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True).stdout.split()
    for child in map(int, found):
        with contextlib.suppress(OSError):
            with open(f"/proc/{child}/cmdline") as words:
                arguments = words.read().split("\0")
            if arguments[1:2] == [word]:
                yield child, arguments


def controller(cluster, name="c1"):
    return next(pid for pid, words in children(cluster.process.pid, "controller") if words[3] == name)


def two_controllers():
    return Cluster(extra="controllers:\n  count: 2\n")


def second_url(cluster):
    return f"ws://127.0.0.1:{cluster.port + 1}/kurento"


async def come_back(client, url, seconds=20):
    """A client that lost its connection: connects until it is let in, with its session. How long it took."""
    started = time.monotonic()
    while True:
        with contextlib.suppress(OSError, websockets.exceptions.WebSocketException, asyncio.TimeoutError):
            again = KurentoClient(url)
            again.session = client.session
            again.handlers = client.handlers
            await again.__aenter__()
            await again.call("connect", sessionId=client.session)
            return again, time.monotonic() - started
        assert time.monotonic() - started < seconds, "not let in"
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def call(url):
    """A presenter and a viewer of one client, with the subscriptions that applications have."""
    async with KurentoClient(url) as client:
        pipeline = await client.create("MediaPipeline")
        await client.subscribe(pipeline, "Error")
        presenter = await Peer(client, pipeline, [ColourTrack(120), ToneTrack()]).negotiate()
        viewer = await Peer(client, pipeline, receive=("video",)).negotiate()
        await client.subscribe(presenter.endpoint, "MediaFlowOutStateChanged")
        await client.subscribe(presenter.endpoint, "MediaStateChanged")
        await client.invoke(presenter.endpoint, "connect", sink=viewer.endpoint)
        await client.invoke(presenter.endpoint, "addTag", key="who", value="presenter")
        await viewer.wait_for(lambda p: p.frames["video"] > 15, 30, "the picture")
        try:
            yield client, pipeline, presenter, viewer
        finally:
            for peer in (presenter, viewer):
                with contextlib.suppress(Exception):
                    await peer.close()


async def goes_on(client, pipeline, presenter, viewer, cluster):
    """What the client began it can go on with."""
    for peer in (presenter, viewer):
        peer.client = client
    assert await client.invoke(presenter.endpoint, "getTag", key="who") == "presenter"
    links = await client.invoke(presenter.endpoint, "getSinkConnections")
    assert {link["type"] for link in links} == {"AUDIO", "VIDEO", "DATA"}
    assert "m=video" in await client.invoke(presenter.endpoint, "getLocalSessionDescriptor")
    assert await client.invoke(presenter.endpoint, "getConnectionState") == "CONNECTED"
    assert await client.invoke(presenter.endpoint, "getStats")
    late = await Peer(client, pipeline, receive=("video",)).negotiate()
    await client.invoke(presenter.endpoint, "connect", sink=late.endpoint)
    await late.wait_for(lambda p: p.frames["video"] > 10, 30, "a viewer who came afterwards")
    await client.invoke(presenter.endpoint, "disconnect", sink=viewer.endpoint)
    await asyncio.sleep(1)
    before = viewer.frames["video"]
    await asyncio.sleep(0.7)
    assert viewer.frames["video"] == before, "what was connected before can be disconnected"
    await client.invoke(presenter.endpoint, "connect", sink=viewer.endpoint)
    await viewer.wait_for(lambda p: p.frames["video"] > before + 10, 30, "the picture again")
    await client.release(late.endpoint)
    await late.close()


def nothing_is_left(cluster):
    wait_until(
        lambda: all(w["load"]["sessions"] == w["assignedSessions"] == 0 for w in cluster.workers().values()), 10,
        lambda: "sessions are left: " + json.dumps(cluster.workers()))


def flows(client, endpoint):
    return [(e["data"]["mediaType"], e["data"]["state"]) for e in client.events
            if e["type"] == "MediaFlowOutStateChanged" and e["object"] == endpoint]


@pytest.mark.parametrize("where", ["the restarted one", "another one"])
def test_a_killed_controllers_client_goes_on(where):
    async def scenario(cluster):
        async with call(cluster.kurento) as (client, pipeline, presenter, viewer):
            await asyncio.sleep(0.5)
            seen = viewer.frames["video"]
            victim = controller(cluster)
            os.kill(victim, signal.SIGKILL)
            url = cluster.kurento if where == "the restarted one" else second_url(cluster)
            again, took = await come_back(client, url)
            print(f"back at {where} after {took * 1000:.0f} ms")
            assert took < 2, took
            await viewer.wait_for(lambda p: p.frames["video"] > seen + 15, 10, "the picture goes on")
            await goes_on(again, pipeline, presenter, viewer, cluster)
            # It is told of what happens, once.
            await presenter.connection.close()
            await presenter_gone(again, presenter)
            again.session, other = again.session, again.session
            assert other == client.session
            await again.release(pipeline)
            with pytest.raises(KurentoError):
                await again.invoke(pipeline, "getName")
            await again.socket.close()

    with two_controllers() as cluster:
        cluster.wait_ready()
        run(scenario(cluster))
        nothing_is_left(cluster)


async def presenter_gone(client, presenter):
    deadline = time.monotonic() + 15
    while ("VIDEO", "NOT_FLOWING") not in flows(client, presenter.endpoint):
        assert time.monotonic() < deadline, client.events
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.5)
    once(flows(client, presenter.endpoint))


def once(told):
    """A state that was told is not told again before it has changed. Media may stand still on a busy machine."""
    for kind in ("AUDIO", "VIDEO"):
        states = [state for which, state in told if which == kind]
        assert all(former != state for former, state in zip(states, states[1:])), told


@pytest.mark.parametrize("where", ["the restarted one", "another one"])
def test_what_happens_while_nobody_listens_is_told_once(where):
    """The presenter's sound stops between the controller's death and the client's return."""

    async def scenario(cluster):
        async with call(cluster.kurento) as (client, pipeline, presenter, viewer):
            for kind in ("AUDIO", "VIDEO"):
                assert await client.invoke(presenter.endpoint, "isMediaFlowingOut", mediaType=kind)
            os.kill(controller(cluster), signal.SIGKILL)
            await presenter.connection.close()
            # Longer than it takes to notice that nothing flows any more.
            await asyncio.sleep(7)
            url = cluster.kurento if where == "the restarted one" else second_url(cluster)
            again, took = await come_back(client, url)
            await asyncio.sleep(1.5)
            told = flows(again, presenter.endpoint)
            once(told)
            assert ("AUDIO", "NOT_FLOWING") in told[-2:] and ("VIDEO", "NOT_FLOWING") in told[-2:], told
            await again.release(pipeline)
            await again.socket.close()

    with two_controllers() as cluster:
        cluster.wait_ready()
        run(scenario(cluster))
        nothing_is_left(cluster)


def test_a_client_moves_between_living_controllers():
    """Its connection broke, the load balancer sends it elsewhere: the controller that has its session gives it up."""

    async def scenario(cluster):
        async with call(cluster.kurento) as (client, pipeline, presenter, viewer):
            again, took = await come_back(client, second_url(cluster))
            assert took < 2, took
            await goes_on(again, pipeline, presenter, viewer, cluster)
            back, took = await come_back(again, cluster.kurento)
            assert took < 2, took
            await back.release(pipeline)
            for socket in (again.socket, back.socket):
                await socket.close()

    with two_controllers() as cluster:
        cluster.wait_ready()
        run(scenario(cluster))
        nothing_is_left(cluster)


def test_no_packet_is_lost_with_a_controller(tmp_path):
    with Cluster(workers=1) as cluster:
        cluster.wait_ready(1)
        path = tmp_path / "load.json"
        witness = subprocess.Popen(
            [apus_binary(), "load", "--url", cluster.http, "--rooms", "2", "--publishers", "2", "--subscribers", "4",
             "--audio", "--rate", "15", "--duration", "6", "--watch-indices", "--max-loss", "100", "--json", str(path)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_until(lambda: cluster.workers()["w1"]["load"]["endpoints"] == 6, 15, cluster.log)
        time.sleep(2)
        os.kill(controller(cluster), signal.SIGKILL)
        witness.communicate(timeout=40)
        report = json.loads(path.read_text())
        assert report["media"]["lost"] == 0 and report["media"]["delivered"] > 500, report["media"]
        # A busy machine keeps the generator waiting, but nobody waits for a controller.
        assert report["gapTimes"]["max"] < 500, report["gapTimes"]
        nothing_is_left(cluster)
        assert report["indices"]["watched"] > 500 and report["indices"]["reused"] == 0


def test_both_notice_a_dead_worker_and_each_session_ends_once():
    async def scenario(cluster):
        async with KurentoClient(cluster.kurento) as one, KurentoClient(second_url(cluster)) as two:
            held = []
            for client in (one, two):
                for _ in range(2):
                    pipeline = await client.create("MediaPipeline")
                    await client.subscribe(pipeline, "Error")
                    held.append((client, pipeline))
            owners = {w["id"]: w["assignedSessions"] for w in cluster.workers().values()}
            assert owners == {"w1": 2, "w2": 2}
            with cluster.lose("w1"):
                await asyncio.sleep(3)
                errors = [e["object"] for client in (one, two) for e in client.events if e["type"] == "Error"]
                assert len(errors) == len(set(errors)) == 2, errors
            for client, pipeline in held:
                await client.release(pipeline)

    with two_controllers() as cluster:
        cluster.wait_ready()
        run(scenario(cluster))
        nothing_is_left(cluster)
        status = cluster.status()
        assert [c["id"] for c in status["controllers"]] == ["c1", "c2"] and all(c["isAlive"] for c in status["controllers"])


def test_sessions_whose_clients_stay_away_are_closed():
    async def scenario(cluster):
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            await client.create("WebRtcEndpoint", mediaPipeline=pipeline)
            os.kill(controller(cluster), signal.SIGKILL)

    with Cluster(extra="limits:\n  session_garbage_period: 3\n") as cluster:
        cluster.wait_ready()
        run(scenario(cluster))
        wait_until(
            lambda: all(w["load"]["sessions"] == w["assignedSessions"] == 0 for w in cluster.workers().values()), 20,
            lambda: "sessions are left:\n" + cluster.log())


def test_rooms_of_whip_outlive_their_controller():
    async def scenario(cluster):
        publisher = await publish(cluster, "lobby", 180)
        player = await play(cluster, "lobby")
        leaver = await play(cluster, "lobby")
        await sees(player, 180)
        os.kill(controller(cluster), signal.SIGKILL)
        await asyncio.to_thread(
            wait_until, lambda: request(cluster, "OPTIONS", player.location).status == 200, 10, cluster.log, 0.02)
        assert await leaver.end() == 200, "what another process opened can be ended"
        assert request(cluster, "DELETE", leaver.location).status == 404
        answer = await asyncio.to_thread(
            patch, cluster, player.location, "a=ice-ufrag:peer\r\na=ice-pwd:0123456789abcdef01234567\r\n", '"x"')
        assert answer.status == 412, "entity-tags are those of before"
        late = await play(cluster, "lobby")
        await sees(late, 180)
        before = player.frames["video"]
        await player.wait_for(lambda peer: peer.frames["video"] > before + 10, 15, "the picture goes on")
        # A publisher that comes now feeds the player when the former one has gone.
        assert await publisher.end() == 200
        other = await publish(cluster, "lobby", 60)
        await sees(player, 60)
        for peer in (other, late, player):
            assert await peer.end() == 200

    with Cluster() as cluster:
        cluster.wait_ready()
        run(scenario(cluster))
        wait_until(lambda: whip_status(cluster)["rooms"] == 0, 5)
        nothing_is_left(cluster)


def test_a_room_that_nobody_asks_for_ends_with_its_peers():
    """The next life of the controller takes its rooms over by itself."""

    async def scenario(cluster):
        publisher = await publish(cluster, "quiet", 100)
        player = await play(cluster, "quiet")
        await sees(player, 100)
        os.kill(controller(cluster), signal.SIGKILL)

        def is_back():
            status = whip_status(cluster)
            return (status["publishers"], status["players"]) == (1, 1)

        await asyncio.to_thread(wait_until, is_back, 15, cluster.log)
        for peer in (publisher, player):
            await peer.close()

    with Cluster() as cluster:
        cluster.wait_ready()
        run(scenario(cluster))
        wait_until(lambda: whip_status(cluster)["rooms"] == 0, 45, cluster.log)
        nothing_is_left(cluster)


class Second:
    """The second controller, for requests."""

    def __init__(self, cluster):
        self.port = cluster.port + 1


def test_every_controller_serves_every_room():
    async def scenario(cluster):
        second = Second(cluster)
        publisher = await publish(cluster, "lobby", 180)
        player = await play(second, "lobby")
        await sees(player, 180)
        assert whip_status(cluster)["rooms"] == 1
        answer = await asyncio.to_thread(
            patch, second, publisher.location, "a=ice-ufrag:abcd\r\na=end-of-candidates\r\n", publisher.tag)
        assert answer.status == 412, "it is judged where the room is"
        assert (await asyncio.to_thread(request, second, "GET", player.location + "/layer")).status == 200
        # Who publishes at the other one is seen by who plays at this one.
        assert await publisher.end() == 200
        other = await publish(second, "lobby", 60)
        await sees(player, 60)
        assert await player.end() == 200
        other.cluster = cluster
        assert await other.end() == 200

    with two_controllers() as cluster:
        cluster.wait_ready()
        run(scenario(cluster))
        nothing_is_left(cluster)


def test_another_controller_takes_over_a_room_of_one_that_stands_still():
    async def scenario(cluster):
        publisher = await publish(cluster, "lobby", 180)
        player = await play(cluster, "lobby")
        await sees(player, 180)
        second = Second(cluster)
        victim = controller(cluster)
        os.kill(victim, signal.SIGSTOP)
        try:
            await asyncio.sleep(1.2)
            answer = await asyncio.to_thread(request, second, "DELETE", player.location)
            assert answer.status == 200, (answer.status, answer.body)
        finally:
            os.kill(victim, signal.SIGCONT)
        # It learns that the room is no longer its own, and touches nothing of it.
        await asyncio.to_thread(wait_until, lambda: whip_status(cluster)["rooms"] == 0, 10, cluster.log)
        publisher.cluster = second
        assert await publisher.end() == 200
        await player.close()

    with two_controllers() as cluster:
        cluster.wait_ready()
        run(scenario(cluster))
        nothing_is_left(cluster)
