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

from cluster import free_port, wait_until

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

    async def wait_for(self, expression, seconds, what):
        """Until the page says true; the time that took."""
        started = time.monotonic()
        while not await self.evaluate(expression):
            if time.monotonic() - started > seconds:
                raise AssertionError(f"{what}: {await self.evaluate('JSON.stringify(window.apus)')}")
            await asyncio.sleep(0.05)
        return time.monotonic() - started


class Chromium(Browser):
    name = "chromium"

    async def start(self):
        self.launch(
            [
                "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--use-fake-device-for-media-stream=fps=30", "--use-fake-ui-for-media-stream",
                "--autoplay-policy=no-user-gesture-required", "--allow-loopback-in-peer-connection",
                "--disable-features=WebRtcHideLocalIpsWithMdns", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", f"--user-data-dir={self.profile}",
                f"--remote-debugging-port={self.port}", "about:blank",
            ])
        address = f"http://127.0.0.1:{self.port}/json/version"
        wait_until(lambda: urllib.request.urlopen(address, timeout=1).status == 200, 30, pause=0.1)
        await self.attach(json.load(urllib.request.urlopen(address))["webSocketDebuggerUrl"])
        return self

    async def open(self, url):
        target = await self.command("Target.createTarget", url=url)
        attached = await self.command("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self.page = attached["sessionId"]
        await self.wait_for("document.readyState === 'complete' && !!window.apus", 15, "the page did not load")

    async def evaluate(self, expression):
        result = await self.command(
            "Runtime.evaluate", session=self.page, expression=expression, awaitPromise=True, returnByValue=True,
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

    async def evaluate(self, expression):
        result = await self.command(
            "script.evaluate", expression=expression, target={"context": self.page}, awaitPromise=True,
            userActivation=True, resultOwnership="none")
        if result["type"] == "exception":
            raise AssertionError(result["exceptionDetails"])
        return result["result"].get("value")
