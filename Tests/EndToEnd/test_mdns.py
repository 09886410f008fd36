"""Candidates with a name of mDNS in their address's place: `media.resolve_mdns`, with a responder and with Chromium."""

import asyncio
import contextlib
import select
import socket
import struct
import threading
import time

import pytest

from browsers import Chromium
from conftest import run
from test_reachability import make_cluster
from whip import bare_offer, patch, post

GROUP = "224.0.0.251"
# Names of the browser's own, which it has not told a page that may use no camera the addresses of.
NAMES = """
(async () => {
  const peer = new RTCPeerConnection();
  window.keep = peer;
  peer.createDataChannel('x');
  const names = [];
  const end = new Promise((resolve) => {
    peer.onicecandidate = ({ candidate }) => candidate ? names.push(candidate.address) : resolve();
  });
  await peer.setLocalDescription(await peer.createOffer());
  await end;
  return names.filter((name) => name && name.endsWith('.local')).join();
})()
"""


class HidingChromium(Chromium):
    """As users have it: no camera for the page, and names instead of addresses."""

    def launch(self, command, environment=None):
        shown = ("media-stream", "disable-features", "allow-loopback")
        super().launch([word for word in command if not any(part in word for part in shown)], environment)


@contextlib.contextmanager
def responder(name, ip):
    """Answers on the loopback interface, to the asker's own port."""
    member = struct.pack("4s4si", socket.inet_aton(GROUP), socket.inet_aton("127.0.0.1"), 0)
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((GROUP, 5353))
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    except OSError as error:
        pytest.skip(f"no multicast here: {error}")
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\0"
    asked = []
    ending = threading.Event()

    def work():
        while not ending.is_set():
            if not select.select([listener], [], [], 0.1)[0]:
                continue
            query, source = listener.recvfrom(9000)
            if not query[2] & 0x80 and query[12:].startswith(labels):
                asked.append(query)
                if query[12:] == labels + b"\0\1\0\1":
                    record = labels + struct.pack("!HHIH", 1, 0x8001, 120, 4) + socket.inet_aton(ip)
                    listener.sendto(query[:2] + b"\x84\0\0\1\0\1\0\0\0\0" + query[12:] + record, source)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield asked
    finally:
        ending.set()
        thread.join()
        listener.close()


def is_checked(cluster, name, seconds):
    """Whether a worker sends checks to a candidate of that name and a port of ours."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as mine:
        mine.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        mine.bind(("::", 0))
        offer = bare_offer()
        answer = post(cluster, "/whip/names", offer)
        assert answer.status == 201, answer.body
        lines = offer.split("\r\n")
        ufrag, password = (
            next(line for line in lines if line.startswith(key)) for key in ("a=ice-ufrag:", "a=ice-pwd:"))
        candidate = f"a=candidate:1 1 udp 2122260223 {name} {mine.getsockname()[1]} typ host"
        body = (ufrag, password, "m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0", candidate)
        fragment = "".join(f"{line}\r\n" for line in body)
        assert patch(cluster, answer.headers["Location"], fragment, answer.headers["ETag"]).status == 204
        mine.settimeout(0.2)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                packet = mine.recv(2048)
                if packet[:2] == b"\0\1" and packet[4:8] == b"\x21\x12\xa4\x42":
                    assert ufrag.removeprefix("a=ice-ufrag:").encode() in packet
                    return True
        return False


def test_a_name_is_resolved_where_the_operator_wants_it():
    with responder("apus-wanted.local", "127.0.0.1") as asked:
        with make_cluster(media="resolve_mdns: true") as cluster:
            cluster.wait_ready(workers=1)
            assert is_checked(cluster, "apus-wanted.local", 5)
            assert not is_checked(cluster, "apus-nobody.local", 1)
        assert asked


def test_a_name_is_left_alone_by_default():
    with responder("apus-unwanted.local", "127.0.0.1") as asked:
        with make_cluster() as cluster:
            cluster.wait_ready(workers=1)
            assert not is_checked(cluster, "apus-unwanted.local", 2)
        assert not asked


def test_an_address_that_may_not_be_probed_is_not_by_name_either():
    with responder("apus-metadata.local", "0.0.0.0") as asked:
        with make_cluster(media="resolve_mdns: true") as cluster:
            cluster.wait_ready(workers=1)
            assert not is_checked(cluster, "apus-metadata.local", 2)
        assert asked


def test_chromiums_own_names_are_resolved():
    async def scenario():
        with make_cluster(media="resolve_mdns: true") as cluster:
            cluster.wait_ready(workers=1)
            browser = await HidingChromium().start()
            try:
                await browser.open(f"{cluster.http}/whip.html")
                names = await browser.evaluate(NAMES)
                if not names:
                    pytest.skip("the browser has no address to hide: there is no network but loopback")
                for name in names.split(","):
                    assert await asyncio.to_thread(is_checked, cluster, name, 5), name
            finally:
                await browser.close()

    run(scenario())
