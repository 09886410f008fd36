"""A real Chromium behind the simulator's link: the picture follows what the path carries, and does not stand still."""

import asyncio
import contextlib
import json
import re

import pytest

from browsers import AWAKE, Chromium
from cluster import Cluster, apus_binary
from conftest import run
from test_layers_browser import NOTE_FRAMES, until_all_are_sent
from test_whip_browser import start

# The page reaches the server only by the link's port, and the server the page only by its answers.
DETOUR = r"""
(() => {
  const port = %d;
  const detour = (sdp) => sdp.replace(/(candidate:\S+ \d \w+ \d+) 127\.0\.0\.1 \d+ typ/g, `$1 127.0.0.1 ${port} typ`);
  const set = RTCPeerConnection.prototype.setRemoteDescription;
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    return set.call(this, { type: description.type, sdp: detour(description.sdp) });
  };
  const request = window.fetch;
  window.fetch = (resource, options = {}) => request(resource, typeof options.body === 'string'
    ? { ...options, body: options.body.replace(/a=candidate.*\r\n/g, '') } : options);
  return true;
})()
"""


@pytest.fixture(scope="module")
def local():
    """One address to reach the worker at, so that the link in front of it cannot be gone round."""
    with Cluster(media="[lo]\n  ipv6: false", workers=1) as cluster:
        yield cluster.wait_ready(1)


@contextlib.asynccontextmanager
async def link(server, **ways):
    """`apus sim link` in front of a server: the port for clients, and how to change it."""
    options = [f"--{way}={settings}" for way, settings in ways.items()]
    process = await asyncio.create_subprocess_exec(
        apus_binary(), "sim", "link", "--to", server, *options, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 10)).decode()

        async def change(way, settings):
            process.stdin.write(f"{way} {settings}\n".encode())
            await process.stdin.drain()

        yield int(re.search(r"link at \S+:(\d+) to", line)[1]), change
    finally:
        process.terminate()
        print((await process.communicate())[0].decode())


async def start_behind(browser, cluster, room, port):
    page = await browser.open_another(f"{cluster.http}/whip.html")
    await browser.evaluate(DETOUR % port, page)
    await browser.evaluate(
        f"document.querySelector('#room').value = {json.dumps(room)}, document.querySelector('#play').click(), true",
        page)
    await browser.wait_for("window.apus.playState === 'connected'", 20, "it did not connect", page)
    await browser.wait_for("window.apus.frames >= 10", 20, "no picture", page)
    await browser.evaluate(NOTE_FRAMES, page)
    return page


async def shown(browser, page):
    return json.loads(await browser.evaluate("JSON.stringify(window.shown)", page))


def longest_gap(frames):
    return max((later - earlier for (earlier, _), (later, _) in zip(frames, frames[1:])), default=0) / 1000


async def width(browser, page, condition, seconds, what):
    """Seconds until what is shown has such a width."""
    return await browser.wait_for(f"window.shown.at(-1)?.[1] {condition}", seconds, what, page)


def test_the_picture_follows_the_path_down_and_goes_on(local):
    async def scenario():
        browser = await Chromium(*AWAKE).start()
        (address,) = local.workers()["w1"]["addresses"]
        server = "127.0.0.1:" + address.rsplit(":", 1)[1]
        try:
            publisher = await start(browser, local, "path", "publish", simulcast=True)
            other = await start(browser, local, "path", "play")
            await until_all_are_sent(browser, publisher)
            async with link(server, up="delay=20ms", down="rate=2M,delay=20ms,queue=300ms") as (port, change):
                viewer = await start_behind(browser, local, "path", port)
                await browser.evaluate("document.querySelector('#play').click(), true", other)
                await width(browser, viewer, ">= 640", 15, "the path carries more")
                await asyncio.sleep(5)
                before = (await shown(browser, viewer))[-1][1]
                await browser.evaluate("window.shown = window.shown.slice(-1), true", viewer)
                await change("down", "rate=500k")
                down = await width(browser, viewer, f"< {before}", 8, "it did not follow the path down")
                await browser.evaluate("window.shown = window.shown.slice(-1), true", viewer)
                await asyncio.sleep(8)
                low = await shown(browser, viewer)
                await change("down", "rate=2M")
                await asyncio.sleep(15)
                return before, down, low, (await shown(browser, viewer))[-1][1]
        finally:
            await browser.close()

    before, down, low, after = run(scenario())
    print(f"{before} wide; down after {down:.1f} s to {low[-1][1]}, then a gap of {longest_gap(low):.2f} s at most; "
          f"15 s after the path is wide again {after} wide")
    assert len(low) > 40 and longest_gap(low) < 1, "the picture goes on"
    assert after >= before, "and it is as large as before when the path is"
