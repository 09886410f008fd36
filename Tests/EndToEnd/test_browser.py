"""The first promise: a browser's camera goes through the cluster and comes back."""

import asyncio
import json

import pytest

from browsers import SOUND, WATCH, Chromium, Firefox
from conftest import run


async def camera_round_trip(cluster, browser, seconds):
    await browser.start()
    try:
        await browser.open(cluster.http + "/")
        await browser.evaluate(WATCH)
        await browser.evaluate("document.querySelector('#start').click(), true")
        await browser.wait_for("window.apus.firstFrameMs !== null", 20, "no picture came back")
        first_frame = await browser.evaluate("window.apus.firstFrameMs")
        await browser.wait_for("window.apus.worker !== null && window.apus.framesDecoded > 0", 10, "no statistics")

        energy0, length0, _ = json.loads(await browser.evaluate(SOUND))
        started = await browser.evaluate("[window.apus.framesDecoded, performance.now()].join()")
        await asyncio.sleep(seconds)
        ended = await browser.evaluate("[window.apus.framesDecoded, performance.now()].join()")
        (count0, time0), (count1, time1) = (map(float, text.split(",")) for text in (started, ended))
        rate = (count1 - count0) / ((time1 - time0) / 1000)

        energy1, length1, packets = json.loads(await browser.evaluate(SOUND))
        # Root mean square of the samples, 0...1 (W3C webrtc-stats, totalAudioEnergy).
        loudness = ((energy1 - energy0) / max(length1 - length0, 1e-9)) ** 0.5 if packets else 0
        shown = {
            name: await browser.evaluate(f"document.querySelector('#{name}').textContent")
            for name in ("bitrate-in", "bitrate-out", "fps", "rtt", "worker", "state")
        }
        numbers = {name: await browser.evaluate(f"window.apus.{name}") for name in ("workerPid", "bitrateIn", "rtt")}
        await browser.evaluate("document.querySelector('#start').click(), true")
        return first_frame, rate, loudness, shown, numbers
    finally:
        await browser.close()


@pytest.mark.parametrize("kind", [Chromium, Firefox], ids=lambda kind: kind.name)
def test_a_camera_comes_back_through_controller_redis_and_worker(cluster, kind):
    first_frame, rate, loudness, shown, numbers = run(camera_round_trip(cluster, kind(), 20))
    print(f"{kind.name}: first frame {first_frame:.0f} ms, {rate:.1f} frames/s, loudness {loudness:.3f}, {shown}")
    assert first_frame <= 2000
    assert rate >= 24
    assert loudness > 0.01
    assert numbers["workerPid"] in [worker["processID"] for worker in cluster.workers().values()]
    assert numbers["workerPid"] != cluster.status()["controllers"][0]["processID"]
    assert numbers["bitrateIn"] > 50_000
    assert shown["worker"].startswith("w")
