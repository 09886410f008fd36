"""GStreamer's webrtcbin as a WHIP publisher or a WHEP player; run by the system's Python, which has its bindings.

Usage: gstreamer_peer.py whip|whep URL vp8|h264. A player prints what it decoded as JSON and ends; a publisher ends by
SIGTERM. Both DELETE their resource.
"""

import json
import signal
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

ENCODERS = {
    "vp8": "vp8enc deadline=1 keyframe-max-dist=60 target-bitrate=300000 ! rtpvp8pay pt=96 ! "
    "application/x-rtp,media=video,encoding-name=VP8,payload=96",
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=60 bitrate=300 ! "
    "video/x-h264,profile=constrained-baseline ! rtph264pay pt=96 config-interval=-1 aggregate-mode=zero-latency ! "
    "application/x-rtp,media=video,encoding-name=H264,payload=96",
}
RECEIVED = {
    "vp8": "application/x-rtp,media=video,encoding-name=VP8,clock-rate=90000,payload=96",
    "h264": "application/x-rtp,media=video,encoding-name=H264,clock-rate=90000,payload=96,packetization-mode=(string)1,"
    "profile-level-id=(string)42e01f",
}
DECODERS = {"VP8": "rtpvp8depay ! vp8dec", "H264": "rtph264depay ! h264parse ! avdec_h264", "OPUS": "rtpopusdepay ! opusdec"}


class Peer:
    def __init__(self, role, url, codec):
        self.role, self.url, self.codec = role, url, codec
        self.location = None
        self.counts = {"audio": 0, "video": 0, "width": 0}
        self.loop = GLib.MainLoop()
        if role == "whip":
            self.pipeline = Gst.parse_launch(
                "webrtcbin name=peer bundle-policy=max-bundle "
                "audiotestsrc is-live=true ! audioconvert ! audioresample ! opusenc ! rtpopuspay pt=111 ! "
                "application/x-rtp,media=audio,encoding-name=OPUS,payload=111 ! peer. "
                "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 ! "
                f"{ENCODERS[codec]} ! peer.")
        else:
            self.pipeline = Gst.Pipeline()
            self.pipeline.add(Gst.parse_launch("webrtcbin name=peer bundle-policy=max-bundle"))
        self.peer = self.pipeline.get_by_name("peer")
        if role == "whep":
            direction = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
            audio = "application/x-rtp,media=audio,encoding-name=OPUS,clock-rate=48000,encoding-params=(string)2,payload=111"
            for caps in (audio, RECEIVED[codec]):
                self.peer.emit("add-transceiver", direction, Gst.Caps.from_string(caps))
            self.peer.connect("pad-added", self.on_pad)
        else:
            for index in range(2):
                transceiver = self.peer.emit("get-transceiver", index)
                transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        self.peer.connect("notify::ice-gathering-state", self.on_gathering)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.on_error)

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        GLib.timeout_add(200, self.offer)
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, self.loop.quit)
        if self.role == "whep":
            self.end = time.monotonic() + 45
            GLib.timeout_add(100, self.watch)
        self.loop.run()
        if self.location:
            urllib.request.urlopen(urllib.request.Request(self.location, method="DELETE"), timeout=10)
        self.pipeline.set_state(Gst.State.NULL)
        print(json.dumps(self.counts), flush=True)

    def offer(self):
        self.peer.emit("create-offer", None, Gst.Promise.new_with_change_func(self.on_offer))
        return False

    def on_offer(self, promise):
        # The bindings do not copy what is in a reply: it must outlive its value.
        self.reply = promise.get_reply()
        self.peer.emit("set-local-description", self.reply.get_value("offer"), Gst.Promise.new())

    def on_gathering(self, peer, _):
        if peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            threading.Thread(target=self.post, daemon=True).start()

    def post(self):
        text = self.peer.get_property("local-description").sdp.as_text()
        request = urllib.request.Request(self.url, text.encode(), {"Content-Type": "application/sdp"}, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                self.location = urllib.parse.urljoin(self.url, response.headers["Location"])
                answer = response.read().decode()
        except urllib.error.HTTPError as error:
            print(error.code, error.read().decode(), file=sys.stderr)
            print(text, file=sys.stderr)
            self.loop.quit()
            return
        _, message = GstSdp.SDPMessage.new_from_text(answer)
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        self.peer.emit("set-remote-description", description, Gst.Promise.new())

    def on_pad(self, _, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        name = pad.get_current_caps().get_structure(0).get_string("encoding-name")
        kind = "audio" if name == "OPUS" else "video"
        branch = Gst.parse_bin_from_description(
            f"queue ! {DECODERS[name]} ! identity name=probe ! fakesink sync=false", True)
        self.pipeline.add(branch)
        probe = branch.get_by_name("probe")
        probe.get_static_pad("src").add_probe(Gst.PadProbeType.BUFFER, self.on_buffer, kind)
        branch.sync_state_with_parent()
        pad.link(branch.get_static_pad("sink"))

    def on_buffer(self, pad, _, kind):
        self.counts[kind] += 1
        if kind == "video":
            self.counts["width"] = pad.get_current_caps().get_structure(0).get_value("width")
        return Gst.PadProbeReturn.OK

    def watch(self):
        done = self.counts["video"] > 60 and self.counts["audio"] > 100
        if done or time.monotonic() > self.end:
            self.loop.quit()
            return False
        return True

    def on_error(self, _, message):
        print(message.parse_error(), file=sys.stderr)
        self.loop.quit()


Gst.init(None)
Peer(*sys.argv[1:]).run()
