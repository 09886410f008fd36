"""Hostile input at every door, while one call goes on that must not notice."""

import asyncio
import contextlib
import json
import os
import random
import re
import socket
import struct
import time
import zlib

import pytest
import websockets

from cluster import wait_until
from conftest import run
from kurento import KurentoClient, KurentoError
from peer import Peer, ToneTrack

# Frames of 20 ms: so long without one, and a person would have heard it.
LONGEST_GAP = 1.0


class Witness:
    """A loopback call, and the longest time that it was silent."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.longest_gap = 0.0

    def process_ids(self):
        status = self.cluster.status()
        return sorted(part["processID"] for part in status["workers"] + status["controllers"])

    async def __aenter__(self):
        self.processes = await asyncio.to_thread(self.process_ids)
        self.client = await KurentoClient(self.cluster.kurento).__aenter__()
        self.pipeline = await self.client.create("MediaPipeline")
        self.peer = await Peer(self.client, self.pipeline, [ToneTrack()]).negotiate()
        await self.client.invoke(self.peer.endpoint, "connect", sink=self.peer.endpoint)
        await self.peer.wait_for(lambda p: p.frames["audio"] > 25, 20, "sound")
        self.monitor = asyncio.create_task(self._watch())
        return self

    async def _watch(self):
        heard, since = self.peer.frames["audio"], time.monotonic()
        while True:
            await asyncio.sleep(0.02)
            now = time.monotonic()
            self.longest_gap = max(self.longest_gap, now - since)
            if self.peer.frames["audio"] != heard:
                heard, since = self.peer.frames["audio"], now

    async def __aexit__(self, kind, *_):
        if kind is None:
            heard = self.peer.frames["audio"]
            await asyncio.sleep(1)
            assert self.peer.frames["audio"] - heard > 25, "the call stopped"
            assert self.longest_gap < LONGEST_GAP, f"the call was silent for {self.longest_gap:.2f} s"
            assert await asyncio.to_thread(self.process_ids) == self.processes, "a process died"
        self.monitor.cancel()
        await self.peer.close()
        with contextlib.suppress(Exception):
            await self.client.release(self.pipeline)
        await self.client.__aexit__(None, None, None)

    @property
    def server_ufrag(self):
        return re.search(r"a=ice-ufrag:(\S+)", self.peer.connection.remoteDescription.sdp)[1]


# Datagrams


def udp_addresses(cluster):
    """(host, port) of every reactor's IPv4 socket."""
    found = []
    for worker in cluster.workers().values():
        for text in worker["addresses"]:
            host, port = text.rsplit(":", 1)
            if "[" not in host:
                found.append((host, int(port)))
    assert found
    return found


def stun_request(ufrag, rng, fingerprint=True):
    """A binding request for `ufrag` whose integrity is nobody's."""
    username = f"{ufrag}:evil".encode()
    attributes = struct.pack("!HH", 0x0006, len(username)) + username + bytes(-len(username) % 4)
    attributes += struct.pack("!HHI", 0x0024, 4, 0x6E7F1EFF) + struct.pack("!HHQ", 0x802A, 8, 1)
    attributes += struct.pack("!HH", 0x0008, 20) + rng.randbytes(20)
    length = len(attributes) + (8 if fingerprint else 0)
    message = struct.pack("!HHI", 0x0001, length, 0x2112A442) + rng.randbytes(12) + attributes
    if fingerprint:
        message += struct.pack("!HHI", 0x8028, 4, zlib.crc32(message) ^ 0x5354554E)
    return message


def client_hello(rng):
    body = b"\xfe\xfd" + rng.randbytes(32) + b"\0\0" + b"\0\4\xc0\x2b\xc0\x2f" + b"\1\0" + b"\0\0"
    header = b"\1" + len(body).to_bytes(3, "big") + b"\0\0" + b"\0\0\0" + len(body).to_bytes(3, "big")
    record = header + body
    return b"\x16\xfe\xfd" + bytes(8) + struct.pack("!H", len(record)) + record


def rtp(rng):
    return struct.pack("!BBHII", 0x80, 111, rng.randrange(65536), rng.randrange(2**32), rng.randrange(2**32)) + rng.randbytes(
        rng.randrange(4, 900))


def rtcp(rng):
    return struct.pack("!BBHI", 0x81, 206, 2, rng.randrange(2**32)) + rng.randbytes(rng.randrange(4, 200))


def noise(rng):
    return rng.randbytes(rng.randrange(0, 1500))


def mutated(packet, rng):
    packet = bytearray(packet)
    for _ in range(rng.randrange(1, 6)):
        if packet:
            packet[rng.randrange(len(packet))] = rng.randrange(256)
    return bytes(packet[: rng.randrange(len(packet) + 1)] if rng.random() < 0.2 else packet)


async def spray(addresses, make, count, rng):
    """`count` datagrams from strangers, a few thousand a second: more would only fill the socket's queue."""
    strangers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(8)]
    try:
        for number in range(count):
            with contextlib.suppress(OSError):
                strangers[number % 8].sendto(make(rng), addresses[number % len(addresses)])
            if number % 40 == 39:
                await asyncio.sleep(0.01)
    finally:
        for stranger in strangers:
            stranger.close()


def drops(cluster):
    """Dropped packets by reason, of all workers, as /metrics tells them."""
    text = cluster.get("/metrics")[1].decode()
    totals = {}
    for reason, count in re.findall(r'apus_worker_dropped_packets_total\{[^}]*reason="(\w+)"[^}]*\} (\d+)', text):
        totals[reason] = totals.get(reason, 0) + int(count)
    return totals


def wait_for_drops(cluster, before, reasons):
    def risen():
        now = drops(cluster)
        return all(now.get(reason, 0) > before.get(reason, 0) for reason in reasons)

    wait_until(risen, 10, lambda: f"of {reasons} not all rose: {before} then {drops(cluster)}")


def test_datagrams_of_strangers_disturb_no_call_and_are_counted(cluster):
    rng = random.Random(1)
    before = drops(cluster)
    addresses = udp_addresses(cluster)

    async def scenario():
        # Before and during the handshake: the spray begins first and goes on.
        early = asyncio.create_task(spray(addresses, noise, 4000, rng))
        await asyncio.sleep(0.05)
        async with Witness(cluster) as witness:
            await early
            ufrag = witness.server_ufrag
            kinds = [
                noise,
                lambda rng: mutated(stun_request("nobody", rng), rng),
                lambda rng: stun_request("nobody", rng),
                lambda rng: stun_request(ufrag, rng),
                lambda rng: stun_request(ufrag, rng, fingerprint=False),
                lambda rng: mutated(stun_request(ufrag, rng), rng),
                client_hello,
                lambda rng: mutated(client_hello(rng), rng),
                rtp,
                rtcp,
                lambda rng: mutated(rtp(rng), rng),
            ]
            for make in kinds:
                await spray(addresses, make, 800, rng)
            return witness.longest_gap

    gap = run(scenario())
    print(f"the longest silence was {gap * 1000:.0f} ms; dropped: {drops(cluster)}")
    wait_for_drops(cluster, before, ["unknown_tuple", "stun_unknown_user", "stun_bad_integrity"])


def test_a_stolen_user_fragment_does_not_move_a_call(cluster):
    """Requests that name the call's own user fragment, then media from the same address: none of it counts."""
    rng = random.Random(2)
    before = drops(cluster)

    async def scenario():
        async with Witness(cluster) as witness:
            addresses = udp_addresses(cluster)
            ufrag = witness.server_ufrag
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.setblocking(False)
                for _ in range(300):
                    for address in addresses:
                        stranger.sendto(stun_request(ufrag, rng), address)
                        stranger.sendto(client_hello(rng), address)
                        stranger.sendto(rtp(rng), address)
                    await asyncio.sleep(0.005)
                answers = []
                with contextlib.suppress(BlockingIOError):
                    while True:
                        answers.append(stranger.recv(2048))
            # An answer to an unauthenticated request may only be a STUN error (RFC 8489 section 9.1.3).
            assert all(answer[0] == 0x01 and answer[1] == 0x11 for answer in answers)
            assert sum(map(len, answers)) < 300 * len(addresses) * 200, "answers amplify"

    run(scenario())
    wait_for_drops(cluster, before, ["stun_bad_integrity", "unknown_tuple"])


# Signalling


async def answer_to(socket_, text, timeout=10):
    await socket_.send(text)
    while True:
        message = json.loads(await asyncio.wait_for(socket_.recv(), timeout))
        if message.get("method") != "onEvent":
            return message


@pytest.mark.parametrize(
    "text, code",
    [
        ("no JSON at all", -32700),
        ("", -32700),
        ("{", -32700),
        ('{"jsonrpc":"2.0"', -32700),
        ("\x00\x01\x02", -32700),
        ("[" * 100_000, -32700),
        ("[]", -32600),
        ("null", -32600),
        ('"text"', -32600),
        ('{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600),
        ('{"jsonrpc":"2.0","id":1}', -32600),
        ('{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600),
        ('{"jsonrpc":"2.0","id":1,"method":"explode","params":{}}', -32601),
        ('{"jsonrpc":"2.0","id":1,"method":"create","params":{"type":"Teapot","constructorParams":{}}}', None),
        ('{"jsonrpc":"2.0","id":1,"method":"invoke","params":{"object":"nobody","operation":"x"}}', 40101),
        ('{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"object":"nobody","type":"Error"}}', 40101),
        ('{"jsonrpc":"2.0","id":1,"method":"create","params":{"type":{}}}', -32000),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_bad_frame_gets_a_clear_error_and_the_connection_goes_on(cluster, text, code):
    async def scenario():
        async with websockets.connect(cluster.kurento) as client:
            error = (await answer_to(client, text))["error"]
            assert error["message"]
            if code is not None:
                assert error["code"] == code, error
            pong = await answer_to(client, '{"jsonrpc":"2.0","id":9,"method":"ping","params":{"interval":1000}}')
            assert pong["result"]["value"] == "pong"

    run(scenario())


async def close_code(client):
    with contextlib.suppress(websockets.ConnectionClosed):
        while True:
            await asyncio.wait_for(client.recv(), 10)
    return client.close_code


def test_frames_that_are_too_large_or_binary_close_only_their_own_connection(cluster):
    async def scenario():
        async with Witness(cluster):
            async with websockets.connect(cluster.kurento) as client:
                with contextlib.suppress(websockets.ConnectionClosed):
                    await client.send("x" * (10 << 20))
                assert await close_code(client) == 1009
            async with websockets.connect(cluster.kurento) as client:
                # The same in pieces.
                with contextlib.suppress(websockets.ConnectionClosed):
                    await client.send("x" * (64 << 10) for _ in range(160))
                assert await close_code(client) == 1009
            async with websockets.connect(cluster.kurento) as client:
                await client.send(b"\x00binary")
                assert await close_code(client) == 1003

    run(scenario())


def offers():
    head = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    audio = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:111 opus/48000/2\r\na=mid:0\r\n"
    secure = (
        "a=ice-ufrag:Kq9x\r\na=ice-pwd:wG3TQn1c0uEYBZ7mGk2r8d5V\r\na=setup:actpass\r\na=rtcp-mux\r\n"
        "a=fingerprint:sha-256 " + ":".join(["7B"] * 32) + "\r\n")
    return {
        "well-formed": head + audio + secure,
        "empty": "",
        "noise": "\x7f" * 5000,
        "no media": head,
        "no keys": head + audio,
        "ten thousand lines": head + audio + secure + "a=x:y\r\n" * 10_000,
        "ten thousand sections": head + (audio + secure) * 2_000,
        "bare carriage returns": (head + audio + secure).replace("\r\n", "\r"),
        "a line in a value": head + audio + secure.replace("Kq9x", "Kq9x\r\na=ice-ufrag:evil"),
        "a null": head + audio.replace("opus", "op\x00us") + secure,
        "a huge number": head + audio.replace("111", "9" * 400) + secure,
        "a huge line": head + audio + secure + "a=fmtp:111 " + "x" * 200_000 + "\r\n",
        "a negative port": head + audio.replace(" 9 ", " -9 ") + secure,
        "a wrong fingerprint": head + audio + secure.replace("7B:7B", "ZZ:7B"),
    }


def test_bad_session_descriptions_are_refused_or_answered_but_never_echoed(cluster):
    async def scenario():
        results = {}
        async with Witness(cluster) as witness:
            client = witness.client
            for name, offer in offers().items():
                pipeline = await client.create("MediaPipeline")
                endpoint = await client.create("WebRtcEndpoint", mediaPipeline=pipeline)
                try:
                    answer = await client.invoke(endpoint, "processOffer", offer=offer)
                    assert "evil" not in answer and "\x00" not in answer
                    assert all(line.startswith(tuple("vosbtcam")) for line in answer.split("\r\n") if line)
                    results[name] = "answered"
                except KurentoError as error:
                    results[name] = str(error)[:90]
                    assert 40000 < error.code < 41000
                for candidate in ("", "candidate:", "x" * 5000, "candidate:1 1 udp 1 256.0.0.1 99999 typ host", "a\r\nb=c"):
                    with contextlib.suppress(KurentoError):
                        await client.invoke(
                            endpoint, "addIceCandidate",
                            candidate={"candidate": candidate, "sdpMid": "0", "sdpMLineIndex": 0})
                await client.release(pipeline)
        return results

    results = run(scenario())
    print(json.dumps(results, indent=1))
    assert [name for name, result in results.items() if result == "answered"] == ["well-formed"]


def test_thousands_of_rapid_requests_are_all_answered(cluster):
    count = 5000

    async def scenario():
        async with Witness(cluster):
            async with websockets.connect(cluster.kurento) as client:

                async def ask():
                    for number in range(count):
                        # The witness shares this process: let its turn come.
                        if number % 50 == 0:
                            await asyncio.sleep(0)
                        method = ("ping", "explode", "describe", "release")[number % 4]
                        await client.send(
                            json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": {"object": "nobody"}}))

                asking = asyncio.create_task(ask())
                answered = set()
                while len(answered) < count:
                    message = json.loads(await asyncio.wait_for(client.recv(), 30))
                    answered.add(message["id"])
                await asking
                return answered

    assert run(scenario()) == set(range(count))


def test_connections_that_say_nothing_or_nonsense_are_let_go(cluster):
    async def scenario():
        async with Witness(cluster):
            strangers = []
            for payload in (b"", os.urandom(2000), b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 5000, b"\x16\x03\x01\x02\x00" * 50):
                for _ in range(5):
                    reader, writer = await asyncio.open_connection("127.0.0.1", cluster.port)
                    writer.write(payload)
                    strangers.append((reader, writer))
            for reader, writer in strangers:
                # The server ends each of them, in time; what it says before does not matter.
                with contextlib.suppress(ConnectionError):
                    while await asyncio.wait_for(reader.read(65536), 30):
                        pass
                writer.close()

    run(scenario())
