"""A real cluster for one test: `apus up` with ports of its own, real Redis, ended by SIGINT."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from ports import free_media_ports, free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def apus_binary():
    return os.environ.get("APUS_BIN") or str(ROOT / ".build/debug/apus")


class Cluster:
    """`apus up` on free ports of the loopback interface."""

    def __init__(self, workers=2, embedded=False, extra="", arguments=(), config=None, media=None,
                 redis_port=None, rtp_ports=None, http_ports=None, transcoding=True, tls_port=None, pages="",
                 trusted=None):
        self.port = free_port()
        self.redis_port = redis_port or free_port()
        self.udp_first = free_media_ports()
        # Reactors begin at the other end.
        self.rtp_ports = rtp_ports or f"{self.udp_first + 32}-{self.udp_first + 63}"
        self.http_ports = http_ports or f"{self.udp_first}-{self.udp_first + 63}"
        self.folder = tempfile.TemporaryDirectory(prefix="apus-test-")
        path = pathlib.Path(self.folder.name)
        self.config = path / "cluster.yml"
        self.config.write_text(
            config
            or f"""\
cluster: test-{self.port}
signaling:
  listen: ["127.0.0.1:{self.port}"]
  pages: "{pages}"
tls:
  listen: {[f'127.0.0.1:{tls_port}'] if tls_port else []}
media:
  udp_ports: {self.udp_first}-{self.udp_first + 63}
  tcp_ports: {self.udp_first}-{self.udp_first + 63}
  rtp_ports: {self.rtp_ports}
  http_ports: {self.http_ports}
  interfaces: {media or '[]'}
  transcoding: {str(transcoding).lower()}
store:
  url: redis://127.0.0.1:{self.redis_port}/0
workers:
  count: {workers}
{extra}"""
        )
        command = [apus_binary(), "up", "--config", str(self.config), *arguments]
        if embedded:
            command.append("--embedded")
        if trusted:
            # The file of authorities that this machine trusts, seen by the cluster alone.
            script = f'mount --bind {trusted} {AUTHORITIES} && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", script, "sh", *command]
        self.log_path = path / "log"
        self.log_file = open(self.log_path, "wb")
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=self.log_file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            start_new_session=True)

    # Addresses

    @property
    def http(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def kurento(self):
        return f"ws://127.0.0.1:{self.port}/kurento"

    # State

    def log(self):
        self.log_file.flush()
        return self.log_path.read_text(errors="replace")

    def get(self, path, timeout=3):
        try:
            with urllib.request.urlopen(self.http + path, timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def status(self):
        return json.loads(self.get("/api/status")[1])

    def workers(self):
        return {worker["id"]: worker for worker in self.status()["workers"]}

    def guardian(self, worker):
        """The process over a worker's media process, and that one."""
        media = self.workers()[worker]["processID"]
        with open(f"/proc/{media}/stat") as stat:
            return int(stat.read().rsplit(")", 1)[1].split()[1]), media

    @contextlib.contextmanager
    def lose(self, *workers):
        """These workers' hosts are gone, as far as anybody can tell: their media processes stand still, and the
        guardians that would replace them do too."""
        stopped = [process for worker in workers for process in self.guardian(worker)]
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in reversed(stopped):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    def redis_pid(self):
        """The redis-server that `up` started, by the title that it gives itself."""
        found = subprocess.run(
            ["pgrep", "-f", f"redis-server .*:{self.redis_port}"], capture_output=True, text=True).stdout.split()
        assert len(found) == 1, found
        return int(found[0])

    def wait_ready(self, workers=2, seconds=30):
        def ready():
            code, _ = self.get("/readyz")
            alive = [w for w in self.workers().values() if w["isAlive"]]
            return code == 200 and len(alive) == workers

        wait_until(ready, seconds, lambda: "the cluster is not ready:\n" + self.log())
        return self

    def stop(self):
        """Ctrl-C: the exit code, and how long it took."""
        started = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            code = self.process.wait()
        return code, time.monotonic() - started

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.log_file.close()
        self.folder.cleanup()


def wait_until(condition, seconds, explain=lambda: "the condition did not come true", pause=0.05):
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, ValueError, KeyError, IndexError):
            if condition():
                return
        if time.monotonic() > deadline:
            raise AssertionError(explain())
        time.sleep(pause)
