"""A viewer of a real Chromium's simulcast goes from low to high and back, and nobody sees a freeze."""

import asyncio
import json

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


async def choose(browser, page, rid):
    await browser.evaluate(
        f"document.querySelector('#layer').value = {json.dumps(rid)}, "
        "document.querySelector('#layer').onchange(), true", page)


async def wide(browser, page, width, seconds=10):
    """Until the last frame shown has this width; how long that took."""
    return await browser.wait_for(f"window.shown.at(-1)?.[1] === {width}", seconds, f"not {width} wide", page)


async def until_all_are_sent(browser, publisher):
    """The encoder starts with the small ones and adds the large one when its bandwidth estimate allows."""
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
            await until_all_are_sent(browser, publisher)
            viewer = await start(browser, cluster, "switch", "play")
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
