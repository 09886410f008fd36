#!/usr/bin/env python3
"""Chaos with real processes: a cluster that is killed, stopped and robbed of its store, while witnesses check every
payload. Writes one page that says for each fault how often, how fast it was seen, how long media stood still, and what
was lost.

    Simulations/Chaos/chaos.py --faults kill-media,kill-worker --times 20 --report chaos.html

Everything is on loopback, and ends by itself.
"""

import argparse
import asyncio
import contextlib
import html
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/EndToEnd"))

from cluster import Cluster, apus_binary, free_port  # noqa: E402

# A fault's name: what it does, seconds until the next one, and whether media may stand still at all.
FAULTS = {
    "kill-media": "kill -9 of a worker's media process",
    "kill-worker": "kill -9 of `apus worker` itself, whose media process goes with it",
    "stop-media": "SIGSTOP of a media process, SIGCONT after five seconds",
    "kill-controller": "kill -9 of the controller that all clients are at; seen is when a Kurento client is back",
    "kill-store": "kill -9 of Redis, which comes back empty",
    "stop-store": "SIGSTOP of Redis for five seconds",
    "flush-store": "FLUSHALL",
    "drain": "`apus drain` of a worker until it is empty, then `apus undrain`",
    "host-gone": "SIGSTOP of a worker's guardian and media process together, SIGCONT after eight seconds",
}
PAUSE = {"stop-media": 8.0, "kill-store": 6.0, "stop-store": 9.0, "kill-controller": 4.0, "drain": 4.0, "host-gone": 6.0}


def quantile(values, share):
    """Of a list, by the nearest rank; nan of an empty one."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, int(-(-share * len(ordered) // 1)) - 1))]


def parent_of(process):
    with open(f"/proc/{process}/stat") as stat:
        return int(stat.read().rsplit(")", 1)[1].split()[1])


def children_of(process):
    found = subprocess.run(["pgrep", "-P", str(process)], capture_output=True, text=True).stdout.split()
    return [int(child) for child in found]


def until(condition, seconds):
    """How long it took until the condition held, in ms; None when it did not."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        with contextlib.suppress(OSError, ValueError):
            if condition():
                return (time.monotonic() - started) * 1000
        time.sleep(0.002)
    return None


class Stage:
    """The cluster under test: two controllers, some workers, real Redis."""

    def __init__(self, workers):
        self.cluster = Cluster(workers=workers)
        self.workers = workers
        self.folder = tempfile.TemporaryDirectory(prefix="apus-chaos-")
        self.second = None

    def __enter__(self):
        self.cluster.wait_ready(self.workers)
        text = self.cluster.config.read_text()
        self.port = free_port()
        config = pathlib.Path(self.folder.name) / "second.yml"
        config.write_text(text.replace(f":{self.cluster.port}\"]", f":{self.port}\"]"))
        self.log = open(pathlib.Path(self.folder.name) / "second.log", "wb")
        self.second = subprocess.Popen(
            [apus_binary(), "controller", "--id", "c2", "--config", str(config)], stdout=self.log,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        took = until(lambda: urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1).status == 200, 15)
        if took is None:
            raise SystemExit("the second controller does not come up")
        return self

    def __exit__(self, *_):
        if self.second:
            self.second.send_signal(signal.SIGINT)
            try:
                self.second.wait(10)
            except subprocess.TimeoutExpired:
                self.second.kill()
        self.cluster.stop()

    def victim(self, turn):
        """Workers take turns; the store may be away, so that the processes themselves are asked."""
        mine = [child for child in children_of(self.cluster.process.pid) if self.is_worker(child)]
        return sorted(mine)[turn % len(mine)]

    @staticmethod
    def words(process):
        try:
            return pathlib.Path(f"/proc/{process}/cmdline").read_bytes().decode().split("\0")
        except OSError:
            return []

    def is_worker(self, process):
        return self.words(process)[1:2] == ["worker"]

    def media_of(self, guardian):
        return next(iter(c for c in children_of(guardian) if self.words(c)[1:2] == ["media"]), None)

    # Each fault: does it, and says how many ms it took until it was seen; None for not.

    def kill_media(self, turn):
        guardian = self.victim(turn)
        old = self.media_of(guardian)
        os.kill(old, signal.SIGKILL)
        return until(lambda: self.media_of(guardian) not in (None, old), 10)

    def kill_worker(self, turn):
        guardian = self.victim(turn)
        name = self.words(guardian)[3]
        os.kill(guardian, signal.SIGKILL)

        def is_back():
            return any(
                c != guardian and self.is_worker(c) and self.words(c)[3] == name
                for c in children_of(self.cluster.process.pid))

        return until(is_back, 10)

    def stop_media(self, turn):
        guardian = self.victim(turn)
        old = self.media_of(guardian)
        os.kill(old, signal.SIGSTOP)
        took = until(lambda: self.media_of(guardian) not in (None, old), 10)
        time.sleep(max(0.0, 5 - (took or 0) / 1000))
        with contextlib.suppress(ProcessLookupError):
            os.kill(old, signal.SIGCONT)
        return took

    def drain(self, turn):
        """Seen when it is empty."""
        name = sorted(self.cluster.workers())[turn % self.workers]
        command = [apus_binary(), "drain", name, "--config", str(self.cluster.config)]
        started = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, timeout=400)
        took = (time.monotonic() - started) * 1000
        subprocess.run(
            [apus_binary(), "undrain", name, "--config", str(self.cluster.config)], capture_output=True, check=True)
        return took if done.returncode == 0 and f"{name} is drained." in done.stdout else None

    def host_gone(self, turn):
        """Seen when no session is left on it: each is another worker's, or waits for its clients."""
        name = sorted(self.cluster.workers())[turn % self.workers]
        with self.cluster.lose(name):
            started = time.monotonic()
            took = until(lambda: self.cluster.workers()[name]["assignedSessions"] == 0, 10)
            time.sleep(max(0.0, 8 - (time.monotonic() - started)))
        until(lambda: self.cluster.workers()[name]["isAlive"], 10)
        return took

    def kill_controller(self, _):
        return asyncio.run(self.client_back())

    async def client_back(self):
        """A client of the Kurento protocol with a session: how long it is away when its controller is killed."""
        from kurento import KurentoClient
        async with KurentoClient(self.cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            await client.subscribe(pipeline, "Error")
            os.kill(next(c for c in children_of(self.cluster.process.pid) if self.words(c)[1:2] == ["controller"]),
                    signal.SIGKILL)
            started = time.monotonic()
            while time.monotonic() - started < 10:
                with contextlib.suppress(Exception):
                    again = KurentoClient(self.cluster.kurento)
                    again.session = client.session
                    async with again:
                        await again.call("connect", sessionId=client.session, timeout=2)
                        took = (time.monotonic() - started) * 1000
                        assert await again.invoke(pipeline, "getName") == pipeline
                        await again.release(pipeline)
                        return took
                await asyncio.sleep(0.01)
        return None

    def kill_store(self, _):
        os.kill(self.cluster.redis_pid(), signal.SIGKILL)
        until(lambda: self.cluster.get("/readyz", timeout=1)[0] != 200, 2)
        return until(lambda: self.cluster.get("/readyz", timeout=1)[0] == 200, 15)

    def stop_store(self, _):
        redis = self.cluster.redis_pid()
        os.kill(redis, signal.SIGSTOP)
        time.sleep(5)
        os.kill(redis, signal.SIGCONT)
        return until(lambda: self.cluster.get("/readyz", timeout=1)[0] == 200, 15)

    def flush_store(self, _):
        subprocess.run(
            ["redis-cli", "-p", str(self.cluster.redis_port), "flushall"], capture_output=True, check=True)
        return until(lambda: self.cluster.get("/readyz", timeout=1)[0] == 200, 15)


def run_fault(fault, options):
    """One cluster, one load, the fault `times` times."""
    pause = max(options.pause, PAUSE.get(fault, 0))
    with Stage(options.workers) as stage, tempfile.TemporaryDirectory(prefix="apus-chaos-") as folder:
        slow = {"drain": 40, "host-gone": 12}.get(fault, 0)
        seconds = options.times * (pause + 1 + slow) + 8
        path = pathlib.Path(folder) / "load.json"
        command = [
            apus_binary(), "load", "--url",
            stage.cluster.http if fault == "kill-controller" else f"http://127.0.0.1:{stage.port}", "--rooms", str(options.sessions),
            "--publishers", str(options.sessions), "--subscribers", str(options.sessions), "--audio", "--rate",
            str(options.rate), "--duration", str(seconds + options.times * 12), "--gap", str(options.gap),
            "--watch-indices", "--max-loss", "100", "--json", str(path)]
        progress = pathlib.Path(folder) / "progress"
        with open(progress, "wb") as output:
            load = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        while "measuring" not in progress.read_text():
            if load.poll() is not None:
                raise SystemExit(f"the load ended early:\n{progress.read_text()}")
            time.sleep(0.2)
        time.sleep(2)
        faults = []
        for turn in range(options.times):
            at = time.time() * 1000
            took = getattr(stage, fault.replace("-", "_"))(turn)
            print(f"  {fault} {turn + 1} of {options.times}: seen after "
                  + ("never" if took is None else f"{took:.0f} ms"), flush=True)
            faults.append((at, took))
            time.sleep(pause)
        load.send_signal(signal.SIGINT)
        load.wait(60)
        report = json.loads(path.read_text())
        orphans = leftover(stage, options)
    return sum_up(fault, faults, report, orphans, options)


def leftover(stage, options):
    """Sessions that somebody still holds ten seconds after everybody has left."""
    def held():
        return sum(w["assignedSessions"] + w["load"]["sessions"] for w in stage.cluster.workers().values())

    until(lambda: held() == 0, 10)
    with contextlib.suppress(OSError, ValueError):
        return held()
    return None


def sum_up(fault, faults, report, orphans, options):
    """What one fault did, over all its times. A gap belongs to the fault before it."""
    gaps = [gap for gap in report["gaps"] if not gap["isOpen"]]
    first = faults[0][0]
    of_fault = [gap["milliseconds"] for gap in gaps if gap["at"] + gap["milliseconds"] >= first]
    media = report["media"]
    return {
        "fault": fault, "what": FAULTS[fault], "times": len(faults), "sessions": options.sessions,
        "streams": 2 * options.sessions,
        "seen": [took for _, took in faults], "unseen": sum(took is None for _, took in faults),
        "gaps": of_fault, "stillAtTheEnd": sum(gap["isOpen"] for gap in report["gaps"]),
        "sessionsLost": len({gap["subscriber"] for gap in report["gaps"] if gap["isOpen"]}),
        "duplicated": media["duplicated"], "corrupt": media["corrupt"], "misdelivered": media["misdelivered"],
        "lost": media["lost"], "expected": media["expected"], "indices": report["indices"]["watched"],
        "reused": report["indices"]["reused"], "orphans": orphans,
        "joined": report["joins"]["succeeded"], "reconnects": report["reconnects"]}


COLUMNS = [
    ("fault", lambda r: r["fault"]), ("times", lambda r: r["times"]),
    ("seen, ms p50 / max", lambda r: f"{quantile([s for s in r['seen'] if s is not None], 0.5):.0f} / "
                                     f"{max([s for s in r['seen'] if s is not None], default=float('nan')):.0f}"),
    ("gaps", lambda r: len(r["gaps"])),
    ("media gap, ms p50 / p99 / max",
     lambda r: f"{quantile(r['gaps'], 0.5):.0f} / {quantile(r['gaps'], 0.99):.0f} / {max(r['gaps'], default=0):.0f}"
     if r["gaps"] else "none"),
    ("connected anew: with media, without, failed",
     lambda r: "{moved}, {lost}, {failed}".format(**r["reconnects"])),
    ("packets lost", lambda r: f"{r['lost']} of {r['expected']}"),
    ("sessions lost", lambda r: r["sessionsLost"]), ("duplicated", lambda r: r["duplicated"]),
    ("corrupt, misdelivered", lambda r: f"{r['corrupt']}, {r['misdelivered']}"),
    ("orphaned", lambda r: r["orphans"]),
    ("SRTP indices used twice", lambda r: f"{r['reused']} of {r['indices']}"),
]


def text_table(results):
    rows = [[name for name, _ in COLUMNS]] + [[str(cell(r)) for _, cell in COLUMNS] for r in results]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows)


def page(results, options):
    head = "".join(f"<th>{html.escape(name)}</th>" for name, _ in COLUMNS)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell(r)))}</td>" for _, cell in COLUMNS) + "</tr>" for r in results)
    faults = "".join(f"<dt>{r['fault']}</dt><dd>{html.escape(r['what'])}</dd>" for r in results)
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Apus: chaos</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }} td, th {{ border-bottom: 1px solid #8884; padding: .4rem .6rem; text-align: left }}
th {{ font-weight: 600 }} td {{ font-variant-numeric: tabular-nums }} dt {{ font-weight: 600 }}
</style>
<h1>Chaos with real processes</h1>
<p>{options.sessions} rooms, one publisher and one subscriber each, sound and {options.rate} frames a second; two
controllers, {options.workers} workers, real Redis. A stream stands still when {options.gap:.0f} ms pass without a
packet; each payload's checksum is verified, and every SRTP index that a subscriber sees is remembered. Sessions are lost
when a stream has not come back at the end.</p>
<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>
<dl>{faults}</dl></html>
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", default=",".join(FAULTS), help="some of " + ", ".join(FAULTS))
    parser.add_argument("--times", type=int, default=20, help="how often each fault happens")
    parser.add_argument("--sessions", type=int, default=50, help="rooms, each with a publisher and a subscriber")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--rate", type=int, default=15, help="video frames a second")
    parser.add_argument("--gap", type=float, default=100, help="ms without a packet that count as standing still")
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two faults, at least")
    parser.add_argument("--report", help="write the page to this HTML file")
    parser.add_argument("--json", help="write the figures to this file")
    options = parser.parse_args()
    wanted = options.faults.split(",")
    for fault in wanted:
        if fault not in FAULTS:
            parser.error(f"--faults {fault}: write some of {', '.join(FAULTS)}")
    results = []
    for fault in wanted:
        print(f"{fault}: {FAULTS[fault]}", flush=True)
        results.append(run_fault(fault, options))
    print(text_table(results))
    if options.report:
        pathlib.Path(options.report).write_text(page(results, options))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1))
    broken = [
        r["fault"] for r in results
        if r["unseen"] or r["sessionsLost"] or r["duplicated"] or r["corrupt"] or r["misdelivered"] or r["reused"]
        or r["orphans"] or r["reconnects"]["failed"] or r["joined"] < r["sessions"]]
    if broken:
        raise SystemExit(f"broken: {', '.join(broken)}")


if __name__ == "__main__":
    main()
