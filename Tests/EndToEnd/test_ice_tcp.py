"""Clients that no UDP reaches: ICE over TCP (RFC 6544) to the worker's own port, with real browsers."""

import json

import pytest

from browsers import Chromium, Firefox
from cluster import Cluster
from conftest import run

# A camera goes out by WHIP and comes back by WHEP. `withoutUDP` takes the UDP candidates out of what both sides say,
# as if a firewall swallowed all of it.
LOOP = """
(async () => {
  const withoutUDP = (sdp) => %s
    ? sdp.split('\\r\\n').filter((line) => !/^a=candidate:\\S+ \\d+ udp /i.test(line)).join('\\r\\n') : sdp;
  const exchange = async (peer, path) => {
    await peer.setLocalDescription(await peer.createOffer());
    await new Promise((done) => {
      if (peer.iceGatheringState === 'complete') done();
      peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && done();
    });
    const answer = await fetch(path, {
      method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: withoutUDP(peer.localDescription.sdp) });
    if (answer.status !== 201) throw new Error(await answer.text());
    await peer.setRemoteDescription({ type: 'answer', sdp: withoutUDP(await answer.text()) });
  };
  const media = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240 }, audio: true });
  const out = new RTCPeerConnection();
  for (const track of media.getTracks()) out.addTransceiver(track, { direction: 'sendonly' });
  await exchange(out, '/whip/tcp');
  const back = new RTCPeerConnection();
  back.addTransceiver('video', { direction: 'recvonly' });
  back.addTransceiver('audio', { direction: 'recvonly' });
  const element = document.body.appendChild(document.createElement('video'));
  Object.assign(element, { muted: true, autoplay: true, srcObject: new MediaStream() });
  back.ontrack = (event) => element.srcObject.addTrack(event.track);
  await exchange(back, '/whep/tcp');
  window.calls = [out, back];
  window.picture = element;
  window.shown = 0;
  const count = () => { window.shown += 1; element.requestVideoFrameCallback(count); };
  element.requestVideoFrameCallback(count);
  return true;
})()
"""

PATHS = """
(async () => {
  const paths = [];
  for (const call of window.calls) {
    const reports = new Map((await call.getStats()).entries());
    const chosen = [...reports.values()].find((report) => report.selectedCandidatePairId)?.selectedCandidatePairId;
    for (const report of reports.values()) {
      if (report.type !== 'candidate-pair' || !(report.id === chosen || report.selected)) continue;
      const [local, remote] = [reports.get(report.localCandidateId), reports.get(report.remoteCandidateId)];
      paths.push([local.protocol, local.candidateType, remote.protocol, remote.candidateType]);
    }
  }
  return JSON.stringify(paths);
})()
"""


async def call_over_tcp(browser, cluster, filters):
    await browser.start()
    try:
        page = None
        if isinstance(browser, Firefox):
            await browser.open(f"{cluster.http}/whip.html")
        else:
            page = await browser.open_another(f"{cluster.http}/whip.html")
        arguments = [page] if page else []
        assert await browser.evaluate(LOOP % json.dumps(filters), *arguments)
        await browser.wait_for("window.shown > 60", 30, "no picture came back", *arguments)
        return json.loads(await browser.evaluate(PATHS, *arguments))
    finally:
        await browser.close()


@pytest.mark.parametrize("kind", [Chromium, Firefox], ids=lambda kind: kind.name)
def test_a_browser_without_udp_publishes_and_plays_over_tcp(kind):
    # Firefox does not go from its addresses to the loopback interface by TCP.
    with Cluster() as cluster:
        cluster.wait_ready()
        paths = run(call_over_tcp(kind(), cluster, True))
        assert len(paths) == 2 and all(remote == "tcp" for _, _, remote, _ in paths), paths


def test_chromium_that_may_not_use_udp_needs_nothing_else():
    with Cluster(media='["lo"]', extra="  reactors: 2\n") as cluster:
        cluster.wait_ready()
        browser = Chromium("--webrtc-ip-handling-policy=disable_non_proxied_udp")
        paths = run(call_over_tcp(browser, cluster, False))
        assert len(paths) == 2 and all(path[0] == path[2] == "tcp" for path in paths), paths


def test_udp_is_preferred_where_it_works():
    with Cluster(media='["lo"]') as cluster:
        cluster.wait_ready()
        paths = run(call_over_tcp(Chromium(), cluster, False))
        assert len(paths) == 2 and all(path[0] == "udp" for path in paths), paths
