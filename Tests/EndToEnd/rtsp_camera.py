"""A camera on the network: GStreamer's RTSP server, run by the system's Python, which has its bindings.

Usage: rtsp_camera.py PORT h264|vp8. It sends red pictures and a tone of 700 Hz to whoever plays rtsp://127.0.0.1:PORT/live
and ends by SIGTERM.
"""

import signal
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PICTURES = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 bitrate=300 ! "
    "video/x-h264,profile=constrained-baseline ! rtph264pay name=pay0 pt=96 config-interval=-1",
    "vp8": "vp8enc deadline=1 keyframe-max-dist=30 target-bitrate=300000 ! rtpvp8pay name=pay0 pt=96",
}
SOUND = {"h264": "alawenc ! rtppcmapay name=pay1 pt=8", "vp8": "audioresample ! opusenc ! rtpopuspay name=pay1 pt=97"}


def main():
    port, codec = sys.argv[1:]
    Gst.init(None)
    server = GstRtspServer.RTSPServer(service=port, address="127.0.0.1")
    factory = GstRtspServer.RTSPMediaFactory(shared=True)
    factory.set_launch(
        "( videotestsrc is-live=true pattern=red ! video/x-raw,width=320,height=240,framerate=15/1 ! "
        f"{PICTURES[codec]} audiotestsrc is-live=true freq=700 ! audio/x-raw,channels=1 ! {SOUND[codec]} )")
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    loop = GLib.MainLoop()
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, loop.quit)
    print("ready", flush=True)
    loop.run()


main()
