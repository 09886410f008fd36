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
        # The server's candidates as it told them, and what to make of its descriptions before use.
        self.candidates = []
        self.rewrite = lambda text: text
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

    async def _make_endpoint(self, options):
        """Creates the endpoint and passes what it finds on to the connection; set when it has gathered."""
        self.endpoint = await self.client.create("WebRtcEndpoint", mediaPipeline=self.pipeline, **options)
        done = asyncio.Event()

        def on_event(event):
            if event["object"] != self.endpoint:
                return
            if event["type"] == "IceCandidateFound":
                fields = event["data"]["candidate"]
                self.candidates.append(fields["candidate"])
                candidate = candidate_from_sdp(self.rewrite(fields["candidate"]).split(":", 1)[1])
                candidate.sdpMid = fields["sdpMid"]
                candidate.sdpMLineIndex = fields["sdpMLineIndex"]
                self.tasks.append(asyncio.ensure_future(self.connection.addIceCandidate(candidate)))
            elif event["type"] == "IceGatheringDone":
                done.set()

        self.client.handlers.append(on_event)
        await self.client.subscribe(self.endpoint, "IceCandidateFound")
        await self.client.subscribe(self.endpoint, "IceGatheringDone")
        return done

    async def negotiate(self, trickle=False, hidden=False, **options):
        """As the stock tutorials do it: create, subscribe, offer, answer, gather, trickle.

        With `trickle` the offer holds no candidates: they are sent before it, as browsers may do. `hidden`
        peers never tell their candidates, as if none of their addresses could be reached.
        """
        done = await self._make_endpoint(options)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        offer = self.connection.localDescription.sdp
        if trickle:
            lines = offer.split("\r\n")
            for line in lines:
                if line.startswith("a=candidate:"):
                    candidate = {
                        "__module__": "kurento", "__type__": "IceCandidate", "candidate": line[2:],
                        "sdpMid": self.connection.getTransceivers()[0].mid, "sdpMLineIndex": 0,
                    }
                    await self.client.invoke(self.endpoint, "addIceCandidate", candidate=candidate)
        if trickle or hidden:
            offer = "\r\n".join(
                line for line in offer.split("\r\n") if not line.startswith(("a=candidate:", "a=end-of-candidates")))
        answer = await self.client.invoke(self.endpoint, "processOffer", offer=offer)
        await self.connection.setRemoteDescription(RTCSessionDescription(self.rewrite(answer), "answer"))
        await self.client.invoke(self.endpoint, "gatherCandidates")
        await asyncio.wait_for(done.wait(), 5)
        return self

    async def accept_offer(self, **options):
        """The other way round: the server offers, the peer answers."""
        done = await self._make_endpoint(options)
        offer = await self.client.invoke(self.endpoint, "generateOffer")
        await self.connection.setRemoteDescription(RTCSessionDescription(self.rewrite(offer), "offer"))
        for transceiver in self.connection.getTransceivers():
            # aiortc takes only what it was told to: send what there is a track for, receive the rest.
            transceiver.direction = "sendrecv" if transceiver.sender.track else "recvonly"
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        await self.client.invoke(self.endpoint, "processAnswer", answer=self.connection.localDescription.sdp)
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
