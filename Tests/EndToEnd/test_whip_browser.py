"""WHIP and WHEP with a real Chromium: the page publishes and plays, alone and with other kinds of peers."""

import asyncio
import json

from browsers import AWAKE, WATCH, Chromium
from conftest import run
from peer import ColourTrack, ToneTrack
from whip import WhipPeer

# The first peer's transport and its codec, as the browser tells it.
SRTP = """
(async () => {
  for (const report of (await window.peers[0].getStats()).values()) {
    if (report.type === 'transport') return report.srtpCipher ?? null;
  }
  return null;
})()
"""
# Which encodings go out, by rid, as JSON.
SENT = """
(async () => {
  const sent = {};
  for (const report of (await window.peers[0].getStats()).values()) {
    if (report.type === 'outbound-rtp' && report.kind === 'video') sent[report.rid ?? ''] = report.packetsSent;
  }
  return JSON.stringify(sent);
})()
"""


async def start(browser, cluster, room, button, simulcast=False):
    page = await browser.open_another(f"{cluster.http}/whip.html")
    await browser.evaluate(WATCH, page)
    await browser.evaluate(
        f"document.querySelector('#room').value = {json.dumps(room)}, "
        f"document.querySelector('#simulcast').checked = {json.dumps(simulcast)}, "
        f"document.querySelector('#{button}').click(), true", page)
    await browser.wait_for(f"window.apus.{button}State === 'connected'", 20, "it did not connect", page)
    return page


async def frames(browser, page, count, seconds=20):
    await browser.wait_for(f"window.apus.frames >= {count}", seconds, "no picture", page)


def test_the_page_publishes_and_plays(cluster):
    async def scenario():
        browser = await Chromium(*AWAKE).start()
        try:
            player = await start(browser, cluster, "pages", "play")
            publisher = await start(browser, cluster, "pages", "publish")
            await frames(browser, player, 60)
            # The server answers as the DTLS server, so the profile is its choice.
            for page in (player, publisher):
                assert (await browser.evaluate(SRTP, page)).endswith("AEAD_AES_128_GCM")
            # A new generation of ICE on either side; the picture goes on.
            for page, name in ((publisher, "publish"), (player, "play")):
                await browser.evaluate(f"window.apus.restart('{name}').then(() => true)", page)
                before = await browser.evaluate("window.apus.frames", player)
                await frames(browser, player, before + 60)
                assert await browser.evaluate(f"window.apus.{name}State", page) == "connected"
            await browser.evaluate("document.querySelector('#publish').click(), true", publisher)
            await browser.wait_for("window.apus.publishState === 'idle'", 5, "it did not end", publisher)
            assert await browser.evaluate("window.apus.error", publisher) is None
            await browser.evaluate("document.querySelector('#play').click(), true", player)
        finally:
            await browser.close()
        for _ in range(100):
            if cluster.status()["controllers"][0]["whip"]["rooms"] == 0:
                return
            await asyncio.sleep(0.1)
        raise AssertionError("the room did not end")

    run(scenario())


def test_a_simulcast_has_three_sizes_and_a_list_of_them(cluster):
    async def scenario():
        browser = await Chromium(*AWAKE).start()
        try:
            publisher = await start(browser, cluster, "sizes", "publish", simulcast=True)
            player = await start(browser, cluster, "sizes", "play")
            await browser.wait_for("window.apus.layers.length === 3", 5, "no list of sizes", player)
            assert await browser.evaluate("window.apus.layers.join()", player) == "q,h,f"
            for _ in range(100):
                sent = json.loads(await browser.evaluate(SENT, publisher))
                if set(sent) == {"q", "h", "f"} and all(count > 0 for count in sent.values()):
                    break
                await asyncio.sleep(0.2)
            else:
                raise AssertionError(f"sent: {sent}")
            await frames(browser, player, 30)
        finally:
            await browser.close()

    run(scenario())


def test_a_browser_plays_what_aiortc_publishes_and_the_other_way_round(cluster):
    async def scenario():
        browser = await Chromium(*AWAKE).start()
        try:
            peer = await WhipPeer(cluster, [ToneTrack(), ColourTrack(120)]).open("/whip/mixed")
            player = await start(browser, cluster, "mixed", "play")
            await frames(browser, player, 60)
            await start(browser, cluster, "mixed2", "publish")
            viewer = await WhipPeer(cluster, receive=("audio", "video")).open("/whep/mixed2")
            await viewer.wait_for(lambda v: v.frames["video"] > 60 and v.loudest > 100, 20, "picture and sound")
            await peer.end()
            await viewer.end()
        finally:
            await browser.close()

    run(scenario())
