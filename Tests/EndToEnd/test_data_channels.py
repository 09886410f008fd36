"""Data channels: aiortc, Chromium and Firefox, to themselves and to each other."""

import asyncio
import hashlib
import json
import os

import pytest

from browsers import AWAKE, Chromium, Firefox, Page
from conftest import run
from kurento import KurentoClient, KurentoError
from peer import Peer, ToneTrack


class DataPeer(Peer):
    """A peer with one channel, and all that came on it."""

    def __init__(self, client, pipeline, label="chat", tracks=(), **options):
        super().__init__(client, pipeline, tracks)
        self.messages = []
        self.channels = {}
        self.opened = asyncio.Event()
        self.channel = self.connection.createDataChannel(label, **options)
        self._watch(self.channel)
        self.channel.on("open", self.opened.set)
        self.connection.on("datachannel", self._watch)

    def _watch(self, channel):
        self.channels[channel.label] = channel
        channel.on("message", self.messages.append)

    async def join(self, **options):
        await self.negotiate(useDataChannels=True, **options)
        await asyncio.wait_for(self.opened.wait(), 10)
        return self


def test_text_and_bytes_come_back_to_an_aiortc_peer(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peer = DataPeer(client, pipeline, protocol="json")
            peer.rewrite = lambda text: text
            opened = []
            client.handlers.append(
                lambda event: opened.append(event["data"]["channelId"]) if event["type"] == "DataChannelOpened" else 0)
            made = await peer._make_endpoint({"useDataChannels": True})
            await client.subscribe(peer.endpoint, "DataChannelOpened")
            await peer.connection.setLocalDescription(await peer.connection.createOffer())
            answer = await client.invoke(
                peer.endpoint, "processOffer", offer=peer.connection.localDescription.sdp)
            await peer.connection.setRemoteDescription(type(peer.connection.localDescription)(answer, "answer"))
            await client.invoke(peer.endpoint, "gatherCandidates")
            await asyncio.wait_for(made.wait(), 5)
            await asyncio.wait_for(peer.opened.wait(), 10)
            await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
            sent = ["grüezi", "", b"\x00\x01\x02", os.urandom(60_000), "x" * 65_536]
            for message in sent:
                peer.channel.send(message)
            await peer.wait_for(lambda p: len(p.messages) == len(sent), 20, "messages")
            assert peer.messages == sent
            assert opened == [peer.channel.id]

            stats = await client.invoke(peer.endpoint, "getStats")
            (channel,) = [entry for entry in stats.values() if entry["type"] == "datachannel"]
            assert channel["label"] == "chat" and channel["protocol"] == "json" and channel["state"] == "open"
            assert channel["messagesSent"] == channel["messagesReceived"] == len(sent)
            assert channel["bytesReceived"] == sum(len(m.encode() if isinstance(m, str) else m) for m in sent)
            await peer.close()
            await client.release(pipeline)

    run(scenario())


def test_data_go_where_they_are_connected_beside_media(cluster):
    """A→B and A→C, nothing back; then B is fed by C."""

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            a = await DataPeer(client, pipeline, tracks=[ToneTrack()]).join()
            b = await DataPeer(client, pipeline).join()
            # Another label: the only channel that there is.
            c = await DataPeer(client, pipeline, label="other").join()
            await client.invoke(a.endpoint, "connect", sink=b.endpoint)
            await client.invoke(a.endpoint, "connect", sink=c.endpoint, mediaType="DATA")
            a.channel.send("to both")
            await b.wait_for(lambda p: p.messages == ["to both"], 5, "A's message at B")
            await c.wait_for(lambda p: p.messages == ["to both"], 5, "A's message at C")
            b.channel.send("to nobody")
            await client.invoke(c.endpoint, "connect", sink=b.endpoint, mediaType="DATA")
            a.channel.send("to C")
            await c.wait_for(lambda p: p.messages[1:] == ["to C"], 5, "A's second message at C")
            c.channel.send("from C")
            await b.wait_for(lambda p: p.messages[1:] == ["from C"], 5, "C's message at B")
            await client.invoke(c.endpoint, "disconnect", sink=b.endpoint, mediaType="DATA")
            c.channel.send("to nobody")
            await asyncio.sleep(0.5)
            assert b.messages == ["to both", "from C"] and a.messages == []
            for peer in (a, b, c):
                await peer.close()
            await client.release(pipeline)

    run(scenario())


def test_the_server_opens_and_closes_channels(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peer = DataPeer(client, pipeline)
            await peer.join()
            events = []
            client.handlers.append(lambda event: events.append((event["type"], event["data"].get("channelId"))))
            await client.subscribe(peer.endpoint, "DataChannelOpened")
            await client.subscribe(peer.endpoint, "DataChannelClosed")
            await client.invoke(
                peer.endpoint, "createDataChannel", label="news", ordered=False, maxRetransmits=2, protocol="p")
            await peer.wait_for(lambda p: "news" in p.channels, 5, "the server's channel")
            news = peer.channels["news"]
            assert (news.ordered, news.maxRetransmits, news.protocol) == (False, 2, "p")
            await peer.wait_for(lambda _: ("DataChannelOpened", news.id) in events, 5, "the event of its opening")
            await client.invoke(peer.endpoint, "closeDataChannel", channelId=news.id)
            await peer.wait_for(lambda _: news.readyState == "closed", 5, "the server closing it")
            await peer.wait_for(lambda _: ("DataChannelClosed", news.id) in events, 5, "the event of its closing")
            peer.channel.close()
            await peer.wait_for(lambda _: ("DataChannelClosed", peer.channel.id) in events, 5, "the peer closing its own")
            await peer.close()
            await client.release(pipeline)

    run(scenario())


def test_what_cannot_be_is_said_to_be_so(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            plain = await Peer(client, pipeline, [ToneTrack()]).negotiate()
            with pytest.raises(KurentoError) as error:
                await client.invoke(plain.endpoint, "createDataChannel", label="x")
            assert error.value.code == 40111
            peer = await DataPeer(client, pipeline).join()
            with pytest.raises(KurentoError) as error:
                await client.invoke(peer.endpoint, "createDataChannel", maxRetransmits=1, maxPacketLifeTime=1)
            assert error.value.code == 40107
            with pytest.raises(KurentoError) as error:
                await client.invoke(peer.endpoint, "closeDataChannel", channelId=-1)
            assert error.value.code == 40107
            # A channel that is not there is closed already.
            await client.invoke(peer.endpoint, "closeDataChannel", channelId=700)
            await plain.close()
            await peer.close()
            await client.release(pipeline)

    run(scenario())


# `exchange(name, options)`: a call with `count` channels that are connected to themselves; what was sent on each, and
# whether all of it came back.
TALK = r"""
(async () => {
  const { KurentoClient } = await import('/kurento.js');
  window.openData = async (pipeline, labels) => {
    const client = await KurentoClient.connect(`ws://${location.host}/kurento`);
    const peer = new RTCPeerConnection();
    pipeline ??= await client.create('MediaPipeline');
    const endpoint = await client.create('WebRtcEndpoint', { mediaPipeline: pipeline, useDataChannels: true });
    const channels = labels.map((label) => peer.createDataChannel(label));
    const opened = channels.map((channel) => new Promise((resolve) => channel.onopen = resolve));
    peer.onicecandidate = ({ candidate }) => candidate?.candidate && client.invoke(
      endpoint, 'addIceCandidate', { candidate: {
        __module__: 'kurento', __type__: 'IceCandidate', candidate: candidate.candidate,
        sdpMid: candidate.sdpMid, sdpMLineIndex: candidate.sdpMLineIndex } });
    await client.subscribe(endpoint, 'IceCandidateFound', ({ candidate: { candidate, sdpMid, sdpMLineIndex } }) =>
      peer.addIceCandidate({ candidate, sdpMid, sdpMLineIndex }).catch(() => {}));
    await peer.setLocalDescription(await peer.createOffer());
    const answer = await client.invoke(endpoint, 'processOffer', { offer: peer.localDescription.sdp });
    await peer.setRemoteDescription({ type: 'answer', sdp: answer });
    await client.invoke(endpoint, 'gatherCandidates');
    await Promise.all(opened);
    const received = labels.map(() => []);
    channels.forEach((channel, index) => {
      channel.binaryType = 'arraybuffer';
      channel.onmessage = ({ data }) => received[index].push(data);
    });
    window.data = { client, peer, endpoint, channels, received };
    return { pipeline, endpoint };
  };
  const digest = async (bytes) => Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), (byte) =>
    byte.toString(16).padStart(2, '0')).join('');
  // `count` messages of `size` bytes on each channel, with the browser's own buffer kept small.
  window.sendAll = async (count, size) => {
    const { channels } = window.data;
    const digests = [];
    for (let number = 0; number < count; number += 1) {
      for (const channel of channels) {
        const bytes = new Uint8Array(size);
        for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, Math.min(at + 65536, size)));
        while (channel.bufferedAmount > 1_000_000) await new Promise((resolve) => setTimeout(resolve, 5));
        channel.send(bytes);
        digests.push(await digest(bytes));
      }
    }
    return digests.sort();
  };
  window.receivedCount = () => window.data.received.reduce((sum, list) => sum + list.length, 0);
  window.receivedDigests = async () =>
    (await Promise.all(window.data.received.flat().map((bytes) => digest(bytes)))).sort();
  return true;
})()
"""


async def open_data(browser, page, pipeline, labels):
    await browser.evaluate(TALK, page.page)
    return await page.ask(f"openData({json.dumps(pipeline)}, {json.dumps(labels)})")


@pytest.mark.parametrize("browser_class", [Chromium, Firefox])
def test_ten_megabytes_over_a_hundred_channels_come_back_to_a_browser(cluster, browser_class):
    async def scenario():
        browser = browser_class(*AWAKE) if browser_class is Chromium else browser_class()
        await browser.start()
        try:
            await browser.open(cluster.http + "/")
            page = Page(browser, browser.page)
            joined = await open_data(browser, page, None, [f"channel {n}" for n in range(100)])
            await page.ask(f"data.client.invoke('{joined['endpoint']}', 'connect', {{sink: '{joined['endpoint']}'}})")
            sent = await page.ask("sendAll(2, 52429)")
            await browser.wait_for("receivedCount() === 200", 60, "all messages", page.page)
            return sent, await page.ask("receivedDigests()")
        finally:
            await browser.close()

    sent, received = run(scenario())
    assert len(sent) == 200 and sent == received


def test_large_messages_between_two_browsers(cluster):
    """256 KiB in one message, from Chromium to Firefox and back."""

    async def scenario():
        chromium, firefox = Chromium(*AWAKE), Firefox()
        await asyncio.gather(chromium.start(), firefox.start())
        try:
            for browser in (chromium, firefox):
                await browser.open(cluster.http + "/")
            a, b = Page(chromium, chromium.page), Page(firefox, firefox.page)
            first = await open_data(chromium, a, None, ["file"])
            second = await open_data(firefox, b, first["pipeline"], ["file"])
            for source, sink in ((first, second), (second, first)):
                await a.ask(f"data.client.invoke('{source['endpoint']}', 'connect', {{sink: '{sink['endpoint']}'}})")
            sent = await asyncio.gather(a.ask("sendAll(8, 262144)"), b.ask("sendAll(8, 262144)"))
            for browser, page in ((chromium, a), (firefox, b)):
                await browser.wait_for("receivedCount() === 8", 30, "all messages", page.page)
            return sent, [await page.ask("receivedDigests()") for page in (b, a)]
        finally:
            await asyncio.gather(chromium.close(), firefox.close())

    sent, received = run(scenario())
    assert sent[0] == received[0] and sent[1] == received[1]
