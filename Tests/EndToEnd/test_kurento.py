"""What applications written for Kurento do, over the real socket: one behaviour a test."""

import asyncio
import json
import re
import time

import pytest
import websockets

from cluster import wait_until
from conftest import run
from kurento import KurentoClient, KurentoError
from peer import ColourTrack, Peer, ToneTrack

MANAGER = "manager_ServerManager"


def endpoints(cluster):
    return sum(worker["load"]["endpoints"] for worker in cluster.workers().values())


async def goes_on(peer, kind, count):
    """So many more frames, soon."""
    before = peer.frames[kind]
    await peer.wait_for(lambda it: it.frames[kind] > before + count, 3, f"{kind} that goes on")


async def more(peer, kind, seconds=1.5):
    """Frames of a kind that arrive in this time."""
    before = peer.frames[kind]
    await asyncio.sleep(seconds)
    return peer.frames[kind] - before


async def picture(peer, luma, seconds):
    """Until the peer sees this brightness; the time that took."""
    started = time.monotonic()
    await peer.wait_for(lambda p: p.luma is not None and abs(p.luma - luma) < 25, seconds, f"a picture of {luma}")
    return time.monotonic() - started


class Call:
    """A pipeline of its own in a client, gone afterwards."""

    def __init__(self, cluster):
        self.socket = KurentoClient(cluster.kurento)
        self.peers = []

    async def __aenter__(self):
        self.client = await self.socket.__aenter__()
        self.pipeline = await self.client.create("MediaPipeline")
        return self

    async def __aexit__(self, *_):
        for peer in self.peers:
            await peer.close()
        try:
            await self.client.release(self.pipeline)
        finally:
            await self.socket.__aexit__()

    def peer(self, tracks=(), receive=()):
        self.peers.append(Peer(self.client, self.pipeline, tracks, receive))
        return self.peers[-1]

    async def connect(self, source, sink, *kind):
        source, sink = (getattr(element, "endpoint", element) for element in (source, sink))
        parameters = {"mediaType": kind[0]} if kind else {}
        await self.client.invoke(source, "connect", sink=sink, **parameters)

    async def disconnect(self, source, sink, *kind):
        source, sink = (getattr(element, "endpoint", element) for element in (source, sink))
        parameters = {"mediaType": kind[0]} if kind else {}
        await self.client.invoke(source, "disconnect", sink=sink, **parameters)


# Start-up


def test_the_start_up_of_the_stock_javascript_client(cluster):
    """ping{interval} → describe → getInfo, on a socket that sends nothing else."""

    async def scenario():
        async with websockets.connect(cluster.kurento) as socket:
            async def ask(**message):
                await socket.send(json.dumps({"jsonrpc": "2.0", **message}))
                text = await asyncio.wait_for(socket.recv(), 5)
                return text, json.loads(text)

            text, answer = await ask(id=0, method="ping", params={"interval": 5000})
            assert answer == {"id": 0, "jsonrpc": "2.0", "result": {"value": "pong"}}
            # As Kurento writes it: one line, no blanks, keys in order.
            assert text == '{"id":0,"jsonrpc":"2.0","result":{"value":"pong"}}'

            _, described = await ask(id=1, method="describe", params={"object": MANAGER})
            result = described["result"]
            assert result["type"] == "ServerManager" and result["qualifiedType"] == "kurento.ServerManager"
            assert result["hierarchy"] == ["kurento.MediaObject"]
            session = result["sessionId"]

            _, answer = await ask(
                id=2, method="invoke", params={"object": MANAGER, "operation": "getInfo", "sessionId": session})
            assert answer["result"]["sessionId"] == session
            information = answer["result"]["value"]
            assert information["__type__"] == "ServerInfo" and information["type"] == "KMS"
            assert {"core", "elements", "filters"} <= {module["name"] for module in information["modules"]}
            assert "transactions" in information["capabilities"]

            # Later pings come with no parameters, or with null.
            _, answer = await ask(id=3, method="ping")
            assert answer["result"]["value"] == "pong"
            _, answer = await ask(id=4, method="ping", params=None)
            assert answer["result"]["value"] == "pong"

    run(scenario())


def test_a_session_keeps_its_id_and_two_sessions_differ(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as one, KurentoClient(cluster.kurento) as two:
            await one.create("MediaPipeline")
            first = one.session
            second_pipeline = await one.create("MediaPipeline")
            assert one.session == first
            await two.create("MediaPipeline")
            assert two.session != first
            assert re.fullmatch(r"[0-9a-f-]{36}_kurento\.MediaPipeline", second_pipeline)
            await one.call("closeSession", release=True)
            await two.call("closeSession", release=True)

    run(scenario())


def test_an_unknown_path_is_closed_as_kurento_does(cluster):
    async def scenario():
        try:
            async with websockets.connect(cluster.kurento + "x") as socket:
                await asyncio.wait_for(socket.recv(), 3)
        except websockets.ConnectionClosed as closed:
            return closed.rcvd.code
        except websockets.InvalidStatus as refused:
            return refused.response.status_code
        return None

    assert run(scenario()) in (1002, 404)


# Negotiation


def test_candidates_and_connect_before_the_offer(cluster):
    """The order of the unmodified hello-world: candidates, subscribe, connect, then the offer."""

    async def scenario():
        async with Call(cluster) as call:
            peer = call.peer([ToneTrack(), ColourTrack(140)])
            await peer.negotiate(trickle=True)
            await call.connect(peer, peer)
            await peer.wait_for(lambda p: p.frames["audio"] > 25 and p.frames["video"] > 10, 20, "media")

            early = call.peer([ToneTrack()])
            negotiated = asyncio.ensure_future(early.negotiate(trickle=True))
            while not hasattr(early, "endpoint"):
                await asyncio.sleep(0.001)
            await call.connect(early, early)
            await negotiated
            await early.wait_for(lambda p: p.frames["audio"] > 25, 20, "sound, connected before the offer")

    run(scenario())


def test_no_candidate_is_told_before_gather_candidates(cluster):
    async def scenario():
        async with Call(cluster) as call:
            endpoint = await call.client.create("WebRtcEndpoint", mediaPipeline=call.pipeline)
            await call.client.subscribe(endpoint, "IceCandidateFound")
            await call.client.subscribe(endpoint, "IceGatheringDone")
            await call.client.invoke(endpoint, "generateOffer")
            await asyncio.sleep(0.3)
            assert call.client.events == []
            await call.client.invoke(endpoint, "gatherCandidates")
            await asyncio.sleep(0.3)
            kinds = [event["type"] for event in call.client.events]
            assert kinds[-1] == "IceGatheringDone" and kinds.count("IceGatheringDone") == 1
            assert kinds.count("IceCandidateFound") >= 1
            data = call.client.events[0]["data"]
            assert data["source"] == endpoint and data["tags"] == [] and data["type"] == "IceCandidateFound"
            assert isinstance(data["timestampMillis"], str)
            assert abs(int(data["timestampMillis"]) / 1000 - time.time()) < 60

    run(scenario())


def test_the_server_offers_and_the_client_answers(cluster):
    async def scenario():
        async with Call(cluster) as call:
            source = call.peer([ToneTrack(), ColourTrack(180)])
            await source.negotiate()
            sink = call.peer()
            await sink.accept_offer()
            await call.connect(source, sink)
            await sink.wait_for(lambda p: p.frames["audio"] > 25 and p.frames["video"] > 10, 20, "media")
            assert abs(sink.luma - 180) < 25

    run(scenario())


def test_the_server_offers_and_the_client_sends(cluster):
    async def scenario():
        async with Call(cluster) as call:
            source = call.peer([ToneTrack(), ColourTrack(180)])
            await source.accept_offer()
            await call.connect(source, source)
            await source.wait_for(lambda p: p.frames["audio"] > 25 and p.frames["video"] > 10, 20, "media")

    run(scenario())


def test_wrong_orders_of_negotiation_give_kurentos_codes(cluster):
    async def scenario():
        async with Call(cluster) as call:
            async def code(endpoint, operation, **parameters):
                try:
                    await call.client.invoke(endpoint, operation, **parameters)
                except KurentoError as error:
                    return error.code
                return None

            make = lambda: call.client.create("WebRtcEndpoint", mediaPipeline=call.pipeline)
            endpoint = await make()
            assert await code(endpoint, "getLocalSessionDescriptor") == 40202
            assert await code(endpoint, "getRemoteSessionDescriptor") == 40203
            assert await code(endpoint, "processAnswer", answer="v=0\r\n") == 40209
            assert await code(endpoint, "processOffer", offer="") == 40201
            assert await code(endpoint, "processOffer", offer="rubbish") in (40201, 40205)
            assert await code(endpoint, "generateOffer") is None
            assert await code(endpoint, "generateOffer") == 40208
            assert await code(endpoint, "noSuchThing") == 40008
            assert await code("no-such-object", "getName") == 40101
            assert await code(endpoint, "connect", sink="no-such-object") == 40101

    run(scenario())


@pytest.mark.parametrize("limit, arrives", [("recvonly", False), ("sendonly", False), (None, True)])
def test_one_way_endpoints(cluster, limit, arrives):
    """`recvonly` never sends and `sendonly` never receives, seen from the server."""

    async def scenario():
        async with Call(cluster) as call:
            peer = call.peer([ToneTrack()])
            await peer.negotiate(**({limit: True} if limit else {}))
            answer = await call.client.invoke(peer.endpoint, "getLocalSessionDescriptor")
            wanted = {"recvonly": "a=recvonly", "sendonly": "a=sendonly", None: "a=sendrecv"}[limit]
            assert wanted in answer
            await call.connect(peer, peer)
            await peer.wait_for(lambda p: p.connection.connectionState == "connected", 10, "a connection")
            assert (await more(peer, "audio", 2) > 25) is arrives

    run(scenario())


def test_a_recvonly_endpoint_feeds_a_sendonly_one(cluster):
    async def scenario():
        async with Call(cluster) as call:
            source = call.peer([ToneTrack(), ColourTrack(90)])
            await source.negotiate(recvonly=True)
            sink = call.peer(receive=("audio", "video"))
            await sink.negotiate(sendonly=True)
            await call.connect(source, sink)
            await sink.wait_for(lambda p: p.frames["audio"] > 25 and p.frames["video"] > 10, 20, "media")

    run(scenario())


# Connections


def test_connect_by_media_type_moves_only_that(cluster):
    async def scenario():
        async with Call(cluster) as call:
            peer = call.peer([ToneTrack(), ColourTrack(120)])
            await peer.negotiate()
            await call.connect(peer, peer, "AUDIO")
            await peer.wait_for(lambda p: p.frames["audio"] > 25, 20, "sound")
            assert peer.frames["video"] == 0
            await call.connect(peer, peer, "VIDEO")
            await peer.wait_for(lambda p: p.frames["video"] > 10, 5, "picture")
            await call.disconnect(peer, peer, "AUDIO")
            await asyncio.sleep(0.5)
            # What was in the jitter buffer may still come out.
            assert await more(peer, "audio") <= 3
            assert await more(peer, "video") > 10

    run(scenario())


def test_disconnect_stops_and_connect_resumes(cluster):
    async def scenario():
        async with Call(cluster) as call:
            a = call.peer([ToneTrack(), ColourTrack(120)])
            await a.negotiate()
            b = call.peer(receive=("audio", "video"))
            await b.negotiate()
            for _ in range(2):
                await call.connect(a, b)
                before = dict(b.frames)
                await b.wait_for(
                    lambda p: all(p.frames[kind] > before[kind] + 15 for kind in before), 20, "media after connect")
                await call.disconnect(a, b)
                await asyncio.sleep(0.5)
                assert await more(b, "video", 1) == 0

    run(scenario())


def test_a_sink_switched_between_two_sources_shows_the_new_picture_soon(cluster):
    async def scenario():
        async with Call(cluster) as call:
            dark, light = call.peer([ToneTrack(), ColourTrack(50)]), call.peer([ToneTrack(), ColourTrack(200)])
            sink = call.peer(receive=("audio", "video"))
            for peer in (dark, light, sink):
                await peer.negotiate()
            await call.connect(dark, sink)
            await picture(sink, 50, 20)
            delays = []
            for source, luma in ((light, 200), (dark, 50), (light, 200), (dark, 50)):
                await call.connect(source, sink)
                delays.append(await picture(sink, luma, 5))
                await goes_on(sink, "video", 15)
            await goes_on(sink, "audio", 35)
            return delays

    delays = run(scenario())
    print("switched after", [f"{delay:.2f} s" for delay in delays])
    assert max(delays) < 2


def test_a_pass_through_in_the_middle(cluster):
    async def scenario():
        async with Call(cluster) as call:
            peer = call.peer([ToneTrack(), ColourTrack(120)])
            await peer.negotiate()
            first = await call.client.create("PassThrough", mediaPipeline=call.pipeline)
            second = await call.client.create("PassThrough", mediaPipeline=call.pipeline)
            await call.connect(peer, first)
            await call.connect(first, second)
            await call.connect(second, peer)
            await peer.wait_for(lambda p: p.frames["audio"] > 25 and p.frames["video"] > 10, 20, "media")
            await call.disconnect(first, second)
            await asyncio.sleep(0.5)
            assert await more(peer, "video") == 0
            await call.connect(peer, peer)
            before = peer.frames["video"]
            await peer.wait_for(lambda p: p.frames["video"] > before + 15, 5, "media without it")

    run(scenario())


def test_a_connection_can_be_asked_for(cluster):
    async def scenario():
        async with Call(cluster) as call:
            a, b = [await call.client.create("WebRtcEndpoint", mediaPipeline=call.pipeline) for _ in range(2)]
            await call.connect(a, b)
            sinks = await call.client.invoke(a, "getSinkConnections")
            sources = await call.client.invoke(b, "getSourceConnections")
            assert {entry["type"] for entry in sinks} >= {"AUDIO", "VIDEO"}
            assert all(entry["source"] == a and entry["sink"] == b for entry in sinks + sources)
            await call.disconnect(a, b, "VIDEO")
            assert "VIDEO" not in {entry["type"] for entry in await call.client.invoke(a, "getSinkConnections")}
            assert await call.client.invoke(a, "isMediaFlowingIn", mediaType="AUDIO") is False

    run(scenario())


# Ends


def test_an_endpoint_goes_and_the_other_goes_on(cluster):
    async def scenario():
        async with Call(cluster) as call:
            a = call.peer([ToneTrack(), ColourTrack(60)])
            b, c = call.peer(receive=("audio", "video")), call.peer(receive=("audio", "video"))
            for peer in (a, b, c):
                await peer.negotiate()
            await call.connect(a, b)
            await call.connect(a, c)
            for peer in (b, c):
                await peer.wait_for(lambda p: p.frames["video"] > 10, 20, "media")
            held = endpoints(cluster)
            await call.client.release(b.endpoint)
            with pytest.raises(KurentoError, match="40101"):
                await call.client.invoke(b.endpoint, "getName")
            assert await more(c, "video") > 15
            assert await more(b, "video", 1) == 0
            wait_until(lambda: endpoints(cluster) == held - 1, 5)
            await call.client.release(b.endpoint)  # once more is no error
            # The source goes; the sink stays and takes another.
            await call.client.release(a.endpoint)
            d = call.peer([ToneTrack(), ColourTrack(220)])
            await d.negotiate()
            await call.connect(d, c)
            await picture(c, 220, 10)

    run(scenario())


def test_the_end_of_a_pipeline_ends_everything_in_it(cluster):
    wait_until(lambda: endpoints(cluster) == 0, 5, lambda: f"left over: {endpoints(cluster)}")

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peers = [await Peer(client, pipeline, [ToneTrack()]).negotiate() for _ in range(3)]
            for peer in peers:
                await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
            for peer in peers:
                await peer.wait_for(lambda p: p.frames["audio"] > 10, 20, "sound")
            wait_until(lambda: endpoints(cluster) == 3, 5)
            await client.release(pipeline)
            await asyncio.sleep(0.5)
            assert [await more(peer, "audio", 0.5) for peer in peers] == [0, 0, 0]
            for name in (pipeline, peers[0].endpoint):
                with pytest.raises(KurentoError, match="40101"):
                    await client.invoke(name, "getName")
            await asyncio.to_thread(wait_until, lambda: endpoints(cluster) == 0, 5)
            status = cluster.status()
            assert all(worker["assignedSessions"] == 0 for worker in status["workers"])
            assert status["controllers"][0]["kurento"]["pipelines"] == 0
            code, _ = cluster.get(f"/api/sessions/{pipeline}")
            assert code == 404
            # A server that has ended the call says so, rather than let the client wait for consent to expire.
            states = []
            for peer in peers:
                states.append(peer.connection.connectionState)
                await peer.close()
            return states

    print("the peers' states half a minute early:", run(scenario()))


# Sessions


def test_a_socket_that_comes_back_keeps_its_session_and_subscriptions(cluster):
    async def scenario():
        first = await KurentoClient(cluster.kurento).__aenter__()
        pipeline = await first.create("MediaPipeline")
        peer = await Peer(first, pipeline, [ToneTrack()]).negotiate()
        # Towards the endpoint, from other elements: nothing flows so before it is connected.
        await first.subscribe(peer.endpoint, "MediaFlowInStateChanged")
        session = first.session
        await first.__aexit__()
        await asyncio.sleep(0.5)

        async with KurentoClient(cluster.kurento) as again:
            again.session = session
            await again.call("connect")
            assert again.session == session
            await again.invoke(peer.endpoint, "connect", sink=peer.endpoint)
            await peer.wait_for(lambda p: p.frames["audio"] > 25, 20, "sound")
            await asyncio.sleep(0.5)
            assert "MediaFlowInStateChanged" in {event["type"] for event in again.events}
            with pytest.raises(KurentoError, match="40007"):
                await again.call("connect", sessionId="no-such-session")
            await again.call("release", object=pipeline, sessionId=session)
        await peer.close()

    run(scenario())


def test_two_clients_share_a_pipeline_by_its_id(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as one, KurentoClient(cluster.kurento) as two:
            pipeline = await one.create("MediaPipeline")
            source = await Peer(one, pipeline, [ToneTrack(), ColourTrack(70)]).negotiate()
            described = await two.call("invoke", object=pipeline, operation="getName")
            assert described == pipeline
            sink = await Peer(two, pipeline, receive=("audio", "video")).negotiate()
            await two.invoke(source.endpoint, "connect", sink=sink.endpoint)
            await sink.wait_for(lambda p: p.frames["audio"] > 25 and p.frames["video"] > 10, 20, "media")
            # One of two holders goes: the objects stay for the other.
            await one.call("closeSession", release=False)
            assert await more(sink, "video") > 15
            await two.release(pipeline)
            with pytest.raises(KurentoError, match="40101"):
                await one.invoke(pipeline, "getName")
            await source.close()
            await sink.close()

    run(scenario())


def test_a_transaction_builds_the_whole_thing(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            def step(number, method, **params):
                return {"id": number, "jsonrpc": "2.0", "method": method, "params": params}

            def make(number, kind, **constructor):
                return step(number, "create", type=kind, constructorParams=constructor)

            def invoke(number, target, operation, **parameters):
                return step(number, "invoke", object=target, operation=operation, operationParams=parameters)

            peer = Peer(client, None, [ToneTrack()])
            await peer.connection.setLocalDescription(await peer.connection.createOffer())
            offer = peer.connection.localDescription.sdp
            answers = await client.call(
                "transaction",
                operations=[
                    make(0, "MediaPipeline"),
                    make(1, "WebRtcEndpoint", mediaPipeline="newref:0"),
                    make(2, "PassThrough", mediaPipeline="newref:0"),
                    invoke(3, "newref:1", "connect", sink="newref:2"),
                    invoke(4, "newref:2", "connect", sink="newref:1"),
                    invoke(5, "newref:1", "processOffer", offer=offer),
                    invoke(6, "newref:1", "gatherCandidates"),
                ])
            assert [answer["id"] for answer in answers] == list(range(7))
            assert all("result" in answer for answer in answers), answers
            from aiortc import RTCSessionDescription

            endpoint = answers[1]["result"]["value"]
            complete = await client.invoke(endpoint, "getLocalSessionDescriptor")
            await peer.connection.setRemoteDescription(RTCSessionDescription(complete, "answer"))
            await peer.wait_for(lambda p: p.frames["audio"] > 25, 20, "sound")

            # Stops at the first failure, which stands last; what was before it stays done.
            answers = await client.call(
                "transaction",
                operations=[make(0, "MediaPipeline"), make(1, "NoSuchType"), make(2, "MediaPipeline")])
            assert len(answers) == 2 and answers[1]["error"]["code"] == 40108
            await client.release(answers[0]["result"]["value"])
            with pytest.raises(KurentoError, match="40008"):
                await client.call("transaction", operations=[make(1, "MediaPipeline")])
            await peer.close()
            await client.call("closeSession", release=True)

    run(scenario())


# What can be read and written


def test_statistics_are_plausible(cluster):
    async def scenario():
        async with Call(cluster) as call:
            peer = call.peer([ToneTrack(), ColourTrack(100)])
            await peer.negotiate()
            await call.connect(peer, peer)
            await peer.wait_for(lambda p: p.frames["audio"] > 50 and p.frames["video"] > 30, 20, "media")
            first = await call.client.invoke(peer.endpoint, "getStats")
            # aiortc's receiver reports come once a second.
            await asyncio.sleep(3)
            second = await call.client.invoke(peer.endpoint, "getStats")
            video = await call.client.invoke(peer.endpoint, "getStats", mediaType="VIDEO")
            kept = call.client.events
            offer = peer.connection.localDescription.sdp
            return first, second, video, offer, kept

    first, second, video, offer, _ = run(scenario())
    assert set(first) <= set(second)
    offered = set(re.findall(r"a=ssrc:(\d+)", offer))
    streams = {key: entry for key, entry in second.items() if entry["type"] in ("inboundrtp", "outboundrtp")}
    assert len(streams) == 4, list(streams)
    for key, entry in streams.items():
        assert isinstance(entry["ssrc"], str) and entry["ssrc"].isdigit()
        assert entry["id"] == key
        way = "Received" if entry["type"] == "inboundrtp" else "Sent"
        assert entry["bytes" + way] > first[key]["bytes" + way] > 0, entry
        assert entry["packets" + way] > first[key]["packets" + way] > 0
        assert entry["packetsLost"] == 0 and entry["fractionLost"] == 0, entry
        assert entry["timestampMillis"] - first[key]["timestampMillis"] in range(2900, 8000)
        assert entry["timestampMillis"] / 1000 == pytest.approx(time.time(), abs=60)
        if way == "Received":
            assert entry["ssrc"] in offered
            assert 0 <= entry["jitter"] < 0.2
        else:
            # Seconds, from sender and receiver reports; a debug build on a busy machine stays below this.
            assert 0 < entry["roundTripTime"] < 0.5, entry
    sound = [e for e in streams.values() if e["type"] == "inboundrtp" and e["mediaTrackId"] == "audio"]
    rate = (sound[0]["packetsReceived"] - first[sound[0]["id"]]["packetsReceived"]) / (
        (sound[0]["timestampMillis"] - first[sound[0]["id"]]["timestampMillis"]) / 1000)
    assert 35 < rate < 65, f"{rate} packets of 20 ms in a second"
    (pair,) = [entry for entry in second.values() if entry["type"] == "candidatepair"]
    assert pair["state"] == "succeeded" and 0 < pair["roundTripTime"] < 0.5, pair
    assert {e["mediaTrackId"] for e in video.values() if e["type"].endswith("boundrtp")} == {"video"}


def test_properties_are_kept(cluster):
    async def scenario():
        async with Call(cluster) as call:
            client = call.client
            endpoint = await client.create("WebRtcEndpoint", mediaPipeline=call.pipeline)
            assert await client.invoke(endpoint, "getName") == endpoint
            await client.invoke(endpoint, "setName", name="Grüße 🎥")
            assert await client.invoke(endpoint, "getName") == "Grüße 🎥"
            for name, value in (
                ("MaxVideoRecvBandwidth", 700), ("MinVideoSendBandwidth", 50), ("StunServerAddress", "192.0.2.1"),
                ("StunServerPort", 3478), ("TurnUrl", "user:pass@192.0.2.1:3478?transport=udp"),
            ):
                key = name[0].lower() + name[1:]
                await client.invoke(endpoint, "set" + name, **{key: value})
                assert await client.invoke(endpoint, "get" + name) == value, name
            assert await client.invoke(endpoint, "getMediaPipeline") == call.pipeline
            assert await client.invoke(endpoint, "getParent") == call.pipeline
            assert await client.invoke(call.pipeline, "getChildren") == [endpoint]
            assert call.pipeline in await client.invoke(MANAGER, "getPipelines")
            await client.invoke(endpoint, "addTag", key="k", value="v")
            assert await client.invoke(endpoint, "getTag", key="k") == "v"
            await client.invoke(endpoint, "removeTag", key="k")
            with pytest.raises(KurentoError, match="40110"):
                await client.invoke(endpoint, "getTag", key="k")
            with pytest.raises(KurentoError, match="40001"):
                await client.invoke(endpoint, "setStunServerPort", stunServerPort="no number")
            created = await client.invoke(endpoint, "getCreationTime")
            assert abs(created - time.time()) < 60
            assert await client.invoke(endpoint, "getConnectionState") == "DISCONNECTED"

    run(scenario())


def test_events_of_the_server_manager(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as watcher, KurentoClient(cluster.kurento) as other:
            await watcher.subscribe(MANAGER, "ObjectCreated")
            subscription = await watcher.subscribe(MANAGER, "ObjectDestroyed")
            pipeline = await other.create("MediaPipeline")
            await other.release(pipeline)
            await asyncio.sleep(0.3)
            told = [(event["type"], event["data"].get("object", event["data"].get("objectId")))
                    for event in watcher.events]
            assert told == [("ObjectCreated", pipeline), ("ObjectDestroyed", pipeline)]
            await watcher.call("unsubscribe", object=MANAGER, subscription=subscription)
            await other.release(await other.create("MediaPipeline"))
            await asyncio.sleep(0.3)
            assert len(watcher.events) == 3

    run(scenario())
