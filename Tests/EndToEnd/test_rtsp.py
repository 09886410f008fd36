"""Cameras that speak RTSP, which GStreamer's server stands for: a real one would be a device."""

import contextlib
import os
import pathlib
import signal
import subprocess

import pytest

from cluster import Cluster
from conftest import run
from kurento import KurentoClient, Listener
from peer import Peer
from ports import free_port

CAMERA = pathlib.Path(__file__).with_name("rtsp_camera.py")


@pytest.fixture(scope="module")
def cluster():
    with Cluster(extra="files:\n  private_servers: true\n") as cluster:
        yield cluster.wait_ready()


@contextlib.contextmanager
def camera(codec):
    port = free_port()
    process = subprocess.Popen(
        ["/usr/bin/python3", str(CAMERA), str(port), codec], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        assert process.stdout.readline() == b"ready\n"
        yield f"rtsp://127.0.0.1:{port}/live", process
    finally:
        process.kill()
        process.wait()


class Viewer(Peer):
    """Notes what colour its pictures have."""

    async def _consume(self, track):
        self.is_red = False
        while True:
            frame = await track.recv()
            self.frames[track.kind] += 1
            if track.kind == "video":
                red, green, blue = frame.to_ndarray(format="rgb24")[100:140, 140:180].mean(axis=(0, 1))
                self.is_red = red > 180 and green < 60 and blue < 60
            else:
                self.loudest = max(self.loudest, int(abs(frame.to_ndarray()).max()))


async def plays(client, pipeline, address):
    viewer = await Viewer(client, pipeline, [], ("audio", "video")).negotiate()
    player = await client.create("PlayerEndpoint", mediaPipeline=pipeline, uri=address)
    heard = await Listener(client, player).to("EndOfStream", "Error")
    await client.invoke(player, "connect", sink=viewer.endpoint)
    await client.invoke(player, "play")
    await viewer.wait_for(
        lambda v: v.frames["video"] > 30 and v.frames["audio"] > 80 and v.is_red and v.loudest > 8000, 15, "a camera")
    return viewer, player, heard


@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_a_camera_is_played_until_it_is_gone(cluster, codec):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            with camera(codec) as (address, process):
                viewer, player, heard = await plays(client, pipeline, address)
                info = await client.invoke(player, "getVideoInfo")
                assert not info["isSeekable"], info
                assert not heard.named("Error")
                process.terminate()
                await heard.wait("EndOfStream", 10)
            await viewer.close()
            await client.release(pipeline)

    run(scenario())


def test_a_camera_is_played_again_after_the_media_process_was_killed(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            with camera("vp8") as (address, _):
                viewer, player, heard = await plays(client, pipeline, address)
                for worker in cluster.workers().values():
                    if worker["assignedSessions"]:
                        os.kill(worker["processID"], signal.SIGKILL)
                await heard.wait("Error", 10)
                viewer.frames = {"audio": 0, "video": 0}
                await client.invoke(player, "play")
                await viewer.wait_for(lambda v: v.frames["video"] > 30 and v.frames["audio"] > 80, 15, "the camera")
                assert not heard.named("EndOfStream")
            await viewer.close()
            await client.release(pipeline)

    run(scenario())


def test_a_camera_that_is_not_there_is_an_error(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            player = await client.create(
                "PlayerEndpoint", mediaPipeline=pipeline, uri=f"rtsp://127.0.0.1:{free_port()}/live")
            heard = await Listener(client, player).to("EndOfStream", "Error")
            await client.invoke(player, "play")
            await heard.wait("Error", 15)
            assert heard.named("Error")[0]["type"] == "RESOURCE_ERROR_OPEN", heard.named("Error")
            await client.release(pipeline)

    run(scenario())
