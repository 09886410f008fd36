"""RtpEndpoint: GStreamer sends and receives plain RTP and SRTP, as Kurento's tutorial "rtp-receiver" has it."""

import asyncio
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

import numpy
import pytest

from browsers import AWAKE, Chromium, Page
from cluster import Cluster, apus_binary, wait_until
from conftest import run
from kurento import KurentoClient, KurentoError, Listener
from peer import ColourTrack, Peer, ToneTrack
from ports import free_port

KEY = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ1234"
KEY64 = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0"
"""The tutorial's, of the peer."""
OUR_KEY = "4321ZYXWVUTSRQPONMLKJIHGFEDCBA"
"""The tutorial's, of the endpoint."""


def offer(audio=5006, video=5004, learned=False, key=None, feedback="goog-remb", direction="sendonly", mux=False,
          codec="H264", profile="AVPF", suite="AES_CM_128_HMAC_SHA1_80", parameters=""):
    """As the tutorial makes it; a port that is None leaves its section out."""
    proto = "RTP/S" + profile if key else "RTP/" + profile
    common = [f"a={direction}"] + ["a=direction:active"] * learned + ["a=rtcp-mux"] * mux
    common += [f"a=crypto:2 {suite} inline:{key}|2^31|1:1"] if key else []
    lines = ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=Kurento Tutorial - RTP Receiver", "c=IN IP4 127.0.0.1", "t=0 0"]
    if audio is not None:
        lines += [f"m=audio {9 if learned else audio} {proto} 96", "a=rtpmap:96 opus/48000/2", *common,
                  "a=ssrc:445566 cname:user@example.com"]
    if video is not None:
        lines += [f"m=video {9 if learned else video} {proto} 103", f"a=rtpmap:103 {codec}/90000",
                  f"a=rtcp-fb:103 {feedback}", *common, "a=ssrc:112233 cname:user@example.com"]
        lines += [f"a=fmtp:103 {parameters}"] * bool(parameters)
    return "\r\n".join(lines) + "\r\n"


class Answer:
    """What the tutorial reads in one."""

    def __init__(self, text):
        self.text = text
        self.audio = int(re.search(r"m=audio (\d+) RTP", text)[1]) if "m=audio" in text else None
        self.video = int(re.search(r"m=video (\d+) RTP", text)[1]) if "m=video" in text else None
        self.address = re.search(r"c=IN IP4 (([0-9]{1,3}\.){3}[0-9]{1,3})", text)[1]
        self.ssrcs = [int(number) for number in re.findall(r"a=ssrc:(\d+)", text)]


@contextlib.contextmanager
def gstreamer(*elements):
    process = subprocess.Popen(
        ["gst-launch-1.0", "-q", *" ".join(elements).split()], stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def picture(key_frames=25, grey=0x96):
    return (
        f"videotestsrc is-live=true pattern=solid-color foreground-color=0xff{grey:02x}{grey:02x}{grey:02x} ! "
        "video/x-raw,width=320,height=240,framerate=25/1 ! "
        f"x264enc tune=zerolatency speed-preset=ultrafast key-int-max={key_frames} bitrate=300 ! "
        "video/x-h264,profile=constrained-baseline ! rtph264pay pt=103 mtu=1200 config-interval=-1")


SOUND = "audiotestsrc is-live=true freq=440 volume=0.5 ! audio/x-raw,rate=48000,channels=2 ! opusenc ! rtpopuspay pt=96"


def protect(suite="hmac-sha1-80"):
    return (f"srtpenc key={KEY.hex()} rtp-cipher=aes-128-icm rtp-auth={suite} rtcp-cipher=aes-128-icm "
            "rtcp-auth=hmac-sha1-80")


def sender(answer, encrypted=None, bind="", **options):
    """Audio and video to the answer's ports, without RTCP: as the tutorial's command line does it."""
    between = f"! {encrypted} !" if encrypted else "!"
    return gstreamer(
        picture(**options), between, f"udpsink host={answer.address} port={answer.video} {bind}", SOUND, between,
        f"udpsink host={answer.address} port={answer.audio}")


EVENTS = ["ConnectionStateChanged", "MediaStateChanged", "MediaFlowOutStateChanged", "MediaFlowInStateChanged"]


async def receiving(client, **options):
    """A pipeline with an RtpEndpoint and a viewer of it."""
    pipeline = await client.create("MediaPipeline")
    endpoint = await client.create("RtpEndpoint", mediaPipeline=pipeline, **options)
    heard = await Listener(client, endpoint).to(*EVENTS)
    viewer = await Peer(client, pipeline, receive=("audio", "video")).negotiate()
    await client.invoke(endpoint, "connect", sink=viewer.endpoint)
    return pipeline, endpoint, heard, viewer


async def sees_and_hears(viewer, grey=0x96, seconds=20):
    await viewer.wait_for(
        lambda peer: peer.luma is not None and abs(peer.luma - grey) < 8 and peer.loudest > 4000, seconds,
        f"the sender's picture (luma {viewer.luma}, loudest {viewer.loudest})")


FORMS = {
    "plain": (dict(), None),
    "comedia": (dict(learned=True), None),
    "protected": (dict(key=KEY64), protect()),
    "protected comedia, short tags": (
        dict(key=KEY64, learned=True, suite="AES_CM_128_HMAC_SHA1_32"), protect("hmac-sha1-32")),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_gstreamer_sends_a_viewer_decodes(cluster, form):
    options, encryption = FORMS[form]

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            crypto = {}
            if encryption:
                suite = "32" if "short" in form else "80"
                crypto = {"crypto": {"crypto": f"AES_128_CM_HMAC_SHA1_{suite}", "key": OUR_KEY}}
            pipeline, endpoint, heard, viewer = await receiving(client, **crypto)
            text = await client.invoke(endpoint, "processOffer", offer=offer(**options))
            answer = Answer(text)
            assert ("a=direction:passive" in text) == bool(options.get("learned"))
            assert ("a=crypto:2 " in text) == bool(encryption)
            assert answer.audio % 2 == 0 and answer.video % 2 == 0 and len(answer.ssrcs) == 2
            before = await client.invoke(endpoint, "getConnectionState")
            assert before == ("DISCONNECTED" if options.get("learned") else "CONNECTED")
            assert await client.invoke(endpoint, "getMediaState") == "DISCONNECTED"
            with sender(answer, encryption):
                await sees_and_hears(viewer)
                assert await client.invoke(endpoint, "getConnectionState") == "CONNECTED"
                assert await client.invoke(endpoint, "getMediaState") == "CONNECTED"
                for kind in ("AUDIO", "VIDEO"):
                    assert await client.invoke(endpoint, "isMediaFlowingOut", mediaType=kind)
                statistics = await client.invoke(endpoint, "getStats", mediaType="VIDEO")
                video = [entry for entry in statistics.values() if entry["type"] == "inboundrtp"]
                assert video[0]["packetsReceived"] >= 5 and video[0]["codecId"] == "H264"
                # Packets that nobody can have sent change nothing.
                if encryption:
                    subprocess.run(
                        ["python3", "-c", "import socket\ns = socket.socket(type=socket.SOCK_DGRAM)\n"
                         f"for n in range(50): s.sendto(bytes([128, 103, 0, n]) + bytes(40), ('{answer.address}', {answer.video}))"],
                        check=True)
                    await asyncio.sleep(0.5)
                    assert await client.invoke(endpoint, "isMediaFlowingOut", mediaType="VIDEO")
            # It may never come again, and is said to be gone.
            deadline = time.monotonic() + 12
            while await client.invoke(endpoint, "getMediaState") == "CONNECTED":
                assert time.monotonic() < deadline
                await asyncio.sleep(0.2)
            assert [data["newState"] for data in heard.named("MediaStateChanged")] == ["CONNECTED", "DISCONNECTED"]
            await viewer.close()
            await client.release(pipeline)

    run(scenario())


def test_a_sender_that_comes_again_from_another_port_is_taken(cluster):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline, endpoint, _, viewer = await receiving(client)
            answer = Answer(await client.invoke(endpoint, "processOffer", offer=offer(learned=True)))
            with sender(answer):
                await sees_and_hears(viewer)
            await asyncio.sleep(5.5)
            viewer.luma, viewer.loudest = None, 0
            with sender(answer, grey=0x40):
                await sees_and_hears(viewer, 0x40)
            await viewer.close()
            await client.release(pipeline)

    run(scenario())


@pytest.mark.parametrize("mux", [False, True])
def test_a_late_viewer_sees_because_the_sender_is_asked_for_a_key_frame(cluster, mux):
    """The sender makes one key frame of its own in a long while; RTCP goes to it and comes from it."""

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            endpoint = await client.create("RtpEndpoint", mediaPipeline=pipeline)
            port = free_port()
            text = await client.invoke(
                endpoint, "processOffer", offer=offer(audio=None, video=port, feedback="nack pli", mux=mux))
            answer = Answer(text)
            assert ("a=rtcp-mux" in text) == mux and "a=rtcp-fb:103 nack pli" in text
            to = answer.video if mux else answer.video + 1
            come = port if mux else port + 1
            rtcp = f"udpsink host={answer.address} port={to} sync=false async=false"
            if mux:
                elements = [f"udpsrc name=in address=127.0.0.1 port={port} ! bin.recv_rtcp_sink_0",
                            f"funnel name=both ! udpsink host={answer.address} port={answer.video} sync=false async=false",
                            "bin.send_rtp_src_0 ! both.", "bin.send_rtcp_src_0 ! both."]
            else:
                elements = [f"udpsrc address=127.0.0.1 port={come} ! bin.recv_rtcp_sink_0", f"bin.send_rtcp_src_0 ! {rtcp}",
                            f"bin.send_rtp_src_0 ! udpsink host={answer.address} port={answer.video} sync=false async=false"]
            with gstreamer("rtpbin name=bin rtp-profile=avpf", picture(key_frames=100000), "! bin.send_rtp_sink_0",
                           *elements):
                await asyncio.sleep(3)
                viewer = await Peer(client, pipeline, receive=("video",)).negotiate()
                await client.invoke(endpoint, "connect", sink=viewer.endpoint)
                await viewer.wait_for(lambda peer: peer.luma is not None and abs(peer.luma - 0x96) < 8, 15, "a picture")
                statistics = await client.invoke(endpoint, "getStats", mediaType="VIDEO")
                video = [entry for entry in statistics.values() if entry["type"] == "inboundrtp"]
                assert video[0]["pliCount"] >= 1
                await viewer.close()
            await client.release(pipeline)

    run(scenario())


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="apus-rtp-", dir="/tmp") as path:
        yield pathlib.Path(path)


def luma_of(path, width=320, height=240):
    """Of the newest whole picture in a file of grey ones."""
    size = width * height
    with open(path, "rb") as pictures:
        count = os.path.getsize(path) // size
        if not count:
            return None
        pictures.seek((count - 1) * size)
        return float(numpy.frombuffer(pictures.read(size), numpy.uint8).mean())


@pytest.mark.parametrize("encrypted", [False, True])
def test_gstreamer_decodes_what_a_peer_publishes(cluster, folder, encrypted):
    path = folder / "pictures"

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            crypto = {"crypto": {"crypto": "AES_128_CM_HMAC_SHA1_80", "key": OUR_KEY}} if encrypted else {}
            endpoint = await client.create("RtpEndpoint", mediaPipeline=pipeline, **crypto)
            heard = await Listener(client, endpoint).to(*EVENTS)
            publisher = await Peer(client, pipeline, [ToneTrack(), ColourTrack(150)]).negotiate()
            await client.invoke(publisher.endpoint, "connect", sink=endpoint)
            port = free_port()
            text = offer(audio=None, video=port, direction="recvonly", codec="VP8", feedback="nack pli",
                         key=KEY64 if encrypted else None)
            answer = Answer(await client.invoke(endpoint, "processOffer", offer=text))
            assert "a=sendonly" in answer.text
            caps = "application/x-rtp,media=video,encoding-name=VP8,clock-rate=90000,payload=103"
            opened = ""
            if encrypted:
                caps = (f"application/x-srtp,media=video,encoding-name=VP8,clock-rate=90000,payload=103,"
                        f"ssrc=(uint){answer.ssrcs[0]},srtp-key=(buffer){OUR_KEY.encode().hex()},"
                        "srtp-cipher=aes-128-icm,srtp-auth=hmac-sha1-80,srtcp-cipher=aes-128-icm,"
                        "srtcp-auth=hmac-sha1-80,roc=(uint)0")
                opened = "srtpdec !"
            with gstreamer(
                    f"udpsrc address=127.0.0.1 port={port} caps={caps} ! {opened} rtpjitterbuffer ! rtpvp8depay !",
                    f"vp8dec ! videoconvert ! video/x-raw,format=GRAY8 ! filesink location={path} sync=false"):
                await asyncio.sleep(1)
                # It has missed the first picture.
                await client.invoke(publisher.endpoint, "requestKeyframe")
                await asyncio.get_running_loop().run_in_executor(
                    None, lambda: wait_until(
                        lambda: abs((luma_of(path) or 0) - 150) < 8, 15, lambda: f"luma {luma_of(path)}"))
            await heard.wait("MediaFlowInStateChanged")
            statistics = await client.invoke(endpoint, "getStats")
            assert any(entry["type"] == "outboundrtp" and entry["packetsSent"] > 10 for entry in statistics.values())
            await publisher.close()
            await client.release(pipeline)

    run(scenario())


def test_two_endpoints_call_each_other(cluster):
    """One offers, the other answers; media that come to the one leave at the other's viewer, under keys of their own."""

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            crypto = {"crypto": {"crypto": "AES_256_CM_HMAC_SHA1_80"}}
            caller = await client.create("RtpEndpoint", mediaPipeline=pipeline, **crypto)
            callee = await client.create("RtpEndpoint", mediaPipeline=pipeline, **crypto)
            publisher = await Peer(client, pipeline, [ToneTrack(), ColourTrack(120)]).negotiate()
            viewer = await Peer(client, pipeline, receive=("audio", "video")).negotiate()
            await client.invoke(publisher.endpoint, "connect", sink=caller)
            await client.invoke(callee, "connect", sink=viewer.endpoint)
            made = await client.invoke(caller, "generateOffer")
            assert made.count("a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:") == 2
            answer = await client.invoke(callee, "processOffer", offer=made)
            await client.invoke(caller, "processAnswer", answer=answer)
            await viewer.wait_for(
                lambda peer: peer.luma is not None and abs(peer.luma - 120) < 8 and peer.loudest > 4000, 20, "media")
            for peer in (publisher, viewer):
                await peer.close()
            await client.release(pipeline)

    run(scenario())


@pytest.mark.parametrize("crypto,words", [
    ({"crypto": "AES_128_CM_HMAC_SHA1_80", "key": "too short"}, "'crypto.key' has 9 bytes"),
    ({"crypto": "AES_128_CM_HMAC_SHA1_80", "keyBase64": "not base64!"}, "'crypto.keyBase64' is not base64"),
    ({"key": OUR_KEY}, "'crypto.crypto' is missing"),
])
def test_a_bad_key_is_refused_by_its_name(cluster, crypto, words):
    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            with pytest.raises(KurentoError) as refused:
                await client.create("RtpEndpoint", mediaPipeline=pipeline, crypto=crypto)
            assert refused.value.code == 40107 and words in str(refused.value)
            await client.release(pipeline)

    run(scenario())


def test_bad_offers_are_refused_and_a_good_one_is_taken_after_them(cluster):
    cases = [
        ("", 40201), (offer(key="QUJD"), 40201), (offer(key="!" * 40), 40201), ("v=0\r\n" + "x" * 70000, 40201),
        (offer().replace("127.0.0.1", "no.such.host"), 40205), (offer(codec="H261", audio=None), 40205),
        (offer().replace("c=IN IP4 127.0.0.1", "c=IN IP4 224.0.0.1"), 40205),
        (offer().replace("RTP/AVPF", "UDP/TLS/RTP/SAVPF"), 40205),
    ]

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline = await client.create("MediaPipeline")
            endpoint = await client.create("RtpEndpoint", mediaPipeline=pipeline)
            for text, code in cases:
                with pytest.raises(KurentoError) as refused:
                    await client.invoke(endpoint, "processOffer", offer=text)
                assert refused.value.code == code, refused.value
            assert Answer(await client.invoke(endpoint, "processOffer", offer=offer())).video
            with pytest.raises(KurentoError) as refused:
                await client.invoke(endpoint, "processOffer", offer=offer())
            assert refused.value.code == 40208
            await client.release(pipeline)

    run(scenario())


def test_ports_run_out_with_an_error_and_come_back_by_release():
    with Cluster(workers=1, media="[lo]", rtp_ports="30100-30109") as small:
        small.wait_ready(1)

        async def scenario():
            async with KurentoClient(small.kurento) as client:
                pipeline = await client.create("MediaPipeline")
                # Five pairs, two for each.
                first = await client.create("RtpEndpoint", mediaPipeline=pipeline)
                await client.create("RtpEndpoint", mediaPipeline=pipeline)
                for _ in range(2):
                    with pytest.raises(KurentoError) as refused:
                        await client.create("RtpEndpoint", mediaPipeline=pipeline)
                    assert refused.value.code == 40009 and "rtp_ports" in str(refused.value)
                await client.release(first)
                await client.create("RtpEndpoint", mediaPipeline=pipeline)
                await client.release(pipeline)
                pipeline = await client.create("MediaPipeline")
                for _ in range(2):
                    await client.create("RtpEndpoint", mediaPipeline=pipeline)
                await client.release(pipeline)

        run(scenario())


def test_the_next_media_process_goes_on_at_the_same_ports(own_cluster):
    cluster = own_cluster

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            crypto = {"crypto": {"crypto": "AES_128_CM_HMAC_SHA1_80", "key": OUR_KEY}}
            pipeline, endpoint, _, viewer = await receiving(client, **crypto)
            answer = Answer(await client.invoke(endpoint, "processOffer", offer=offer(key=KEY64, learned=True)))
            with sender(answer, protect()):
                await sees_and_hears(viewer)
                before = {worker: state["processID"] for worker, state in cluster.workers().items()}
                for process in before.values():
                    os.kill(process, signal.SIGKILL)
                await asyncio.sleep(1)
                frames = dict(viewer.frames)
                await viewer.wait_for(
                    lambda peer: peer.frames["video"] > frames["video"] + 30
                    and peer.frames["audio"] > frames["audio"] + 50, 20, "media after the process was replaced")
            await viewer.close()
            await client.release(pipeline)

    run(scenario())


def test_an_upgrade_keeps_the_ports_too(own_cluster):
    cluster = own_cluster

    async def scenario():
        async with KurentoClient(cluster.kurento) as client:
            pipeline, endpoint, _, viewer = await receiving(client)
            answer = Answer(await client.invoke(endpoint, "processOffer", offer=offer(learned=True)))
            with sender(answer):
                await sees_and_hears(viewer)
                rolled = await asyncio.to_thread(
                    subprocess.run, [apus_binary(), "upgrade", "--url", cluster.http], capture_output=True, text=True,
                    timeout=60)
                assert rolled.returncode == 0, rolled.stderr
                frames = dict(viewer.frames)
                await viewer.wait_for(
                    lambda peer: peer.frames["video"] > frames["video"] + 30
                    and peer.frames["audio"] > frames["audio"] + 50, 20, "media after the upgrade")
            await viewer.close()
            await client.release(pipeline)

    run(scenario())


def test_workers_without_ports_say_so():
    with Cluster(workers=1, media="[lo]", rtp_ports="none") as small:
        small.wait_ready(1)

        async def scenario():
            async with KurentoClient(small.kurento) as client:
                pipeline = await client.create("MediaPipeline")
                with pytest.raises(KurentoError) as refused:
                    await client.create("RtpEndpoint", mediaPipeline=pipeline)
                assert refused.value.code == 40009 and "media.rtp_ports" in str(refused.value)
                await client.create("WebRtcEndpoint", mediaPipeline=pipeline)
                await client.release(pipeline)

        run(scenario())


def test_chromium_shows_what_gstreamer_sends(cluster):
    async def scenario():
        browser = await Chromium(*AWAKE).start()
        try:
            await browser.open(cluster.http + "/")
            page = Page(browser, browser.page)
            await page.join(codec="H264")
            await page.connected()
            constructor = {"mediaPipeline": page.pipeline}
            endpoint = await page.ask(f"call.client.create('RtpEndpoint', {json.dumps(constructor)})")
            invoke = "call.client.invoke('{}', '{}', {})"
            text = await page.ask(invoke.format(endpoint, "processOffer", json.dumps({"offer": offer(learned=True)})))
            await page.ask(invoke.format(endpoint, "connect", json.dumps({"sink": page.endpoint})))
            with sender(Answer(text), grey=0x96):
                await browser.wait_for(SHOWN, 20, "the sender's picture")
        finally:
            await browser.close()

    run(scenario())


# The newest picture of the call's video is the sender's grey.
SHOWN = """
(() => {
  const video = [...document.querySelectorAll('video')].find((video) => video.videoWidth === 320);
  if (!video) return false;
  const canvas = Object.assign(document.createElement('canvas'), { width: 8, height: 8 });
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0, 8, 8);
  const [red, green, blue] = context.getImageData(4, 4, 1, 1).data;
  return [red, green, blue].every((value) => Math.abs(value - 0x96) < 12);
})()
"""
