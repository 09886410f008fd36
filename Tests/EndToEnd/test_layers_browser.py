"""A viewer of a real Chromium's simulcast goes from low to high and back, and nobody sees a freeze; what nobody watches
is not sent."""

import asyncio
import json
import time

from browsers import AWAKE, Chromium
from conftest import run
from test_whip_browser import start

# Notes each frame that is shown: when, and how wide it is.
NOTE_FRAMES = """
(() => {
  const video = document.querySelector('#remote');
  window.shown = [];
  const note = (now, { width }) => {
    window.shown.push([now, width]);
    video.requestVideoFrameCallback(note);
  };
  video.requestVideoFrameCallback(note);
  return true;
})()
"""
# What the decoder thinks of it, as JSON.
DECODER = """
(async () => {
  for (const report of (await window.peers[0].getStats()).values()) {
    if (report.type !== 'inbound-rtp' || report.kind !== 'video') continue;
    const { framesReceived, framesDecoded, framesDropped, freezeCount, packetsLost, nackCount, pliCount } = report;
    return JSON.stringify({ framesReceived, framesDecoded, framesDropped, freezeCount, packetsLost, nackCount, pliCount });
  }
  return '{}';
})()
"""

# What becomes of each encoding at the publisher, by rid, as JSON: whether it is active, and bytes so far.
ENCODINGS = """
(async () => {
  const encodings = {};
  for (const { type, kind, rid, active, bytesSent } of (await window.peers[0].getStats()).values()) {
    if (type === 'outbound-rtp' && kind === 'video') encodings[rid] = [active, bytesSent];
  }
  return JSON.stringify(encodings);
})()
"""


async def choose(browser, page, rid):
    await browser.evaluate(
        f"document.querySelector('#layer').value = {json.dumps(rid)}, "
        "document.querySelector('#layer').onchange(), true", page)


async def wide(browser, page, width, seconds=10):
    """Until the last frame shown has this width; how long that took."""
    return await browser.wait_for(f"window.shown.at(-1)?.[1] === {width}", seconds, f"not {width} wide", page)


async def until_all_are_sent(browser, publisher):
    """The encoder starts with the small ones and adds the large one when its bandwidth estimate allows, and somebody
    watches it."""
    expression = """
      (async () => {
        let layers = 0;
        for (const report of (await window.peers[0].getStats()).values()) {
          if (report.type === 'outbound-rtp' && report.kind === 'video' && report.framesPerSecond > 5) layers += 1;
        }
        return layers === 3;
      })()"""
    await browser.wait_for(expression, 60, "not all three encodings are sent", publisher)


def gaps(shown):
    """Milliseconds between frames."""
    return [later - earlier for (earlier, _), (later, _) in zip(shown, shown[1:])]


def test_low_high_low_without_a_freeze(cluster):
    async def scenario():
        browser = await Chromium(*AWAKE).start()
        try:
            publisher = await start(browser, cluster, "switch", "publish", simulcast=True)
            viewer = await start(browser, cluster, "switch", "play")
            await until_all_are_sent(browser, publisher)
            await browser.wait_for("window.apus.layers.length === 3", 5, "no list of sizes", viewer)
            await browser.evaluate(NOTE_FRAMES, viewer)
            await choose(browser, viewer, "q")
            await wide(browser, viewer, 320)
            # From here on there is a steady picture: what follows are the switches alone.
            await asyncio.sleep(1)
            await browser.evaluate("window.shown = [], true", viewer)
            took = []
            for rid, width in (("f", 1280), ("q", 320), ("h", 640), ("f", 1280), ("q", 320)):
                await choose(browser, viewer, rid)
                took.append(await wide(browser, viewer, width))
                await asyncio.sleep(1.5)
            shown = json.loads(await browser.evaluate("JSON.stringify(window.shown)", viewer))
            return shown, took, json.loads(await browser.evaluate(DECODER, viewer))
        finally:
            await browser.close()

    shown, took, decoder = run(scenario())
    longest = max(gaps(shown))
    print(f"longest gap between frames {longest:.0f} ms; switches took {[f'{t:.2f} s' for t in took]}; {decoder}")
    assert longest < 300
    # A frame that the decoder cannot use shows as one received and not decoded, or as a request for a key frame.
    assert decoder["framesReceived"] - decoder["framesDecoded"] - decoder["framesDropped"] <= 3
    assert decoder["pliCount"] <= 1 and decoder["packetsLost"] == 0


async def encodings(browser, publisher):
    return json.loads(await browser.evaluate(ENCODINGS, publisher))


async def until_active(browser, publisher, rids, seconds):
    """Until these encodings are active and no others; how long that took."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        found = await encodings(browser, publisher)
        if {rid for rid, (active, _) in found.items() if active} == set(rids):
            return time.monotonic() - began
        await asyncio.sleep(0.1)
    raise AssertionError(f"not {rids} alone, but {found}")


def test_what_nobody_watches_is_not_sent_and_comes_back_when_somebody_does(cluster):
    async def scenario():
        browser = await Chromium(*AWAKE).start()
        try:
            publisher = await start(browser, cluster, "unwatched", "publish", simulcast=True)
            viewer = await start(browser, cluster, "unwatched", "play")
            await until_all_are_sent(browser, publisher)
            await browser.wait_for("window.apus.layers.length === 3", 5, "no list of sizes", viewer)
            await browser.evaluate(NOTE_FRAMES, viewer)
            await wide(browser, viewer, 1280)
            await choose(browser, viewer, "q")
            await wide(browser, viewer, 320)
            off = await until_active(browser, publisher, "q", 15)
            await asyncio.sleep(0.5)
            before = await encodings(browser, publisher)
            await browser.evaluate("window.shown = window.shown.slice(-1), true", viewer)
            await asyncio.sleep(2)
            after = await encodings(browser, publisher)
            sent = {rid: after[rid][1] - before[rid][1] for rid in after}
            await choose(browser, viewer, "")
            back = await wide(browser, viewer, 1280)
            shown = json.loads(await browser.evaluate("JSON.stringify(window.shown)", viewer))
            # Nobody at all, and then a first viewer.
            await browser.evaluate("document.querySelector('#play').click(), true", viewer)
            await until_active(browser, publisher, "q", 15)
            first = await start(browser, cluster, "unwatched", "play")
            await browser.evaluate(NOTE_FRAMES, first)
            picture = await browser.wait_for("window.shown.length > 0", 10, "no picture", first)
            await until_active(browser, publisher, "qhf", 5)
            best = await wide(browser, first, 1280)
            return off, sent, back, max(gaps(shown)), picture, best
        finally:
            await browser.close()

    off, sent, back, gap, picture, best = run(scenario())
    print(f"off {off:.2f} s after the choice; sent in two seconds {sent}; back after {back:.2f} s, with a gap of "
          f"{gap:.0f} ms at most; a first viewer's picture after {picture:.2f} s, the best after {best:.2f} s more")
    assert sent["q"] > 0 and sent["h"] == sent["f"] == 0
    assert back < 3 and gap < 1000
    assert picture < 3
