"""The gallery's pages in real Chromium: a camera or a file goes in, and what the page promises comes out, by pixels and
samples. Cameras are canvases of a colour, microphones tones, so that it shows whose media arrive."""

import asyncio
import base64
import fractions
import json
import pathlib
import subprocess
import tempfile

import av
import numpy
import pytest
import websockets
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

import clips
from browsers import AWAKE, Chromium
from cluster import Cluster, wait_until
from conftest import run
from kurento import KurentoClient
from peer import ColourTrack, ToneTrack
from ports import free_port
from test_media_servers import Store, store  # noqa: F401 (a fixture)

RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)

# `disguise(colour, frequency)`: the page's camera and microphone from now on. A white bar moves over the colour, at the
# top, where nobody looks; `disguise.picture`, a data URL, is drawn in the middle.
TOOLS = r"""
(() => {
  window.disguise = (colour, frequency, picture = null) => {
    const image = new Image();
    if (picture) image.src = picture;
    navigator.mediaDevices.getUserMedia = async ({ video, audio }) => {
      const stream = new MediaStream();
      if (video) {
        const canvas = document.createElement('canvas');
        Object.assign(canvas, { width: 320, height: 240 });
        const context = canvas.getContext('2d');
        let count = 0;
        const draw = () => {
          context.fillStyle = `rgb(${colour})`;
          context.fillRect(0, 0, 320, 240);
          context.fillStyle = 'white';
          context.fillRect((count++ * 7) % 300, 0, 20, 12);
          if (picture && image.complete) context.drawImage(image, (320 - image.width) / 2, (240 - image.height) / 2);
        };
        draw();
        setInterval(draw, 66);
        stream.addTrack(canvas.captureStream(15).getVideoTracks()[0]);
      }
      if (audio) {
        const context = new AudioContext();
        const tone = context.createOscillator();
        const out = context.createMediaStreamDestination();
        tone.frequency.value = frequency;
        tone.connect(out);
        tone.start();
        stream.addTrack(out.stream.getAudioTracks()[0]);
      }
      return stream;
    };
    return true;
  };
  // The mean colour around a point of a video, in parts of its size, and how many frames it has shown.
  window.look = (selector, x = 0.5, y = 0.5) => {
    const video = document.querySelector(selector);
    if (!video?.srcObject || !video.videoWidth) return { frames: 0, rgb: null, poster: video?.getAttribute('poster') };
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: 64, height: 48 });
    const context = canvas.getContext('2d');
    context.drawImage(video, 0, 0, 64, 48);
    const { data } = context.getImageData(Math.round(64 * x) - 4, Math.round(48 * y) - 4, 8, 8);
    const rgb = [0, 1, 2].map((part) => data.filter((_, index) => index % 4 === part).reduce((a, b) => a + b) / 64);
    return { frames: video.getVideoPlaybackQuality().totalVideoFrames, rgb, width: video.videoWidth };
  };
  // The loudest frequencies of a video's sound, in hertz: those within 12 dB of the loudest.
  window.hear = async (selector) => {
    const { srcObject } = document.querySelector(selector);
    window.ears ??= new AudioContext();
    const analyser = window.ears.createAnalyser();
    analyser.fftSize = 4096;
    window.ears.createMediaStreamSource(new MediaStream(srcObject.getAudioTracks())).connect(analyser);
    await new Promise((done) => setTimeout(done, 500));
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const most = Math.max(...bins);
    if (most < -70) return [];
    const width = window.ears.sampleRate / analyser.fftSize;
    return [...bins.keys()]
      .filter((bin) => bins[bin] > most - 12 && bins[bin] >= Math.max(bins[bin - 1] ?? -1e9, bins[bin + 1] ?? -1e9))
      .map((bin) => Math.round(bin * width));
  };
  return true;
})()
"""


@pytest.fixture(scope="module")
def media():
    with tempfile.TemporaryDirectory(prefix="apus-gallery-", dir="/tmp") as path:
        yield pathlib.Path(path)


@pytest.fixture(scope="module")
def cluster(media):
    with Cluster(extra=f"files:\n  roots: [{media}]\n") as cluster:
        yield cluster.wait_ready()


class Window:
    """A page of the gallery with a camera of its own."""

    def __init__(self, browser, page):
        self.browser, self.page = browser, page

    async def ask(self, expression):
        return json.loads(
            await self.browser.evaluate(f"(async () => JSON.stringify((await ({expression})) ?? null))()", self.page))

    async def click(self, button):
        await self.ask(f"document.querySelector('#{button}').click()")

    async def fill(self, field, text):
        await self.ask(f"document.querySelector('#{field}').value = {json.dumps(text)}")

    async def state(self, *wanted, seconds=10):
        await self.browser.wait_for(
            f"{json.dumps(wanted)}.includes(window.apus.state)", seconds, f"not {' or '.join(wanted)}", self.page)

    async def complaint(self, text, seconds=10):
        await self.browser.wait_for(
            f"(window.apus.error ?? '').includes({json.dumps(text)})", seconds, f"no word of {text}", self.page)

    async def sees(self, colour, video="#remote", at=(0.5, 0.5), seconds=15):
        """Until that place of the picture has the colour, and the pictures go on."""
        deadline = asyncio.get_running_loop().time() + seconds
        first = None
        while True:
            seen = await self.ask(f"look({json.dumps(video)}, {at[0]}, {at[1]})")
            if seen["rgb"] and all(abs(part - wanted) < 60 for part, wanted in zip(seen["rgb"], colour)):
                first = first or seen["frames"]
                if seen["frames"] >= first + 5:
                    return seen
            assert asyncio.get_running_loop().time() < deadline, f"{video}: {seen}, not {colour}"
            await asyncio.sleep(0.1)

    async def sees_nothing(self, video="#remote"):
        seen = await self.ask(f"look({json.dumps(video)})")
        assert seen["rgb"] is None and seen["poster"].startswith("posters/"), seen

    async def hears(self, frequency, video="#remote", seconds=8):
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            heard = await self.ask(f"hear({json.dumps(video)})")
            if heard and all(abs(peak - frequency) < 25 for peak in heard):
                return
            assert asyncio.get_running_loop().time() < deadline, f"{heard} Hz, not {frequency}"


class Gallery:
    """A Chromium that opens the gallery's pages."""

    def __init__(self, cluster, *flags):
        self.cluster = cluster
        self.browser = Chromium(*AWAKE, *flags)

    async def __aenter__(self):
        await self.browser.start()
        self.browser.page = None
        return self

    async def __aexit__(self, *_):
        await self.browser.close()

    async def open(self, name, colour=GREEN, frequency=500, picture=None):
        """A page of the gallery by its name, another one by its address."""
        address = name if "://" in name else f"{self.cluster.http}/gallery/{name}.html"
        page = await self.browser.open_another(address)
        window = Window(self.browser, page)
        await window.ask(TOOLS)
        await window.ask(f"disguise({json.dumps(colour)}, {frequency}, {json.dumps(picture)})")
        return window

    async def close(self, window):
        """As somebody who closes the tab."""
        info = await self.browser.command("Target.getTargetInfo", session=window.page)
        await self.browser.command("Target.closeTarget", targetId=info["targetInfo"]["targetId"])


def nothing_is_left(cluster):
    """All that the pages held has been released."""
    wait_until(
        lambda: sum(worker["assignedSessions"] for worker in cluster.workers().values()) == 0, 10,
        lambda: f"sessions are left: {cluster.workers()}")


def needs(cluster, *factories):
    """The server must have these types."""
    async def modules():
        async with KurentoClient(cluster.kurento) as client:
            return (await client.invoke("manager_ServerManager", "getInfo"))["modules"]

    known = {factory for module in run(modules()) for factory in module["factories"]}
    if missing := set(factories) - known:
        pytest.skip(f"this server has no {', '.join(sorted(missing))} yet")


def test_every_page_says_what_it_shows_and_has_a_picture(cluster):
    code, index = cluster.get("/gallery")
    assert code == 200 and b"<h1>Gallery</h1>" in index

    async def scenario():
        async with Gallery(cluster) as gallery:
            window = await gallery.open("hello-world")
            cards = await window.ask("""(async () => {
              const text = await (await fetch('./')).text();
              const page = new DOMParser().parseFromString(text, 'text/html');
              return [...page.querySelectorAll('.cards a')].map((card) => ({
                link: card.getAttribute('href'), sentence: card.querySelector('span').textContent,
                picture: card.querySelector('img').getAttribute('src') }));
            })()""")
            assert len(cards) == 13
            return [
                (card, await window.ask("""(async ({ link, picture }) => {
                  const page = new DOMParser().parseFromString(await (await fetch(link)).text(), 'text/html');
                  const image = new Image();
                  image.src = picture;
                  await image.decode();
                  const posters = [...page.querySelectorAll('[poster], img')]
                    .map((one) => one.getAttribute('poster') ?? one.getAttribute('src'));
                  return { lead: page.querySelector('.lead').textContent, posters, width: image.naturalWidth };
                })(""" + json.dumps(card) + ")")) for card in cards]

    for card, page in run(scenario()):
        assert " ".join(page["lead"].split()) == " ".join(card["sentence"].split()) and card["sentence"].endswith(".")
        assert page["width"] == 640 and set(page["posters"]) == {card["picture"]}, page


def test_hello_world(cluster):
    async def scenario():
        async with Gallery(cluster) as gallery:
            window = await gallery.open("hello-world", RED, 700)
            await window.click("start")
            await window.sees(RED)
            await window.hears(700)
            await window.click("start")
            await window.state("idle")
            await window.sees_nothing()
            nothing_is_left(cluster)
            # The picture is there to be seen: its ground and its lines, not the black of an empty video.
            place = await window.ask(
                "(({ x, y, width, height }) => ({ x, y, width, height }))"
                "(document.querySelector('#remote').getBoundingClientRect())")
            shot = await gallery.browser.command(
                "Page.captureScreenshot", session=window.page, clip={**place, "scale": 1})
            pixels = png(base64.b64decode(shot["data"]))
            assert (numpy.abs(pixels - (28, 35, 48)).max(axis=2) < 12).mean() > 0.6
            assert (numpy.abs(pixels - (111, 211, 154)).max(axis=2) < 40).mean() > 0.005
            await window.click("start")
            await window.sees(RED)
            await gallery.close(window)
            nothing_is_left(cluster)

    run(scenario())


def png(data):
    codec = av.CodecContext.create("png", "r")
    (frame,) = codec.decode(av.Packet(data))
    return frame.to_ndarray(format="rgb24").astype(int)


def test_the_tutorials_own_words_are_understood(cluster):
    """Java's hello-world says PROCESS_SDP_OFFER; Node's start, with candidates before it."""

    async def loop(path, words):
        offer_word, candidate_up, answer_word, candidate_down, stop = words
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        connection.addTrack(ToneTrack())
        connection.addTrack(ColourTrack())
        frames = []
        connection.on("track", lambda track: track.kind == "video" and asyncio.ensure_future(count(track, frames)))
        await connection.setLocalDescription(await connection.createOffer())
        async with websockets.connect(f"ws://127.0.0.1:{cluster.port}{path}") as socket:
            line = next(l for l in connection.localDescription.sdp.splitlines() if l.startswith("a=candidate:"))
            await socket.send(json.dumps({
                "id": candidate_up, "candidate": {"candidate": line[2:], "sdpMid": "0", "sdpMLineIndex": 0}}))
            await socket.send(json.dumps({"id": offer_word, "sdpOffer": connection.localDescription.sdp}))
            deadline = asyncio.get_running_loop().time() + 15
            while len(frames) < 20:
                assert asyncio.get_running_loop().time() < deadline, f"{len(frames)} frames came back"
                try:
                    message = json.loads(await asyncio.wait_for(socket.recv(), 0.2))
                except asyncio.TimeoutError:
                    continue
                if message["id"] == answer_word:
                    await connection.setRemoteDescription(RTCSessionDescription(message["sdpAnswer"], "answer"))
                else:
                    assert message["id"] == candidate_down, message
                    given = message["candidate"]
                    candidate = candidate_from_sdp(given["candidate"].split(":", 1)[1])
                    candidate.sdpMid, candidate.sdpMLineIndex = given["sdpMid"], given["sdpMLineIndex"]
                    await connection.addIceCandidate(candidate)
            await socket.send(json.dumps({"id": stop}))
            await asyncio.to_thread(nothing_is_left, cluster)
        await connection.close()

    async def count(track, frames):
        while True:
            frames.append(await track.recv())

    run(loop("/helloworld", ("PROCESS_SDP_OFFER", "ADD_ICE_CANDIDATE", "PROCESS_SDP_ANSWER", "ADD_ICE_CANDIDATE", "STOP")))
    run(loop("/helloworld", ("start", "onIceCandidate", "startResponse", "iceCandidate", "stop")))


def test_recording(cluster, media):
    async def scenario():
        async with Gallery(cluster) as gallery:
            window = await gallery.open("hello-world-recording", RED, 600)
            await window.click("record")
            await window.state("recording")
            await window.sees(RED)
            await asyncio.sleep(3)
            await window.click("stop")
            await window.state("recorded")
            (path,) = (media / "gallery").iterdir()
            clip = clips.Recorded(path)
            await window.click("play")
            await window.state("playing")
            await window.sees(RED)
            await window.sees_nothing("#local")
            await window.hears(600)
            await window.state("played")
            await window.sees_nothing()
            await window.fill("mode", "video-only")
            await window.click("record")
            await window.state("recording")
            await window.sees(RED)
            await asyncio.sleep(1)
            await window.click("stop")
            await window.state("recorded")
            second = clips.Recorded(max((media / "gallery").iterdir(), key=lambda file: file.stat().st_mtime))
            await gallery.close(window)
            nothing_is_left(cluster)
            return clip, second

    clip, second = run(scenario())
    assert clip.codecs["audio"] == "opus" and clip.duration > 2.5 and clip.size[0] <= 320, clip.codecs
    assert set(second.codecs) == {"video"} and second.duration > 0.5


def test_repository(store):  # noqa: F811
    async def scenario(cluster):
        async with Gallery(cluster) as gallery:
            window = await gallery.open("repository", BLUE, 600)
            await window.click("record")
            await window.state("recording")
            await window.sees(BLUE)
            await asyncio.sleep(2)
            await window.click("stop")
            await window.state("recorded")
            await window.click("play")
            await window.sees(BLUE)
            await window.state("played")

    with Cluster(extra=f"files:\n  private_servers: true\ngallery:\n  repository: {store}/calls\n") as cluster:
        run(scenario(cluster.wait_ready()))
    (name,) = [name for name in Store.kept if name.startswith("/calls/")]
    assert name.endswith(".webm") and Store.kept[name][:4] == b"\x1a\x45\xdf\xa3"


def test_one_to_many(cluster):
    async def scenario():
        async with Gallery(cluster) as gallery:
            presenter = await gallery.open("one2many", RED, 800)
            viewer, other = await gallery.open("one2many"), await gallery.open("one2many")
            await viewer.click("view")
            await viewer.complaint("Nobody is presenting")
            await presenter.click("present")
            await presenter.state("presenting")
            for one in (viewer, other):
                await one.click("view")
                await one.sees(RED, "#video")
            await viewer.hears(800, "#video")
            await other.click("stop")
            await other.click("present")
            await other.complaint("Somebody is presenting already")
            await viewer.sees(RED, "#video")
            await presenter.click("stop")
            await viewer.complaint("The presentation has ended")
            await viewer.sees_nothing("#video")
            await other.click("present")
            await other.state("presenting")
            await viewer.click("view")
            await viewer.sees(GREEN, "#video")
            await gallery.close(other)
            await viewer.complaint("The presentation has ended")
            nothing_is_left(cluster)

    run(scenario())


async def phone(gallery, page):
    ada, bob = await gallery.open(page, RED, 500), await gallery.open(page, BLUE, 900)
    for window, name, other in ((ada, "ada", "bob"), (bob, "bob", "ada")):
        await window.fill("name", name)
        await window.fill("peer", other)
        await window.click("register")
        await window.state("registered")
    return ada, bob


def test_one_to_one(cluster):
    async def scenario():
        async with Gallery(cluster) as gallery:
            ada, bob = await phone(gallery, "one2one")
            await ada.click("call")
            await bob.state("ringing")
            await bob.click("decline")
            await ada.complaint("bob declined")
            await ada.state("registered")
            await ada.click("call")
            await bob.state("ringing")
            await bob.click("accept")
            await ada.sees(BLUE)
            await bob.sees(RED)
            await ada.hears(900)
            await bob.hears(500)
            eve = await gallery.open("one2one")
            await eve.fill("name", "bob")
            await eve.click("register")
            await eve.complaint("taken")
            await eve.fill("name", "eve")
            await eve.fill("peer", "bob")
            await eve.click("register")
            await eve.state("registered")
            await eve.click("call")
            await eve.complaint("bob is busy")
            await gallery.close(bob)
            await ada.state("registered")
            await ada.sees_nothing()
            nothing_is_left(cluster)

    run(scenario())


def test_one_to_one_recorded(cluster):
    async def scenario():
        async with Gallery(cluster) as gallery:
            ada, bob = await phone(gallery, "one2one-recording")
            await ada.click("call")
            await bob.state("ringing")
            await bob.click("accept")
            await ada.sees(BLUE)
            await bob.sees(RED)
            await asyncio.sleep(2.5)
            await bob.click("hangup")
            await ada.state("registered")
            await ada.click("play")
            await ada.state("playing")
            await ada.sees(BLUE)
            await ada.hears(900)
            await ada.state("registered")
            nothing_is_left(cluster)

    run(scenario())


def test_group_call(cluster):
    people = {"ada": (RED, 500), "bob": (GREEN, 700), "eve": (BLUE, 900)}
    video = "#people [data-name='{}'] video".format

    async def scenario():
        async with Gallery(cluster) as gallery:
            windows = {}
            for name, (colour, frequency) in people.items():
                windows[name] = window = await gallery.open("group-call", colour, frequency)
                await window.fill("name", name)
                await window.click("join")
                await window.state("in the room")
            for name, window in windows.items():
                for other, (colour, frequency) in people.items():
                    await window.sees(colour, video(other))
                    if other != name:
                        await window.hears(frequency, video(other))
            double = await gallery.open("group-call")
            await double.fill("name", "ada")
            await double.click("join")
            await double.complaint("called ada already")
            await windows["bob"].click("leave")
            await gallery.close(windows["eve"])
            await gallery.browser.wait_for(
                "document.querySelectorAll('#people figure').length === 1", 10, "who left is still shown",
                windows["ada"].page)
            await windows["ada"].sees(RED, video("ada"))
            await windows["ada"].click("leave")
            nothing_is_left(cluster)

    run(scenario())


def test_player(cluster, media):
    clips.write(media / "clip.webm", 8)

    def grey(second):
        return [clips.brightness(second)] * 3

    async def scenario():
        async with Gallery(cluster) as gallery:
            window = await gallery.open("player")
            await window.fill("address", "clip.webm")
            await window.click("start")
            await window.sees(grey(1))
            await window.click("pause")
            await window.state("paused")
            await asyncio.sleep(0.5)
            stopped = (await window.ask("look('#remote')"))["frames"]
            await asyncio.sleep(0.7)
            assert (await window.ask("look('#remote')"))["frames"] - stopped < 3
            known = await window.ask("({ ...window.apus, max: Number(document.querySelector('#seek').max) })")
            assert known["isSeekable"] and abs(known["videoDuration"] - 8000) < 100 and known["max"] > 7000, known
            await window.click("pause")
            await window.ask("""(() => {
              const seek = document.querySelector('#seek');
              seek.value = 6000;
              seek.dispatchEvent(new Event('change'));
            })()""")
            await window.browser.wait_for("window.apus.position >= 6000", 8, "no seek", window.page)
            await window.state("idle")
            assert await window.ask("window.apus.ended") == 1
            await window.sees_nothing()
            await window.fill("address", "nothing.webm")
            await window.click("start")
            await window.complaint("nothing.webm")
            await window.state("idle")
            nothing_is_left(cluster)

    run(scenario())


OWN_PAGE = """<!doctype html>
<button id="start" onclick="begin()">Start</button>
<video id="remote" autoplay></video>
<script>
  window.apus = {};
  const socket = new WebSocket('wss://' + location.host + '/helloworld');
  const peer = new RTCPeerConnection();
  const say = (message) => socket.send(JSON.stringify(message));
  peer.onicecandidate = ({ candidate }) => candidate && say({ id: 'ADD_ICE_CANDIDATE', candidate });
  peer.ontrack = ({ streams }) => { document.querySelector('#remote').srcObject = streams[0]; };
  socket.onmessage = ({ data }) => {
    const { id, sdpAnswer, candidate } = JSON.parse(data);
    if (id === 'PROCESS_SDP_ANSWER') peer.setRemoteDescription({ type: 'answer', sdp: sdpAnswer });
    if (id === 'ADD_ICE_CANDIDATE') peer.addIceCandidate(candidate);
  };
  async function begin() {
    const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    for (const track of media.getTracks()) peer.addTrack(track, media);
    await peer.setLocalDescription();
    say({ id: 'PROCESS_SDP_OFFER', sdpOffer: peer.localDescription.sdp });
  }
</script>
"""


def test_a_page_of_ones_own_is_served_beside_the_application_server(media):
    """As Kurento's tutorials are written: scripts within the page, the signalling at its own host and port, over TLS."""
    (media / "pages" / "hello").mkdir(parents=True)
    (media / "pages" / "hello" / "index.html").write_text(OWN_PAGE)
    tls = free_port()

    async def scenario(cluster):
        async with Gallery(cluster, "--ignore-certificate-errors") as gallery:
            window = await gallery.open(f"https://127.0.0.1:{tls}/hello/", BLUE, 700)
            await window.click("start")
            await window.sees(BLUE)
            await window.hears(700)

    with Cluster(tls_port=tls, pages=media / "pages") as cluster:
        run(scenario(cluster.wait_ready()))


def test_what_is_no_page_of_ours_harms_nobody(cluster):
    async def scenario():
        for path in ("/helloworld", "/call", "/groupcall", "/player", "/recording", "/composite"):
            async with websockets.connect(f"ws://127.0.0.1:{cluster.port}{path}") as socket:
                for text in ("", "{", "[1]", '{"id":7}', '{"id":"start","sdpOffer":"v=0"}', "x" * 70_000,
                             '{"id":"presenter","sdpOffer":"nonsense"}', '{"id":"onIceCandidate","candidate":3}'):
                    await socket.send(text)
                    if "presenter" in text and path == "/call":
                        assert json.loads(await socket.recv())["response"] == "rejected"
                    elif path == "/call" and "candidate" in text:
                        assert "candidate" in json.loads(await socket.recv())["message"]
                    else:
                        assert json.loads(await asyncio.wait_for(socket.recv(), 5))["id"] == "error"
        nothing_is_left(cluster)

    run(scenario())


def test_without_the_gallery_its_pages_say_so():
    async def scenario(cluster):
        async with Gallery(cluster) as gallery:
            window = await gallery.open("one2many")
            await window.click("view")
            await window.complaint("gallery.enabled")

    with Cluster(extra="gallery:\n  enabled: false\n") as cluster:
        run(scenario(cluster.wait_ready()))


# What needs hubs, filters and RtpEndpoint.


def test_composite_room(cluster):
    needs(cluster, "Composite", "HubPort")

    async def scenario():
        async with Gallery(cluster) as gallery:
            windows = []
            for name, colour, frequency in (("ada", RED, 500), ("bob", BLUE, 900)):
                window = await gallery.open("composite", colour, frequency)
                await window.fill("name", name)
                await window.click("join")
                await window.state("in the room")
                windows.append(window)
            for window in windows:
                await window.sees(RED, at=(0.25, 0.5))
                await window.sees(BLUE, at=(0.75, 0.5))
            await windows[0].hears(900)
            await windows[1].hears(500)
            await gallery.close(windows[0])
            await windows[1].sees(BLUE)
            await gallery.close(windows[1])
            nothing_is_left(cluster)

    run(scenario())


def bars(digits, module=2, height=120):
    """The 13 digits as an EAN-13 symbol (GS1 General Specifications section 5.2.1), black on white."""
    odd = ("0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011")
    right = ["".join("10"[int(bit)] for bit in code) for code in odd]
    even = [code[::-1] for code in right]
    parity = ("000000", "001011", "001101", "001110", "010011", "011001", "011100", "010101", "010110", "011010")
    left = "".join(
        (even if turned == "1" else odd)[int(digit)] for digit, turned in zip(digits[1:7], parity[int(digits[0])]))
    line = "101" + left + "01010" + "".join(right[int(digit)] for digit in digits[7:]) + "101"
    row = numpy.repeat([255] * 11 + [255 * (bit == "0") for bit in line] + [255] * 11, module).astype(numpy.uint8)
    return numpy.repeat(numpy.tile(row, (height, 1))[:, :, None], 3, axis=2)


EAN = "4006381333931"


def data_url(pixels):
    codec = av.CodecContext.create("png", "w")
    codec.width, codec.height, codec.pix_fmt = pixels.shape[1], pixels.shape[0], "rgb24"
    codec.time_base = fractions.Fraction(1, 1)
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
    packets = [*codec.encode(frame), *codec.encode()]
    return "data:image/png;base64," + base64.b64encode(b"".join(bytes(packet) for packet in packets)).decode()


def test_codes_found(cluster):
    needs(cluster, "ZBarFilter")

    async def scenario():
        async with Gallery(cluster) as gallery:
            window = await gallery.open("codes", GREEN, 500, data_url(bars(EAN)))
            await window.click("start")
            await window.browser.wait_for("(window.apus.codes ?? []).length > 0", 20, "no code", window.page)
            assert (await window.ask("window.apus.codes"))[0] == {"type": "EAN-13", "value": EAN}
            await window.sees(GREEN, at=(0.5, 0.9))

    run(scenario())


def test_data_from_a_video(cluster, media):
    needs(cluster, "KmsSendData")
    (media / "gallery").mkdir(exist_ok=True)
    with av.open(str(media / "gallery" / "barcodes.webm"), "w") as clip:
        stream = clip.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 320, 240, "yuv420p", 800_000
        picture = numpy.full((240, 320, 3), (30, 200, 30), numpy.uint8)
        symbol = bars(EAN)
        picture[60:180, 160 - symbol.shape[1] // 2:160 - symbol.shape[1] // 2 + symbol.shape[1]] = symbol
        for number in range(60):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = number, fractions.Fraction(1, 10)
            clip.mux(stream.encode(frame))
        clip.mux(stream.encode())

    async def scenario():
        async with Gallery(cluster) as gallery:
            window = await gallery.open("send-data-channel")
            await window.click("start")
            await window.sees(GREEN, at=(0.5, 0.9))
            await window.browser.wait_for("(window.apus.codes ?? []).length > 0", 20, "no code", window.page)
            assert EAN in (await window.ask("window.apus.codes"))[0]
            await window.state("idle")

    run(scenario())


def test_data_onto_a_video(cluster):
    needs(cluster, "KmsShowData")

    async def scenario():
        async with Gallery(cluster) as gallery:
            window = await gallery.open("show-data-channel", (0, 0, 120))
            await window.fill("text", "")
            await window.click("start")
            await window.sees((0, 0, 120))
            before = await window.ask(BRIGHT)
            await window.ask("""(() => {
              const field = document.querySelector('#text');
              field.value = 'MMMMMMMMMM';
              field.dispatchEvent(new Event('input'));
            })()""")
            await window.browser.wait_for(f"{BRIGHT} > {before} + 300", 15, "no text on the picture", window.page)

    run(scenario())


# Pixels of the picture, below the moving bar, that are much brighter than the camera's.
BRIGHT = """(() => {
  const video = document.querySelector('#remote');
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight });
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0);
  const top = Math.round(video.videoHeight / 10);
  const { data } = context.getImageData(0, top, video.videoWidth, video.videoHeight - top);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) count += data[at] > 150 && data[at + 1] > 150;
  return count;
})()"""


@pytest.mark.parametrize("comedia,srtp", [(True, False), (False, False), (True, True)])
def test_rtp_receiver(cluster, comedia, srtp):
    needs(cluster, "RtpEndpoint")

    async def scenario():
        async with Gallery(cluster) as gallery:
            window = await gallery.open("rtp-receiver")
            for box, wanted in (("comedia", comedia), ("srtp", srtp)):
                await window.ask(f"document.querySelector('#{box}').checked = {json.dumps(wanted)}")
            await window.click("start")
            await window.state("waiting for RTP")
            directions = await window.ask("document.querySelector('#directions').textContent")
            host, port = [line for line in directions.splitlines() if "H.264" in line][0].split(" to ")[1].split(" port ")
            key = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ1234".hex()
            protect = [
                "!", "srtpenc", f"key={key}", "rtp-cipher=aes-128-icm", "rtp-auth=hmac-sha1-80",
                "rtcp-cipher=aes-128-icm", "rtcp-auth=hmac-sha1-80"] if srtp else []
            sender = subprocess.Popen(
                ["gst-launch-1.0", "-q", "videotestsrc", "is-live=true", "pattern=red", "!",
                 "video/x-raw,width=320,height=240,framerate=15/1", "!", "x264enc", "tune=zerolatency",
                 "speed-preset=ultrafast", "key-int-max=15", "!", "video/x-h264,profile=constrained-baseline", "!",
                 "rtph264pay", "pt=103", "ssrc=112233", "config-interval=-1", *protect, "!", "udpsink", f"host={host}",
                 f"port={port}", "bind-port=5004" if not comedia else "bind-port=0"], stdin=subprocess.DEVNULL)
            try:
                await window.sees((235, 10, 10), seconds=20)
            finally:
                sender.terminate()
                sender.wait(10)
            await window.click("start")
            nothing_is_left(cluster)

    run(scenario())
