"""Files and real browsers: their cameras are recorded, their players open the recordings, and they see what is played."""

import asyncio
import json
import pathlib
import tempfile

import av
import pytest

import clips
from browsers import AWAKE, Chromium, Firefox, Page, rates
from conftest import run

# Opens a file in the browser's own player and tells what that knows of it, after a seek to the middle.
WATCH_FILE = """
(async () => {
  const video = document.querySelector('video');
  video.pause();
  if (video.readyState < 1) await new Promise((done) => video.addEventListener('loadedmetadata', done, { once: true }));
  const sought = new Promise((done) => video.addEventListener('seeked', done, { once: true }));
  video.currentTime = video.duration / 2;
  await sought;
  return JSON.stringify({ duration: video.duration, width: video.videoWidth, at: video.currentTime });
})()
"""

# Nobody listens before: the call's page shows pictures alone.
LISTEN = """
(async () => {
  window.loud = new Audio();
  window.loud.srcObject = new MediaStream(
    call.peer.getReceivers().map(({ track }) => track).filter(({ kind }) => kind === 'audio'));
  await Promise.race([window.loud.play(), new Promise((done) => setTimeout(done, 500))]);
  return true;
})()
"""

SOUND = """
(async () => {
  for (const report of (await call.peer.getStats()).values()) {
    if (report.type === 'inbound-rtp' && report.kind === 'audio') {
      return { packets: report.packetsReceived, energy: report.totalAudioEnergy ?? 0 };
    }
  }
})()
"""


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="apus-media-", dir="/tmp") as path:
        yield pathlib.Path(path)


async def element(page, kind, **options):
    """An element in the page's pipeline, made by the page's own client module."""
    constructor = json.dumps({"mediaPipeline": page.pipeline, **options})
    return await page.ask(f"call.client.create('{kind}', {constructor})")


async def invoke(page, target, operation, **parameters):
    return await page.ask(f"call.client.invoke('{target}', '{operation}', {json.dumps(parameters)})")


async def record_and_open(cluster, path, codec, profile, call, look):
    """What `look` tells of the file that Chromium opens, of the call that it made itself; `call` is what happens in it."""
    browser = await Chromium(*AWAKE).start()
    try:
        await browser.open(cluster.http + "/")
        page = Page(browser, browser.page)
        joined = await page.join(codec=codec)
        if "missing" in joined:
            pytest.fail(f"this browser has no {codec}")
        await page.connected()
        recorder = await element(page, "RecorderEndpoint", uri=f"file://{path}", mediaProfile=profile)
        await invoke(page, page.endpoint, "connect", sink=recorder)
        await invoke(page, recorder, "record")
        await call(page)
        await invoke(page, recorder, "stopAndWait")
        await browser.command("Page.navigate", session=browser.page, url=f"file://{path}")
        await browser.wait_for("!!document.querySelector('video')", 10, "the file did not open")
        return json.loads(await browser.evaluate(look))
    finally:
        await browser.close()


@pytest.mark.parametrize("codec,profile,form", [("VP8", "WEBM", "webm"), ("H264", "MP4", "mp4"), ("H264", "WEBM", "webm")])
def test_chromium_opens_what_was_recorded_of_it(cluster, folder, codec, profile, form):
    path = folder / f"call.{form}"

    async def call(_):
        await asyncio.sleep(5)

    shown = run(record_and_open(cluster, path, codec, profile, call, WATCH_FILE))
    clip = clips.Recorded(path)
    assert clip.codecs["video"] == {"webm": "vp8", "mp4": "h264"}[form] and clip.codecs["audio"] == "opus"
    end = max(clip.times["video"][-1] + 0.04, clip.times["audio"][-1] + 0.02)
    assert 3 < end < 6 and abs(shown["duration"] - end) < 0.1, (shown, end)
    assert shown["width"] == clip.size[0] and abs(shown["at"] - shown["duration"] / 2) < 0.2


# Half as wide and high from now on.
SHRINK = """
(async () => {
  const sender = call.peer.getSenders().find(({ track }) => track?.kind === 'video');
  const parameters = sender.getParameters();
  parameters.encodings[0].scaleResolutionDownBy = 2 * (parameters.encodings[0].scaleResolutionDownBy ?? 1);
  await sender.setParameters(parameters);
  return true;
})()
"""

WATCH_END = """
(async () => {
  const video = document.querySelector('video');
  video.pause();
  if (video.readyState < 1) await new Promise((done) => video.addEventListener('loadedmetadata', done, { once: true }));
  const sought = new Promise((done) => video.addEventListener('seeked', done, { once: true }));
  video.currentTime = video.duration - 0.5;
  await sought;
  return JSON.stringify({ width: video.videoWidth, height: video.videoHeight, error: video.error?.message ?? null });
})()
"""


@pytest.mark.parametrize("codec,profile,form", [("VP8", "WEBM", "webm"), ("H264", "MP4", "mp4"), ("VP8", "MP4", "mp4")])
def test_a_camera_that_changes_its_size_is_recorded_in_both(cluster, folder, codec, profile, form):
    path = folder / f"call.{form}"

    async def call(page):
        await asyncio.sleep(4)
        await page.ask(SHRINK)
        await asyncio.sleep(4)

    shown = run(record_and_open(cluster, path, codec, profile, call, WATCH_END))
    with av.open(str(path)) as clip:
        sizes = [(frame.width, frame.height) for frame in clip.decode(video=0)]
    (width, height), last = sizes[0], sizes[-1]
    assert last == (width // 2, height // 2) and {*sizes} == {sizes[0], last}, {*sizes}
    assert (shown["width"], shown["height"], shown["error"]) == (*last, None), shown


@pytest.mark.parametrize("browser", [Chromium, Firefox])
def test_a_browser_sees_and_hears_a_file(cluster, folder, browser):
    clips.write(folder / "clip.webm", 6)

    async def scenario():
        window = await (Chromium(*AWAKE) if browser is Chromium else Firefox()).start()
        try:
            await window.open(cluster.http + "/")
            page = Page(window, getattr(window, "page", None))
            await page.join(sends=False)
            await page.connected()
            await page.ask(LISTEN)
            player = await element(page, "PlayerEndpoint", uri=f"file://{folder / 'clip.webm'}")
            await invoke(page, player, "connect", sink=page.endpoint)
            await invoke(page, player, "play")
            await page.see()
            (rate,) = await rates((page,), 3)
            return rate, await page.ask(SOUND)
        finally:
            await window.close()

    rate, sound = run(scenario())
    assert 22 <= rate <= 28, rate
    assert sound["packets"] > 150, sound
    assert sound["energy"] > 0, sound
