"""Bad paths: packets lost at random, an address that changes in the middle of a call."""

import asyncio
import time

import pytest

from browsers import Chromium, Page, rates
from cluster import Cluster
from conftest import run
from kurento import KurentoClient
from peer import Peer, ToneTrack
from proxy import LossyPath


@pytest.fixture(scope="module")
def local():
    """One address to reach the workers at, so that the path in front of it cannot be gone round."""
    with Cluster(media="[lo]\n  ipv6: false", workers=1) as cluster:
        yield cluster.wait_ready(1)


class Detour:
    """A loopback call whose packets all take the lossy path."""

    def __init__(self, cluster, tracks):
        self.socket = KurentoClient(cluster.kurento)
        self.tracks = tracks

    async def __aenter__(self):
        self.client = await self.socket.__aenter__()
        self.path = await LossyPath().open()
        self.pipeline = await self.client.create("MediaPipeline")
        self.peer = Peer(self.client, self.pipeline, self.tracks)
        self.peer.rewrite = self.path.rewrite
        await self.peer.negotiate(hidden=True)
        await self.client.invoke(self.peer.endpoint, "connect", sink=self.peer.endpoint)
        await self.peer.wait_for(lambda p: p.frames["audio"] > 25, 20, "sound through the relay")
        return self

    async def __aexit__(self, *_):
        await self.peer.close()
        self.path.close()
        await self.client.release(self.pipeline)
        await self.socket.__aexit__()

    async def streams(self):
        stats = await self.client.invoke(self.peer.endpoint, "getStats")
        return {
            (entry["type"], entry["mediaTrackId"]): entry
            for entry in stats.values() if entry["type"].endswith("boundrtp")}


def test_a_browser_under_five_percent_of_loss_each_way_and_with_a_new_address(local):
    async def scenario():
        browser = await Chromium().start()
        path = await LossyPath().open()
        # One worker with one address.
        (address,) = local.workers()["w1"]["addresses"]
        path.server = ("127.0.0.1", int(address.rsplit(":", 1)[1]))
        try:
            await browser.open(local.http + "/")
            page = Page(browser, browser.page)
            await page.join(relay=path.near.get_extra_info("sockname")[1])
            await page.connect(page)
            await page.see()
            await asyncio.sleep(1)
            path.loss = 0.05
            lossy = [(await rates([page], 1))[0] for _ in range(7)]
            stats = await page.ask(f"call.client.invoke('{page.endpoint}', 'getStats', {{mediaType: 'VIDEO'}})")
            own = await page.pictures()
            path.loss = 0
            await asyncio.sleep(1)
            (healed,) = await rates([page], 2)
            delays = []
            for _ in range(2):
                await path.rebind()
                started = time.monotonic()
                await asyncio.sleep(1.5)
                before = (await page.pictures())["framesDecoded"]
                while (await page.pictures())["framesDecoded"] < before + 15 and time.monotonic() - started < 15:
                    await asyncio.sleep(0.1)
                delays.append(time.monotonic() - started)
            return lossy, list(stats.values()), own, healed, delays, path.lost
        finally:
            await browser.close()
            path.close()

    lossy, stats, own, healed, delays, lost = run(scenario())
    print("frames a second under loss:", [f"{rate:.0f}" for rate in lossy], f"then {healed:.0f}; lost {lost}; {own}")
    (received,) = [entry for entry in stats if entry["type"] == "inboundrtp"]
    (sent,) = [entry for entry in stats if entry["type"] == "outboundrtp"]
    shown = ("packetsLost", "fractionLost", "nackCount", "pliCount", "packetsReceived", "packetsSent")
    print({name: (received.get(name), sent.get(name)) for name in shown})
    print("a new address is known after", [f"{delay:.1f} s" for delay in delays])
    assert sum(lossy) / len(lossy) >= 24 and min(lossy) >= 10
    assert healed >= 25
    assert received["nackCount"] > 0, "the server asks for what is missing"
    assert sent["nackCount"] > 0 and own["retransmittedPacketsReceived"] > 0, "the server answers who asks"
    assert received["packetsLost"] > 0 and sent["packetsLost"] >= 0
    assert max(delays) < 10


def test_sound_under_loss_is_counted_as_it_is(local):
    """Nobody sends sound again: what is lost stays lost, and both sides' reports say so."""

    async def scenario():
        async with Detour(local, [ToneTrack()]) as call:
            before = await call.streams()
            path = call.path
            path.loss = 0.1
            await asyncio.sleep(5)
            path.loss = 0
            await asyncio.sleep(2.5)
            return before, await call.streams(), path.lost, call.peer.frames["audio"]

    before, after, lost, _ = run(scenario())
    received = after["inboundrtp", "audio"]["packetsLost"] - before["inboundrtp", "audio"]["packetsLost"]
    told = after["outboundrtp", "audio"]["packetsLost"] - before["outboundrtp", "audio"]["packetsLost"]
    print(f"lost on the way up {lost['up']}, on the way down {lost['down']} (a few of them no sound); "
          f"counted {received} and {told}")
    assert lost["up"] * 0.6 <= received <= lost["up"]
    # The peer misses what was lost on either way.
    assert (lost["up"] + lost["down"]) * 0.6 <= told <= lost["up"] + lost["down"]


def test_a_peer_whose_address_changes_is_found_again(local):
    async def scenario():
        async with Detour(local, [ToneTrack()]) as call:
            await call.path.rebind()
            started = time.monotonic()
            await asyncio.sleep(0.3)
            before = call.peer.frames["audio"]
            await call.peer.wait_for(lambda p: p.frames["audio"] > before + 25, 15, "sound from the new address")
            return time.monotonic() - started

    delay = run(scenario())
    # The peer says where it is with its checks, every five seconds (RFC 7675).
    print(f"went on after {delay:.1f} s")
    assert delay < 10


def test_a_call_that_starts_under_loss_gets_through(local):
    async def scenario():
        async with KurentoClient(local.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            path = await LossyPath(seed=7).open()
            path.loss = 0.1
            peer = Peer(client, pipeline, [ToneTrack()])
            peer.rewrite = path.rewrite
            started = time.monotonic()
            await peer.negotiate(hidden=True)
            await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
            await peer.wait_for(lambda p: p.frames["audio"] > 10, 20, "sound")
            delay = time.monotonic() - started
            await peer.close()
            path.close()
            await client.release(pipeline)
            return delay

    delay = run(scenario())
    print(f"sound after {delay:.1f} s at one packet in ten lost")


def test_a_peer_that_vanishes_is_let_go(local):
    """No more packets from it: consent ends (RFC 7675), the client hears of it, no media is sent for ever."""

    async def scenario():
        async with Detour(local, [ToneTrack()]) as call:
            kinds = ("IceComponentStateChanged", "ConnectionStateChanged", "MediaStateChanged",
                     "MediaFlowOutStateChanged")
            for kind in kinds:
                await call.client.subscribe(call.peer.endpoint, kind)
            call.path.loss = 1.0
            started = time.monotonic()
            times = {}

            def note(event):
                state = event["data"].get("newState") or event["data"].get("state")
                times.setdefault((event["type"], str(state)), time.monotonic() - started)

            call.client.handlers.append(note)
            while time.monotonic() - started < 36 and ("ConnectionStateChanged", "DISCONNECTED") not in times:
                await asyncio.sleep(0.2)
            await asyncio.sleep(1)
            sent = call.path.lost["down"]
            await asyncio.sleep(3)
            return times, call.path.lost["down"] - sent

    times, sent = run(scenario())
    print({key: f"{value:.1f} s" for key, value in times.items()}, f"{sent} packets sent to nobody in 3 s")
    assert ("MediaFlowOutStateChanged", "NOT_FLOWING") in times
    assert ("MediaStateChanged", "DISCONNECTED") in times
    assert times[("ConnectionStateChanged", "DISCONNECTED")] < 36
    # Checks may go on until consent has run out (30 s), media may not.
    assert sent <= 10
