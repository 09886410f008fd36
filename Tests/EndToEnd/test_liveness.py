"""What the store does not know costs nobody a call: workers say directly that they live."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time

from cluster import ROOT, Cluster, apus_binary, wait_until
from ports import free_port
from test_failover import load


class Redis:
    """A Redis that keeps what it is told to keep."""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--dir", str(self.folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.command("ping") == "PONG", 10, pause=0.002)

    def command(self, *words):
        answer = subprocess.run(["redis-cli", "-p", str(self.port), *words], capture_output=True, text=True)
        return answer.stdout.strip()

    def lose_a_second(self):
        """What a failover does, or a crash: it is back at once, with what it held a second ago."""
        assert self.command("save") == "OK"
        time.sleep(1)
        self.process.kill()
        self.process.wait()
        self.start()

    def forget_heartbeats(self):
        """The same for whoever has not noticed that it was away."""
        keys = self.command("--scan", "--pattern", "apus:*:worker:*").split()
        keys += self.command("--scan", "--pattern", "apus:*:ctl:*").split()
        return self.command("del", *keys)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class HangingWay:
    """TCP to a server, which passes nothing on while it hangs and closes nothing either."""

    def __init__(self, port):
        self.server = port
        self.hangs = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.server))
                threading.Thread(target=self.relay, args=(near, far), daemon=True).start()

    def relay(self, near, far):
        with contextlib.suppress(OSError), near, far:
            while True:
                readable, _, _ = select.select([near, far], [], [], 0.05)
                if self.hangs.is_set():
                    time.sleep(0.01)
                    continue
                for one in readable:
                    data = one.recv(1 << 16)
                    if not data:
                        return
                    (far if one is near else near).sendall(data)


def metric(cluster, name):
    text = cluster.get("/metrics")[1].decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name + "{"))


def is_heard(cluster, workers):
    """Each of them, with some rounds behind it."""
    before = metric(cluster, "apus_heartbeats_heard_total")
    time.sleep(1)
    return metric(cluster, "apus_heartbeats_heard_total") - before > 8 * workers


def nobody_noticed(cluster, report):
    assert "worker died" not in cluster.log() and "sessions lost" not in cluster.log(), cluster.log()
    assert report["joins"]["succeeded"] == 8
    reconnects = report["reconnects"]
    assert reconnects["lost"] == 0 and reconnects["moved"] == 0, f"{reconnects} {report['gaps']}\n{cluster.log()}"
    assert not [entry for entry in report["gaps"] if entry["isOpen"]], "a stream has not come back"
    for what in ("corrupt", "misdelivered", "refused"):
        assert report["media"][what] == 0, what


def test_a_redis_that_comes_back_without_its_last_second_costs_nobody_a_call(tmp_path):
    with Redis(tmp_path) as redis, Cluster(redis_port=redis.port) as cluster:
        cluster.wait_ready()
        wait_until(lambda: is_heard(cluster, 2), 15, cluster.log)
        witness = load(cluster, tmp_path / "load.json", 30)
        wait_until(lambda: sum(w["load"]["endpoints"] for w in cluster.workers().values()) == 12, 20, cluster.log)
        for _ in range(3):
            redis.lose_a_second()
            time.sleep(2.5)
        for _ in range(20):
            assert redis.forget_heartbeats() != "0"
            time.sleep(0.35)
        wait_until(lambda: cluster.get("/readyz")[0] == 200, 10, cluster.log)
        _, errors = witness.communicate(timeout=60)
        report = json.loads((tmp_path / "load.json").read_text())
        print(report["reconnects"], report["gapTimes"], errors.decode()[-200:])
        nobody_noticed(cluster, report)
        assert all(worker["isAlive"] for worker in cluster.workers().values())


def test_calls_that_began_in_the_lost_second_go_on(tmp_path):
    def endpoints():
        return sum(worker["load"]["endpoints"] for worker in cluster.workers().values())

    with Redis(tmp_path) as redis, Cluster(redis_port=redis.port) as cluster:
        cluster.wait_ready()
        wait_until(lambda: is_heard(cluster, 2), 15, cluster.log)
        witness = load(cluster, tmp_path / "load.json", 10)
        wait_until(endpoints, 20, cluster.log, pause=0.002)
        assert redis.command("save") == "OK"
        wait_until(lambda: endpoints() == 12, 20, cluster.log, pause=0.01)
        redis.process.kill()
        redis.process.wait()
        redis.start()
        witness.communicate(timeout=60)
        nobody_noticed(cluster, json.loads((tmp_path / "load.json").read_text()))


def test_a_worker_whose_way_to_redis_hangs_keeps_its_sessions(tmp_path):
    with Redis(tmp_path) as redis:
        way = HangingWay(redis.port)
        with Cluster(workers=1, redis_port=redis.port) as cluster:
            cluster.wait_ready(1)
            config = tmp_path / "second.yml"
            text = cluster.config.read_text().replace(f":{redis.port}/", f":{way.port}/")
            config.write_text(text)
            second = subprocess.Popen(
                [apus_binary(), "worker", "--id", "w2", "--index", "1", "--config", str(config)], cwd=ROOT,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                wait_until(lambda: cluster.workers()["w2"]["isAlive"], 15, cluster.log)
                wait_until(lambda: is_heard(cluster, 2), 15, cluster.log)
                witness = load(cluster, tmp_path / "load.json", 22)
                wait_until(lambda: cluster.workers()["w2"]["load"]["endpoints"] > 0, 20, cluster.log)
                time.sleep(3)
                for seconds in (1.2, 6):
                    way.hangs.set()
                    time.sleep(seconds)
                    way.hangs.clear()
                    time.sleep(3)
                witness.communicate(timeout=60)
                report = json.loads((tmp_path / "load.json").read_text())
                nobody_noticed(cluster, report)
                assert cluster.workers()["w2"]["isAlive"]
                # Who is silent by both ways is dead, as fast as ever.
                way.hangs.set()
                children = subprocess.run(["pgrep", "-P", str(second.pid)], capture_output=True, text=True).stdout
                stopped = [second.pid, *map(int, children.split())]
                for process in stopped:
                    os.kill(process, signal.SIGSTOP)
                started = time.monotonic()
                wait_until(lambda: not cluster.workers()["w2"]["isAlive"], 5, cluster.log, pause=0.01)
                print(f"dead after {time.monotonic() - started:.2f} s")
                for process in reversed(stopped):
                    os.kill(process, signal.SIGCONT)
                way.hangs.clear()
            finally:
                second.send_signal(signal.SIGINT)
                second.wait(15)


def test_the_key_of_the_heartbeats_is_shown_nowhere_and_datagrams_of_strangers_are_counted(tmp_path):
    with Redis(tmp_path) as redis, Cluster(workers=1, redis_port=redis.port) as cluster:
        cluster.wait_ready(1)
        wait_until(lambda: is_heard(cluster, 1), 15, cluster.log)
        record = json.loads(redis.command("hget", f"apus:{{test-{cluster.port}}}:ctl:c1", "report"))
        target = record["heartbeats"]
        assert len(target["key"]) == 64 and target["addresses"]
        before = metric(cluster, "apus_heartbeats_dropped_total")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            host, port = next(a for a in target["addresses"] if not a.startswith("[")).rsplit(":", 1)

            def are_counted():
                # No more at a time than a socket holds.
                for _ in range(50):
                    stranger.sendto(os.urandom(64), (host, int(port)))
                    stranger.sendto(b"", (host, int(port)))
                return metric(cluster, "apus_heartbeats_dropped_total") - before > 500

            wait_until(are_counted, 10)
        assert is_heard(cluster, 1)
        for text in (cluster.log(), json.dumps(cluster.status()), cluster.get("/metrics")[1].decode()):
            assert target["key"] not in text
