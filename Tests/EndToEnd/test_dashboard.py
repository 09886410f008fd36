"""The status page in real Chromium: live figures, events, a kill that shows, drains by an operator."""

import asyncio
import json
import os
import signal
import subprocess

from browsers import Chromium
from cluster import Cluster, apus_binary
from conftest import run
from kurento import KurentoClient
from peer import Peer, ToneTrack

KEYS = "keys:\n  web: 0123456789abcdef0123456789abcdef\n"


def text(selector):
    return f"document.querySelector({json.dumps(selector)}).textContent"


def click(label):
    return f"""(() => {{
      const button = document.querySelector(`#workers [data-key={json.dumps(label)}]`);
      if (!button || button.disabled) return false;
      button.click();
      return true;
    }})()"""


def test_load_a_kill_and_a_lost_controller_show_on_the_page():
    async def scenario(cluster):
        browser = await Chromium().start()
        try:
            await browser.open(cluster.http + "/status.html")
            await browser.wait_for(f"{text('#alive')} === '2 of 2'", 10, "the workers do not show")
            assert "answers" in await browser.evaluate(text("#store"))
            async with KurentoClient(cluster.kurento) as client:
                pipeline = await client.create("MediaPipeline")
                peer = await Peer(client, pipeline, [ToneTrack()]).negotiate()
                await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
                await peer.wait_for(lambda p: p.frames["audio"] > 10, 20, "sound")
                await browser.wait_for(f"{text('#sessions')} === '1'", 10, "the session does not show")
                await browser.wait_for(
                    f"parseInt({text('#packets')}) > 20", 10, "the packets do not show")
                (owner,) = [w["id"] for w in cluster.workers().values() if w["assignedSessions"] == 1]
                os.kill(cluster.workers()[owner]["processID"], signal.SIGKILL)
                await browser.wait_for(
                    f"{text('#events')}.includes('media process ended') && {text('#events')}.includes('succession')",
                    10, "the kill does not show")
                await browser.wait_for(f"{text('#failovers')} === '1'", 10, "the failover is not counted")
                rows = await browser.evaluate("document.querySelector('#events').innerText")
                print(rows)
                assert owner in rows and "signal 9" in rows and "stood still" in rows
                await peer.close()
            # A button would need a token.
            assert await browser.evaluate(click("Drain w1")) is False
            with cluster.lose("w2"):
                await browser.wait_for(f"{text('#workers')}.includes('dead')", 10, "the death does not show")
                await browser.wait_for(f"{text('#events')}.includes('worker lost')", 10, "the loss does not show")
            await browser.wait_for(f"{text('#alive')} === '2 of 2'", 15, "the worker does not come back")
            cluster.stop()
            await browser.wait_for("!document.querySelector('#message').hidden", 15, "no word of the lost controller")
            assert "No status" in await browser.evaluate(text("#message"))
        finally:
            await browser.close()

    with Cluster() as cluster:
        cluster.wait_ready()
        run(scenario(cluster))


def test_an_operator_drains_and_upgrades_from_the_page():
    async def scenario(cluster):
        token = subprocess.run(
            [apus_binary(), "token", "--operator", "--config", str(cluster.config)], capture_output=True, text=True,
            check=True).stdout.strip()
        browser = await Chromium().start()
        try:
            await browser.open(cluster.http + "/status.html")
            await browser.wait_for(f"{text('#alive')} === '2 of 2'", 10, "the workers do not show")
            for value, wanted in (("wrong", "failed"), (token, "done")):
                await browser.evaluate(
                    f"document.querySelector('#token').value = {json.dumps(value)}, true")
                await browser.wait_for(click("Drain w1"), 5, "the button stays off")
                await browser.wait_for(f"{text('#operated')}.includes('{wanted}')", 10, f"it is not {wanted}")
            await browser.wait_for(f"{text('#workers')}.includes('drained')", 10, "the drain does not show")
            await browser.wait_for(f"{text('#events')}.includes('drain started')", 10, "no event of the drain")
            await browser.wait_for(click("Undrain w1"), 5, "it cannot be taken back")
            await browser.wait_for(f"!{text('#workers')}.includes('drained')", 10, "it is not taken back")
            await browser.wait_for(click("Upgrade w2"), 5, "no upgrade")
            await browser.wait_for(f"{text('#operated')}.includes('stood still')", 15, "the upgrade is not done")
            await browser.wait_for(f"{text('#events')}.includes('upgraded')", 10, "no event of the upgrade")
        finally:
            await browser.close()

    with Cluster(extra=KEYS) as cluster:
        cluster.wait_ready()
        run(scenario(cluster))
