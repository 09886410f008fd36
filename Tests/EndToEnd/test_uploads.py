"""HttpPostEndpoint: files that clients send by HTTP, seen and heard by aiortc; and clients that do not mean it well."""

import asyncio
import functools
import http.client
import http.server
import os
import signal
import subprocess
import threading
import time
import urllib.parse

import pytest

import clips
from browsers import AWAKE, Chromium
from cluster import Cluster, apus_binary
from conftest import run
from kurento import KurentoClient, KurentoError, Listener
from test_media_files import Viewer, folder  # noqa: F401

EVENTS = ("EndOfStream", "Error", "MediaSessionStarted", "MediaSessionTerminated")


class Upload:
    """An HttpPostEndpoint with a viewer."""

    def __init__(self, cluster, **options):
        self.cluster, self.options = cluster, options

    async def __aenter__(self):
        self.client = await KurentoClient(self.cluster.kurento).__aenter__()
        self.pipeline = await self.client.create("MediaPipeline")
        self.endpoint = await self.client.create("HttpPostEndpoint", mediaPipeline=self.pipeline, **self.options)
        self.heard = await Listener(self.client, self.endpoint).to(*EVENTS)
        self.url = await self.client.invoke(self.endpoint, "getUrl")
        self.viewer = await Viewer(self.client, self.pipeline).negotiate()
        await self.client.invoke(self.endpoint, "connect", sink=self.viewer.endpoint)
        # Whoever comes later waits for the next key frame.
        await self.viewer.wait_for(lambda v: v.connection.connectionState == "connected", 10, "the connection")
        return self

    async def __aexit__(self, *_):
        await self.viewer.close()
        await self.client.release(self.pipeline)
        await self.client.__aexit__()

    async def curl(self, *arguments, timeout=25):
        """Status and text of curl's request."""
        command = ["curl", "-sS", "--max-time", str(timeout), "-w", "\n%{http_code}", *arguments, self.url]
        made = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
        text, _, status = made.stdout.rpartition("\n")
        return int(status), text

    def names(self):
        return [name for name, _ in self.heard.events]


def _file(folder, name, seconds=4):
    video, audio = {"webm": ("libvpx", "libopus"), "mkv": ("libx264", "aac"), "mp4": ("libx264", "aac")}[name.split(".")[-1]]
    return clips.write(folder / name, seconds, video, audio)


@pytest.mark.parametrize("name,arguments", [
    ("clip.webm", ("--data-binary", "@{}")),
    ("clip.webm", ("-H", "Transfer-Encoding: chunked", "-H", "Content-Type: video/webm", "--data-binary", "@{}")),
    ("clip.webm", ("-F", "title=x", "-F", "file=@{}", "-F", "more=y")),
    ("clip.mkv", ("--data-binary", "@{}")),
    # Its index stands at the end.
    ("clip.mp4", ("--data-binary", "@{}")),
])
def test_an_upload_is_seen_at_its_own_pace(cluster, folder, name, arguments):  # noqa: F811
    path = _file(folder, name)

    async def scenario():
        async with Upload(cluster) as upload:
            begun = time.monotonic()
            status, text = await upload.curl(*[argument.format(path) for argument in arguments])
            assert status == 200, text
            await upload.heard.wait("EndOfStream", 12)
            assert 3.3 < time.monotonic() - begun < 8
            await upload.heard.wait("MediaSessionTerminated", 6)
            assert upload.names() == ["MediaSessionStarted", "EndOfStream", "MediaSessionTerminated"]
            assert upload.viewer.frames["video"] > 60 and upload.viewer.frames["audio"] > 150, upload.viewer.frames
            offsets = upload.viewer.onsets.offsets()
            assert len(offsets) >= 2, upload.viewer.onsets.__dict__

    run(scenario())


def test_a_session_lasts_over_several_uploads(cluster, folder):  # noqa: F811
    path = _file(folder, "short.webm", 2)

    async def scenario():
        async with Upload(cluster, disconnectionTimeout=3) as upload:
            for count in (1, 2):
                assert (await upload.curl("--data-binary", f"@{path}"))[0] == 200
                while len(upload.heard.named("EndOfStream")) < count:
                    await asyncio.sleep(0.05)
            ended = time.monotonic()
            await upload.heard.wait("MediaSessionTerminated", 6)
            assert 2.5 < time.monotonic() - ended < 4.5
            assert upload.names() == ["MediaSessionStarted", "EndOfStream", "EndOfStream", "MediaSessionTerminated"]

    run(scenario())


def test_one_upload_at_a_time_and_none_to_strangers(cluster, folder):  # noqa: F811
    path = _file(folder, "clip.webm", 4)

    async def scenario():
        async with Upload(cluster) as upload:
            first = asyncio.create_task(upload.curl("--limit-rate", "100k", "--data-binary", f"@{path}"))
            await upload.heard.wait("MediaSessionStarted", 5)
            assert (await upload.curl("--data-binary", f"@{path}"))[0] == 409
            assert (await upload.curl())[0] == 405
            assert (await first)[0] == 200
            await upload.heard.wait("EndOfStream", 10)
            url = upload.url
            token = url.rsplit("/", 1)[1]
            assert len(token) >= 32
            for wrong in (url[:-1], url + "0", url.replace(token, "0" * len(token)), url.replace("upload", "other")):
                upload.url = wrong
                assert (await upload.curl("--data-binary", f"@{path}"))[0] == 404
            upload.url = url
            await upload.client.release(upload.endpoint)
            await asyncio.sleep(0.3)
            assert (await upload.curl("--data-binary", f"@{path}"))[0] == 404

    run(scenario())


def test_a_page_elsewhere_may_ask_first(cluster):
    async def scenario():
        async with Upload(cluster) as upload:
            target = urllib.parse.urlsplit(upload.url)
            connection = http.client.HTTPConnection(target.hostname, target.port, timeout=5)
            connection.request("OPTIONS", target.path, headers={
                "Origin": "https://example.org", "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type"})
            answer = connection.getresponse()
            assert answer.status == 204 and answer.getheader("Access-Control-Allow-Origin") == "*"
            assert "POST" in answer.getheader("Access-Control-Allow-Methods")
            assert "Content-Type" in answer.getheader("Access-Control-Allow-Headers")

    run(scenario())


def _half(folder):
    data = _file(folder, "half.webm").read_bytes()
    (folder / "cut.webm").write_bytes(data[: len(data) // 2])
    return folder / "cut.webm"


@pytest.mark.parametrize("make,status,kind", [
    (lambda folder: _text(folder), 415, "STREAM_ERROR_WRONG_TYPE"),
    (lambda folder: _empty(folder), 415, "STREAM_ERROR_WRONG_TYPE"),
    # What is there plays.
    (_half, 200, None),
])
def test_what_is_no_media_is_refused(cluster, folder, make, status, kind):  # noqa: F811
    path = make(folder)

    async def scenario():
        async with Upload(cluster) as upload:
            answered, text = await upload.curl("--data-binary", f"@{path}")
            assert answered == status, text
            if kind:
                assert (await upload.heard.wait("Error", 5))["type"] == kind
            else:
                await upload.heard.wait("EndOfStream", 8)
            # The next one is taken.
            good = _file(folder, "good.webm", 2)
            assert (await upload.curl("--data-binary", f"@{good}"))[0] == 200

    run(scenario())


def _text(folder):
    (folder / "text").write_text("this is no film " * 100_000)
    return folder / "text"


def _empty(folder):
    (folder / "empty").write_bytes(b"")
    return folder / "empty"


async def send(url, pieces, pause=0.0, length=None):
    """By hand: sends what it is given and hangs up; the status that came, if any."""
    target = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(target.hostname, target.port)
    writer.write(f"POST {target.path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
    except (ConnectionError, asyncio.TimeoutError):
        pass
    return reader, writer


def test_a_connection_that_breaks_ends_what_it_brought(cluster, folder):  # noqa: F811
    data = _file(folder, "clip.webm", 6).read_bytes()

    async def scenario():
        async with Upload(cluster) as upload:
            half = len(data) // 2
            pieces = [data[at:at + 4096] for at in range(0, half, 4096)]
            _, writer = await send(upload.url, pieces, length=len(data))
            await upload.heard.wait("MediaSessionStarted", 5)
            await upload.viewer.wait_for(lambda v: v.frames["video"] > 20, 10, "pictures")
            writer.transport.abort()
            error = await upload.heard.wait("Error", 10)
            assert error["type"] == "RESOURCE_ERROR_READ", error
            await upload.heard.wait("MediaSessionTerminated", 6)

    run(scenario())


def test_a_release_in_the_middle_ends_the_upload_and_the_url(cluster, folder):  # noqa: F811
    path = _file(folder, "clip.webm", 6)
    data = path.read_bytes()

    async def scenario():
        async with Upload(cluster) as upload:
            reader, writer = await send(upload.url, [data[:len(data) // 2]], length=len(data))
            await upload.viewer.wait_for(lambda v: v.frames["video"] > 20, 10, "pictures")
            await upload.client.release(upload.endpoint)
            answer = await asyncio.wait_for(reader.read(), 10)
            assert answer.startswith(b"HTTP/1.1 410"), answer
            writer.close()
            assert (await upload.curl("--data-binary", f"@{path}"))[0] == 404

    run(scenario())


def test_a_sender_who_falls_silent_is_not_waited_for(cluster, folder):  # noqa: F811
    data = _file(folder, "clip.webm", 6).read_bytes()

    async def scenario():
        async with Upload(cluster) as upload:
            reader, writer = await send(upload.url, [data[:20_000]], length=len(data))
            begun = time.monotonic()
            answer = await asyncio.wait_for(reader.read(), 20)
            assert answer.startswith(b"HTTP/1.1 408"), answer
            assert 8 < time.monotonic() - begun < 16
            await upload.heard.wait("Error", 5)
            writer.close()
            # Who says nothing at all is hung up on.
            target = urllib.parse.urlsplit(upload.url)
            reader, writer = await asyncio.open_connection(target.hostname, target.port)
            assert await asyncio.wait_for(reader.read(), 15) == b""

    run(scenario())


def test_a_body_without_end_is_taken_no_faster_than_it_plays(cluster, folder):  # noqa: F811
    """A film and then nothing but padding, as fast as it is taken."""
    data = _file(folder, "clip.webm", 4).read_bytes()
    sent = 0

    async def scenario():
        nonlocal sent
        async with Upload(cluster) as upload:
            reader, writer = await send(upload.url, [data], length=1 << 34)
            # EBML Void elements of a megabyte.
            void = b"\xec\x10\x10\x00\x00" + bytes((1 << 20))
            begun = time.monotonic()
            with pytest.raises((ConnectionError, asyncio.TimeoutError)):
                while time.monotonic() - begun < 40:
                    writer.write(void)
                    await asyncio.wait_for(writer.drain(), 15)
                    sent += len(void)
            assert time.monotonic() - begun < 30
            await upload.heard.wait("Error", 5)
            await upload.heard.wait("MediaSessionTerminated", 6)
            worker = next(w for w in cluster.status()["workers"] if w["assignedSessions"])
            with open(f"/proc/{worker['processID']}/status") as status:
                resident = int(next(line for line in status if line.startswith("VmRSS")).split()[1])
            assert resident < 600_000, resident

    run(scenario())


def test_encoded_media_is_not_decoded(cluster, folder):  # noqa: F811
    path = _file(folder, "clip.mkv")

    async def scenario():
        async with Upload(cluster, useEncodedMedia=True) as upload:
            assert (await upload.curl("--data-binary", f"@{path}"))[0] == 200
            # AAC is left out; H.264 goes as it is, and the viewer knows it.
            assert (await upload.heard.wait("Error", 5))["type"] == "STREAM_ERROR_CODEC_NOT_FOUND"
            await upload.heard.wait("EndOfStream", 10)
            assert upload.viewer.frames["video"] > 60 and upload.viewer.frames["audio"] == 0, upload.viewer.frames

    run(scenario())


def test_the_url_outlives_the_media_process(folder):  # noqa: F811
    path = _file(folder, "clip.webm", 3)

    async def scenario(cluster):
        async with Upload(cluster) as upload:
            (worker,) = [worker for worker in cluster.status()["workers"] if worker["assignedSessions"]]
            reader, _ = await send(upload.url, [path.read_bytes()[:20_000]], length=1 << 20)
            await upload.heard.wait("MediaSessionStarted", 5)
            os.kill(worker["processID"], signal.SIGKILL)
            await upload.heard.wait("Error", 10)
            assert upload.heard.named("MediaSessionTerminated")
            try:
                assert await asyncio.wait_for(reader.read(), 5) == b""
            except ConnectionError:
                pass
            assert await upload.client.invoke(upload.endpoint, "getUrl") == upload.url
            assert (await upload.curl("--data-binary", f"@{path}"))[0] == 200
            await upload.heard.wait("EndOfStream", 8)

    with Cluster() as cluster:
        run(scenario(cluster.wait_ready()))


def test_the_url_outlives_an_upgrade(folder):  # noqa: F811
    path = _file(folder, "clip.webm", 2)

    async def scenario(cluster):
        async with Upload(cluster) as upload:
            command = [apus_binary(), "upgrade", "--config", str(cluster.config)]
            rolled = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
            assert rolled.returncode == 0, rolled.stdout + rolled.stderr
            assert await upload.client.invoke(upload.endpoint, "getUrl") == upload.url
            assert (await upload.curl("--data-binary", f"@{path}"))[0] == 200
            await upload.heard.wait("EndOfStream", 8)

    with Cluster() as cluster:
        run(scenario(cluster.wait_ready()))


def test_without_ports_there_are_no_uploads():
    async def scenario(cluster):
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            with pytest.raises(KurentoError) as refused:
                await client.create("HttpPostEndpoint", mediaPipeline=pipeline)
            assert "media.http_ports" in str(refused.value)

    with Cluster(workers=1, http_ports="none") as cluster:
        run(scenario(cluster.wait_ready(workers=1)))


# A page that records what it paints, and sends that as a form would; tells the status of the answer.
SEND = """
(async (url, asForm) => {
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: 'video/webm;codecs=vp8' });
  const pieces = [];
  recorder.ondataavailable = ({ data }) => pieces.push(data);
  const over = new Promise((done) => recorder.addEventListener('stop', done));
  recorder.start(200);
  for (let count = 0; count < 75; count++) {
    context.fillStyle = `hsl(${count * 7} 100% 50%)`;
    context.fillRect(0, 0, canvas.width, canvas.height);
    await new Promise((done) => setTimeout(done, 40));
  }
  recorder.stop();
  await over;
  const film = new Blob(pieces, { type: 'video/webm' });
  let body = film;
  if (asForm) {
    body = new FormData();
    body.append('title', 'what I painted');
    body.append('film', film, 'film.webm');
  }
  const answer = await fetch(url, { method: 'POST', body });
  return `${answer.status} ${await answer.text()}`;
})
"""


@pytest.mark.parametrize("as_form", ["true", "false"])
def test_chromium_sends_what_it_recorded(cluster, folder, as_form):  # noqa: F811
    (folder / "index.html").write_text("<!doctype html><title>elsewhere</title><script>window.apus = {}</script>")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    async def scenario():
        async with Upload(cluster) as upload:
            browser = await Chromium(*AWAKE).start()
            try:
                await browser.open(f"http://127.0.0.1:{server.server_port}/index.html")
                answer = await browser.evaluate(f"{SEND}('{upload.url}', {as_form})")
            finally:
                await browser.close()
            assert answer.startswith("200"), answer
            await upload.heard.wait("EndOfStream", 10)
            assert not upload.heard.named("Error")
            assert upload.viewer.frames["video"] > 40, upload.viewer.frames

    try:
        run(scenario())
    finally:
        server.shutdown()
