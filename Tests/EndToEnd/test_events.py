"""What the cluster tells of itself: JSON log lines, /api/status, metrics."""

import asyncio
import json
import os
import re
import signal
import time

from cluster import ROOT, Cluster, wait_until
from conftest import run
from kurento import KurentoClient
from peer import Peer, ToneTrack
from test_drain import apus
from test_failover import replaced


def lines(cluster):
    """Log lines that are JSON objects; `apus up` itself talks to a person."""
    return [json.loads(line) for line in cluster.log().splitlines() if line.startswith("{")]


def events(cluster, name):
    return [line for line in lines(cluster) if line.get("event") == name]


def test_events_are_json_lines_without_addresses_or_secrets():
    secret = "0123456789abcdef0123456789abcdef"
    with Cluster(extra=f"log:\n  format: json\nkeys:\n  web: {secret}\n") as cluster:
        cluster.wait_ready()

        async def scenario():
            async with KurentoClient(cluster.kurento) as client:
                pipeline = await client.create("MediaPipeline")
                peer = await Peer(client, pipeline, [ToneTrack()]).negotiate()
                await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
                await peer.wait_for(lambda p: p.frames["audio"] > 10, 20, "sound")
                (owner,) = [w["id"] for w in cluster.workers().values() if w["assignedSessions"] == 1]
                media = cluster.workers()[owner]["processID"]
                os.kill(media, signal.SIGKILL)
                await asyncio.to_thread(replaced, cluster, owner, media)
                assert apus(cluster, "upgrade", owner).returncode == 0
                assert apus(cluster, "drain", owner, "--deadline", "0s").returncode == 0
                assert apus(cluster, "undrain", owner).returncode == 0
                await peer.close()
                return pipeline, owner

        pipeline, owner = run(scenario())
        redis = cluster.redis_pid()
        os.kill(redis, signal.SIGSTOP)
        wait_until(lambda: events(cluster, "store_away"), 10, cluster.log)
        os.kill(redis, signal.SIGCONT)
        wait_until(lambda: events(cluster, "store_back"), 10, cluster.log)
        with cluster.lose(owner):
            wait_until(lambda: events(cluster, "worker_lost"), 10, cluster.log)
        wait_until(lambda: cluster.workers()[owner]["isAlive"], 10)
        time.sleep(1)
        for name in ("controller_started", "worker_joined", "session_placed", "media_process_ended", "succession",
                     "upgrade_started", "upgraded", "drain_started", "sessions_drained", "session_lost", "drained",
                     "undrained", "store_away", "store_back", "worker_lost"):
            assert events(cluster, name), f"{name} is missing:\n{cluster.log()}"
        told = [line for line in lines(cluster) if "event" in line]
        for line in told:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]), line
            assert line["level"] in ("info", "notice", "warning", "error", "critical") and line["message"]
            text = json.dumps(line)
            assert not re.search(r"\d+\.\d+\.\d+\.\d+", text), line
            assert secret not in text and pipeline.split("_")[0] not in text, line
        (failover, upgrade) = [line for line in events(cluster, "succession") if line["worker"] == owner][:2]
        assert failover["planned"] is False and failover["sessions"] == 1 and 0 < failover["milliseconds"] < 3000
        assert upgrade["planned"] is True
        documented = set(re.findall(r"^\| `([a-z_]+)` \|", (ROOT / "README.md").read_text(), re.M))
        assert {line["event"] for line in told} <= documented, "README lists every event"

        shown = cluster.status()["events"]
        assert len(shown) <= 50 and shown == sorted(shown, key=lambda event: -event["time"])
        assert {"succession", "upgraded", "drained", "worker_lost"} <= {event["event"] for event in shown}
        assert re.search(r"EVENTS\n +\d\d:\d\d:\d\d +\w+ ", apus(cluster, "status", "--once").stdout)
        metrics = cluster.get("/metrics")[1].decode()
        assert f'apus_worker_failovers_total{{worker="{owner}"}} 1' in metrics
        assert f'apus_worker_upgrades_total{{worker="{owner}"}} 1' in metrics
        assert re.search(rf'apus_worker_standstill_seconds_total{{worker="{owner}"}} 0\.\d', metrics)
        assert "apus_store_up 1" in metrics
