"""Filters between peers: what aiortc sees, hears and gets by data channels behind them."""

import asyncio
import os
import pathlib
import signal
import tempfile

import av
import numpy
import pytest
from aiortc.mediastreams import VideoStreamTrack

from cluster import Cluster
from conftest import run
from kurento import KurentoClient, KurentoError
from peer import Peer
from test_data_channels import DataPeer
from test_media_files import Listener, Viewer, publisher

# EAN-13 (ISO/IEC 15420).
ODD = "0001101 0011001 0010011 0111101 0100011 0110001 0101111 0111011 0110111 0001011".split()
PARITY = "OOOOOO OOEOEE OOEEOE OOEEEO OEOOEE OEEOOE OEEEOO OEOEOE OEOEEO OEEOEO".split()


def bars(digits):
    numbers = [int(digit) for digit in digits]
    text = "101"
    for number, kind in zip(numbers[1:7], PARITY[numbers[0]]):
        code = ODD[number]
        text += code if kind == "O" else code.translate(str.maketrans("01", "10"))[::-1]
    text += "01010"
    for number in numbers[7:]:
        text += ODD[number].translate(str.maketrans("01", "10"))
    return [bit == "1" for bit in text + "101"]


def code_picture(digits):
    pixels = numpy.full((240, 320, 3), 255, numpy.uint8)
    for place, is_dark in enumerate(bars(digits)):
        if is_dark:
            pixels[40:200, 18 + 3 * place:21 + 3 * place] = 0
    return pixels


class PictureTrack(VideoStreamTrack):
    """What `draw` makes of the number of seconds."""

    def __init__(self, draw):
        super().__init__()
        self.draw = draw

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame.from_ndarray(self.draw(pts * time_base), "rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


def quarters(_):
    """Red, green / blue, white: 320 × 240."""
    pixels = numpy.zeros((240, 320, 3), numpy.uint8)
    pixels[:120, :160, 0] = 255
    pixels[:120, 160:, 1] = 255
    pixels[120:, :160, 2] = 255
    pixels[120:, 160:] = 255
    return pixels


class ColourViewer(Peer):
    """Keeps the newest picture."""

    def __init__(self, client, pipeline, kinds=("video",)):
        super().__init__(client, pipeline, receive=kinds)
        self.picture = None

    async def _consume(self, track):
        while True:
            frame = await track.recv()
            self.frames[track.kind] += 1
            if track.kind == "video":
                self.picture = frame.to_ndarray(format="rgb24")

    def colour(self, x, y):
        """Of a place that is named in parts of the picture."""
        if self.picture is None:
            return ""
        height, width, _ = self.picture.shape
        red, green, blue = (int(value) > 128 for value in self.picture[int(y * height), int(x * width)])
        return ("r" if red else "") + ("g" if green else "") + ("b" if blue else "")


async def through(client, kind, draw=quarters, **options):
    """A publisher, a filter and a viewer."""
    pipeline = await client.create("MediaPipeline")
    peer = Peer(client, pipeline, [PictureTrack(draw)])
    await peer.negotiate()
    filter = await client.create(kind, mediaPipeline=pipeline, **options)
    viewer = ColourViewer(client, pipeline)
    await viewer.negotiate()
    await client.invoke(peer.endpoint, "connect", sink=filter)
    await client.invoke(filter, "connect", sink=viewer.endpoint)
    return pipeline, peer, filter, viewer


def corners(viewer):
    return [viewer.colour(x, y) for y in (0.25, 0.75) for x in (0.25, 0.75)]


def test_an_element_turns_what_the_viewer_sees_and_its_properties_change_it(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline, peer, filter, viewer = await through(
                client, "GStreamerFilter", command="videoflip method=clockwise")
            await viewer.wait_for(lambda it: corners(it) == ["b", "r", "rgb", "g"], 15, "a picture on its side")
            assert viewer.picture.shape[:2] == (320, 240)
            change = {"propertyName": "method", "propertyValue": "horizontal-flip"}
            await client.invoke(filter, "setElementProperty", **change)
            await viewer.wait_for(lambda it: corners(it) == ["g", "r", "rgb", "b"], 10, "a picture the wrong way round")
            with pytest.raises(KurentoError) as refused:
                await client.invoke(filter, "setElementProperty", propertyName="method", propertyValue="up")
            assert refused.value.code == 40107 and "clockwise" in str(refused.value)
            assert corners(viewer) == ["g", "r", "rgb", "b"]
            # Whoever comes later gets a key frame of the filter's.
            second = ColourViewer(client, pipeline)
            await second.negotiate()
            await client.invoke(filter, "connect", sink=second.endpoint)
            await second.wait_for(lambda it: corners(it) == ["g", "r", "rgb", "b"], 10, "the second viewer's picture")
            for each in (peer, viewer, second):
                await each.close()
            await client.release(pipeline)

    run(scenario())


def write_image(path):
    """Red, 100 pixels wide and 50 high."""
    red = numpy.zeros((50, 100, 3), numpy.uint8)
    red[..., 0] = 255
    with av.open(str(path), "w", format="image2") as image:
        stream = image.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 100, 50, "rgb24"
        for packet in stream.encode(av.VideoFrame.from_ndarray(red, "rgb24")):
            image.mux(packet)


def test_images_lie_over_the_picture_until_they_are_removed(cluster):
    async def scenario(folder):
        write_image(folder / "red.png")
        async with KurentoClient(cluster.kurento) as client:
            pipeline, peer, filter, viewer = await through(
                client, "ImageOverlayFilter", lambda _: numpy.full((240, 320, 3), 255, numpy.uint8))
            errors = await Listener(client, filter).to("Error")
            await viewer.wait_for(lambda it: corners(it) == ["rgb"] * 4, 15, "the picture")
            image = {
                "id": "red", "uri": f"file://{folder / 'red.png'}", "offsetXPercent": 0.5, "offsetYPercent": 0.5,
                "widthPercent": 0.5, "heightPercent": 0.5, "keepAspectRatio": False, "center": True}
            await client.invoke(filter, "addImage", **image)
            await viewer.wait_for(
                lambda it: corners(it) == ["rgb", "rgb", "rgb", "r"] or errors.named("Error"), 10, "the image")
            assert not errors.named("Error"), errors.events
            # As wide as its place, half as high as wide, in the middle of it.
            await client.invoke(filter, "addImage", **image | {"keepAspectRatio": True})
            await viewer.wait_for(
                lambda it: [it.colour(0.75, y) for y in (0.54, 0.75, 0.96)] == ["rgb", "r", "rgb"], 10, "its shape")
            await client.invoke(filter, "removeImage", id="red")
            await viewer.wait_for(lambda it: corners(it) == ["rgb"] * 4, 10, "the picture without image")
            assert not errors.named("Error")
            await client.invoke(filter, "addImage", **image | {"uri": f"file://{folder / 'none.png'}"})
            assert (await errors.wait("Error"))["type"] == "RESOURCE_ERROR_NOT_FOUND"
            with pytest.raises(KurentoError) as unknown:
                await client.invoke(filter, "removeImage", id="red")
            assert unknown.value.code == 40107
            await client.invoke(filter, "addImage", **image | {"uri": "file:///etc/passwd", "id": "secret"})
            await viewer.wait_for(lambda _: len(errors.named("Error")) == 2, 5, "the second error")
            assert errors.named("Error")[1]["type"] == "RESOURCE_ERROR_NOT_AUTHORIZED"
            count = viewer.frames["video"]
            await viewer.wait_for(lambda it: it.frames["video"] > count + 20, 5, "pictures after errors")
            await peer.close()
            await viewer.close()
            await client.release(pipeline)

    with tempfile.TemporaryDirectory(prefix="apus-filter-", dir="/tmp") as path:
        run(scenario(pathlib.Path(path)))


def test_filters_go_on_with_their_images_and_properties_when_the_media_process_is_killed(tmp_path):
    async def scenario(cluster):
        async with KurentoClient(cluster.kurento) as client:
            write_image(tmp_path / "red.png")
            image = {
                "id": "red", "uri": f"file://{tmp_path / 'red.png'}", "offsetXPercent": 0.5, "offsetYPercent": 0.5,
                "widthPercent": 0.5, "heightPercent": 0.5, "keepAspectRatio": False, "center": True}
            pipeline, peer, overlay, viewer = await through(
                client, "ImageOverlayFilter", lambda _: numpy.full((240, 320, 3), 255, numpy.uint8))
            errors = await Listener(client, overlay).to("Error")
            await client.invoke(overlay, "addImage", **image)
            turned = await client.create("GStreamerFilter", mediaPipeline=pipeline, command="videoflip method=none")
            second = ColourViewer(client, pipeline)
            await second.negotiate()
            await client.invoke(overlay, "connect", sink=turned)
            await client.invoke(turned, "connect", sink=second.endpoint)
            change = {"propertyName": "method", "propertyValue": "rotate-180"}
            await client.invoke(turned, "setElementProperty", **change)
            await viewer.wait_for(lambda it: corners(it) == ["rgb", "rgb", "rgb", "r"], 15, "the image")
            await second.wait_for(lambda it: corners(it) == ["r", "rgb", "rgb", "rgb"], 15, "the image turned")
            [worker] = [each for each in cluster.status()["workers"] if each["assignedSessions"]]
            os.kill(worker["processID"], signal.SIGKILL)
            await asyncio.sleep(2)
            viewer.picture = second.picture = None
            await viewer.wait_for(lambda it: corners(it) == ["rgb", "rgb", "rgb", "r"], 15, "the image again")
            await second.wait_for(lambda it: corners(it) == ["r", "rgb", "rgb", "rgb"], 15, "the image turned again")
            assert not errors.named("Error"), errors.events
            for each in (peer, viewer, second):
                await each.close()

    with Cluster() as cluster:
        run(scenario(cluster.wait_ready()))


def test_codes_are_found_and_the_picture_goes_by_untouched(cluster):
    codes = ["4006381333931", "9783161484100"]

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline, peer, filter, viewer = await through(
                client, "ZBarFilter", lambda at: code_picture(codes[int(at) // 3 % 2]))
            found = await Listener(client, filter).to("CodeFound")
            await viewer.wait_for(lambda _: len({data["value"] for data in found.named("CodeFound")}) == 2, 20, "codes")
            assert {data["value"] for data in found.named("CodeFound")} == set(codes)
            assert {data["codeType"] for data in found.named("CodeFound")} == {"EAN-13"}
            # The same code is told of once a second.
            before = len(found.named("CodeFound"))
            await asyncio.sleep(3)
            assert 2 <= len(found.named("CodeFound")) - before <= 5
            assert viewer.picture.shape[:2] == (240, 320)
            await peer.close()
            await viewer.close()
            await client.release(pipeline)

    run(scenario())


def test_codes_go_to_the_viewers_data_channel(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peer = Peer(client, pipeline, [PictureTrack(lambda _: code_picture("4006381333931"))])
            await peer.negotiate()
            send = await client.create("datachannelexample.KmsSendData", mediaPipeline=pipeline)
            viewer = await DataPeer(client, pipeline).join()
            await client.invoke(peer.endpoint, "connect", sink=send)
            await client.invoke(send, "connect", sink=viewer.endpoint)
            await viewer.wait_for(lambda it: len(it.messages) > 1, 15, "messages")
            assert viewer.messages[0].startswith("Code detected in time ")
            assert viewer.messages[0].endswith(", type EAN-13, symbol 4006381333931")
            await peer.close()
            await viewer.close()
            await client.release(pipeline)

    run(scenario())


def test_messages_are_written_on_the_picture_and_go_on(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            grey = PictureTrack(lambda _: numpy.full((240, 320, 3), 60, numpy.uint8))
            writer = await DataPeer(client, pipeline, tracks=[grey]).join()
            show = await client.create("datachannelexample.KmsShowData", mediaPipeline=pipeline)
            reader = await DataPeer(client, pipeline).join()
            viewer = ColourViewer(client, pipeline)
            await viewer.negotiate()
            await client.invoke(writer.endpoint, "connect", sink=show)
            await client.invoke(show, "connect", sink=reader.endpoint)
            await client.invoke(show, "connect", sink=viewer.endpoint)
            await viewer.wait_for(lambda it: it.picture is not None and it.picture.max() < 100, 15, "a plain picture")
            writer.channel.send("HELLO WORLD")
            await viewer.wait_for(lambda it: it.picture[160:].max() > 180, 10, "letters")
            assert viewer.picture[:120].max() < 100
            await reader.wait_for(lambda it: it.messages == ["HELLO WORLD"], 5, "the message")
            writer.channel.send("")
            await viewer.wait_for(lambda it: it.picture.max() < 100, 10, "a plain picture again")
            for each in (writer, reader, viewer):
                await each.close()
            await client.release(pipeline)

    run(scenario())


def test_sound_that_goes_by_a_filter_keeps_in_step_with_its_pictures(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peer = await publisher(client, pipeline)
            filter = await client.create("GStreamerFilter", mediaPipeline=pipeline, command="videobalance saturation=0")
            viewer = Viewer(client, pipeline)
            await viewer.negotiate()
            await client.invoke(peer.endpoint, "connect", sink=filter)
            await client.invoke(filter, "connect", sink=viewer.endpoint)
            await viewer.wait_for(lambda it: it.onsets.flashes and len(it.onsets.offsets()) > 4, 20, "flashes and beeps")
            # aiortc shows pictures as they come and buffers sound: what is left is what the filter takes.
            offsets = sorted(viewer.onsets.offsets()[1:])
            assert abs(offsets[len(offsets) // 2]) < 0.15, offsets
            await peer.close()
            await viewer.close()
            await client.release(pipeline)

    run(scenario())


@pytest.mark.parametrize("command,code", [
    ("filesrc location=/etc/passwd", 40108), ("videoflip ! videobalance", 40001), ("videoflip method=7000", 40107),
    ("textoverlay text='" + "x" * 5000 + "'", 40001), ("capsfilter caps=video/x-raw,width=99999", 40107),
])
def test_commands_that_cannot_be_done_are_refused(cluster, command, code):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            with pytest.raises(KurentoError) as refused:
                await client.create("GStreamerFilter", mediaPipeline=pipeline, command=command)
            assert refused.value.code == code, refused.value
            await client.release(pipeline)

    run(scenario())
