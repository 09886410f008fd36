"""Sessions that end whoever carries them, loops of crashes, and reactors that stand still."""

import asyncio
import contextlib
import os
import re
import signal
import time

import pytest

from cluster import Cluster, wait_until
from conftest import run
from kurento import KurentoClient, KurentoError
from peer import Peer, ToneTrack
from test_up import children_of

# The media process under test obeys these (Sources/Reactor/ReactorWorld+TestFaults.swift).
CRASH = {"candidate": "candidate:testCrash 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0}
STALL = {"candidate": "candidate:testStall 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "0", "sdpMLineIndex": 0}


@pytest.fixture
def faulty(monkeypatch):
    monkeypatch.setenv("APUS_TEST_FAULTS", "yes")
    with Cluster(workers=1) as cluster:
        yield cluster.wait_ready(1)


async def loopback(client):
    pipeline = await client.create("MediaPipeline")
    await client.subscribe(pipeline, "Error")
    peer = await Peer(client, pipeline, [ToneTrack()]).negotiate()
    await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
    await peer.wait_for(lambda p: p.frames["audio"] > 10, 20, "sound")
    return pipeline, peer


async def poison(client, peer, candidate):
    """Nobody answers: the process that would ends."""
    try:
        await client.invoke(peer.endpoint, "addIceCandidate", candidate=candidate)
    except KurentoError as error:
        return error


def ends(cluster):
    return cluster.log().count("event=media_process_ended")


@pytest.mark.parametrize("poisonous", [CRASH, STALL], ids=["crash", "stall"])
def test_a_poisonous_session_is_quarantined_after_two_and_the_others_go_on(faulty, poisonous):
    async def scenario():
        async with KurentoClient(faulty.kurento) as good, KurentoClient(faulty.kurento) as bad:
            _, well = await loopback(good)
            pipeline, ill = await loopback(bad)
            error = await poison(bad, ill, poisonous)
            await asyncio.to_thread(wait_until, lambda: "event=quarantined" in faulty.log(), 20, faulty.log)
            before = well.frames["audio"]
            await well.wait_for(lambda p: p.frames["audio"] > before + 50, 20, "the other session's sound")
            assert not [event for event in good.events if event["type"] == "Error"]
            told = [event["data"]["description"] for event in bad.events if event["type"] == "Error"]
            print("the poisonous session was told:", error, told)
            assert told and "not given to a third" in told[0]
            # Its worker is of use to everybody else, this client included.
            again, third = await loopback(bad)
            assert again != pipeline
            for peer in (well, ill, third):
                await peer.close()

    run(scenario())
    time.sleep(1)
    log = faulty.log()
    assert ends(faulty) == 2 and log.count("fault=true") == 2, "two processes, not three"
    if poisonous is STALL:
        assert "event=reactor_stalled" in log
    status = faulty.status()
    assert [event for event in status["events"] if event["event"] == "quarantined"]
    assert status["workers"][0]["isAlive"] and status["workers"][0]["load"]["sessions"] <= 2


def test_a_reactor_that_stands_still_is_replaced_within_two_and_a_half_seconds(faulty):
    async def scenario():
        async with KurentoClient(faulty.kurento) as client:
            _, peer = await loopback(client)
            _, media = faulty.guardian("w1")
            started = time.monotonic()
            task = asyncio.create_task(poison(client, peer, STALL))
            await asyncio.to_thread(
                wait_until, lambda: not os.path.exists(f"/proc/{media}") or "event=succession" in faulty.log(), 6,
                faulty.log, 0.01)
            seconds = time.monotonic() - started
            print(f"replaced after {seconds:.2f} s")
            assert seconds < 2.5
            await task
            await peer.close()

    run(scenario())


def test_a_loop_of_crashes_backs_off_and_heals(faulty):
    guardian, _ = faulty.guardian("w1")
    seen = set()
    deadline = time.monotonic() + 40
    while ends(faulty) < 8 and time.monotonic() < deadline:
        for media in children_of(guardian):
            if media not in seen:
                seen.add(media)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(media), signal.SIGKILL)
        time.sleep(0.02)
    pauses = [int(text) for text in re.findall(r"pause_milliseconds=(\d+)", faulty.log())]
    print("pauses:", pauses)
    assert pauses[:3] == [0, 0, 0], "callers wait"
    assert pauses[3:8] == sorted(pauses[3:8]) and pauses[7] >= 8 * pauses[3] > 0
    wait_until(lambda: str(faulty.workers()["w1"]["processID"]) in children_of(guardian), 10, faulty.log)
    assert faulty.workers()["w1"]["isAlive"]
