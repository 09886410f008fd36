#!/usr/bin/env python3
"""Whether a cluster keeps its memory, and gives back every thread, file and socket, while sessions come and go.

One call stays from the beginning to the end: a camera in a composite, through a filter, by plain RTP, with data beside
it, recorded. Beside it sessions with every other element are made, seen to work and released, one after another: a
round. After each round the processes are looked at. Two things must hold:

- From the end of the warm-up on, the memory of all processes of the cluster but Redis rises by --limit at most, in per
  cent of an hour: PSS, where a page that several have is counted by parts, without the executable's and libraries'
  pages, which come when they are used and go when others need the room. The line is laid by least squares; the
  interval beside it is that of 95 %, widened for samples that follow from those before them.
- After the last release each process has no more threads, files and sockets than before the first session.

The exit status is 0 where both hold, 1 where not.

Example: .venv-tests/bin/python Benchmarks/Soak/soak.py --minutes 30
"""

import argparse
import asyncio
import contextlib
import json
import math
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import av
import numpy

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/EndToEnd"))

import clips  # noqa: E402
from cluster import Cluster, wait_until  # noqa: E402
from kurento import KurentoClient  # noqa: E402
from peer import Peer  # noqa: E402
from test_data_channels import DataPeer  # noqa: E402
from test_filters import code_picture  # noqa: E402

PATIENCE = 40
"""Seconds that a part of a round may take to work, on a busy machine."""


class Processes:
    """Those of a cluster, by what they are."""

    def __init__(self, cluster):
        self.numbers = {"up": cluster.process.pid, "redis": cluster.redis_pid()}
        self.numbers["controller"] = cluster.status()["controllers"][0]["processID"]
        for worker in cluster.workers():
            self.numbers[f"{worker} guardian"], self.numbers[f"{worker} media"] = cluster.guardian(worker)

    def memory(self):
        """MiB of each: its heap, its stacks, and its part of what it shares."""
        kinds = ("Pss_Anon:", "Pss_Shmem:", "SwapPss:")
        result = {}
        for name, number in self.numbers.items():
            lines = pathlib.Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
            result[name] = sum(int(line.split()[1]) for line in lines if line.startswith(kinds)) / 1024
        return result

    def counts(self):
        """Threads, files and sockets of each. Threads of the pool that Swift's tasks run on are counted by themselves:
        it makes and ends them as it likes, about as many as there are processors."""
        result = {}
        for name, number in self.numbers.items():
            names, links = [], []
            for entry in os.scandir(f"/proc/{number}/task"):
                with contextlib.suppress(FileNotFoundError):
                    names.append(pathlib.Path(entry.path, "comm").read_text().strip())
            for entry in os.scandir(f"/proc/{number}/fd"):
                with contextlib.suppress(FileNotFoundError):
                    links.append(os.readlink(entry.path))
            sockets = sum(link.startswith("socket:") for link in links)
            pool = sum(comm.endswith(("-qos", ".overcommit")) for comm in names)
            result[name] = {
                "threads": len(names) - pool, "pool threads": pool, "files": len(links) - sockets, "sockets": sockets}
        return result


class Session:
    """A pipeline and the peers at it; nothing of it is left at the end, whatever happens."""

    def __init__(self, cluster, folder):
        self.cluster, self.folder = cluster, folder

    async def __aenter__(self):
        self.stack = contextlib.AsyncExitStack()
        self.client = await self.stack.enter_async_context(KurentoClient(self.cluster.kurento))
        self.pipeline = await self.client.create("MediaPipeline")
        self.stack.push_async_callback(self.client.release, self.pipeline)
        return self

    async def __aexit__(self, *reason):
        return await self.stack.__aexit__(*reason)

    async def element(self, kind, **options):
        return await self.client.create(kind, mediaPipeline=self.pipeline, **options)

    async def connect(self, *elements):
        for source, sink in zip(elements, elements[1:]):
            await self.client.invoke(source, "connect", sink=sink)

    async def peer(self, *tracks, receive=()):
        peer = Peer(self.client, self.pipeline, list(tracks), receive)
        self.stack.push_async_callback(peer.close)
        return await peer.negotiate()

    async def talker(self):
        peer = DataPeer(self.client, self.pipeline)
        self.stack.push_async_callback(peer.close)
        return await peer.join()

    async def viewer(self, *receive):
        return await self.peer(receive=receive or ("audio", "video"))

    async def camera(self):
        clip = clips.LiveClip()
        return await self.peer(clip.audio, clip.video)

    async def player(self, name):
        return await self.element("PlayerEndpoint", uri=f"file://{self.folder / name}")

    async def recorder(self, name, **options):
        return await self.element("RecorderEndpoint", uri=f"file://{self.folder / name}", **options)

    async def end_recording(self, recorder, name):
        await self.client.invoke(recorder, "stopAndWait")
        path = self.folder / name
        assert path.stat().st_size > 5_000, f"{name} has {path.stat().st_size} bytes"
        path.unlink()

    async def plain_pair(self):
        """An RtpEndpoint that calls another one: what goes into the first comes out of the second."""
        first, second = await self.element("RtpEndpoint"), await self.element("RtpEndpoint")
        offer = await self.client.invoke(first, "generateOffer")
        answer = await self.client.invoke(second, "processOffer", offer=offer)
        await self.client.invoke(first, "processAnswer", answer=answer)
        return first, second


async def sees(peer, what, pictures=20):
    await peer.wait_for(lambda it: it.frames["video"] >= pictures, PATIENCE, f"pictures {what}")


async def hears(peer, what):
    await peer.wait_for(lambda it: it.frames["audio"] >= 40 and it.loudest > 1000, PATIENCE, f"sound {what}")


# The parts of a round.


async def files(session):
    """Played as it is and encoded anew, recorded as it is and encoded anew."""
    as_it_is, other = await session.player("clip.webm"), await session.player("clip.mp4")
    viewers = [await session.viewer(), await session.viewer()]
    recorders = {
        name: await session.recorder(name, mediaProfile=profile)
        for name, profile in (("copy.webm", "WEBM"), ("copy.mp4", "MP4"))}
    await session.connect(as_it_is, viewers[0].endpoint)
    await session.connect(other, viewers[1].endpoint)
    for recorder in recorders.values():
        await session.connect(as_it_is, recorder)
        await session.client.invoke(recorder, "record")
    for player in (as_it_is, other):
        await session.client.invoke(player, "play")
    for viewer in viewers:
        await sees(viewer, "of a file")
        await hears(viewer, "of a file")
    for name, recorder in recorders.items():
        await session.end_recording(recorder, name)


async def hubs(session):
    """Two files at each hub, and a viewer of it."""
    players = [await session.player("clip.webm"), await session.player("codes.webm")]
    viewers = {}
    for kind in ("Composite", "AlphaBlending", "Mixer", "Dispatcher", "DispatcherOneToMany"):
        size = {"width": 320, "height": 240} if kind == "Composite" else {}
        hub = await session.element(kind, **size)
        first, second, exit = [await session.client.create("HubPort", hub=hub) for _ in range(3)]
        await session.connect(players[0], first)
        await session.connect(players[1], second)
        viewers[kind] = viewer = await session.viewer()
        await session.connect(exit, viewer.endpoint)
        if kind == "AlphaBlending":
            await session.client.invoke(hub, "setMaster", source=first, zOrder=1)
            await session.client.invoke(
                hub, "setPortProperties", port=second, relativeX=0.5, relativeY=0.5, relativeWidth=0.5,
                relativeHeight=0.5, zOrder=2)
        elif kind == "Mixer":
            for media in ("AUDIO", "VIDEO"):
                await session.client.invoke(hub, "connect", media=media, source=first, sink=exit)
        elif kind == "Dispatcher":
            await session.client.invoke(hub, "connect", source=first, sink=exit)
        elif kind == "DispatcherOneToMany":
            await session.client.invoke(hub, "setSource", source=first)
    for player in players:
        await session.client.invoke(player, "play")
    for kind, viewer in viewers.items():
        await sees(viewer, f"of {kind}", 12)
        await hears(viewer, f"of {kind}")


async def filters(session):
    """A file through each filter, to a viewer of it; text over a data channel onto the picture and off it."""
    player = await session.player("codes.webm")
    image = {
        "id": "grey", "uri": f"file://{session.folder / 'grey.png'}", "offsetXPercent": 0.1, "offsetYPercent": 0.8,
        "widthPercent": 0.2, "heightPercent": 0.2, "keepAspectRatio": False, "center": False}
    found = []
    session.client.handlers.append(lambda event: event["type"] == "CodeFound" and found.append(event))
    viewers = {}
    for kind, options in {
        "ImageOverlayFilter": {}, "ZBarFilter": {}, "GStreamerFilter": {"command": "videoflip method=clockwise"},
        "datachannelexample.KmsShowData": {},
    }.items():
        filter = await session.element(kind, **options)
        viewers[kind] = viewer = await session.viewer("video")
        await session.connect(player, filter, viewer.endpoint)
        if kind == "ImageOverlayFilter":
            await session.client.invoke(filter, "addImage", **image)
        elif kind == "ZBarFilter":
            await session.client.subscribe(filter, "CodeFound")
        elif kind.endswith("KmsShowData"):
            writer = await session.talker()
            await session.client.invoke(writer.endpoint, "connect", sink=filter, mediaType="DATA")
    send = await session.element("datachannelexample.KmsSendData")
    reader = await session.talker()
    await session.connect(player, send, reader.endpoint)
    await session.client.invoke(player, "play")
    writer.channel.send("a text on a picture")
    for kind, viewer in viewers.items():
        await sees(viewer, f"of {kind}", 10)
    await reader.wait_for(lambda it: len(it.messages) > 0 and found, PATIENCE, "a code")


async def calls(session):
    """Peers with data channels and plain RTP between them."""
    camera, viewer = await session.camera(), await session.viewer()
    first, second = await session.plain_pair()
    await session.connect(camera.endpoint, first)
    await session.connect(second, viewer.endpoint)
    ada, bob = await session.talker(), await session.talker()
    await session.connect(ada.endpoint, bob.endpoint)
    for number in range(20):
        ada.channel.send(os.urandom(1000 * number))
    await bob.wait_for(lambda it: len(it.messages) == 20, PATIENCE, "messages")
    await sees(viewer, "by plain RTP")
    await hears(viewer, "by plain RTP")
    for target in (camera.endpoint, first):
        await session.client.invoke(target, "getStats")


async def rooms(session):
    """Publishers and players by WHIP and WHEP."""
    load = await asyncio.create_subprocess_exec(
        os.environ["APUS_BIN"], "load", "--url", session.cluster.http, "--rooms", "2", "--publishers", "2",
        "--subscribers", "8", "--audio", "--duration", "2", "--warmup", "1", "--max-loss", "50",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = await asyncio.wait_for(load.communicate(), 3 * PATIENCE)
    assert load.returncode == 0, output.decode()[-2000:]


PARTS = (files, hubs, filters, calls, rooms)


class Steady:
    """The call that stays."""

    def __init__(self, session):
        self.session = session

    async def begin(self):
        session = self.session
        camera = await session.camera()
        hub = await session.element("Composite", width=320, height=240)
        entry, exit = [await session.client.create("HubPort", hub=hub) for _ in range(2)]
        filter = await session.element("GStreamerFilter", command="videobalance saturation=0.5")
        first, second = await session.plain_pair()
        self.recorder = await session.recorder("steady.webm")
        self.viewer = await session.viewer()
        self.ada, self.bob = await session.talker(), await session.talker()
        await session.connect(self.ada.endpoint, self.bob.endpoint)
        await session.connect(camera.endpoint, filter, entry)
        await session.connect(exit, first)
        await session.connect(second, self.viewer.endpoint)
        await session.connect(camera.endpoint, self.recorder)
        await session.client.invoke(self.recorder, "record")
        await sees(self.viewer, "of the call that stays")
        await hears(self.viewer, "of the call that stays")

    async def goes_on(self):
        """Since this was asked last."""
        self.viewer.frames = {"audio": 0, "video": 0}
        self.bob.messages.clear()
        self.ada.channel.send(os.urandom(20_000))
        await sees(self.viewer, "of the call that stays", 5)
        await hears(self.viewer, "of the call that stays")
        await self.bob.wait_for(lambda it: it.messages, PATIENCE, "data of the call that stays")

    async def end(self):
        await self.session.end_recording(self.recorder, "steady.webm")


def write_clips(folder):
    clips.write(folder / "clip.webm", 15)
    clips.write(folder / "clip.mp4", 15, video="libx264", audio="aac")
    with av.open(str(folder / "codes.webm"), "w") as clip:
        video = clip.add_stream("libvpx", rate=10)
        video.width, video.height, video.pix_fmt, video.bit_rate = 320, 240, "yuv420p", 600_000
        video.options = {"g": "10", "deadline": "realtime", "cpu-used": "8"}
        for number in range(150):
            frame = av.VideoFrame.from_ndarray(code_picture("4006381333931"), "rgb24")
            frame.pts = number
            clip.mux(video.encode(frame))
        clip.mux(video.encode())
    with av.open(str(folder / "grey.png"), "w", format="image2") as image:
        stream = image.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "rgb24"
        image.mux(stream.encode(av.VideoFrame.from_ndarray(numpy.full((64, 64, 3), 128, numpy.uint8), "rgb24")))


def slope(hours, values):
    """In per cent of the line's beginning for each hour, with half the width of the interval of 95 %."""
    x, y = numpy.array(hours), numpy.array(values)
    if len(x) < 8:
        return math.nan, math.inf
    centred = x - x.mean()
    rise = float((centred * y).sum() / (centred**2).sum())
    base = float(y.mean() - rise * (x.mean() - x[0]))
    rest = y - y.mean() - rise * centred
    spread = math.sqrt(float((rest**2).sum()) / (len(x) - 2) / float((centred**2).sum()))
    # What one sample is off, the next one is off too: so many fewer there are that say something new.
    follows = min(max(float((rest[1:] * rest[:-1]).sum() / max((rest**2).sum(), 1e-9)), 0), 0.9)
    return 100 * rise / base, 100 * 1.96 * spread * math.sqrt((1 + follows) / (1 - follows)) / base


class Soak:
    def __init__(self, cluster, folder, options):
        self.cluster, self.folder, self.options = cluster, folder, options
        self.processes = Processes(cluster)
        self.begun = time.monotonic()
        self.samples = []
        self.faults = []

    @property
    def minutes(self):
        return (time.monotonic() - self.begun) / 60

    async def run(self):
        # As with Ctrl-C: what is open is closed first.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
        # Workers find the controller's other addresses within some seconds.
        self.settle(10)
        self.before = self.processes.counts()
        async with Session(self.cluster, self.folder) as session:
            steady = Steady(session)
            await steady.begin()
            count = 0
            while count == 0 or self.minutes < self.options.minutes:
                for part in PARTS:
                    await self.part(part)
                try:
                    await steady.goes_on()
                except AssertionError as fault:
                    self.fault("the call that stays", fault)
                count += 1
                self.sample(count)
            await steady.end()

    async def part(self, part):
        try:
            async with Session(self.cluster, self.folder) as session:
                await part(session)
        except Exception as fault:  # noqa: BLE001 (the next rounds go on, and the end tells)
            self.fault(part.__name__, fault)

    def fault(self, where, fault):
        self.faults.append(f"{self.minutes:.1f} min, {where}: {type(fault).__name__} {fault}")
        print("  " + self.faults[-1], flush=True)

    def settle(self, seconds):
        """Waits until nothing is assigned, and threads, files and sockets have stayed the same for so long."""
        wait_until(
            lambda: sum(worker["assignedSessions"] for worker in self.cluster.workers().values()) == 0, 30,
            lambda: f"sessions are left: {self.cluster.workers()}")
        last, since = None, time.monotonic()
        deadline = since + 60
        while time.monotonic() < min(deadline, since + seconds):
            counts = self.processes.counts()
            if counts != last:
                last, since = counts, time.monotonic()
            time.sleep(0.2)

    def sample(self, count):
        memory, counts = self.processes.memory(), self.processes.counts()
        total = sum(value for name, value in memory.items() if name != "redis")
        self.samples.append({"minutes": self.minutes, "total": total, "memory": memory, "counts": counts})
        threads, pool, files, sockets = (
            sum(each[kind] for name, each in counts.items() if name != "redis")
            for kind in ("threads", "pool threads", "files", "sockets"))
        parts = ", ".join(f"{name} {value:.1f}" for name, value in memory.items())
        print(f"{self.minutes:5.1f} min, round {count}: {total:.1f} MiB ({parts}); {threads} + {pool} threads, "
              f"{files} files, {sockets} sockets", flush=True)

    def holds(self):
        """Says what came of it."""
        self.settle(5)
        after = self.processes.counts()
        is_well = not self.faults
        for name, counts in after.items():
            if name == "redis":
                continue
            for kind, number in counts.items():
                before = self.before[name][kind]
                if number > before + (os.cpu_count() if kind == "pool threads" else 0):
                    print(f"FAILED: {name} has {number} {kind}, {before} before")
                    is_well = False
        for name, counts in after.items():
            text = ", ".join(f"{number} {kind} (before {self.before[name][kind]})" for kind, number in counts.items())
            print(f"  {name}: {text}")
        if not self.options.counts_only:
            is_well = self.memory_holds() and is_well
        for fault in self.faults:
            print(f"FAILED: {fault}")
        return is_well

    def memory_holds(self):
        warm = [each for each in self.samples if each["minutes"] >= self.options.warm_up]
        hours = [each["minutes"] / 60 for each in warm]
        for name in self.processes.numbers:
            rise, half = slope(hours, [each["memory"][name] for each in warm])
            print(f"  {name}: {rise:+.2f} ± {half:.2f} % an hour")
        rise, half = slope(hours, [each["total"] for each in warm])
        is_well = rise <= self.options.limit
        print(f"{'' if is_well else 'FAILED: '}memory but Redis's: {rise:+.2f} ± {half:.2f} % an hour, wanted "
              f"{self.options.limit} at most; {len(warm)} rounds after {self.options.warm_up:.0f} minutes")
        return is_well

    def report(self):
        return {"before": self.before, "samples": self.samples, "faults": self.faults}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apus", type=pathlib.Path, default=ROOT / ".build/release/apus")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--warm-up", type=float, help="minutes; a third of all where it is not said")
    parser.add_argument("--limit", type=float, default=0.5, help="per cent of an hour")
    parser.add_argument("--counts-only", action="store_true", help="no word on memory: for runs that are too short")
    parser.add_argument("--json", help="write what was seen to this file")
    options = parser.parse_args()
    if options.warm_up is None:
        options.warm_up = options.minutes / 3
    # As with Ctrl-C: the cluster ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not options.apus.exists():
        parser.error(f"--apus {options.apus}: there is no such file; build it with `swift build -c release`")
    os.environ["APUS_BIN"] = str(options.apus.resolve())
    with tempfile.TemporaryDirectory(prefix="apus-soak-", dir="/tmp") as path:
        folder = pathlib.Path(path)
        write_clips(folder)
        with Cluster(extra=f"files:\n  roots: [{folder}]\n") as cluster:
            cluster.wait_ready()
            soak = Soak(cluster, folder, options)
            try:
                asyncio.run(soak.run())
            except (asyncio.CancelledError, KeyboardInterrupt):
                print(f"stopped after {soak.minutes:.1f} of {options.minutes:g} minutes")
                sys.exit(130)
            is_well = soak.holds()
            if options.json:
                pathlib.Path(options.json).write_text(json.dumps(soak.report(), indent=1))
    sys.exit(0 if is_well else 1)


if __name__ == "__main__":
    main()
