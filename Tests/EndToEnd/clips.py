"""Clips that tell their time: each second begins with a flash and a beep, and each second has its own brightness. Or
flashes and beeps come at uneven intervals, so that it shows which belongs to which."""

import asyncio
import fractions
import itertools
import math
import subprocess
import time

import av
import numpy
from aiortc.mediastreams import MediaStreamTrack

RATE = 25
BEEP = 0.12
GAPS = (0.8, 1.24, 1.0, 1.44, 0.92, 1.12)
"""From one flash to the next where they are uneven, again and again: whole pictures."""


def brightness(second):
    return 40 + 12 * (second % 10)


def uneven(seconds):
    """When flashes and beeps begin in a clip of that length."""
    starts = numpy.cumsum([1.0, *itertools.islice(itertools.cycle(GAPS), int(seconds / min(GAPS)))])
    return starts[starts < seconds - BEEP]


def age(at, starts=None):
    """Seconds since the newest flash began; one does with each second, where it is not said when."""
    if starts is None:
        return at % 1
    starts = numpy.concatenate([[-1], starts])
    return at - starts[numpy.searchsorted(starts, at + 1e-6, side="right") - 1]


def picture(seconds, width=320, height=240, starts=None):
    is_lit = age(seconds, starts) < BEEP
    luma = 235 if is_lit else brightness(int(seconds)) if starts is None else 40
    pixels = numpy.full((height, width, 3), luma, numpy.uint8)
    # Something moves: a picture like the last one is nothing to some encoders.
    left = int(seconds * 200) % (width - 8)
    pixels[:, left:left + 8] = 128
    return av.VideoFrame.from_ndarray(pixels, "rgb24")


def samples(first, count, rate=48000, starts=None):
    """16-bit samples from number `first` on."""
    at = (first + numpy.arange(count)) / rate
    tone = numpy.sin(2 * math.pi * 1000 * at) * 12000 * (age(at, starts) < BEEP)
    return tone.astype(numpy.int16).reshape(1, -1)


def write(path, seconds, video="libvpx", audio="libopus", size=(320, 240), form=None, starts=None,
          interval=50):
    """A file of that length; `video` and `audio` are FFmpeg's encoders, None leaves the kind out; a key frame comes
    each `interval` pictures."""
    with av.open(str(path), "w", format=form) as clip:
        streams = []
        if video:
            stream = clip.add_stream(video, rate=RATE)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            stream.bit_rate = 400_000
            # As many at least as at most: none where the picture changes.
            stream.options = {"g": str(interval), "keyint_min": str(interval), "sc_threshold": "0"}
            if "vpx" in video:
                stream.options |= {"deadline": "realtime", "cpu-used": "8"}
            streams.append((stream, seconds * RATE))
        if audio:
            sound = clip.add_stream(audio, rate=48000, layout="mono")
            length = sound.codec_context.frame_size or 960
            streams.append((sound, seconds * 48000 // length))
        # In the order in which they are shown and heard: muxers hold back only so much to put it right.
        order = sorted((number / (RATE if stream.type == "video" else 48000 / length), index, number)
                       for index, (stream, count) in enumerate(streams) for number in range(count))
        for _, index, number in order:
            stream, _ = streams[index]
            if stream.type == "video":
                frame = picture(number / RATE, *size, starts)
                frame.pts, frame.time_base = number, fractions.Fraction(1, RATE)
            else:
                frame = av.AudioFrame.from_ndarray(samples(number * length, length, starts=starts), "s16", "mono")
                frame.sample_rate, frame.pts = 48000, number * length
                frame.time_base = fractions.Fraction(1, 48000)
            for packet in stream.encode(frame):
                clip.mux(packet)
        for stream, _ in streams:
            for packet in stream.encode():
                clip.mux(packet)
    return path


def transcode(source, path, video, audio, container):
    """The same clip in other codecs, by GStreamer's elements: it has encoders that PyAV has not."""
    subprocess.run(
        ["gst-launch-1.0", "-q", "filesrc", f"location={source}", "!", "decodebin", "name=d",
         "d.", "!", "queue", "!", "videoconvert", "!", video, "!", "queue", "!", container, "name=m", "!",
         "filesink", f"location={path}",
         "d.", "!", "queue", "!", "audioconvert", "!", audio, "!", "queue", "!", "m."], check=True, timeout=60)
    return path


class Onsets:
    """When flashes and beeps begin, in seconds, of what is given to it in order."""

    def __init__(self):
        self.flashes, self.beeps = [], []
        self.lit, self.quiet = False, 1.0

    def see(self, at, luma):
        if luma > 200 and not self.lit:
            self.flashes.append(at)
        self.lit = luma > 200

    def hear(self, at, wave, rate):
        for block in range(0, wave.shape[-1], rate // 200):
            loud = numpy.abs(wave[..., block:block + rate // 200]).max() > 3000
            now = at + block / rate
            if loud and now - self.quiet > 0.3:
                self.beeps.append(now)
            if loud:
                self.quiet = now

    def offsets(self):
        """Of each beep from the flash beside it, in seconds; later is positive."""
        pairs = [(beep, min(self.flashes, key=lambda flash: abs(flash - beep))) for beep in self.beeps]
        return [beep - flash for beep, flash in pairs if abs(beep - flash) < 0.5]

    def are_in_step(self, least):
        """At least so many beeps, and all but one within 80 ms of their flashes, that one within three pictures: a peer on
        a busy machine sends a picture now and then when its time has gone by."""
        offsets = sorted(abs(offset) for offset in self.offsets())
        return len(offsets) >= least and offsets[-2] <= 0.08 and offsets[-1] <= 3 / RATE


class Recorded:
    """What a file holds, decoded by FFmpeg."""

    def __init__(self, path):
        self.onsets = Onsets()
        self.times = {"video": [], "audio": []}
        self.lumas = []
        with av.open(str(path)) as clip:
            self.duration = clip.duration / 1e6 if clip.duration else None
            self.codecs = {stream.type: stream.codec_context.name for stream in clip.streams}
            for frame in clip.decode(*clip.streams):
                at = float(frame.pts * frame.time_base)
                if isinstance(frame, av.VideoFrame):
                    luma = float(frame.to_ndarray(format="gray").mean())
                    self.times["video"].append(at)
                    self.lumas.append(luma)
                    self.size = (frame.width, frame.height)
                    self.onsets.see(at, luma)
                else:
                    self.times["audio"].append(at)
                    wave = frame.to_ndarray()
                    if wave.dtype.kind == "f":
                        wave = wave * 32768
                    self.onsets.hear(at, wave[:1], frame.sample_rate)

    def longest_gap(self, kind):
        times = self.times[kind]
        return max((b - a for a, b in zip(times, times[1:])), default=0)


class LiveClip:
    """The same clip as a camera's and a microphone's, on one clock."""

    def __init__(self):
        self.started = None
        self.video, self.audio = LivePictures(self), LiveSound(self)

    async def wait_until(self, seconds):
        if self.started is None:
            self.started = time.monotonic()
        await asyncio.sleep(max(0, self.started + seconds - time.monotonic()))


class LivePictures(MediaStreamTrack):
    kind = "video"

    def __init__(self, clip):
        super().__init__()
        self.clip, self.count = clip, 0

    async def recv(self):
        at = self.count / RATE
        await self.clip.wait_until(at)
        frame = picture(at)
        frame.pts, frame.time_base = int(at * 90000), fractions.Fraction(1, 90000)
        self.count += 1
        return frame


class LiveSound(MediaStreamTrack):
    kind = "audio"

    def __init__(self, clip):
        super().__init__()
        self.clip, self.count = clip, 0

    async def recv(self):
        await self.clip.wait_until(self.count / 50)
        frame = av.AudioFrame.from_ndarray(samples(self.count * 960, 960), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, self.count * 960, fractions.Fraction(1, 48000)
        self.count += 1
        return frame
