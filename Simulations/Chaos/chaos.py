#!/usr/bin/env python3
"""Chaos with real processes: a cluster that is killed, stopped and robbed of its store, while witnesses check every
payload. Writes one page that says for each fault how often, how fast it was seen, how long media stood still, and what
was lost.

    Simulations/Chaos/chaos.py --faults kill-media,kill-worker --times 20 --report chaos.html

Everything is on loopback, and ends by itself.
"""

import argparse
import contextlib
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from hosts import Hosts  # noqa: E402
from report import page, sum_up, text_table  # noqa: E402
from stage import Stage, apus_binary, until  # noqa: E402


class Fault:
    """What a fault does, seconds until the next one, and seconds that it takes beyond being seen."""

    def __init__(self, what, stage=Stage, pause=0.0, takes=0.0):
        self.what = what
        self.stage = stage
        self.pause = pause
        self.takes = takes


FAULTS = {
    "kill-media": Fault("kill -9 of a worker's media process"),
    "kill-worker": Fault("kill -9 of `apus worker` itself, whose media process goes with it"),
    "stop-media": Fault("SIGSTOP of a media process, SIGCONT after five seconds", pause=8),
    "kill-controller": Fault(
        "kill -9 of the controller that all clients are at; seen is when a Kurento client is back", pause=4),
    "kill-store": Fault("kill -9 of Redis, which comes back empty", pause=6),
    "stop-store": Fault("SIGSTOP of Redis for five seconds", pause=9),
    "flush-store": Fault("FLUSHALL"),
    "drain": Fault("`apus drain` of a worker until it is empty, then `apus undrain`", pause=4, takes=40),
    "host-gone": Fault(
        "SIGSTOP of a worker's guardian and media process together, SIGCONT after eight seconds", pause=6, takes=12),
    "cut-host": Fault(
        "a worker's host hears nobody and is heard by nobody for eight seconds", stage=Hosts, pause=6, takes=12),
    "half-open": Fault(
        "a worker's connections to Redis are silent for eight seconds, neither closed nor refused; media is not touched",
        stage=Hosts, pause=6, takes=12),
    "store-down": Fault(
        "kill -9 of Redis, which comes back empty after `--away` seconds; seen is when all of it is as before",
        stage=Hosts, pause=10),
    "store-failover": Fault(
        "kill -9 of Redis, which comes back at once with what it had a second before", stage=Hosts, pause=10, takes=3),
}


def run_fault(fault, options):
    """One cluster, one load, the fault `times` times."""
    kind = FAULTS[fault]
    pause = max(options.pause, kind.pause)
    with kind.stage(options.workers) as stage, tempfile.TemporaryDirectory(prefix="apus-chaos-") as folder:
        stage.away = options.away
        takes = kind.takes + (options.away if fault == "store-down" else 0)
        seconds = options.times * (pause + 1 + takes) + 8
        path = pathlib.Path(folder) / "load.json"
        command = [
            apus_binary(), "load", "--url", stage.load_url(fault), *stage.load_options, "--rooms", str(options.sessions),
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
        refusals = stage.refusals
        if options.log:
            with open(options.log, "a") as log:
                log.write(f"== {fault}\n{stage.logs()}\n")
    return sum_up(fault, kind.what, faults, report, orphans, refusals, options)


def leftover(stage, options):
    """Sessions that somebody still holds ten seconds after everybody has left."""
    def held():
        return sum(w["assignedSessions"] + w["load"]["sessions"] for w in stage.workers_now().values())

    until(lambda: held() == 0, 10)
    with contextlib.suppress(OSError, ValueError):
        return held()
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", default=",".join(FAULTS), help="some of " + ", ".join(FAULTS))
    parser.add_argument("--times", type=int, default=20, help="how often each fault happens")
    parser.add_argument("--sessions", type=int, default=50, help="rooms, each with a publisher and a subscriber")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--rate", type=int, default=15, help="video frames a second")
    parser.add_argument("--gap", type=float, default=100, help="ms without a packet that count as standing still")
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between two faults, at least")
    parser.add_argument("--away", type=float, default=120.0, help="seconds that `store-down` lasts")
    parser.add_argument("--report", help="write the page to this HTML file")
    parser.add_argument("--log", help="append what the cluster's processes have logged to this file")
    parser.add_argument("--json", help="write the figures to this file")
    options = parser.parse_args()
    wanted = options.faults.split(",")
    for fault in wanted:
        if fault not in FAULTS:
            parser.error(f"--faults {fault}: write some of {', '.join(FAULTS)}")
    results = []
    for fault in wanted:
        print(f"{fault}: {FAULTS[fault].what}", flush=True)
        results.append(run_fault(fault, options))
    print(text_table(results))
    if options.report:
        pathlib.Path(options.report).write_text(page(results, options))
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(results, indent=1))
    broken = [
        r["fault"] for r in results
        if r["unseen"] or r["sessionsLost"] or r["duplicated"] or r["corrupt"] or r["misdelivered"] or r["reused"]
        or r["orphans"] or r["reconnects"]["failed"] or r["joined"] < r["sessions"] or r["joinsTaken"]]
    if broken:
        raise SystemExit(f"broken: {', '.join(broken)}")


if __name__ == "__main__":
    main()
