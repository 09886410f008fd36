#!/usr/bin/env python3
"""What relaying costs: `apus turn` beside Debian's coturn, both given the same datagrams in one run.

Clients bind a channel each and pass bursts of ChannelData to a peer, then the peer passes as many back. Counted are the
datagrams that arrive and the processor time that the server took for them, by the kernel's clock of each of its threads.

Example: Benchmarks/Relay/relay.py --apus .build/release/apus
"""

import argparse
import glob
import hashlib
import hmac
import json
import os
import random
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

COOKIE = 0x2112A442
UDP_SEGMENT, UDP_GRO = 103, 104
USER, PASSWORD = "bench", "secret"
HEADER = 4


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)


def xor_address(ip: str, port: int) -> bytes:
    word = struct.unpack("!I", socket.inet_aton(ip))[0] ^ COOKIE
    return struct.pack("!HHI", 1, port ^ COOKIE >> 16, word)


class Client:
    """An allocation with one channel, by hand."""

    def __init__(self, server: tuple[str, int]):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.connect(server)
        self.realm = self.nonce = b""
        wish = attribute(0x19, b"\x11\0\0\0")
        _, answer = self.ask(3, wish)
        self.realm, self.nonce = answer[0x14], answer[0x15]
        self.key = hashlib.md5(f"{USER}:{self.realm.decode()}:{PASSWORD}".encode()).digest()
        kind, answer = self.ask(3, wish)
        assert kind == 0x103, f"no allocation: {answer}"
        _, port, word = struct.unpack("!HHI", answer[0x16])
        self.relayed = (socket.inet_ntoa(struct.pack("!I", word ^ COOKIE)), port ^ COOKIE >> 16)

    def bind(self, channel: int, peer: tuple[str, int]):
        kind, answer = self.ask(9, attribute(0x0C, struct.pack("!HH", channel, 0)) + attribute(0x12, xor_address(*peer)))
        assert kind == 0x109, f"no channel: {answer}"
        self.channel = channel

    def ask(self, method: int, body: bytes):
        transaction = random.randbytes(12)
        if self.nonce:
            body += attribute(6, USER.encode()) + attribute(0x14, self.realm) + attribute(0x15, self.nonce)
            head = struct.pack("!HHI", method, len(body) + 24, COOKIE) + transaction
            body += attribute(8, hmac.new(self.key, head + body, hashlib.sha1).digest())
        self.socket.settimeout(5)
        self.socket.send(struct.pack("!HHI", method, len(body), COOKIE) + transaction + body)
        answer = self.socket.recv(2048)
        kind, length = struct.unpack("!HH", answer[:4])
        found, offset = {}, 20
        while offset < 20 + length:
            name, size = struct.unpack("!HH", answer[offset:offset + 4])
            found[name] = answer[offset + 4:offset + 4 + size]
            offset += 4 + size + -size % 4
        return kind, found


def burst(sender: socket.socket, payload: bytes, count: int, to=None):
    """So many equal datagrams in one call; on the way they are single ones."""
    control = [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("=H", len(payload)))]
    sender.sendmsg([payload * count], control, 0, *([to] if to else []))


def drain(receiver: socket.socket, size: int) -> int:
    """Datagrams of `size` bytes that wait; the kernel hands over several at once."""
    count = 0
    try:
        while True:
            data, _, _, _ = receiver.recvmsg(65535, 64, socket.MSG_DONTWAIT)
            count += len(data) // size
    except BlockingIOError:
        return count


def processor_time(pid: int) -> float:
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with open(path) as file:
            total += int(file.read().split()[0])
    return total / 1e9


class Server:
    def __init__(self, name: str, apus: str):
        self.name = name
        self.port = free_port()
        self.folder = tempfile.mkdtemp()
        if name == "apus":
            command = [
                apus, "turn", "--listen", f"127.0.0.1:{self.port}", "--user", f"{USER}:{PASSWORD}", "--allow-peer",
                "127.0.0.0/8"]
        else:
            command = [
                "turnserver", "-n", "-L", "127.0.0.1", "-E", "127.0.0.1", "-p", str(self.port), "-u", f"{USER}:{PASSWORD}",
                "-r", "bench", "-a", "--allow-loopback-peers", "--no-tls", "--no-dtls", "--no-cli", "--log-file", "/dev/null",
                "--pidfile", f"{self.folder}/pid", "-b", f"{self.folder}/db", "--min-port", "20000", "--max-port", "30000"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1.5)
        assert self.process.poll() is None, f"{name} did not start"

    def close(self):
        self.process.send_signal(signal.SIGINT if self.name == "apus" else signal.SIGTERM)
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def measure(server: Server, options) -> dict:
    """Datagrams that arrived and nanoseconds of the server for each, one way and the other."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
    peer.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
    peer.bind(("127.0.0.1", 0))
    peer.setblocking(False)
    clients = [Client(("127.0.0.1", server.port)) for _ in range(options.clients)]
    for index, client in enumerate(clients):
        client.bind(0x4000 + index, peer.getsockname())
        client.socket.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        client.socket.setblocking(False)
    body = random.randbytes(options.bytes)

    def outward(client):
        burst(client.socket, struct.pack("!HH", client.channel, len(body)) + body, options.burst)

    def inward(client):
        burst(peer, body, options.burst, client.relayed)

    result = {}
    for name, send, receivers, size in (
        ("to peers", outward, [peer], len(body)),
        ("to clients", inward, [client.socket for client in clients], len(body) + HEADER),
    ):
        sent = arrived = 0
        before, begin = processor_time(server.process.pid), time.monotonic()
        while (elapsed := time.monotonic() - begin) < options.seconds:
            # Behind its time it sends what is due; it never waits for an answer.
            while sent < elapsed * options.rate and sent - arrived < options.rate // 20:
                send(clients[sent // options.burst % len(clients)])
                sent += options.burst
            for receiver in receivers:
                arrived += drain(receiver, size)
        time.sleep(0.2)
        for receiver in receivers:
            arrived += drain(receiver, size)
        used = processor_time(server.process.pid) - before
        result[name] = {"sent": sent, "arrived": arrived, "ns": used / max(arrived, 1) * 1e9}
    for client in clients:
        client.socket.close()
    peer.close()
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apus", default=".build/release/apus")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--rate", type=int, default=30_000, help="datagrams per second")
    parser.add_argument("--burst", type=int, default=5, help="datagrams that a client sends at once: a picture's")
    parser.add_argument("--bytes", type=int, default=1200)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5, help="the first one is not counted")
    parser.add_argument("--json", help="a file for the figures")
    options = parser.parse_args()
    if shutil.which("turnserver") is None:
        sys.exit("coturn is not installed: apt-get install coturn")
    figures: dict = {}
    for index in range(options.rounds):
        for name in ("apus", "coturn") if index % 2 == 0 else ("coturn", "apus"):
            server = Server(name, options.apus)
            try:
                result = measure(server, options)
            finally:
                server.close()
            for way, one in result.items():
                lost = one["sent"] - one["arrived"]
                print(f"round {index}: {name:7} {way:10} {one['arrived']:8} arrived, {lost:6} lost, {one['ns']:7.0f} ns each")
                if index:
                    figures.setdefault(way, {}).setdefault(name, []).append(one["ns"])
    for way, both in figures.items():
        ratios = [theirs / ours for ours, theirs in zip(both["apus"], both["coturn"])]
        own, other = statistics.median(both["apus"]), statistics.median(both["coturn"])
        print(
            f"{way}: apus {1e6 / own:.0f} k/s per processor second, coturn {1e6 / other:.0f}; "
            f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(figures, file, indent=2)


if __name__ == "__main__":
    main()
