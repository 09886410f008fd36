"""What callers notice of a worker's end: next to nothing."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from browsers import WATCH, Chromium
from cluster import ROOT, Cluster, apus_binary, wait_until
from conftest import run
from kurento import KurentoClient
from peer import ColourTrack, Peer, ToneTrack


@pytest.fixture
def single():
    """One worker: who goes on can only be the same."""
    with Cluster(workers=1) as cluster:
        yield cluster.wait_ready(1)


def load(cluster, path, seconds, *more):
    return subprocess.Popen(
        [apus_binary(), "load", "--url", cluster.http, "--rooms", "4", "--publishers", "4", "--subscribers", "8",
         "--audio", "--rate", "15", "--duration", str(seconds), "--watch-indices", "--max-loss", "100", "--json",
         str(path), *more], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def replaced(cluster, worker, old):
    """Waits until another media process carries the worker's sessions."""
    wait_until(
        lambda: cluster.workers()[worker]["isAlive"] and cluster.workers()[worker]["processID"] != old, 10, cluster.log)


def media_goes_on(report, gap):
    assert report["joins"]["succeeded"] == 8
    assert report["gaps"], "a process that dies is felt"
    assert not [entry for entry in report["gaps"] if entry["isOpen"]], "a stream has not come back"
    assert report["gapTimes"]["max"] < gap, report["gapTimes"]
    for what in ("corrupt", "misdelivered", "duplicated", "timestampErrors", "extraStreams", "refused"):
        assert report["media"][what] == 0, what
    assert report["indices"]["watched"] > 1000 and report["indices"]["reused"] == 0


@pytest.mark.parametrize("victim", ["media process", "worker"])
def test_a_killed_process_is_a_flicker(single, tmp_path, victim):
    witness = load(single, tmp_path / "load.json", 9)
    wait_until(lambda: single.workers()["w1"]["load"]["endpoints"] == 12, 15, single.log)
    time.sleep(3)
    for _ in range(2):
        guardian, media = single.guardian("w1")
        os.kill(media if victim == "media process" else guardian, signal.SIGKILL)
        replaced(single, "w1", media)
        time.sleep(1.5)
    _, errors = witness.communicate(timeout=40)
    report = json.loads((tmp_path / "load.json").read_text())
    print(report["gapTimes"], errors.decode()[-200:])
    # A debug build on a busy machine; Simulations/Chaos has the figures.
    media_goes_on(report, 1500)


def test_who_is_killed_again_and_again_is_followed_at_once(single):
    """That is not a crash loop: nobody waits longer the seventh time."""
    for _ in range(7):
        # While nobody is past taking over, the guardian speaks for its worker, with its own number.
        time.sleep(1.2)
        _, media = single.guardian("w1")
        os.kill(media, signal.SIGKILL)
        replaced(single, "w1", media)
    time.sleep(1.2)
    guardian, media = single.guardian("w1")
    os.kill(guardian, signal.SIGKILL)
    replaced(single, "w1", media)
    pauses = re.findall(r"pause_milliseconds=(\d+)", single.log())
    assert pauses == ["0"] * 7
    assert "starting it again in 0.0 seconds" in single.log()


def test_a_process_that_stands_still_is_replaced(single, tmp_path):
    witness = load(single, tmp_path / "load.json", 9)
    wait_until(lambda: single.workers()["w1"]["load"]["endpoints"] == 12, 15, single.log)
    time.sleep(3)
    _, media = single.guardian("w1")
    os.kill(media, signal.SIGSTOP)
    replaced(single, "w1", media)
    with contextlib.suppress(ProcessLookupError):
        os.kill(media, signal.SIGCONT)
    witness.communicate(timeout=40)
    assert "reactor_stalled" in single.log()
    media_goes_on(json.loads((tmp_path / "load.json").read_text()), 2500)


def test_chromium_stays_connected_and_sees_on(single):
    async def scenario():
        browser = Chromium()
        await browser.start()
        try:
            await browser.open(single.http + "/")
            await browser.evaluate(WATCH)
            await browser.evaluate("document.querySelector('#start').click(), true")
            await browser.wait_for("window.apus.firstFrameMs !== null", 20, "no picture came back")
            await browser.evaluate("""
                window.changes = [];
                for (const name of ['connectionstatechange', 'iceconnectionstatechange', 'negotiationneeded',
                                    'signalingstatechange']) {
                  window.peers[0].addEventListener(name, () => window.changes.push(name));
                }
                true""")
            for _ in range(3):
                _, media = single.guardian("w1")
                frames = int(await browser.evaluate("window.apus.framesDecoded"))
                os.kill(media, signal.SIGKILL)
                await asyncio.to_thread(replaced, single, "w1", media)
                await browser.wait_for(f"window.apus.framesDecoded > {frames} + 30", 10, "the picture stands still")
            # Consent is asked for every five seconds: it is answered by the successor.
            await asyncio.sleep(6)
            state = await browser.evaluate("window.peers[0].connectionState")
            return state, await browser.evaluate("window.changes.join()"), single.log()
        finally:
            await browser.close()

    state, changes, log = run(scenario())
    assert state == "connected" and changes == "", (state, changes)
    assert len(re.findall("media_process_ended", log)) == 3


def test_a_client_that_waits_for_every_number_is_not_kept_waiting(single):
    """aiortc's jitter buffer plays nothing behind a hole in the sequence numbers until 512 packets later."""

    async def scenario():
        async with KurentoClient(single.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            presenter = await Peer(client, pipeline, [ColourTrack(120), ToneTrack()]).negotiate()
            viewer = await Peer(client, pipeline, receive=("video", "audio")).negotiate()
            await client.invoke(presenter.endpoint, "connect", sink=viewer.endpoint)
            for _ in range(5):
                before = dict(viewer.frames)
                await viewer.wait_for(
                    lambda p: p.frames["video"] > before["video"] + 20 and p.frames["audio"] > before["audio"] + 40, 5,
                    "sound and picture")
                _, media = single.guardian("w1")
                os.kill(media, signal.SIGKILL)
                await asyncio.to_thread(replaced, single, "w1", media)
            before = dict(viewer.frames)
            await viewer.wait_for(
                lambda p: p.frames["video"] > before["video"] + 20 and p.frames["audio"] > before["audio"] + 40, 5,
                "sound and picture after the last")
            await client.release(pipeline)
            for peer in (presenter, viewer):
                await peer.close()

    run(scenario())


def test_a_successor_is_commanded_as_its_predecessor_was(single):
    """What is connected and released afterwards works: the control plane went on as well."""

    async def scenario():
        async with KurentoClient(single.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            await client.subscribe(pipeline, "Error")
            presenter = await Peer(client, pipeline, [ColourTrack(120), ToneTrack()]).negotiate()
            viewer = await Peer(client, pipeline, receive=("video",)).negotiate()
            await client.invoke(presenter.endpoint, "connect", sink=viewer.endpoint)
            await viewer.wait_for(lambda p: p.frames["video"] > 15, 30, "the picture")
            _, media = single.guardian("w1")
            os.kill(media, signal.SIGKILL)
            # Asked in the moment in which nobody is there to do it.
            late = await Peer(client, pipeline, receive=("video",)).negotiate()
            await client.invoke(presenter.endpoint, "connect", sink=late.endpoint)
            await late.wait_for(lambda p: p.frames["video"] > 15, 30, "the picture of a viewer who came meanwhile")
            before = viewer.frames["video"]
            await viewer.wait_for(lambda p: p.frames["video"] > before + 15, 30, "the picture")
            await client.invoke(presenter.endpoint, "disconnect", sink=viewer.endpoint)
            await asyncio.sleep(1)
            before = viewer.frames["video"]
            await asyncio.sleep(1)
            assert viewer.frames["video"] == before, "a successor disconnects what its predecessor connected"
            assert not [event for event in client.events if event["type"] == "Error"]
            await client.release(pipeline)
            for peer in (presenter, viewer, late):
                await peer.close()
        wait_until(lambda: single.workers()["w1"]["load"]["sessions"] == 0, 10)

    run(scenario())


def test_who_stood_still_sends_nothing_for_what_was_given_away():
    """Two workers; the one with the session stands still, with its guardian, until the session is given up."""

    async def scenario(cluster):
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peer = await Peer(client, pipeline, [ToneTrack()]).negotiate()
            await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
            await client.subscribe(pipeline, "Error")
            await peer.wait_for(lambda p: p.frames["audio"] > 10, 20, "sound")
            told = asyncio.Event()
            client.handlers.append(lambda event: event["type"] == "Error" and told.set())
            (owner,) = [w["id"] for w in cluster.workers().values() if w["assignedSessions"] == 1]
            with cluster.lose(owner):
                await asyncio.wait_for(told.wait(), 5)
                await asyncio.sleep(4)
                heard = peer.frames["audio"]
            await asyncio.sleep(3)
            assert peer.frames["audio"] - heard <= 2, "the old owner sends for a session that is not its own"
            await peer.close()
        wait_until(lambda: cluster.workers()[owner]["isAlive"], 10, cluster.log)
        assert cluster.workers()[owner]["load"]["sessions"] == 0
        assert "fenced" in cluster.log()

    with Cluster() as cluster:
        cluster.wait_ready()
        run(scenario(cluster))


def test_chaos_reports_each_fault(tmp_path):
    """One round of the long run in Simulations/Chaos."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "Simulations/Chaos/chaos.py"), "--times", "1", "--sessions", "4", "--workers", "2",
         "--faults", "kill-media,kill-controller,flush-store", "--report", str(tmp_path / "chaos.html"), "--json",
         str(tmp_path / "chaos.json")], capture_output=True, text=True, timeout=150)
    print(done.stdout, done.stderr[-3000:])
    assert done.returncode == 0
    rounds = {entry["fault"]: entry for entry in json.loads((tmp_path / "chaos.json").read_text())}
    assert rounds["kill-media"]["gaps"] and not rounds["kill-controller"]["gaps"] and not rounds["flush-store"]["gaps"]
    assert rounds["kill-controller"]["lost"] == rounds["flush-store"]["lost"] == 0
    page = (tmp_path / "chaos.html").read_text()
    assert all(name in page for name in rounds) and "http" not in page
