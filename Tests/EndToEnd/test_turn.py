"""`apus turn` with clients that others wrote: Debian's turnutils_uclient and Chromium."""

import base64
import contextlib
import hashlib
import hmac
import json
import re
import select
import signal
import shutil
import subprocess
import time

import pytest

from browsers import Chromium
from cluster import Cluster, apus_binary
from conftest import run
from ports import free_port

APUS = apus_binary()


@contextlib.contextmanager
def turn(*arguments: str, port: int):
    """A server on loopback that relays to loopback; ends by Ctrl-C, which must be clean."""
    process = subprocess.Popen(
        [APUS, "turn", "--listen", f"127.0.0.1:{port}", "--allow-peer", "127.0.0.0/8", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        ready, _, _ = select.select([process.stdout], [], [], 20)
        assert ready and "TURN at" in process.stdout.readline()
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            rest, _ = process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == 0 and "relayed" in rest, rest


@contextlib.contextmanager
def echo():
    """Debian's peer that sends back what it gets."""
    if shutil.which("turnutils_peer") is None:
        pytest.skip("coturn is not installed: scripts/test installs it")
    port = free_port()
    process = subprocess.Popen(
        ["turnutils_peer", "-L", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(timeout=10)


def uclient(port: int, peer: int, *arguments: str, user="alice", password="secret") -> str:
    found = subprocess.run(
        ["turnutils_uclient", "-u", user, "-w", password, "-e", "127.0.0.1", "-r", str(peer), "-p", str(port), "-n", "20",
         "-m", "4", "-l", "170", *arguments, "127.0.0.1"], capture_output=True, text=True, timeout=60)
    return found.stdout + found.stderr


def delivered(output: str) -> tuple[int, int]:
    counts = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", output)
    assert counts, output
    return int(counts[-1][0]), int(counts[-1][1])


@pytest.mark.parametrize(
    "arguments", [(), ("-s",), ("-t",), ("-t", "-s"), ("-c",), ("-y",)],
    ids=["channels", "indications", "TCP", "TCP indications", "without RTCP", "client to client"])
def test_turnutils_loses_nothing(arguments):
    port = free_port()
    with echo() as peer, turn("--user", "alice:secret", port=port):
        assert delivered(uclient(port, peer, *arguments)) == (80, 80)


def test_turnutils_over_tls_and_with_a_temporary_credential(tmp_path):
    certificate, key, secrets = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "secrets"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
         "-out", certificate, "-days", "2", "-subj", "/CN=localhost"], check=True, capture_output=True, timeout=20)
    secrets.write_text("0123456789abcdef0123\n")
    name = f"{int(time.time()) + 600}:alice"
    password = base64.b64encode(hmac.new(b"0123456789abcdef0123", name.encode(), hashlib.sha1).digest()).decode()
    port, tls = free_port(), free_port()
    options = (
        "--tls-listen", f"127.0.0.1:{tls}", "--certificate", str(certificate), "--key", str(key), "--secret-file",
        str(secrets))
    with echo() as peer, turn(*options, port=port):
        assert delivered(uclient(tls, peer, "-t", "-S", user=name, password=password)) == (80, 80)
        late = f"{int(time.time()) - 5}:alice"
        password = base64.b64encode(hmac.new(b"0123456789abcdef0123", late.encode(), hashlib.sha1).digest()).decode()
        assert "tot_recv_msgs" not in uclient(port, peer, user=late, password=password)


def test_private_peers_are_refused_by_default():
    port = free_port()
    process = subprocess.Popen(
        [APUS, "turn", "--listen", f"127.0.0.1:{port}", "--user", "alice:secret"], stdout=subprocess.PIPE, text=True)
    try:
        assert "TURN at" in process.stdout.readline()
        with echo() as peer:
            output = uclient(port, peer)
            assert "403" in output and "tot_recv_msgs=80" not in output, output
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)


@pytest.mark.parametrize(
    "arguments, word",
    [
        (("--listen", "nowhere"), "--listen"), ((), "--user"), (("--user", "alice"), "--user"),
        (("--user", "a:b", "--allow-peer", "10.0.0.0/99"), "--allow-peer"),
        (("--user", "a:b", "--relay-ports", "5-1"), "--relay-ports"),
        (("--user", "a:b", "--tls-listen", "127.0.0.1:5349"), "--certificate"),
        (("--secret-file", "no-such-file"), "no-such-file"),
    ])
def test_bad_options_are_named(arguments, word):
    found = subprocess.run([APUS, "turn", *arguments], capture_output=True, text=True, timeout=20)
    assert found.returncode != 0 and word in found.stderr, found.stderr


CALL = """
(async () => {
  const configuration = { iceServers: %s, iceTransportPolicy: 'relay' };
  const [a, b] = [new RTCPeerConnection(configuration), new RTCPeerConnection(configuration)];
  window.ends = [a, b];
  a.onicecandidate = ({ candidate }) => candidate && b.addIceCandidate(candidate);
  b.onicecandidate = ({ candidate }) => candidate && a.addIceCandidate(candidate);
  window.got = 0;
  b.ondatachannel = ({ channel }) => { channel.onmessage = ({ data }) => { window.got += data.length; }; };
  const channel = a.createDataChannel('bytes');
  channel.onopen = () => { for (let i = 0; i < 100; i++) channel.send('x'.repeat(1000)); };
  await a.setLocalDescription(await a.createOffer());
  await b.setRemoteDescription(a.localDescription);
  await b.setLocalDescription(await b.createAnswer());
  await a.setRemoteDescription(b.localDescription);
  return true;
})()
"""

PATHS = """
(async () => {
  const kinds = [];
  for (const end of window.ends) {
    const reports = new Map((await end.getStats()).entries());
    for (const report of reports.values()) {
      if (report.type !== 'transport' || !report.selectedCandidatePairId) continue;
      const pair = reports.get(report.selectedCandidatePairId);
      const local = reports.get(pair.localCandidateId);
      kinds.push([local.candidateType, local.relayProtocol, reports.get(pair.remoteCandidateId).candidateType]);
    }
  }
  return JSON.stringify(kinds);
})()
"""


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_chromium_calls_by_relay_alone(transport):
    port = free_port()

    async def scenario():
        browser = await Chromium().start()
        try:
            page = await browser.open_another("data:text/html,<script>window.apus = {}</script>")
            servers = [{
                "urls": f"turn:127.0.0.1:{port}?transport={transport}", "username": "alice", "credential": "secret"}]
            await browser.evaluate(CALL % json.dumps(servers), page)
            await browser.wait_for("window.got === 100000", 20, "the data did not arrive", page)
            for local, protocol, remote in json.loads(await browser.evaluate(PATHS, page)):
                assert (local, protocol, remote) == ("relay", transport, "relay")
        finally:
            await browser.close()

    with turn("--user", "alice:secret", port=port):
        run(scenario())


PUBLISH = """
(async () => {
  const media = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240 } });
  const publish = async (configuration, room) => {
    const peer = new RTCPeerConnection(configuration);
    peer.addTransceiver(media.getVideoTracks()[0], { direction: 'sendonly' });
    await peer.setLocalDescription(await peer.createOffer());
    await new Promise((done) => {
      if (peer.iceGatheringState === 'complete') done();
      peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && done();
    });
    const answer = await fetch(`/whip/${room}`, {
      method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: peer.localDescription.sdp });
    await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
    return [peer, answer.headers.get('Link') ?? ''];
  };
  const [first, links] = await publish({}, 'asked');
  first.close();
  const found = /<(turn:[^>]+)>; rel="ice-server"; username="([^"]+)"; credential="([^"]+)"/g;
  const iceServers = [...links.matchAll(found)].map(([, urls, username, credential]) => ({
    urls, username, credential }));
  const [peer] = await publish({ iceServers, iceTransportPolicy: 'relay' }, 'relayed');
  window.ends = [peer];
  return iceServers.length;
})()
"""


def test_a_client_without_udp_reaches_a_worker_through_the_workers_own_relay():
    port = free_port()
    extra = f"turn:\n  port: {port}\n  secret: {'s' * 40}\n  hosts: [\"127.0.0.1\"]\n"

    async def scenario(cluster):
        browser = await Chromium().start()
        try:
            page = await browser.open_another(f"{cluster.http}/whip.html")
            assert await browser.evaluate(PUBLISH, page) == 2, "a link for each worker"
            await browser.wait_for("window.ends[0].connectionState === 'connected'", 20, "no connection", page)
            [[local, protocol, remote]] = json.loads(await browser.evaluate(PATHS, page))
            assert (local, protocol) == ("relay", "tcp") and remote in ("host", "prflx")
        finally:
            await browser.close()

    with Cluster(extra=extra, media='["lo"]') as cluster:
        run(scenario(cluster.wait_ready()))
