"""An aiortc peer that talks to a WebRtcEndpoint: an implementation from another family."""

import asyncio
import fractions
import math
import time

import av
import numpy
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack
from aiortc.sdp import candidate_from_sdp


class ToneTrack(AudioStreamTrack):
    """A 440 Hz tone in 20 ms frames, `rate` of them a second."""

    def __init__(self, rate=50):
        super().__init__()
        self.rate = rate
        self.count = 0
        self.started = None

    async def recv(self):
        self.started = self.started or time.monotonic()
        await asyncio.sleep(max(0, self.started + self.count / self.rate - time.monotonic()))
        first = self.count * 960
        wave = numpy.sin(2 * math.pi * 440 * (first + numpy.arange(960)) / 48000) * 12000
        frame = av.AudioFrame.from_ndarray(wave.astype(numpy.int16).reshape(1, -1), "s16", "mono")
        frame.sample_rate = 48000
        frame.pts = first
        frame.time_base = fractions.Fraction(1, 48000)
        self.count += 1
        return frame


class ColourTrack(VideoStreamTrack):
    """A plain picture of one brightness, so that the receiver can tell whose it is."""

    def __init__(self, luma=100):
        super().__init__()
        self.luma = luma

    async def recv(self):
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame.from_ndarray(numpy.full((240, 320, 3), self.luma, numpy.uint8), "rgb24")
        frame.pts = pts
        frame.time_base = time_base
        return frame


class Peer:
    def __init__(self, client, pipeline, tracks=(), receive=()):
        self.client = client
        self.pipeline = pipeline
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        for track in tracks:
            self.connection.addTrack(track)
        for kind in receive:
            self.connection.addTransceiver(kind, direction="recvonly")
        self.frames = {"audio": 0, "video": 0}
        self.loudest = 0
        self.luma = None
        self.tasks = []
        self.connection.on("track", self._track)

    def _track(self, track: MediaStreamTrack):
        self.tasks.append(asyncio.ensure_future(self._consume(track)))

    async def _consume(self, track):
        while True:
            frame = await track.recv()
            self.frames[track.kind] += 1
            if track.kind == "audio":
                self.loudest = max(self.loudest, int(numpy.abs(frame.to_ndarray()).max()))
            else:
                self.luma = float(frame.to_ndarray(format="gray").mean())

    async def negotiate(self):
        """As the stock tutorials do it: create, subscribe, offer, answer, gather, trickle."""
        self.endpoint = await self.client.create("WebRtcEndpoint", mediaPipeline=self.pipeline)
        done = asyncio.Event()

        def on_event(event):
            if event["object"] != self.endpoint:
                return
            if event["type"] == "IceCandidateFound":
                fields = event["data"]["candidate"]
                candidate = candidate_from_sdp(fields["candidate"].split(":", 1)[1])
                candidate.sdpMid = fields["sdpMid"]
                candidate.sdpMLineIndex = fields["sdpMLineIndex"]
                self.tasks.append(asyncio.ensure_future(self.connection.addIceCandidate(candidate)))
            elif event["type"] == "IceGatheringDone":
                done.set()

        self.client.handlers.append(on_event)
        await self.client.subscribe(self.endpoint, "IceCandidateFound")
        await self.client.subscribe(self.endpoint, "IceGatheringDone")
        await self.connection.setLocalDescription(await self.connection.createOffer())
        answer = await self.client.invoke(
            self.endpoint, "processOffer", offer=self.connection.localDescription.sdp)
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await self.client.invoke(self.endpoint, "gatherCandidates")
        await asyncio.wait_for(done.wait(), 5)
        return self

    async def wait_for(self, condition, seconds=10, what="the condition"):
        deadline = time.monotonic() + seconds
        while not condition(self):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{what} did not come true: {self.frames}, {self.connection.connectionState}")
            await asyncio.sleep(0.05)
        return self

    async def close(self):
        for task in self.tasks:
            task.cancel()
        await self.connection.close()
