"""A path between a peer and the server that loses packets and changes its address, as the kernel's netem would."""

import asyncio
import random
import re


class LossyPath:
    """A UDP relay in front of one server address.

    The server sees it as the peer, so the peer must hide its own candidates and be told `candidate(…)`.
    """

    def __init__(self, seed=1):
        self.random = random.Random(seed)
        self.loss = 0.0
        self.passed = {"up": 0, "down": 0}
        self.lost = {"up": 0, "down": 0}
        self.peer = None
        self.server = None

    async def open(self):
        loop = asyncio.get_running_loop()
        self.near, _ = await loop.create_datagram_endpoint(
            lambda: _Side(self._from_peer), local_addr=("127.0.0.1", 0))
        await self.rebind()
        return self

    async def rebind(self):
        """The server sees another port from now on; what it sends to the old one is lost."""
        if self.server:
            self.far.close()
        loop = asyncio.get_running_loop()
        self.far, _ = await loop.create_datagram_endpoint(
            lambda: _Side(self._from_server), local_addr=("127.0.0.1", 0))

    def close(self):
        self.near.close()
        self.far.close()

    def rewrite(self, text):
        """Candidates of the server, in a description or alone, with the relay's address in place of its own."""
        def replace(match):
            self.server = ("127.0.0.1", int(match[2]))
            return f"{match[1]} 127.0.0.1 {self.near.get_extra_info('sockname')[1]} typ"

        return re.sub(r"(candidate:\S+ \d \w+ \d+) 127\.0\.0\.1 (\d+) typ", replace, text)

    def _drops(self, way):
        drops = self.random.random() < self.loss
        (self.lost if drops else self.passed)[way] += 1
        return drops

    def _from_peer(self, data, address):
        self.peer = address
        if self.server and not self._drops("up"):
            self.far.sendto(data, self.server)

    def _from_server(self, data, _):
        if self.peer and not self._drops("down"):
            self.near.sendto(data, self.peer)


class _Side(asyncio.DatagramProtocol):
    def __init__(self, receive):
        self.datagram_received = receive
