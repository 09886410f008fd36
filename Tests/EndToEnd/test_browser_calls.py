"""Browsers that see each other: one to many, one to one across engines, the codecs they prefer."""

import asyncio
import json
import time

import pytest

from browsers import AWAKE, Chromium, Firefox, Page, rates
from conftest import run

def test_three_pages_one_to_many_and_back(cluster):
    """A→B, A→C, B→A, each page with a client of its own."""

    async def scenario():
        browser = Chromium(*AWAKE)
        await browser.start()
        try:
            await browser.open(cluster.http + "/")
            a = Page(browser, browser.page)
            b, c = [Page(browser, await browser.open_another(cluster.http + "/")) for _ in range(2)]
            await a.join()
            await b.join(a.pipeline)
            await c.join(a.pipeline, sends=False)
            await a.connect(b)
            await a.connect(c)
            await b.connect(a)
            for page in (a, b, c):
                await page.see()
            shown = await rates((a, b, c), 5)
            # One leaves; the others do not notice.
            await b.ask("call.client.release(" + json.dumps(b.endpoint) + ")")
            (left,) = await rates((c,), 3)
            return shown, left
        finally:
            await browser.close()

    shown, left = run(scenario())
    print("frames a second:", [f"{rate:.1f}" for rate in shown], f"and after one left {left:.1f}")
    assert min(shown) >= 24
    assert left >= 24


@pytest.mark.parametrize("codec", ["VP8", "VP9", "H264", "AV1"])
def test_the_codec_that_the_browser_prefers(cluster, codec):
    """Back to itself, and to a viewer that comes later and prefers nothing."""

    async def scenario():
        browser = await Chromium(*AWAKE).start()
        try:
            await browser.open(cluster.http + "/")
            page = Page(browser, browser.page)
            joined = await page.join(codec=codec)
            if "missing" in joined:
                pytest.skip(f"this browser has no {codec}")
            await page.connect(page)
            await page.see()
            (rate,) = await rates((page,), 3)
            viewer = Page(browser, await browser.open_another(cluster.http + "/"))
            await viewer.join(page.pipeline, sends=False)
            await viewer.connected()
            started = time.monotonic()
            await page.connect(viewer)
            await viewer.see(5)
            delay = time.monotonic() - started
            return await page.pictures(), await viewer.pictures(), rate, delay, joined["answer"]
        finally:
            await browser.close()

    own, viewed, rate, delay, answer = run(scenario())
    print(f"{codec}: {rate:.1f} frames a second, {own}; the viewer's picture after {delay:.2f} s")
    assert own["mimeType"] == viewed["mimeType"] == f"video/{codec}", answer
    assert rate >= 15
    assert delay < 2.5


def test_firefox_and_chromium_see_each_other(cluster):
    async def scenario():
        browsers = [Chromium(*AWAKE), Firefox()]
        await asyncio.gather(*(browser.start() for browser in browsers))
        try:
            await asyncio.gather(*(browser.open(cluster.http + "/") for browser in browsers))
            a, b = [Page(browser, browser.page) for browser in browsers]
            await a.join()
            await b.join(a.pipeline)
            await a.connect(b)
            await b.connect(a)
            await asyncio.gather(a.see(), b.see())
            return await rates((a, b), 5)
        finally:
            await asyncio.gather(*(browser.close() for browser in browsers))

    chromium, firefox = run(scenario())
    print(f"Chromium sees {chromium:.1f} frames a second, Firefox {firefox:.1f}")
    assert min(chromium, firefox) >= 20
