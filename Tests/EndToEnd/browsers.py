"""Real browsers, headless, driven over their own protocols: Chromium by CDP, Firefox by WebDriver BiDi."""

import asyncio
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

import websockets

from cluster import wait_until
from ports import free_port

# Keeps hold of the page's peer connections, to ask their statistics; evaluated before the click.
WATCH = """
(() => {
  const Original = window.RTCPeerConnection;
  window.peers = [];
  window.RTCPeerConnection = function (...parameters) {
    const peer = new Original(...parameters);
    window.peers.push(peer);
    return peer;
  };
  return true;
})()
"""

# What the decoder made of the returned sound: energy and seconds so far, as JSON.
SOUND = """
(async () => {
  for (const report of (await window.peers[0].getStats()).values()) {
    if (report.type === 'inbound-rtp' && report.kind === 'audio') {
      return JSON.stringify([report.totalAudioEnergy, report.totalSamplesDuration, report.packetsReceived]);
    }
  }
  return '[0, 0, 0]';
})()
"""

# `join(pipeline, options)`: this page's camera as a WebRtcEndpoint of a pipeline, by the page's own client
# module; a null pipeline makes one. With `relay`, a port, it reaches the server only through that port.
# A page can hold several calls by `name`; `call` is the first one's. `pictures(name)`: what came back, decoded.
JOIN = r"""
(async () => {
  const { KurentoClient } = await import('/kurento.js');
  window.join = async (pipeline, {
    codec = null, sends = true, receives = true, relay = null, name = 'own' } = {}) => {
    const seen = (text) =>
      relay ? text.replace(/(candidate:\S+ \d \w+ \d+) 127\.0\.0\.1 \d+ typ/g, `$1 127.0.0.1 ${relay} typ`) : text;
    const client = await KurentoClient.connect(`ws://${location.host}/kurento`);
    const peer = new RTCPeerConnection();
    window.calls ??= {};
    window.calls[name] = { client, peer };
    window.call ??= window.calls[name];
    const media = sends
      ? await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240 }, audio: true })
      : null;
    for (const kind of ['audio', 'video']) {
      const [track] = (media?.getTracks() ?? []).filter((track) => track.kind === kind);
      const transceiver = peer.addTransceiver(
        track ?? kind, {
          direction: track ? (receives ? 'sendrecv' : 'sendonly') : 'recvonly', streams: media ? [media] : [] });
      if (codec && kind === 'video') {
        const known = RTCRtpSender.getCapabilities('video').codecs;
        const wanted = known.filter((one) => one.mimeType.toLowerCase() === `video/${codec}`.toLowerCase());
        if (!wanted.length) return { missing: codec };
        transceiver.setCodecPreferences([...wanted, ...known.filter((one) => !wanted.includes(one))]);
      }
    }
    peer.ontrack = ({ track }) => {
      if (track.kind !== 'video') return;
      const video = document.body.appendChild(document.createElement('video'));
      Object.assign(video, { muted: true, autoplay: true, srcObject: new MediaStream([track]) });
    };
    pipeline ??= await client.create('MediaPipeline');
    const endpoint = await client.create('WebRtcEndpoint', { mediaPipeline: pipeline });
    peer.onicecandidate = ({ candidate }) => candidate?.candidate && !relay && client.invoke(
      endpoint, 'addIceCandidate', { candidate: {
        __module__: 'kurento', __type__: 'IceCandidate', candidate: candidate.candidate,
        sdpMid: candidate.sdpMid, sdpMLineIndex: candidate.sdpMLineIndex } });
    const early = [];
    await client.subscribe(endpoint, 'IceCandidateFound', ({ candidate: { candidate, sdpMid, sdpMLineIndex } }) => {
      const init = { candidate: seen(candidate), sdpMid, sdpMLineIndex };
      return peer.remoteDescription ? peer.addIceCandidate(init) : early.push(init);
    });
    await peer.setLocalDescription(await peer.createOffer());
    const answer = await client.invoke(endpoint, 'processOffer', {
      offer: relay ? peer.localDescription.sdp.replace(/a=candidate.*\r\n/g, '') : peer.localDescription.sdp });
    await peer.setRemoteDescription({ type: 'answer', sdp: seen(answer) });
    for (const candidate of early) await peer.addIceCandidate(candidate);
    await client.invoke(endpoint, 'gatherCandidates');
    return { pipeline, endpoint, answer };
  };
  window.pictures = async (name = 'own') => {
    const stats = await window.calls[name].peer.getStats();
    for (const report of stats.values()) {
      if (report.type === 'inbound-rtp' && report.kind === 'video') {
        const {
          framesDecoded = 0, frameWidth, packetsLost, freezeCount, keyFramesDecoded, bytesReceived, nackCount,
          retransmittedPacketsReceived,
        } = report;
        const { mimeType } = stats.get(report.codecId) ?? {};
        return { framesDecoded, frameWidth, mimeType, packetsLost, freezeCount, keyFramesDecoded, bytesReceived,
          nackCount, retransmittedPacketsReceived, now: performance.now() };
      }
    }
    return { framesDecoded: 0, now: performance.now() };
  };
  return true;
})()
"""

# Pages that are not in front are slowed down otherwise.
AWAKE = (
    "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding",
    "--disable-background-timer-throttling")


class Browser:
    """What both have in common: a process with a profile of its own, and one websocket to it."""

    def __init__(self):
        self.profile = tempfile.mkdtemp(prefix="apus-browser-")
        self.log = open(pathlib.Path(self.profile) / "log", "wb")
        self.port = free_port()
        self.ids = itertools.count(1)
        self.waiting = {}

    def launch(self, command, environment=None):
        self.process = subprocess.Popen(
            command, stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, **(environment or {})})

    async def attach(self, url):
        self.socket = await websockets.connect(url, max_size=None)
        self.reader = asyncio.create_task(self._read())

    async def _read(self):
        async for text in self.socket:
            message = json.loads(text)
            if message.get("id") in self.waiting:
                self.waiting.pop(message["id"]).set_result(message)

    async def command(self, method, timeout=30, session=None, **params):
        number = next(self.ids)
        self.waiting[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        await self.socket.send(json.dumps(message))
        answer = await asyncio.wait_for(self.waiting[number], timeout)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']} {answer.get('message', '')}")
        return answer["result"]

    async def close(self):
        self.reader.cancel()
        await self.socket.close()
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    async def wait_for(self, expression, seconds, what, page=None):
        """Until the page says true; the time that took."""
        started = time.monotonic()
        while not await self.evaluate(expression, page):
            if time.monotonic() - started > seconds:
                raise AssertionError(f"{what}: {await self.evaluate('JSON.stringify(window.apus)', page)}")
            await asyncio.sleep(0.05)
        return time.monotonic() - started


class Chromium(Browser):
    name = "chromium"

    def __init__(self, *flags):
        super().__init__()
        self.flags = flags

    async def start(self):
        self.launch(
            [
                "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--use-fake-device-for-media-stream=fps=30", "--use-fake-ui-for-media-stream",
                "--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection",
                "--disable-features=WebRtcHideLocalIpsWithMdns", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", f"--user-data-dir={self.profile}",
                f"--remote-debugging-port={self.port}", *self.flags, "about:blank",
            ])
        address = f"http://127.0.0.1:{self.port}/json/version"
        wait_until(lambda: urllib.request.urlopen(address, timeout=1).status == 200, 30, pause=0.1)
        await self.attach(json.load(urllib.request.urlopen(address))["webSocketDebuggerUrl"])
        return self

    async def open(self, url):
        self.page = await self.open_another(url)

    async def open_another(self, url):
        """One more page, in a window of its own; give it to `evaluate`."""
        target = await self.command("Target.createTarget", url=url, newWindow=True)
        attached = await self.command("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = attached["sessionId"]
        await self.wait_for(
            "document.readyState === 'complete' && !!window.apus", 15, "the page did not load", page=page)
        return page

    async def evaluate(self, expression, page=None):
        result = await self.command(
            "Runtime.evaluate", session=page or self.page, expression=expression, awaitPromise=True, returnByValue=True,
            userGesture=True)
        if "exceptionDetails" in result:
            raise AssertionError(result["exceptionDetails"])
        return result["result"].get("value")


class Firefox(Browser):
    name = "firefox"

    preferences = {
        "media.navigator.streams.fake": True,
        "media.navigator.permission.disabled": True,
        "media.autoplay.default": 0,
        "media.autoplay.blocking_policy": 0,
        "media.peerconnection.ice.loopback": True,
        "media.peerconnection.ice.obfuscate_host_addresses": False,
        "media.getusermedia.insecure.enabled": True,
        "media.devices.insecure.enabled": True,
        "media.gmp-manager.updateEnabled": False,
        "app.update.enabled": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "browser.shell.checkDefaultBrowser": False,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
        "services.settings.server": "data:,",
    }

    async def start(self):
        lines = [f"user_pref({json.dumps(key)}, {json.dumps(value)});" for key, value in self.preferences.items()]
        (pathlib.Path(self.profile) / "user.js").write_text("\n".join(lines))
        self.launch(
            [
                "firefox-esr", "--headless", "--no-remote", "--profile", self.profile, "--remote-debugging-port",
                str(self.port), "about:blank",
            ],
            {"MOZ_DISABLE_CONTENT_SANDBOX": "1", "HOME": self.profile, "MOZ_CRASHREPORTER_DISABLE": "1"})
        deadline = time.monotonic() + 60
        while True:
            try:
                await self.attach(f"ws://127.0.0.1:{self.port}/session")
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.2)
        await self.command("session.new", capabilities={})
        return self

    async def open(self, url):
        tree = await self.command("browsingContext.getTree")
        self.page = tree["contexts"][0]["context"]
        await self.command("browsingContext.navigate", context=self.page, url=url, wait="complete")
        await self.wait_for("!!window.apus", 15, "the page did not load")

    async def evaluate(self, expression, page=None):
        result = await self.command(
            "script.evaluate", expression=expression, target={"context": page or self.page}, awaitPromise=True,
            userActivation=True, resultOwnership="none")
        if result["type"] == "exception":
            raise AssertionError(result["exceptionDetails"])
        return result["result"].get("value")


class Page:
    """One page with the calling code in it."""

    def __init__(self, browser, page=None):
        self.browser = browser
        self.page = page

    async def ask(self, expression):
        """Both browsers' protocols carry text alike, and objects each in its own way."""
        return json.loads(await self.browser.evaluate(f"(async () => JSON.stringify(await {expression}))()", self.page))

    async def join(self, pipeline=None, **options):
        await self.browser.evaluate(JOIN, self.page)
        self.name = options.get("name", "own")
        joined = await self.ask(f"join({json.dumps(pipeline)}, {json.dumps(options)})")
        self.pipeline, self.endpoint = joined.get("pipeline"), joined.get("endpoint")
        return joined

    async def connect(self, sink):
        await self.ask(
            f"call.client.invoke({json.dumps(self.endpoint)}, 'connect', {{sink: {json.dumps(sink.endpoint)}}})")

    async def connected(self):
        await self.browser.wait_for("call.peer.connectionState === 'connected'", 15, "no connection", self.page)

    async def pictures(self):
        return await self.ask(f"pictures({json.dumps(self.name)})")

    def another_call(self):
        """The same page, for one more call by `join` with a name of its own."""
        return Page(self.browser, self.page)

    async def see(self, seconds=20):
        for _ in range(seconds * 10):
            if (await self.pictures())["framesDecoded"] > 5:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"no picture: {await self.pictures()}, {await self.ask('call.peer.connectionState')}")


async def rates(pages, seconds):
    """Frames a second that each page decodes."""
    before = [await page.pictures() for page in pages]
    await asyncio.sleep(seconds)
    after = [await page.pictures() for page in pages]
    return [
        (new["framesDecoded"] - old["framesDecoded"]) / (new["now"] - old["now"]) * 1000
        for old, new in zip(before, after)
    ]
