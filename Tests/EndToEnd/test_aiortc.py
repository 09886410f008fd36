"""The Kurento protocol and the media path with aiortc, an implementation of another family."""

import asyncio

from conftest import run
from kurento import KurentoClient
from peer import ColourTrack, Peer, ToneTrack


def test_loopback_of_sound_and_picture(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peer = Peer(client, pipeline, [ToneTrack(), ColourTrack(150)])
            await peer.negotiate()
            await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
            await peer.wait_for(lambda p: p.frames["audio"] > 50 and p.frames["video"] > 30, 20, "sound and picture")
            assert peer.loudest > 3000
            assert abs(peer.luma - 150) < 20

            stats = await client.invoke(peer.endpoint, "getStats")
            kinds = {entry["type"] for entry in stats.values()}
            assert {"inboundrtp", "outboundrtp"} <= kinds
            received = [entry["packetsReceived"] for entry in stats.values() if entry["type"] == "inboundrtp"]
            assert all(count > 0 for count in received)
            await peer.close()
            await client.release(pipeline)

    run(scenario())


def test_three_endpoints_by_connect_alone(cluster):
    """A→B, A→C, B→A: one-to-one and one-to-many."""

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            a = await Peer(client, pipeline, [ToneTrack(), ColourTrack(60)]).negotiate()
            b = await Peer(client, pipeline, [ToneTrack(), ColourTrack(200)]).negotiate()
            c = await Peer(client, pipeline, receive=("audio", "video")).negotiate()
            await client.invoke(a.endpoint, "connect", sink=b.endpoint)
            await client.invoke(a.endpoint, "connect", sink=c.endpoint)
            await client.invoke(b.endpoint, "connect", sink=a.endpoint)
            for peer, luma in ((a, 200), (b, 60), (c, 60)):
                await peer.wait_for(lambda p: p.frames["audio"] > 25 and p.frames["video"] > 15, 20, "media")
                assert abs(peer.luma - luma) < 20, f"the wrong picture: {peer.luma} for {luma}"
            for peer in (a, b, c):
                await peer.close()
            await client.release(pipeline)

    run(scenario())


def test_media_flow_and_state_events_arrive(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            peer = Peer(client, pipeline, [ToneTrack()])
            await peer.negotiate()
            kinds = (
                "MediaStateChanged", "ConnectionStateChanged", "MediaFlowInStateChanged",
                "MediaFlowOutStateChanged", "IceComponentStateChanged", "NewCandidatePairSelected")
            for kind in kinds:
                await client.subscribe(peer.endpoint, kind)
            await client.invoke(peer.endpoint, "connect", sink=peer.endpoint)
            await peer.wait_for(lambda p: p.frames["audio"] > 25, 20, "sound")
            await asyncio.sleep(1)
            seen = {event["type"] for event in client.events}
            assert {"MediaFlowInStateChanged", "MediaFlowOutStateChanged"} <= seen
            await peer.close()
            await client.release(pipeline)

    run(scenario())
