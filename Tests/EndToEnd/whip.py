"""WHIP and WHEP clients: plain HTTP, and aiortc peers over it."""

import asyncio
import http.client
import json
import urllib.parse

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from peer import Peer


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read().decode()


def request(cluster, method, path, body=None, token=None, **headers):
    """One request; header names with underscores for dashes."""
    fields = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    if token:
        fields["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection("127.0.0.1", cluster.port, timeout=10)
    try:
        connection.request(method, path, body=body, headers=fields)
        return Answer(connection.getresponse())
    finally:
        connection.close()


def post(cluster, path, offer, token=None, **headers):
    return request(cluster, "POST", path, offer, token, Content_Type="application/sdp", **headers)


def patch(cluster, path, body, tag):
    return request(cluster, "PATCH", path, body, Content_Type="application/trickle-ice-sdpfrag", If_Match=tag)


def layers(cluster, path, choice=None):
    if choice is None:
        return json.loads(request(cluster, "GET", path + "/layer").body)
    return request(cluster, "POST", path + "/layer", json.dumps(choice), Content_Type="application/json")


class WhipPeer(Peer):
    """An aiortc peer that publishes, or plays so many publishers."""

    def __init__(self, cluster, tracks=(), receive=()):
        super().__init__(None, None)
        self.cluster = cluster
        for track in tracks:
            self.connection.addTransceiver(track, direction="sendonly")
        for kind in receive:
            self.connection.addTransceiver(kind, direction="recvonly")

    async def open(self, path, token=None):
        await self.connection.setLocalDescription(await self.connection.createOffer())
        offer = self.connection.localDescription.sdp
        for _ in range(3):
            self.answer = await asyncio.to_thread(post, self.cluster, path, offer, token)
            if self.answer.status != 503:
                break
            # A busy machine may be slow to open the first room: as RFC 9725 has it, come back later.
            await asyncio.sleep(int(self.answer.headers["Retry-After"]))
        assert self.answer.status == 201, f"{self.answer.status} {self.answer.body}"
        self.location = urllib.parse.urlsplit(self.answer.headers["Location"]).path
        self.tag = self.answer.headers["ETag"]
        await self.connection.setRemoteDescription(RTCSessionDescription(self.answer.body, "answer"))
        return self

    async def end(self):
        answer = await asyncio.to_thread(request, self.cluster, "DELETE", self.location)
        await self.close()
        return answer.status


def bare_offer(kinds=("audio", "video"), direction="sendonly"):
    """The text of an offer from a peer that nobody will connect to."""

    async def make():
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        for kind in kinds:
            connection.addTransceiver(kind, direction=direction)
        await connection.setLocalDescription(await connection.createOffer())
        text = connection.localDescription.sdp
        await connection.close()
        return text

    return asyncio.run(make())
