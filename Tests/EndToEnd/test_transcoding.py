"""Peers whose codecs differ: what aiortc sees and hears, and what clients are told."""

import re
import urllib.request

import numpy
import pytest
from aiortc import RTCRtpReceiver

import clips
from cluster import Cluster
from conftest import run
from kurento import KurentoClient
from peer import ColourTrack, Peer, ToneTrack


def takes(peer, kind, name):
    """Has the peer offer one codec of the kind."""
    for transceiver in peer.connection.getTransceivers():
        if transceiver.kind == kind:
            codecs = RTCRtpReceiver.getCapabilities(kind).codecs
            transceiver.setCodecPreferences([codec for codec in codecs if codec.name.lower() == name.lower()])
    return peer


class Listener(Peer):
    """Keeps the newest second of sound."""

    def __init__(self, client, pipeline):
        super().__init__(client, pipeline, receive=("audio",))
        self.sound, self.rate = numpy.zeros(0), 48000

    async def _consume(self, track):
        while True:
            frame = await track.recv()
            self.frames[track.kind] += 1
            self.rate = frame.sample_rate
            samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
            self.sound = numpy.concatenate([self.sound, samples])[-self.rate:]

    def pitch(self):
        """Hz of the strongest tone."""
        if len(self.sound) < self.rate:
            return 0
        spectrum = numpy.abs(numpy.fft.rfft(self.sound * numpy.hanning(len(self.sound))))
        return int(spectrum.argmax()) * self.rate / len(self.sound)


def transcoders(cluster):
    page = urllib.request.urlopen(f"{cluster.http}/metrics", timeout=5).read().decode()
    return int(re.search(r"^apus_kurento_transcoders(?:\{.*\})? (\d+)", page, re.MULTILINE)[1])


def listen(client, states):
    def on_event(event):
        if event["type"] == "MediaTranscodingStateChanged":
            states.append((event["data"]["mediaType"], event["data"]["state"]))

    client.handlers.append(on_event)


def test_a_viewer_without_the_cameras_codec_sees_it_and_others_get_it_untouched(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            states = []
            listen(client, states)
            pipeline = await client.create("MediaPipeline")
            camera = takes(Peer(client, pipeline, [ColourTrack(150)]), "video", "VP8")
            await camera.negotiate()
            await client.subscribe(camera.endpoint, "MediaTranscodingStateChanged")
            viewers = []
            for codec in ("VP8", "H264", "H264"):
                viewer = takes(Peer(client, pipeline, receive=("video",)), "video", codec)
                await viewer.negotiate()
                await client.invoke(camera.endpoint, "connect", sink=viewer.endpoint, mediaType="VIDEO")
                await viewer.wait_for(lambda it: it.luma and abs(it.luma - 150) < 12, 15, f"a picture in {codec}")
                viewers.append(viewer)
            assert states[-1] == ("VIDEO", "TRANSCODING") and states.count(("VIDEO", "TRANSCODING")) == 1
            assert transcoders(cluster) == 1
            assert await client.invoke(camera.endpoint, "isMediaTranscoding", mediaType="VIDEO")
            before = viewers[0].frames["video"]
            for viewer in viewers[1:]:
                await client.release(viewer.endpoint)
            await viewers[0].wait_for(lambda it: it.frames["video"] > before + 20, 10, "pictures go on")
            assert states[-1] == ("VIDEO", "NOT_TRANSCODING") and transcoders(cluster) == 0
            for each in [camera, *viewers]:
                await each.close()
            await client.release(pipeline)

    run(scenario())


@pytest.mark.parametrize("sent,taken", [("opus", "PCMU"), ("PCMA", "opus")])
def test_a_listener_without_the_microphones_codec_hears_the_same_tone(cluster, sent, taken):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            singer = takes(Peer(client, pipeline, [ToneTrack()]), "audio", sent)
            await singer.negotiate()
            listener = takes(Listener(client, pipeline), "audio", taken)
            await listener.negotiate()
            await client.invoke(singer.endpoint, "connect", sink=listener.endpoint, mediaType="AUDIO")
            await listener.wait_for(lambda it: 435 < it.pitch() < 445, 15, "a tone of 440 Hz")
            assert await client.invoke(singer.endpoint, "isMediaTranscoding", mediaType="AUDIO")
            await singer.close()
            await listener.close()
            await client.release(pipeline)

    run(scenario())


@pytest.fixture(scope="module")
def refusing():
    """A cluster that encodes nothing anew."""
    with Cluster(transcoding=False) as cluster:
        yield cluster.wait_ready()


async def errors_of(client, *objects):
    """What the client hears of them, in a list that grows."""
    errors = []
    client.handlers.append(lambda event: errors.append(event["data"]) if event["type"] == "Error" else None)
    for each in objects:
        await client.subscribe(each, "Error")
    return errors


def test_where_the_operator_refuses_it_the_viewers_client_is_told(refusing):
    async def scenario():
        async with KurentoClient(refusing.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            camera = takes(Peer(client, pipeline, [ColourTrack(150)]), "video", "VP8")
            await camera.negotiate()
            viewer = takes(Peer(client, pipeline, receive=("video",)), "video", "H264")
            await viewer.negotiate()
            errors = await errors_of(client, viewer.endpoint)
            await client.invoke(camera.endpoint, "connect", sink=viewer.endpoint, mediaType="VIDEO")
            await viewer.wait_for(lambda _: errors, 10, "an error event")
            assert errors[0]["errorCode"] == 40005 and "media.transcoding" in errors[0]["description"]
            assert viewer.frames["video"] == 0
            await camera.close()
            await viewer.close()
            await client.release(pipeline)

    run(scenario())


def test_where_the_operator_refuses_it_a_recorder_says_what_it_will_not_encode(refusing, tmp_path):
    async def scenario():
        async with KurentoClient(refusing.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            camera = takes(Peer(client, pipeline, [ColourTrack(150)]), "video", "VP8")
            await camera.negotiate()
            recorder = await client.create(
                "RecorderEndpoint", mediaPipeline=pipeline, uri=f"file://{tmp_path}/call.mp4", mediaProfile="MP4")
            errors = await errors_of(client, recorder)
            await client.invoke(camera.endpoint, "connect", sink=recorder)
            await client.invoke(recorder, "record")
            await camera.wait_for(lambda _: errors, 15, "an error event")
            assert "media.transcoding" in errors[0]["description"], errors
            assert not list(tmp_path.iterdir())
            await camera.close()
            await client.release(pipeline)

    run(scenario())


def test_where_the_operator_refuses_it_a_player_sends_what_it_can_as_it_is(refusing, tmp_path):
    clips.write(tmp_path / "clip.mp4", 6, "libx264", "aac")

    async def scenario():
        async with KurentoClient(refusing.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            player = await client.create(
                "PlayerEndpoint", mediaPipeline=pipeline, uri=f"file://{tmp_path}/clip.mp4")
            errors = await errors_of(client, player)
            viewer = takes(Peer(client, pipeline, receive=("video",)), "video", "H264")
            await viewer.negotiate()
            await client.invoke(player, "connect", sink=viewer.endpoint)
            await client.invoke(player, "play")
            await viewer.wait_for(lambda it: it.frames["video"] > 25, 15, "pictures of the file")
            assert len(errors) == 1 and "aac" in errors[0]["description"], errors
            await viewer.close()
            await client.release(pipeline)

    run(scenario())
