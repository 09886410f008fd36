#!/usr/bin/env python3
"""How many sessions two workers carry, and how many four, when each worker has the same small share of a processor.

A whole machine per worker is what a cluster is for; on one machine a quota of the kernel (cgroup `cpu`) gives each
worker the same part of it instead, so that two and four workers are both far from what the machine can do. A session is
a room with one publisher and one subscriber, in video of 30 frames of 5 packets a second. A number of sessions is
carried when less than one packet in a thousand is missing at the subscribers and the 99th percentile of the latency is
below a bound.

Example: Benchmarks/Scale/scale.py --apus .build/release/apus
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/EndToEnd"))

from cluster import Cluster  # noqa: E402


class Quota:
    """A share of one processor for a worker's processes, by the first or second version of cgroups."""

    def __init__(self, name, share):
        self.period = 20_000
        self.quota = max(1_000, int(share * self.period))
        first = pathlib.Path("/sys/fs/cgroup/cpu")
        self.is_first = first.is_dir()
        self.folder = (first if self.is_first else pathlib.Path("/sys/fs/cgroup")) / f"apus-scale-{os.getpid()}-{name}"
        try:
            self.folder.mkdir()
        except OSError as error:
            raise SystemExit(f"no control group can be made here: {error}. Run it as root.")

    def take(self, processes):
        for process in processes:
            (self.folder / "cgroup.procs").write_text(str(process))

    def limit(self, is_on):
        if self.is_first:
            (self.folder / "cpu.cfs_period_us").write_text(str(self.period))
            (self.folder / "cpu.cfs_quota_us").write_text(str(self.quota if is_on else -1))
        else:
            (self.folder / "cpu.max").write_text(f"{self.quota if is_on else 'max'} {self.period}")

    def close(self):
        self.limit(False)
        # Its processes have ended or are about to.
        for _ in range(100):
            with contextlib.suppress(OSError):
                self.folder.rmdir()
                return
            time.sleep(0.1)


def used(processes):
    """Processor seconds so far."""
    total = 0
    for process in processes:
        fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def probe(workers, sessions, options):
    """One cluster under one load; what its subscribers saw."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="apus-scale-"))
        quotas = [Quota(f"w{number + 1}", options.share) for number in range(workers)]
        for quota in quotas:
            stack.callback(quota.close)
        cluster = stack.enter_context(Cluster(workers=workers))
        cluster.wait_ready(workers)
        processes = [list(cluster.guardian(f"w{number + 1}")) for number in range(workers)]
        for quota, members in zip(quotas, processes):
            quota.take(members)
        path, progress = pathlib.Path(folder) / "load.json", pathlib.Path(folder) / "progress"
        with open(progress, "wb") as output:
            load = subprocess.Popen(
                [str(options.apus), "load", "--url", cluster.http, "--rooms", str(sessions), "--publishers",
                 str(sessions), "--subscribers", str(sessions), "--duration", str(options.window + 3), "--verify", "1/10",
                 "--no-nack", "--stay", "--max-loss", "100", "--json", str(path)], stdout=output,
                stderr=subprocess.STDOUT)
        # Joining takes more than forwarding, and is not what is measured.
        while "measuring" not in progress.read_text():
            if load.poll() is not None:
                raise SystemExit(f"the load ended early:\n{progress.read_text()}")
            time.sleep(0.1)
        for quota in quotas:
            quota.limit(True)
        begin, started = [used(members) for members in processes], time.monotonic()
        load.wait(options.window + 60)
        took = time.monotonic() - started
        cores = [(used(members) - before) / took for members, before in zip(processes, begin)]
        report = json.loads(path.read_text())
    media = report["media"]
    loss = media["lost"] / max(1, media["expected"])
    latency = report["latency"]["p99"]
    joined = report["joins"]["succeeded"]
    is_carried = joined == sessions and loss < 0.001 and latency < options.latency
    print(
        f"  {workers} workers, {sessions} sessions: {loss * 100:.2f} % lost, latency p99 {latency:.1f} ms, cores "
        + " ".join(f"{share:.3f}" for share in cores) + ("" if is_carried else "  too many"), flush=True)
    return is_carried


def capacity(workers, options):
    """The largest number of sessions that is carried, to one part in sixteen."""
    good, bad = 0, None
    sessions = workers * options.first
    while bad is None or bad - good > max(1, good // 16):
        if probe(workers, sessions, options):
            good = sessions
        else:
            bad = sessions
        sessions = good * 2 if bad is None else (good + bad) // 2
        if sessions == 0 or (bad is not None and sessions >= options.most):
            raise SystemExit("not even one session is carried: raise --share")
        if bad is None and sessions > options.most:
            raise SystemExit(f"more than {options.most} sessions are carried: lower --share")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apus", type=pathlib.Path, default=ROOT / ".build/release/apus")
    parser.add_argument("--workers", default="2,4", help="numbers of workers to compare")
    parser.add_argument("--share", type=float, default=0.05, help="of one processor, for each worker")
    parser.add_argument("--window", type=float, default=8, help="seconds that one number of sessions is measured")
    parser.add_argument("--latency", type=float, default=60, help="ms that the 99th percentile may be at most")
    parser.add_argument("--first", type=int, default=8, help="sessions for each worker to begin with")
    parser.add_argument("--most", type=int, default=400, help="sessions that the generator can make")
    parser.add_argument("--json", help="write the figures to this file")
    options = parser.parse_args()
    # As with Ctrl-C: clusters end, and their control groups go.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not options.apus.exists():
        parser.error(f"--apus {options.apus}: there is no such file; build it with `swift build -c release`")
    os.environ["APUS_BIN"] = str(options.apus.resolve())
    print(f"{options.share:.3f} of a processor for each worker; {os.cpu_count()} processors here", flush=True)
    results = {}
    for workers in (int(word) for word in options.workers.split(",")):
        results[workers] = capacity(workers, options)
        print(f"{workers} workers carry {results[workers]} sessions", flush=True)
    first = min(results)
    for workers, sessions in sorted(results.items()):
        ratio = sessions / max(1, results[first])
        print(f"{workers} workers: {sessions} sessions, {sessions / workers:.1f} for each, {ratio:.2f} times as many")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"share": options.share, "sessions": results}, indent=1))


if __name__ == "__main__":
    main()
