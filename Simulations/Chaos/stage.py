"""The cluster under test on one machine: `apus up`, a second controller, real Redis."""

import asyncio
import contextlib
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

    load_options = ()

    def __init__(self, workers):
        self.cluster = Cluster(workers=workers)
        self.refusals = []
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

    def load_url(self, fault):
        """Clients are at the second controller, unless the first is to be killed under them."""
        return self.cluster.http if fault == "kill-controller" else f"http://127.0.0.1:{self.port}"

    def workers_now(self):
        return self.cluster.workers()

    def logs(self):
        self.log.flush()
        return self.cluster.log() + "== c2\n" + pathlib.Path(self.log.name).read_text(errors="replace")

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
