"""PlayerEndpoint and RecorderEndpoint: files in, files out, seen and heard by FFmpeg and aiortc."""

import asyncio
import os
import pathlib
import signal
import subprocess
import tempfile
import time

import av
import pytest

import clips
from cluster import Cluster, apus_binary, wait_until
from conftest import run
from kurento import KurentoClient, KurentoError, Listener
from peer import Peer


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="apus-media-", dir="/tmp") as path:
        yield pathlib.Path(path)


async def publisher(client, pipeline):
    clip = clips.LiveClip()
    peer = Peer(client, pipeline, [clip.audio, clip.video])
    await peer.negotiate()
    return peer


class Viewer(Peer):
    """A peer that notes when what it sees and hears flashes and beeps, by its own clock and by the media's."""

    def __init__(self, client, pipeline, kinds=("audio", "video")):
        super().__init__(client, pipeline, receive=kinds)
        self.onsets = clips.Onsets()
        self.lumas = []

    async def _consume(self, track):
        while True:
            frame = await track.recv()
            self.frames[track.kind] += 1
            at = time.monotonic()
            if track.kind == "video":
                luma = float(frame.to_ndarray(format="gray").mean())
                self.lumas.append(luma)
                self.onsets.see(at, luma)
            else:
                self.onsets.hear(at, frame.to_ndarray().reshape(2, -1, order="F")[:1], 48000)


async def record(client, pipeline, source, path, **options):
    recorder = await client.create("RecorderEndpoint", mediaPipeline=pipeline, uri=f"file://{path}", **options)
    await client.invoke(source, "connect", sink=recorder)
    return recorder


def test_a_recording_of_a_file_stops_with_it(cluster, folder):
    clips.write(folder / "clip.webm", 3)

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            player = await client.create(
                "PlayerEndpoint", mediaPipeline=pipeline, uri=f"file://{folder / 'clip.webm'}")
            recorder = await record(client, pipeline, player, folder / "copy.webm", stopOnEndOfStream=True)
            heard = await Listener(client, recorder).to("Stopped", "Error")
            await client.invoke(recorder, "record")
            await client.invoke(player, "play")
            await heard.wait("Stopped")
            assert not heard.named("Error")
            await client.release(pipeline)

    run(scenario())
    copy = clips.Recorded(folder / "copy.webm")
    assert 2.8 < copy.times["video"][-1] < 3.1 and 2.8 < copy.times["audio"][-1] < 3.1, copy.duration


def test_who_joins_a_player_between_two_key_frames_does_not_wait_for_the_next(cluster, folder):
    clips.write(folder / "long.webm", 20, interval=500)

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            player = await client.create("PlayerEndpoint", mediaPipeline=pipeline, uri=f"file://{folder / 'long.webm'}")
            states = await Listener(client, player).to("MediaTranscodingStateChanged")
            first, second = Viewer(client, pipeline), Viewer(client, pipeline)
            await first.negotiate()
            await client.invoke(player, "connect", sink=first.endpoint)
            await client.invoke(player, "play")
            await first.wait_for(lambda it: it.frames["video"] > 100, 15, "four seconds of pictures")
            await second.negotiate()
            await client.invoke(player, "connect", sink=second.endpoint)
            seen = first.frames["video"]
            await second.wait_for(lambda it: it.frames["video"] > 10, 8, "pictures for who joins")
            assert first.frames["video"] - seen < 150, "that was the file's next key frame"
            at = first.frames["video"]
            await first.wait_for(lambda it: it.frames["video"] > at + 50, 4, "the first one's go on")
            told = [each["state"] for each in states.named("MediaTranscodingStateChanged") if each["mediaType"] == "VIDEO"]
            assert told[-1] == "TRANSCODING", told
            for viewer in (first, second):
                await viewer.close()
            await client.release(pipeline)

    run(scenario())


def test_sound_that_lies_two_seconds_behind_its_pictures_in_a_file_is_played_with_them(cluster, folder):
    clips.write(folder / "clip.webm", 5)
    # The muxer is to leave the order as it is.
    with (av.open(str(folder / "clip.webm")) as source,
          av.open(str(folder / "apart.webm"), "w", options={"max_interleave_delta": "1"}) as sink):
        streams = [sink.add_stream_from_template(stream) for stream in source.streams]
        packets = [packet for packet in source.demux() if packet.dts is not None]
        for packet in sorted(packets, key=lambda it: it.dts * it.time_base + 2 * (it.stream.type == "audio")):
            packet.stream = streams[packet.stream.index]
            sink.mux(packet)
    with av.open(str(folder / "apart.webm")) as clip:
        order = [packet.stream.type for packet in clip.demux() if packet.dts is not None]
    assert order.index("audio") > 1.5 * clips.RATE, order[:60]

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            viewer = await Viewer(client, pipeline).negotiate()
            player = await client.create(
                "PlayerEndpoint", mediaPipeline=pipeline, uri=f"file://{folder / 'apart.webm'}")
            heard = await Listener(client, player).to("EndOfStream")
            await client.invoke(player, "connect", sink=viewer.endpoint)
            begun = time.monotonic()
            await client.invoke(player, "play")
            await heard.wait("EndOfStream", 20)
            took = time.monotonic() - begun
            await viewer.close()
            await client.release(pipeline)
            return took, viewer.onsets.offsets()

    took, offsets = run(scenario())
    assert 4.5 < took < 6.5, took
    assert len(offsets) >= 3 and max(map(abs, offsets)) < 0.3, offsets


@pytest.mark.parametrize("profile,form", [("WEBM", "webm"), ("MKV", "mkv")])
def test_a_call_is_recorded_as_it_was(cluster, folder, profile, form):
    path = folder / f"call.{form}"

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peer = await publisher(client, pipeline)
            recorder = await record(client, pipeline, peer.endpoint, path, mediaProfile=profile)
            heard = await Listener(client, recorder).to("Recording", "Stopped", "Error", "UriEndpointStateChanged")
            await client.invoke(recorder, "record")
            await heard.wait("Recording")
            await asyncio.sleep(6)
            assert await client.invoke(recorder, "getState") == "START"
            await client.invoke(recorder, "stopAndWait")
            await heard.wait("Stopped")
            assert [data["state"] for data in heard.named("UriEndpointStateChanged")] == ["START", "STOP"]
            assert not heard.named("Error")
            await peer.close()
            await client.release(pipeline)

    run(scenario())
    clip = clips.Recorded(path)
    assert clip.codecs == {"audio": "opus", "video": "vp8"}
    assert 4.5 < clip.times["video"][-1] < 6.6 and 4.5 < clip.times["audio"][-1] < 6.6
    assert abs(clip.duration - max(clip.times["video"][-1] + 0.04, clip.times["audio"][-1] + 0.02)) < 0.1
    assert clip.longest_gap("audio") < 0.1
    assert clip.onsets.are_in_step(3), clip.onsets.offsets()


async def record_a_call(cluster, path, profile, seconds):
    async with KurentoClient(cluster.kurento) as client:
        pipeline = await client.create("MediaPipeline")
        peer = await publisher(client, pipeline)
        recorder = await record(client, pipeline, peer.endpoint, path, mediaProfile=profile)
        heard = await Listener(client, recorder).to("Stopped", "Error")
        source = await Listener(client, peer.endpoint).to("MediaTranscodingStateChanged")
        await client.invoke(recorder, "record")
        await asyncio.sleep(seconds)
        await client.invoke(recorder, "stopAndWait")
        await heard.wait("Stopped")
        assert not heard.named("Error")
        await peer.close()
        await client.release(pipeline)
        states = source.named("MediaTranscodingStateChanged")
        return {state["mediaType"] for state in states if state["state"] == "TRANSCODING"}


def test_a_call_in_flv_is_h264_and_aac(cluster, folder):
    assert run(record_a_call(cluster, folder / "call.flv", "FLV", 6)) == {"AUDIO", "VIDEO"}
    clip = clips.Recorded(folder / "call.flv")
    assert clip.codecs == {"audio": "aac", "video": "h264"}
    assert 4.5 < clip.times["video"][-1] < 6.6
    assert abs(clip.duration - max(clip.times["video"][-1] + 0.04, clip.times["audio"][-1] + 0.02)) < 0.1
    assert clip.onsets.are_in_step(3), clip.onsets.offsets()


def test_pictures_alone_are_a_series_of_jpegs(cluster, folder):
    # By another name FFmpeg would take it for one picture.
    path = folder / "call.mjpeg"
    run(record_a_call(cluster, path, "JPEG_VIDEO_ONLY", 5))
    clip = clips.Recorded(path)
    assert clip.codecs == {"video": "mjpeg"} and clip.size == (320, 240)
    # 25 in a second, as players show them: the call's own seconds are between its flashes.
    assert 85 < len(clip.lumas) < 140, len(clip.lumas)
    flashes = [at for at, (before, luma) in enumerate(zip(clip.lumas, clip.lumas[1:])) if luma > 200 > before]
    assert len(flashes) >= 2 and all(22 <= b - a <= 28 for a, b in zip(flashes, flashes[1:])), flashes
    assert path.read_bytes()[:2] == b"\xff\xd8"


def test_a_split_recording_has_a_file_for_each_kind(cluster, folder):
    assert not run(record_a_call(cluster, folder / "call.mkv", "KURENTO_SPLIT_RECORDER", 6))
    assert sorted(path.name for path in folder.iterdir()) == ["call-audio.mkv", "call-video.mkv"]
    sound, pictures = clips.Recorded(folder / "call-audio.mkv"), clips.Recorded(folder / "call-video.mkv")
    assert sound.codecs == {"audio": "opus"} and pictures.codecs == {"video": "vp8"}
    # One clock: what belongs together has the same time in both.
    pictures.onsets.beeps = sound.onsets.beeps
    assert pictures.onsets.are_in_step(3), pictures.onsets.offsets()
    for clip, kind, last in ((sound, "audio", 0.02), (pictures, "video", 0.04)):
        assert abs(clip.duration - clip.times[kind][-1] - last) < 0.1


def test_a_kind_that_comes_late_is_recorded_beside(cluster, folder):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            clip = clips.LiveClip()
            first = await Peer(client, pipeline, [clip.audio]).negotiate()
            recorder = await record(client, pipeline, first.endpoint, folder / "late.webm")
            heard = await Listener(client, recorder).to("Error")
            await client.invoke(recorder, "record")
            await asyncio.sleep(4)
            second = await Peer(client, pipeline, [clip.video]).negotiate()
            await client.invoke(second.endpoint, "connect", sink=recorder, mediaType="VIDEO")
            await asyncio.sleep(4)
            await client.invoke(recorder, "stopAndWait")
            assert not heard.named("Error")
            await first.close()
            await second.close()
            await client.release(pipeline)

    run(scenario())
    sound, pictures = clips.Recorded(folder / "late.webm"), clips.Recorded(folder / "late-video.webm")
    assert sound.codecs == {"audio": "opus"} and pictures.codecs == {"video": "vp8"}
    assert 3 < pictures.times["video"][0] < 6.5 and pictures.times["video"][-1] > 6
    assert abs(pictures.times["video"][-1] - sound.times["audio"][-1]) < 2


def test_a_pause_leaves_no_gap(cluster, folder):
    path = folder / "pause.webm"

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peer = await publisher(client, pipeline)
            recorder = await record(client, pipeline, peer.endpoint, path)
            heard = await Listener(client, recorder).to("Paused", "Recording")
            await client.invoke(recorder, "record")
            await asyncio.sleep(4)
            await client.invoke(recorder, "pause")
            await heard.wait("Paused")
            await asyncio.sleep(3)
            await client.invoke(recorder, "record")
            await asyncio.sleep(4)
            await client.invoke(recorder, "stop")
            assert len(heard.named("Recording")) == 2
            await peer.close()
            await client.release(pipeline)

    run(scenario())
    clip = clips.Recorded(path)
    assert 6 < clip.duration < 8.6
    assert clip.longest_gap("video") < 0.25 and clip.longest_gap("audio") < 0.12
    assert clip.onsets.are_in_step(4), clip.onsets.offsets()


def test_a_recording_is_whole_when_only_the_pipeline_is_released(cluster, folder):
    path = folder / "released.webm"

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            recorder = await client.create("RecorderEndpoint", mediaPipeline=pipeline, uri=f"file://{path}")
            # Before any media, as the tutorials do it.
            await client.invoke(recorder, "record")
            peer = await publisher(client, pipeline)
            await client.invoke(peer.endpoint, "connect", sink=recorder)
            await asyncio.sleep(4)
            await client.release(pipeline)
            await peer.close()
            await asyncio.sleep(1)

    run(scenario())
    clip = clips.Recorded(path)
    assert clip.duration and 2 < clip.duration < 5


def test_a_recording_is_whole_when_the_cluster_ends(folder):
    path = folder / "ended.webm"

    async def scenario(cluster):
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peer = await publisher(client, pipeline)
            recorder = await record(client, pipeline, peer.endpoint, path)
            await client.invoke(recorder, "record")
            await asyncio.sleep(3)
            await asyncio.to_thread(cluster.stop)
            await peer.close()

    with Cluster() as cluster:
        run(scenario(cluster.wait_ready()))
    clip = clips.Recorded(path)
    assert clip.duration and 1.5 < clip.duration < 4


@pytest.mark.parametrize("profile,kind", [("WEBM_AUDIO_ONLY", "audio"), ("WEBM_VIDEO_ONLY", "video")])
def test_a_profile_of_one_kind_records_that_kind(cluster, folder, profile, kind):
    path = folder / "one.webm"

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peer = await publisher(client, pipeline)
            recorder = await record(client, pipeline, peer.endpoint, path, mediaProfile=profile)
            await client.invoke(recorder, "record")
            await asyncio.sleep(3)
            await client.invoke(recorder, "stopAndWait")
            await peer.close()
            await client.release(pipeline)

    run(scenario())
    clip = clips.Recorded(path)
    assert list(clip.codecs) == [kind] and 1.5 < clip.duration < 3.6


@pytest.mark.parametrize("profile,name", [("WEBM", "killed.webm"), ("FLV", "killed.flv")])
def test_what_was_recorded_is_there_when_the_media_process_is_killed(folder, profile, name):
    path = folder / name

    async def scenario(cluster):
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peer = await publisher(client, pipeline)
            recorder = await record(client, pipeline, peer.endpoint, path, mediaProfile=profile)
            heard = await Listener(client, recorder).to("Error", "UriEndpointStateChanged")
            await client.invoke(recorder, "record")
            await asyncio.sleep(6)
            (worker,) = [worker for worker in cluster.status()["workers"] if worker["assignedSessions"]]
            os.kill(worker["processID"], signal.SIGKILL)
            await heard.wait("Error")
            assert await client.invoke(recorder, "getState") == "STOP"
            await peer.close()
            await client.release(pipeline)

    with Cluster() as cluster:
        run(scenario(cluster.wait_ready()))
    clip = clips.Recorded(path)
    assert clip.times["video"][-1] > 4 and clip.times["audio"][-1] > 4


def _clip(folder, name):
    """Five seconds in the codecs that the name says."""
    path = folder / name
    if name == "vp8-opus.webm":
        return clips.write(path, 5)
    if name == "vp9-opus.mkv":
        return clips.write(path, 5, "libvpx-vp9")
    if name == "h264-aac.mp4":
        return clips.write(path, 5, "libx264", "aac")
    if name == "vp8-vorbis.webm":
        return clips.transcode(clips.write(folder / "own.webm", 5), path, "vp8enc", "vorbisenc", "webmmux")
    return clips.transcode(clips.write(folder / "own.webm", 5), path, "theoraenc", "vorbisenc", "oggmux")


@pytest.mark.parametrize("name", [
    "vp8-opus.webm", "vp9-opus.mkv", "h264-aac.mp4", "vp8-vorbis.webm", "theora-vorbis.ogg"])
def test_a_file_is_played_to_a_viewer(cluster, folder, name):
    _clip(folder, name)

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            viewer = await Viewer(client, pipeline).negotiate()
            player = await client.create("PlayerEndpoint", mediaPipeline=pipeline, uri=f"file://{folder / name}")
            heard = await Listener(client, player).to("EndOfStream", "Error", "UriEndpointStateChanged")
            await client.invoke(player, "connect", sink=viewer.endpoint)
            begun = time.monotonic()
            await client.invoke(player, "play")
            info = await client.invoke(player, "getVideoInfo")
            assert info["isSeekable"] and abs(info["duration"] - 5000) < 150
            await heard.wait("EndOfStream", 12)
            assert 4.5 < time.monotonic() - begun < 8
            await asyncio.sleep(1)
            assert len(heard.named("EndOfStream")) == 1 and not heard.named("Error")
            assert viewer.frames["video"] > 90 and viewer.frames["audio"] > 200, viewer.frames
            steady = [luma for luma in viewer.lumas if luma < 200]
            assert min(steady) < 50 and max(steady) > 80, (min(steady), max(steady))
            offsets = viewer.onsets.offsets()
            assert len(offsets) >= 3, viewer.onsets.__dict__
            await viewer.close()
            await client.release(pipeline)

    run(scenario())


@pytest.mark.parametrize("audio,left_out", [("libopus", False), ("aac", True)])
def test_encoded_media_is_not_decoded(cluster, folder, audio, left_out):
    path = clips.write(folder / "clip.mkv", 4, "libx264", audio)

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            viewer = await Viewer(client, pipeline).negotiate()
            player = await client.create(
                "PlayerEndpoint", mediaPipeline=pipeline, uri=f"file://{path}", useEncodedMedia=True)
            heard = await Listener(client, player).to("EndOfStream", "Error")
            await client.invoke(player, "connect", sink=viewer.endpoint)
            # Whoever comes later waits for the next key frame.
            await viewer.wait_for(lambda v: v.connection.connectionState == "connected", 10, "the connection")
            await client.invoke(player, "play")
            await heard.wait("EndOfStream", 12)
            assert viewer.frames["video"] > 60 and (viewer.frames["audio"] == 0) == left_out, viewer.frames
            errors = [data["type"] for data in heard.named("Error")]
            assert errors == (["STREAM_ERROR_CODEC_NOT_FOUND"] if left_out else [])
            await viewer.close()
            await client.release(pipeline)

    run(scenario())


@pytest.mark.parametrize("name,video,audio", [
    ("sought.webm", "libvpx", "libopus"), ("sought.mp4", "libx264", "aac")])
def test_a_seek_leads_between_key_frames(cluster, folder, name, video, audio):
    path = clips.write(folder / name, 10, video, audio, interval=1000)

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            viewer = await Viewer(client, pipeline).negotiate()
            player = await client.create("PlayerEndpoint", mediaPipeline=pipeline, uri=f"file://{path}")
            heard = await Listener(client, player).to("EndOfStream", "Error")
            await client.invoke(player, "connect", sink=viewer.endpoint)
            await client.invoke(player, "play")
            await viewer.wait_for(lambda v: v.frames["video"] > 10, 10, "pictures")
            await client.invoke(player, "setPosition", position=7500)
            assert 7500 <= await client.invoke(player, "getPosition") < 8000
            begun = time.monotonic()
            await heard.wait("EndOfStream", 10)
            assert 2 < time.monotonic() - begun < 4.5
            assert not heard.named("Error")
            between = [luma for luma in viewer.lumas if clips.brightness(2) - 6 < luma < clips.brightness(7) - 6]
            assert not between and any(abs(luma - clips.brightness(7)) < 6 for luma in viewer.lumas), viewer.lumas
            assert viewer.onsets.are_in_step(2), viewer.onsets.offsets()
            await viewer.close()
            await client.release(pipeline)

    run(scenario())


def test_a_player_pauses_seeks_and_says_where_it_is(cluster, folder):
    path = clips.write(folder / "long.webm", 10)

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            viewer = await Viewer(client, pipeline).negotiate()
            player = await client.create("PlayerEndpoint", mediaPipeline=pipeline, uri=f"file://{path}")
            heard = await Listener(client, player).to("EndOfStream", "UriEndpointStateChanged")
            with pytest.raises(KurentoError) as early:
                await client.invoke(player, "setPosition", position=1000)
            assert early.value.code == 40700
            await client.invoke(player, "connect", sink=viewer.endpoint)
            await client.invoke(player, "play")
            await viewer.wait_for(lambda v: v.frames["video"] > 40, 10, "pictures")
            await client.invoke(player, "pause")
            at = await client.invoke(player, "getPosition")
            await asyncio.sleep(0.5)
            frozen = viewer.frames["video"]
            await asyncio.sleep(1)
            assert viewer.frames["video"] <= frozen + 2
            assert await client.invoke(player, "getPosition") == at and 1000 < at < 4000
            await client.invoke(player, "setPosition", position=8000)
            with pytest.raises(KurentoError) as beyond:
                await client.invoke(player, "setPosition", position=60_000)
            assert beyond.value.code == 40700
            await client.invoke(player, "play")
            begun = time.monotonic()
            await heard.wait("EndOfStream", 10)
            assert 1 < time.monotonic() - begun < 5
            states = [data["state"] for data in heard.named("UriEndpointStateChanged")]
            assert states == ["START", "PAUSE", "START", "STOP"]
            # From the start again.
            await client.invoke(player, "play")
            await asyncio.sleep(1)
            assert await client.invoke(player, "getPosition") < 3000
            await client.invoke(player, "stop")
            await viewer.close()
            await client.release(pipeline)

    run(scenario())


@pytest.mark.parametrize("make,kind", [
    (lambda folder: folder / "missing.webm", "RESOURCE_ERROR_NOT_FOUND"),
    (lambda folder: pathlib.Path("/etc/passwd"), "RESOURCE_ERROR_NOT_AUTHORIZED"),
    (lambda folder: _text(folder / "text.webm"), "STREAM_ERROR_WRONG_TYPE"),
    (lambda folder: _half(folder / "half.webm"), None),
])
def test_what_cannot_be_played_is_an_error_event_and_nothing_else(cluster, folder, make, kind):
    path = make(folder)

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            player = await client.create("PlayerEndpoint", mediaPipeline=pipeline, uri=f"file://{path}")
            heard = await Listener(client, player).to("Error", "EndOfStream")
            await client.invoke(player, "play")
            if kind:
                error = await heard.wait("Error")
                assert error["type"] == kind and error["description"], error
                assert await client.invoke(player, "getState") == "STOP"
            else:
                # Cut off in the middle: it plays as far as it goes.
                await heard.wait("EndOfStream")
            await client.release(pipeline)

    run(scenario())


def _text(path):
    path.write_text("this is no film " * 100)
    return path


def _half(path):
    clips.write(path, 4)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return path


@pytest.mark.parametrize("uri,kind", [
    ("file:///proc/nowhere/x.webm", "RESOURCE_ERROR_NOT_AUTHORIZED"),
    ("http://127.0.0.1:9/x.webm", "RESOURCE_ERROR_NOT_AUTHORIZED"),
])
def test_what_may_not_be_written_is_an_error_event(cluster, uri, kind):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            recorder = await client.create("RecorderEndpoint", mediaPipeline=pipeline, uri=uri)
            heard = await Listener(client, recorder).to("Error")
            await client.invoke(recorder, "record")
            error = await heard.wait("Error")
            assert error["type"] == kind, error
            assert await client.invoke(recorder, "getState") == "STOP"
            await client.release(pipeline)

    run(scenario())


@pytest.fixture
def small_disk(folder):
    """A file system of 64 KiB."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "apus-test", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_an_error_event_and_the_call_goes_on(cluster, small_disk):
    path = small_disk / "call.webm"

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peer, viewer = await publisher(client, pipeline), Viewer(client, pipeline)
            await viewer.negotiate()
            await client.invoke(peer.endpoint, "connect", sink=viewer.endpoint)
            recorder = await record(client, pipeline, peer.endpoint, path)
            heard = await Listener(client, recorder).to("Error")
            await client.invoke(recorder, "record")
            error = await heard.wait("Error", 40)
            assert error["type"] == "RESOURCE_ERROR_NO_SPACE_LEFT", error
            assert await client.invoke(recorder, "getState") == "STOP"
            count = viewer.frames["video"]
            await viewer.wait_for(lambda it: it.frames["video"] > count + 50, 10, "pictures after that")
            for each in (peer, viewer):
                await each.close()
            await client.release(pipeline)

    run(scenario())
    assert clips.Recorded(path).times["video"][-1] > 1, "what had room plays"


def test_elements_are_placed_where_they_are_offered(folder):
    """Two workers that only forward, one with a media plane: players and recorders land there, and a pipe leads on."""
    clips.write(folder / "clip.webm", 5)

    async def scenario(cluster, start):
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            viewer = await Viewer(client, pipeline).negotiate()
            with pytest.raises(KurentoError) as refused:
                await client.create("PlayerEndpoint", mediaPipeline=pipeline, uri="file:///tmp/x.webm")
            assert "media" in str(refused.value)
            await asyncio.to_thread(start)
            player = await client.create(
                "PlayerEndpoint", mediaPipeline=pipeline, uri=f"file://{folder / 'clip.webm'}")
            await client.invoke(player, "connect", sink=viewer.endpoint)
            publishing = await publisher(client, pipeline)
            recorder = await record(client, pipeline, publishing.endpoint, folder / "far.webm")
            await client.invoke(recorder, "record")
            await client.invoke(player, "play")
            await viewer.wait_for(lambda v: v.frames["video"] > 50 and v.frames["audio"] > 100, 15, "the clip")
            endpoints = {worker["id"]: worker["load"]["endpoints"] for worker in cluster.status()["workers"]}
            assert endpoints["m1"] == 2 and endpoints["w1"] + endpoints["w2"] == 2, endpoints
            await client.invoke(recorder, "stopAndWait")
            await viewer.close()
            await publishing.close()
            await client.release(pipeline)

    with Cluster(extra="  media: false\n") as cluster:
        cluster.wait_ready()
        config = folder / "media.yml"
        config.write_text(cluster.config.read_text().replace("media: false", "media: true"))
        command = [apus_binary(), "worker", "--id", "m1", "--index", "5", "--config", str(config)]
        processes = []

        def start():
            processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT))
            wait_until(lambda: cluster.workers()["m1"]["isAlive"], 15)

        try:
            run(scenario(cluster, start))
        finally:
            for process in processes:
                process.send_signal(signal.SIGINT)
                process.wait(15)
    clip = clips.Recorded(folder / "far.webm")
    assert clip.codecs == {"audio": "opus", "video": "vp8"} and clip.duration > 1
