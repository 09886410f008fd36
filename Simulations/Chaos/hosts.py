"""The cluster under test with each worker on a host of its own: a network namespace with one link to the others.

Redis, the controllers and the load are at the other end of those links. Hosts are cut off where packets arrive, so that
whoever sends one learns nothing.
"""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.request

from stage import ROOT, apus_binary, until

# Where stage.py has made the end-to-end tests' modules known.
from namespaces import Net

CLONE_NEWNET = 0x40000000
# What a browser would say, as far as a refusal reads it.
OFFER = "\r\n".join([
    "v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0", "m=audio 9 UDP/TLS/RTP/SAVPF 111",
    "c=IN IP4 0.0.0.0", "a=ice-ufrag:abcd", "a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa",
    "a=fingerprint:sha-256 " + ":".join(["AB"] * 32), "a=setup:actpass", "a=mid:0", "a=rtcp-mux", "a=sendonly",
    "a=rtpmap:111 opus/48000/2", ""])


def enter(path):
    """This thread, and the processes that it starts, are in that network namespace from now on."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if libc.setns(descriptor, CLONE_NEWNET):
            raise SystemExit(f"network namespaces are not allowed here: {os.strerror(ctypes.get_errno())}")
    finally:
        os.close(descriptor)


class Hosts:
    """Two controllers, real Redis, and some workers with a host each."""

    STORE = 6379
    PORTS = (8888, 8889)

    def __init__(self, workers):
        self.workers = [f"w{number + 1}" for number in range(workers)]
        self.processes = []
        self.refusals = []
        self.away = 120.0
        self.load_options = ("--bind", Net.SERVER[0])

    # Coming and going

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="apus-chaos-"))
            try:
                self.net = Net()
            except (subprocess.CalledProcessError, FileNotFoundError) as error:
                raise SystemExit(f"network namespaces are not allowed here: {error}")
            stack.callback(self.net.close)
            self.addresses = {name: self.net.host(name, index) for index, name in enumerate(self.workers)}
            home = os.open("/proc/self/ns/net", os.O_RDONLY)
            stack.callback(lambda: (enter(f"/proc/self/fd/{home}"), os.close(home)))
            enter(f"/run/netns/{self.net.prefix}-inet")
            stack.callback(self.end_processes)
            self.start()
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def start(self):
        self.config = pathlib.Path(self.folder) / "cluster.yml"
        self.config.write_text(f"""\
cluster: chaos-hosts
signaling:
  listen: ["127.0.0.1:{self.PORTS[0]}"]
tls:
  listen: []
media:
  udp_ports: 42000-42063
  tcp_ports: 42000-42063
store:
  url: redis://{Net.SERVER[0]}:{self.STORE}/0
workers:
  count: {len(self.workers)}
""")
        self.start_store()
        for index in range(2):
            self.run(f"c{index + 1}", "controller", "--id", f"c{index + 1}", "--index", str(index))
        for name in self.workers:
            # A worker's ports are its host's own.
            self.run(name, "worker", "--id", name, host=name)
        if until(self.is_well, 30) is None:
            raise SystemExit("the cluster does not come up:\n" + self.logs())

    def run(self, name, *arguments, host=None):
        command = [apus_binary(), *arguments, "--config", str(self.config)]
        with open(pathlib.Path(self.folder) / f"{name}.log", "ab") as log:
            process = subprocess.Popen(
                self.net.command(host, *command) if host else command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL)
        self.processes.append(process)

    def logs(self):
        return "\n".join(
            f"== {path.stem}\n{path.read_text(errors='replace')}"
            for path in sorted(pathlib.Path(self.folder).glob("*.log")))

    def end_processes(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGINT)
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        self.end_store()

    def start_store(self, data=None):
        folder = pathlib.Path(self.folder) / "redis"
        folder.mkdir(exist_ok=True)
        (folder / "dump.rdb").unlink(missing_ok=True)
        if data is not None:
            (folder / "dump.rdb").write_bytes(data)
        self.store = subprocess.Popen(
            ["redis-server", "--bind", Net.SERVER[0], "--port", str(self.STORE), "--protected-mode", "no", "--save", "",
             "--dir", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        until(lambda: "PONG" in self.ask_store("ping"), 10)

    def end_store(self):
        self.store.kill()
        self.store.wait(10)

    def ask_store(self, *words):
        return subprocess.run(
            ["redis-cli", "-h", Net.SERVER[0], "-p", str(self.STORE), *words], capture_output=True, text=True,
            timeout=10).stdout

    # State

    def load_url(self, _):
        return f"http://127.0.0.1:{self.PORTS[1]}"

    def get(self, path, port=None):
        return urllib.request.urlopen(f"http://127.0.0.1:{port or self.PORTS[0]}{path}", timeout=1).read()

    def workers_now(self):
        return {worker["id"]: worker for worker in json.loads(self.get("/api/status"))["workers"]}

    def is_well(self):
        """Both controllers take sessions, and every worker lives."""
        for port in self.PORTS:
            self.get("/readyz", port)
        return [w["id"] for w in self.workers_now().values() if w["isAlive"]] == self.workers

    def assigned(self):
        return {name: worker["assignedSessions"] for name, worker in self.workers_now().items()}

    # Faults

    def victim(self, turn):
        return self.workers[turn % len(self.workers)]

    @contextlib.contextmanager
    def cut(self, name, far="", near=""):
        """Drops what arrives at a host and what arrives from it, or of that only what matches."""
        table = f"cut-{name}"
        places = [
            (self.net.command(name), ["iifname", "eth0", *far.split()]),
            ([], ["ip", "saddr", self.addresses[name], *near.split()])]
        for place, match in places:
            for command in (
                    ["add", "table", "inet", table],
                    ["add", "chain", "inet", table, "in", "{ type filter hook input priority 0; policy accept; }"],
                    ["add", "rule", "inet", table, "in", *match, "drop"]):
                subprocess.run([*place, "nft", *command], check=True, capture_output=True, timeout=10)
        try:
            yield
        finally:
            for place, _ in places:
                subprocess.run([*place, "nft", "delete", "table", "inet", table], capture_output=True, timeout=10)

    def cut_host(self, turn):
        """Seen when no session is left on it: each is another worker's, or waits for its clients."""
        name = self.victim(turn)
        with self.cut(name):
            started = time.monotonic()
            took = until(lambda: self.assigned()[name] == 0, 8)
            time.sleep(max(0.0, 8 - (time.monotonic() - started)))
        until(self.is_well, 10)
        return took

    def half_open(self, turn):
        """Seen when the worker is counted as alive again, or was all the time."""
        name = self.victim(turn)
        with self.cut(name, far=f"tcp sport {self.STORE}", near=f"tcp dport {self.STORE}"):
            time.sleep(8)
        return until(lambda: self.workers_now()[name]["isAlive"], 10)

    def store_down(self, _):
        before = self.assigned()
        self.end_store()
        end = time.monotonic() + self.away
        time.sleep(1)
        while time.monotonic() < end:
            self.refusals.append(self.join("refused"))
            time.sleep(min(2.0, max(0.0, end - time.monotonic())))
        self.start_store()
        return until(lambda: self.is_well() and self.assigned() == before, 15)

    def store_failover(self, turn):
        before = self.assigned()
        self.ask_store("save")
        data = (pathlib.Path(self.folder) / "redis/dump.rdb").read_bytes()
        # Begun after what comes back was written.
        late = self.post(f"late{turn}")
        time.sleep(1)
        self.end_store()
        self.start_store(data)
        took = until(
            lambda: self.is_well() and sum(self.assigned().values()) == sum(before.values()) + 1
            and all(count >= before[name] for name, count in self.assigned().items()), 15)
        self.delete(late)
        return took

    # Joins

    def join(self, room):
        """Its status, and how many ms it took."""
        started = time.monotonic()
        status = self.post(room)[0]
        return status, (time.monotonic() - started) * 1000

    def post(self, room):
        connection = http.client.HTTPConnection("127.0.0.1", self.PORTS[1], timeout=15)
        connection.request("POST", f"/whip/{room}", OFFER, {"Content-Type": "application/sdp"})
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, answer.headers.get("Location")

    def delete(self, answer):
        status, location = answer
        if status != 201:
            raise SystemExit(f"a join was answered with {status}")
        connection = http.client.HTTPConnection("127.0.0.1", self.PORTS[1], timeout=15)
        connection.request("DELETE", location)
        connection.getresponse().read()
        connection.close()
