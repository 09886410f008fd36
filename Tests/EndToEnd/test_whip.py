"""WHIP and WHEP over a real cluster: aiortc and GStreamer publish and play, tokens, restarts, and what ends."""

import asyncio
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import pytest

from cluster import Cluster, apus_binary, wait_until
from conftest import run
from peer import ColourTrack, ToneTrack
from whip import WhipPeer, bare_offer, layers, patch, post, request

HERE = pathlib.Path(__file__).parent


def whip_status(cluster):
    return cluster.status()["controllers"][0]["whip"]


async def publish(cluster, room, luma=100, **options):
    return await WhipPeer(cluster, [ToneTrack(), ColourTrack(luma)]).open(f"/whip/{room}", **options)


async def play(cluster, room, receive=("audio", "video"), **options):
    return await WhipPeer(cluster, receive=receive).open(f"/whep/{room}", **options)


async def sees(player, luma, seconds=15):
    await player.wait_for(
        lambda peer: peer.luma is not None and abs(peer.luma - luma) < 12, seconds, f"a picture of brightness {luma}")


def test_what_is_published_by_whip_plays_by_whep(cluster):
    async def scenario():
        publisher = await publish(cluster, "lobby", 180)
        players = [await play(cluster, "lobby") for _ in range(3)]
        for player in players:
            await sees(player, 180)
            await player.wait_for(lambda peer: peer.loudest > 4000 and peer.frames["video"] > 30, 15, "sound, picture")
        status = whip_status(cluster)
        assert (status["rooms"], status["publishers"], status["players"]) == (1, 1, 3)
        for peer in (publisher, *players):
            assert await peer.end() == 200

    run(scenario())
    wait_until(lambda: whip_status(cluster)["rooms"] == 0, 5)
    metrics = cluster.get("/metrics")[1].decode()
    assert 'apus_whip_requests_total{controller="c1",endpoint="whep",method="POST",status="201"} 3' in metrics


def test_a_player_that_came_first_sees_the_publisher_and_its_successor(cluster):
    async def scenario():
        player = await play(cluster, "early")
        await asyncio.sleep(1)
        assert player.frames["video"] == 0
        first = await publish(cluster, "early", 60)
        await sees(player, 60)
        await first.end()
        second = await publish(cluster, "early", 200)
        await sees(player, 200)
        await second.end()
        await player.end()

    run(scenario())


def test_a_room_ends_when_its_peers_fall_silent_or_say_goodbye(cluster):
    async def scenario():
        publisher = await publish(cluster, "gone")
        await publisher.wait_for(lambda peer: peer.connection.connectionState == "connected", 10, "connected")
        assert whip_status(cluster)["publishers"] >= 1
        # close_notify, and no DELETE.
        await publisher.close()

    run(scenario())
    wait_until(lambda: whip_status(cluster)["publishers"] == 0, 40)


def test_a_restart_of_ice_changes_credentials_and_tag(cluster):
    async def scenario():
        publisher = await publish(cluster, "restart", 90)
        player = await play(cluster, "restart")
        await sees(player, 90)
        local = publisher.connection.localDescription.sdp.split("\r\n")
        fragment = ["a=ice-ufrag:abcd", "a=ice-pwd:abcdabcdabcdabcdabcdabcd", "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0"]
        fragment += [line for line in local if line.startswith("a=candidate:")]
        body = "".join(line + "\r\n" for line in fragment)
        answer = await asyncio.to_thread(patch, cluster, publisher.location, body, "*")
        assert answer.status == 200 and answer.headers["ETag"] != publisher.tag
        assert "a=ice-ufrag:" in answer.body and "a=candidate:" in answer.body
        stale = await asyncio.to_thread(patch, cluster, publisher.location, body, publisher.tag)
        assert stale.status == 412
        # aiortc cannot restart; its old pair must go on until the new generation, which never comes, fails.
        before = player.frames["video"]
        await asyncio.sleep(2)
        assert player.frames["video"] - before > 20
        await publisher.end()
        await player.end()

    run(scenario())


def test_places_show_the_publishers_in_their_order(cluster):
    async def scenario():
        first = await publish(cluster, "stage", 50)
        player = await play(cluster, "stage")
        other = await play(cluster, "stage?publisher=ada")
        second = await WhipPeer(cluster, [ColourTrack(210)]).open("/whip/stage?publisher=ada")
        await sees(player, 50)
        await sees(other, 210)
        for peer in (first, second, player, other):
            await peer.end()

    run(scenario())


def test_what_is_wrong_is_told(cluster):
    offer = bare_offer()
    assert post(cluster, "/whip/a%20b", offer).status == 400
    wrong = request(cluster, "POST", "/whip/wrong", offer, Content_Type="text/plain")
    assert wrong.status == 415 and wrong.headers["Accept-Post"] == "application/sdp"
    malformed = post(cluster, "/whip/wrong", offer.replace("a=mid:1", "a=mid:0"))
    assert malformed.status == 400 and "a=mid" in malformed.body
    assert request(cluster, "GET", "/whip/wrong").status == 405
    assert request(cluster, "DELETE", "/whip/wrong/unknown").status == 404
    assert request(cluster, "POST", "/whip/wrong", "x" * 100_000, Content_Type="application/sdp").status == 413
    assert whip_status(cluster)["rooms"] == 0


def test_pages_of_other_origins_may_use_it(cluster):
    preflight = request(
        cluster, "OPTIONS", "/whip/cors", Origin="https://example.org", Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="content-type")
    assert preflight.status == 200
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in preflight.headers["Access-Control-Allow-Headers"]
    answer = post(cluster, "/whip/cors", bare_offer(), Origin="https://example.org")
    assert answer.status == 201
    assert {"Location", "ETag", "Link"} <= {
        name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert request(cluster, "DELETE", answer.headers["Location"]).status == 200


def test_a_worker_that_dies_ends_its_rooms_and_the_next_offer_opens_them_anew(own_cluster):
    async def scenario():
        publisher = await publish(own_cluster, "lost", 80)
        player = await play(own_cluster, "lost")
        await sees(player, 80)
        [worker] = [w for w in own_cluster.workers().values() if w["assignedSessions"]]

        with own_cluster.lose(worker["id"]):
            for _ in range(100):
                if whip_status(own_cluster)["rooms"] == 0:
                    break
                await asyncio.sleep(0.1)
            assert (await asyncio.to_thread(request, own_cluster, "DELETE", publisher.location)).status == 404
            again = await publish(own_cluster, "lost", 140)
            viewer = await play(own_cluster, "lost")
            await sees(viewer, 140)
        for peer in (publisher, player):
            await peer.close()
        for peer in (again, viewer):
            await peer.end()

    run(scenario())


def test_a_server_that_is_full_says_when_to_come_back():
    with Cluster(workers=1, embedded=True, extra="limits:\n  sessions_per_worker: 1\n") as cluster:
        cluster.wait_ready(1)
        offer = bare_offer()
        first = post(cluster, "/whip/one", offer)
        assert first.status == 201
        refused = post(cluster, "/whip/two", offer)
        assert refused.status == 503 and int(refused.headers["Retry-After"]) > 0
        assert "every worker" in refused.body
        assert request(cluster, "DELETE", first.headers["Location"]).status == 200
        assert post(cluster, "/whip/two", offer).status == 201


def test_with_keys_only_tokens_open_rooms():
    secret = "0123456789abcdef0123456789abcdef"
    with Cluster(workers=1, embedded=True, extra=f"keys:\n  web: {secret}\n") as cluster:
        cluster.wait_ready(1)

        def token(*arguments):
            return subprocess.run(
                [apus_binary(), "token", "--config", str(cluster.config), *arguments], capture_output=True, text=True,
                check=True, timeout=20).stdout.strip()

        offer = bare_offer()
        missing = post(cluster, "/whip/lobby", offer)
        assert missing.status == 401 and missing.headers["WWW-Authenticate"].startswith("Bearer")
        assert post(cluster, "/whip/lobby", offer, token="a.b.c").status == 401
        publisher = token("--room", "lobby", "--publish")
        assert post(cluster, "/whip/other", offer, publisher).status == 403
        assert post(cluster, "/whep/lobby", bare_offer(direction="recvonly"), publisher).status == 403
        answer = post(cluster, "/whip/lobby", offer, publisher)
        assert answer.status == 201
        assert request(cluster, "DELETE", answer.headers["Location"]).status == 401
        assert request(cluster, "DELETE", answer.headers["Location"], token=publisher).status == 200
        short = token("--room", "lobby", "--subscribe", "--lifetime", "1")

        time.sleep(12)
        expired = post(cluster, "/whep/lobby", bare_offer(direction="recvonly"), short)
        assert expired.status == 401 and "expired" in expired.body


def test_a_short_secret_is_refused_at_start():
    with Cluster(workers=1, embedded=True, extra="keys:\n  web: short\n") as cluster:
        wait_until(lambda: cluster.process.poll() is not None, 10)
        assert cluster.process.returncode != 0
        assert "the secret of `web` has 5 bytes" in cluster.log() and "openssl rand" in cluster.log()


@pytest.mark.skipif(not shutil.which("gst-launch-1.0"), reason="GStreamer is not installed: scripts/test installs it")
@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_gstreamer_publishes_and_plays(cluster, codec):
    def start(role):
        command = ["/usr/bin/python3", str(HERE / "gstreamer_peer.py"), role, f"{cluster.http}/{role}/gst-{codec}", codec]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    player = start("whep")
    publisher = start("whip")
    try:
        output, errors = player.communicate(timeout=60)
        print(output, errors[-2000:], file=sys.stderr)
        result = json.loads(output.splitlines()[-1])
        assert result["video"] > 30 and result["audio"] > 50, result
        assert result["width"] == 320
    finally:
        for process in (player, publisher):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(10)
    wait_until(lambda: whip_status(cluster)["rooms"] == 0, 10)


def test_layers_of_a_single_encoding_are_none(cluster):
    offer = bare_offer(direction="recvonly")
    answer = post(cluster, "/whep/empty", offer)
    location = answer.headers["Location"]
    assert f"<{location}/layer>" in answer.headers["Link"]
    assert layers(cluster, location) == {"1": {"layers": []}}
    assert layers(cluster, location, {"mediaId": "7"}).status == 404
    assert request(cluster, "DELETE", location).status == 200
