"""Composite, AlphaBlending, dispatchers and Mixer: who sees and hears whom, by colours and tones."""

import asyncio
import collections
import fractions
import os
import pathlib
import signal
import tempfile
import time

import av
import numpy
import pytest
from aiortc import RTCRtpSender
from aiortc.mediastreams import MediaStreamTrack

import clips
from cluster import Cluster, wait_until
from conftest import run
from kurento import KurentoClient, KurentoError
from peer import Peer

RED, GREEN, BLUE, YELLOW, BLACK = (220, 30, 30), (30, 200, 30), (30, 30, 220), (210, 210, 30), (0, 0, 0)
PITCHES = (400, 700, 1100, 1600)


class Paced(MediaStreamTrack):
    """Something so often a second."""

    def __init__(self, rate):
        super().__init__()
        self.rate, self.count, self.started = rate, 0, None

    async def turn(self):
        self.started = self.started or time.monotonic()
        await asyncio.sleep(max(0, self.started + self.count / self.rate - time.monotonic()))
        # A camera does not fall behind, it leaves out.
        now = int((time.monotonic() - self.started) * self.rate)
        self.count = now + 1 if now - self.count > self.rate / 5 else self.count + 1
        return self.count - 1


class Plain(Paced):
    """A picture of one colour."""

    kind = "video"

    def __init__(self, colour, size=(160, 120), rate=15):
        super().__init__(rate)
        self.pixels = numpy.full((size[1], size[0], 3), colour, numpy.uint8)

    async def recv(self):
        number = await self.turn()
        frame = av.VideoFrame.from_ndarray(self.pixels, "rgb24")
        frame.pts, frame.time_base = number * 90000 // self.rate, fractions.Fraction(1, 90000)
        return frame


class Tone(Paced):
    kind = "audio"

    def __init__(self, pitch):
        super().__init__(50)
        self.pitch = pitch

    async def recv(self):
        number = await self.turn()
        at = (number * 960 + numpy.arange(960)) / 48000
        wave = (numpy.sin(2 * numpy.pi * self.pitch * at) * 6000).astype(numpy.int16)
        frame = av.AudioFrame.from_ndarray(wave.reshape(1, -1), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, number * 960, fractions.Fraction(1, 48000)
        return frame


class Participant(Peer):
    """Sends a colour and a tone, and looks at what it gets."""

    def __init__(self, client, pipeline, colour=None, pitch=None, size=(160, 120)):
        tracks = ([Tone(pitch)] if pitch else []) + ([Plain(colour, size)] if colour else [])
        receive = [kind for kind, sent in (("audio", pitch), ("video", colour)) if not sent]
        super().__init__(client, pipeline, tracks, receive)
        self.picture = None
        self.sound = collections.deque(maxlen=25)

    async def _consume(self, track):
        while True:
            frame = await track.recv()
            self.frames[track.kind] += 1
            if track.kind == "video":
                self.picture = frame.to_ndarray(format="rgb24")
            else:
                self.sound.append(frame.to_ndarray().reshape(-1)[::2])

    def colour(self, x, y):
        """At a place that is given in parts of the picture's size."""
        if self.picture is None:
            return None
        height, width, _ = self.picture.shape
        return tuple(int(value) for value in self.picture[int(y * height), int(x * width)])

    def sees(self, expected):
        """Colours by places."""
        return self.picture is not None and all(
            max(abs(a - b) for a, b in zip(self.colour(*place), colour)) < 45 for place, colour in expected.items())

    def level(self, pitch):
        """How loud a tone is in the last half second, as a part of what its sender sends.

        Nobody minds that it is a fiftieth too high while sound that came late at first catches up.
        """
        wave = numpy.concatenate(self.sound).astype(float) if self.sound else numpy.zeros(2)
        window = numpy.hanning(len(wave))
        spectrum = abs(numpy.fft.rfft(wave * window)) ** 2
        near = abs(numpy.fft.rfftfreq(len(wave), 1 / 48000) - pitch) < 0.04 * pitch
        return 2 * (spectrum[near].sum() / (len(wave) * (window ** 2).sum() or 1)) ** 0.5 / 6000

    def hears(self, *pitches):
        """These and no others."""
        return len(self.sound) == 25 and all(
            0.5 < self.level(pitch) < 1.5 if pitch in pitches else self.level(pitch) < 0.1 for pitch in PITCHES)

    async def until_sees(self, expected, seconds=15):
        def text():
            return {place: self.colour(*place) for place in expected}

        deadline = time.monotonic() + seconds
        while not self.sees(expected):
            assert time.monotonic() < deadline, f"{text()} instead of {expected}; {self.frames}"
            await asyncio.sleep(0.05)

    async def until_hears(self, *pitches, seconds=15):
        deadline = time.monotonic() + seconds
        while not self.hears(*pitches):
            levels = {pitch: round(self.level(pitch), 2) for pitch in PITCHES}
            assert time.monotonic() < deadline, f"{levels} instead of {pitches}; {self.frames}"
            await asyncio.sleep(0.05)


class Room:
    """A hub, and participants at its ports."""

    def __init__(self, client):
        self.client = client
        self.participants = []

    async def open(self, kind, **options):
        self.pipeline = await self.client.create("MediaPipeline")
        self.hub = await self.client.create(kind, mediaPipeline=self.pipeline, **options)
        return self

    async def join(self, colour=None, pitch=None, size=(160, 120), codec=None):
        participant = Participant(self.client, self.pipeline, colour, pitch, size)
        self.participants.append(participant)
        if codec:
            codecs = [known for known in RTCRtpSender.getCapabilities("video").codecs if known.mimeType == codec]
            for transceiver in participant.connection.getTransceivers():
                if transceiver.kind == "video":
                    transceiver.setCodecPreferences(codecs)
        await participant.negotiate()
        participant.port = await self.client.create("HubPort", hub=self.hub)
        if colour or pitch:
            await self.client.invoke(participant.endpoint, "connect", sink=participant.port)
        await self.client.invoke(participant.port, "connect", sink=participant.endpoint)
        return participant

    async def tell(self, operation, **arguments):
        await self.client.invoke(self.hub, operation, **arguments)

    async def close(self):
        for participant in self.participants:
            await participant.close()
        await self.client.release(self.pipeline)


QUARTERS = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)]
COLOURS = [RED, GREEN, BLUE, YELLOW]


def test_a_composite_shows_all_and_each_hears_the_others(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            room = await Room(client).open("Composite", width=320, height=240)
            people = [await room.join(colour, pitch) for colour, pitch in zip(COLOURS, PITCHES)]
            for index, person in enumerate(people):
                await person.until_sees(dict(zip(QUARTERS, COLOURS)))
                await person.until_hears(*(pitch for other, pitch in enumerate(PITCHES) if other != index))
            assert people[0].picture.shape == (240, 320, 3)
            # The first leaves; the others move up.
            await client.release(people[0].port)
            await people[1].until_sees(dict(zip(QUARTERS, [GREEN, BLUE, YELLOW, BLACK])))
            await people[1].until_hears(PITCHES[2], PITCHES[3])
            # One is there, and not connected any more.
            await client.invoke(people[1].endpoint, "disconnect", sink=people[1].port)
            await people[2].until_sees({(0.25, 0.5): BLUE, (0.75, 0.5): YELLOW})
            await people[2].until_hears(PITCHES[3])
            await client.invoke(people[1].endpoint, "connect", sink=people[1].port)
            await people[2].until_sees(dict(zip(QUARTERS, [GREEN, BLUE, YELLOW, BLACK])))
            await room.close()

    run(scenario())


def test_a_composite_is_made_so_often_a_second_for_any_number_of_viewers(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            room = await Room(client).open("Composite")
            await room.join(RED, PITCHES[0])
            viewers = [await room.join() for _ in range(2)]
            for viewer in viewers:
                await viewer.until_sees({(0.1, 0.1): RED, (0.9, 0.9): RED})
                await viewer.until_hears(PITCHES[0])
                assert viewer.picture.shape == (600, 800, 3)
            before = viewers[0].frames["video"]
            await asyncio.sleep(4)
            assert 48 <= viewers[0].frames["video"] - before <= 66, viewers[0].frames["video"] - before
            # Who comes later needs no key frame of anybody but the hub.
            late = await room.join()
            begun = time.monotonic()
            await late.until_sees({(0.5, 0.5): RED}, 5)
            assert time.monotonic() - begun < 3
            await room.close()

    run(scenario())


def test_a_composite_takes_what_its_participants_send(cluster):
    """H.264 from one, VP8 from the other; what nobody can take apart costs nobody else."""
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            room = await Room(client).open("Composite", width=320, height=240)
            await room.join(RED, PITCHES[0], codec="video/H264")
            await room.join(GREEN, PITCHES[1])
            viewer = await room.join()
            await viewer.until_sees({(0.25, 0.5): RED, (0.75, 0.5): GREEN})
            await viewer.until_hears(PITCHES[0], PITCHES[1])
            await room.close()

    run(scenario())


def test_hubs_leave_nothing_behind(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            def threads():
                return sum(
                    len(os.listdir(f"/proc/{worker['processID']}/task")) for worker in cluster.status()["workers"])

            before = threads()
            for _ in range(5):
                pipeline = await client.create("MediaPipeline")
                for kind in ("Composite", "AlphaBlending", "Mixer"):
                    hub = await client.create(kind, mediaPipeline=pipeline)
                    ports = [await client.create("HubPort", hub=hub) for _ in range(6)]
                    for source, sink in zip(ports, ports[1:]):
                        await client.invoke(source, "connect", sink=sink)
                    if kind == "Composite":
                        await client.release(hub)
                assert threads() >= before + 13
                await client.release(pipeline)
            wait_until(lambda: threads() <= before + 2, 5)

    run(scenario())


def test_picture_and_sound_of_a_composite_belong_together(cluster):
    """A clip that flashes and beeps goes in at one port; what comes out at another one is recorded."""
    async def scenario(path):
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            hub = await client.create("Composite", mediaPipeline=pipeline, width=320, height=240, framerate=25)
            clip = clips.LiveClip()
            peer = await Peer(client, pipeline, [clip.audio, clip.video]).negotiate()
            entry, exit = [await client.create("HubPort", hub=hub) for _ in range(2)]
            recorder = await client.create("RecorderEndpoint", mediaPipeline=pipeline, uri=f"file://{path}")
            await client.invoke(peer.endpoint, "connect", sink=entry)
            await client.invoke(exit, "connect", sink=recorder)
            await client.invoke(recorder, "record")
            await asyncio.sleep(9)
            await client.invoke(recorder, "stopAndWait")
            await peer.close()
            await client.release(pipeline)

    with tempfile.TemporaryDirectory(prefix="apus-hub-", dir="/tmp") as folder:
        path = pathlib.Path(folder) / "mix.webm"
        run(scenario(path))
        recorded = clips.Recorded(path)
    offsets = recorded.onsets.offsets()
    # The first reports take a moment to tell what belongs together.
    assert len(offsets) >= 5 and max(abs(offset) for offset in offsets[2:]) <= 0.08, offsets


def processor_time(process):
    """Seconds that a process has had."""
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_nine_pictures_of_360_lines_are_put_together_in_time(cluster):
    async def scenario(path):
        async with KurentoClient(cluster.kurento) as client:
            room = await Room(client).open("Composite")
            players = []
            for _ in range(9):
                player = await client.create("PlayerEndpoint", mediaPipeline=room.pipeline, uri=f"file://{path}")
                port = await client.create("HubPort", hub=room.hub)
                await client.invoke(player, "connect", sink=port)
                players.append(player)
            viewer = await room.join()
            await asyncio.gather(*(client.invoke(player, "play") for player in players))
            await viewer.wait_for(lambda v: v.frames["video"] > 30, 15, "the composite")
            workers = [worker["processID"] for worker in cluster.status()["workers"]]
            before, begun = sum(map(processor_time, workers)), time.monotonic()
            frames = viewer.frames["video"]
            await asyncio.sleep(8)
            passed = time.monotonic() - begun
            rate = (viewer.frames["video"] - frames) / passed
            share = (sum(map(processor_time, workers)) - before) / passed
            print(f"{rate:.1f} pictures a second, {share:.2f} processors")
            assert rate > 13.5, (rate, share)
            # Each cell is its clip, none is black.
            for x in (1, 3, 5):
                for y in (1, 3, 5):
                    assert min(viewer.colour(x / 6, y / 6)) > 30, (x, y)
            await room.close()

    with tempfile.TemporaryDirectory(prefix="apus-hub-", dir="/tmp") as folder:
        run(scenario(clips.write(pathlib.Path(folder) / "clip.webm", 20, size=(640, 360))))


def test_a_dispatcher_shows_whom_it_is_told(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            room = await Room(client).open("Dispatcher")
            red = await room.join(RED, PITCHES[0])
            green = await room.join(GREEN, PITCHES[1])
            viewer = await room.join()
            await room.tell("connect", source=red.port, sink=viewer.port)
            await viewer.until_sees({(0.5, 0.5): RED})
            await viewer.until_hears(PITCHES[0])
            await room.tell("connect", source=green.port, sink=viewer.port)
            await room.tell("connect", source=green.port, sink=red.port)
            await viewer.until_sees({(0.5, 0.5): GREEN})
            await viewer.until_hears(PITCHES[1])
            await red.until_sees({(0.5, 0.5): GREEN})
            assert green.frames["video"] == 0
            await client.release(green.port)
            await asyncio.sleep(0.5)
            before = viewer.frames["video"]
            await asyncio.sleep(1)
            assert viewer.frames["video"] - before <= 1
            await room.close()

    run(scenario())


def test_one_to_many_shows_one_to_all(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            room = await Room(client).open("DispatcherOneToMany")
            red = await room.join(RED, PITCHES[0])
            green = await room.join(GREEN, PITCHES[1])
            viewer = await room.join()
            await room.tell("setSource", source=red.port)
            for person in (red, green, viewer):
                await person.until_sees({(0.5, 0.5): RED})
            late = await room.join()
            await late.until_sees({(0.5, 0.5): RED})
            await room.tell("setSource", source=green.port)
            for person in (red, viewer, late):
                await person.until_sees({(0.5, 0.5): GREEN})
                await person.until_hears(PITCHES[1])
            await room.tell("removeSource")
            await asyncio.sleep(0.5)
            before = viewer.frames["video"]
            await asyncio.sleep(1)
            assert viewer.frames["video"] - before <= 1
            await room.close()

    run(scenario())


def test_alpha_blending_places_ports_on_the_master(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            room = await Room(client).open("AlphaBlending")
            red = await room.join(RED, PITCHES[0], (320, 240))
            green = await room.join(GREEN, PITCHES[1])
            viewer = await room.join()
            await room.tell("setMaster", source=red.port, zOrder=1)
            await viewer.until_sees({place: RED for place in QUARTERS})
            assert viewer.picture.shape == (240, 320, 3)
            await viewer.until_hears(PITCHES[0], PITCHES[1])

            async def place(x, y, width, height, depth):
                await room.tell(
                    "setPortProperties", port=green.port, relativeX=x, relativeY=y, relativeWidth=width,
                    relativeHeight=height, zOrder=depth)

            await place(0.5, 0.5, 0.5, 0.5, 2)
            await viewer.until_sees(dict(zip(QUARTERS, [RED, RED, RED, GREEN])))
            await place(0.75, 0, 0.5, 0.5, 2)
            await viewer.until_sees({(0.6, 0.25): RED, (0.9, 0.25): GREEN, (0.75, 0.75): RED})
            await place(0.5, 0.5, 0.5, 0.5, 0)
            await viewer.until_sees({place: RED for place in QUARTERS})
            await room.tell("setMaster", source=green.port, zOrder=1)
            await viewer.until_sees({place: GREEN for place in QUARTERS})
            assert viewer.picture.shape == (120, 160, 3)
            await room.close()

    run(scenario())


def test_a_mixer_mixes_the_sound_that_is_connected(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            room = await Room(client).open("Mixer")
            red = await room.join(RED, PITCHES[0])
            green = await room.join(GREEN, PITCHES[1])
            viewer = await room.join()

            async def connect(source, kind, operation="connect"):
                await room.tell(operation, media=kind, source=source.port, sink=viewer.port)

            await connect(red, "AUDIO")
            await connect(red, "VIDEO")
            await viewer.until_sees({(0.5, 0.5): RED})
            await viewer.until_hears(PITCHES[0])
            await connect(green, "AUDIO")
            await viewer.until_hears(PITCHES[0], PITCHES[1])
            await connect(green, "VIDEO")
            await viewer.until_sees({(0.5, 0.5): GREEN})
            await connect(red, "AUDIO", "disconnect")
            await viewer.until_hears(PITCHES[1])
            await connect(green, "VIDEO", "disconnect")
            await viewer.until_sees({(0.5, 0.5): RED})
            assert not green.hears(PITCHES[0]) and green.frames["video"] == 0
            await room.close()

    run(scenario())


def test_hubs_go_on_when_the_media_process_is_killed():
    async def scenario(cluster):
        async with KurentoClient(cluster.kurento) as client:
            composite = await Room(client).open("Composite", width=320, height=240)
            blending = await Room(client).open("AlphaBlending")
            red = await composite.join(RED, PITCHES[0])
            green = await composite.join(GREEN, PITCHES[1])
            blue = await blending.join(BLUE, PITCHES[2], (320, 240))
            yellow = await blending.join(YELLOW)
            await blending.tell("setMaster", source=blue.port, zOrder=0)
            await blending.tell(
                "setPortProperties", port=yellow.port, relativeX=0.5, relativeY=0.5, relativeWidth=0.5,
                relativeHeight=0.5, zOrder=1)
            halves = {(0.25, 0.5): RED, (0.75, 0.5): GREEN}
            await red.until_sees(halves)
            await yellow.until_sees(dict(zip(QUARTERS, [BLUE, BLUE, BLUE, YELLOW])))
            for worker in cluster.status()["workers"]:
                if worker["assignedSessions"]:
                    os.kill(worker["processID"], signal.SIGKILL)
            await asyncio.sleep(2)
            red.picture = green.picture = yellow.picture = None
            await red.until_sees(halves)
            await green.until_hears(PITCHES[0])
            await yellow.until_sees(dict(zip(QUARTERS, [BLUE, BLUE, BLUE, YELLOW])))
            await composite.close()
            await blending.close()

    with Cluster() as cluster:
        run(scenario(cluster.wait_ready()))


def test_a_hubs_ports_are_where_it_is():
    """Participants are on several shards, the hub on one; pipes lead there and back."""
    async def scenario(cluster):
        async with KurentoClient(cluster.kurento) as client:
            room = await Room(client).open("Composite", width=320, height=240)
            people = [await room.join(colour, pitch) for colour, pitch in zip(COLOURS[:3], PITCHES)]
            wait_until(lambda: min(worker["load"]["endpoints"] for worker in cluster.status()["workers"]) > 0, 5)
            for index, person in enumerate(people):
                await person.until_sees(dict(zip(QUARTERS, COLOURS[:3])))
                await person.until_hears(*(pitch for other, pitch in enumerate(PITCHES[:3]) if other != index))
            await room.close()

    with Cluster(extra="limits:\n  endpoints_per_shard: 2\n") as own:
        run(scenario(own.wait_ready()))


@pytest.mark.parametrize("options,word", [
    ({"width": 0}, "width"), ({"height": -5}, "height"), ({"width": 100_000, "height": 100_000}, "width"),
    ({"framerate": 0}, "framerate"), ({"framerate": 1000}, "framerate"), ({"width": "wide"}, "width"),
])
def test_sizes_that_are_not_made_are_refused(cluster, options, word):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            with pytest.raises(KurentoError) as refused:
                await client.create("Composite", mediaPipeline=pipeline, **options)
            assert word in str(refused.value) and refused.value.code in (40001, 40107)
            await client.release(pipeline)

    run(scenario())


def test_what_is_no_port_of_the_hub_is_refused(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            async def code(call):
                with pytest.raises(KurentoError) as refused:
                    await call
                return refused.value.code

            first, second = [await client.create("MediaPipeline") for _ in range(2)]
            hub = await client.create("Dispatcher", mediaPipeline=first)
            other = await client.create("Dispatcher", mediaPipeline=first)
            foreign = await client.create("Dispatcher", mediaPipeline=second)
            port, near, far = [await client.create("HubPort", hub=owner) for owner in (hub, other, foreign)]
            endpoint = await client.create("WebRtcEndpoint", mediaPipeline=first)
            connect = lambda source: client.invoke(hub, "connect", source=source, sink=port)
            assert await code(connect(near)) == 40107
            assert await code(connect(far)) == 40004
            assert await code(connect(endpoint)) == 40001
            assert await code(connect("nobody")) == 40101
            assert await code(client.create("HubPort", hub=endpoint)) == 40001
            assert await code(client.create("HubPort", hub="nobody")) == 40101
            assert await code(client.create("HubPort")) == 40001
            assert await code(client.invoke(endpoint, "connect", sink=far)) == 40004
            blending = await client.create("AlphaBlending", mediaPipeline=first)
            layer = await client.create("HubPort", hub=blending)
            for x, width in ((1e300, 0.5), (-2, 0.5), (0, 7), (0, -1)):
                assert await code(client.invoke(
                    blending, "setPortProperties", port=layer, relativeX=x, relativeY=0, zOrder=1,
                    relativeWidth=width, relativeHeight=0.5)) == 40107
            await client.release(hub)
            assert await code(client.invoke(port, "getName")) == 40101
            assert await client.invoke(blending, "getChildren") == [layer]
            await client.release(first)
            await client.release(second)

    run(scenario())


def test_a_hub_that_mixes_has_room_for_so_many(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            hub = await client.create("Composite", mediaPipeline=pipeline)
            ports = [await client.create("HubPort", hub=hub) for _ in range(64)]
            with pytest.raises(KurentoError) as refused:
                await client.create("HubPort", hub=hub)
            assert refused.value.code == 40009 and "64" in str(refused.value)
            await client.release(ports[10])
            await client.create("HubPort", hub=hub)
            await client.release(pipeline)

    run(scenario())
