"""The page's WHIP client alone, with a peer and a server of its own: the order of its requests."""

import json
import pathlib
import shutil
import subprocess

import pytest

MODULE = pathlib.Path(__file__).parents[2] / "web" / "whip.js"

# A peer that finds a candidate with every description, before anybody gets to the next line; a server that answers
# late, and as RFC 9725 has it: what names the present generation is a trickle, an asterisk with another one a restart.
SCENARIO = """
const later = () => new Promise((resolve) => setTimeout(resolve, 5));
const description = (ufrag) => [
  'v=0', 'a=group:BUNDLE 0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=mid:0', `a=ice-ufrag:${ufrag}`,
  `a=ice-pwd:password-of-${ufrag}`, ''].join('\\r\\n');

class Peer extends EventTarget {
  generation = 1;
  localDescription = null;
  currentLocalDescription = null;
  getTransceivers() { return []; }
  restartIce() { this.generation += 1; }
  async createOffer() { return { type: 'offer', sdp: description(`own${this.generation}`) }; }
  async setLocalDescription(offer) {
    this.localDescription = offer;
    this.find(`own${this.generation}`);
  }
  async setRemoteDescription(answer) {
    this.remoteDescription = answer;
    this.currentLocalDescription = this.localDescription;
  }
  async addIceCandidate() {}
  find(usernameFragment) {
    const candidate = `candidate:1 1 udp 1 192.0.2.${this.generation} 9 typ host`;
    this.onicecandidate({ candidate: { candidate, usernameFragment } });
  }
}

const requests = [];
const server = { ufrag: null, tag: 0, failures: 0 };
globalThis.fetch = async (url, { method, headers, body }) => {
  await later();
  const match = headers['If-Match'] ?? null;
  const ufrag = body?.match(/a=ice-ufrag:(\\S+)/)?.[1];
  const asked = { method, match, ufrag, candidates: body?.match(/192\\.0\\.2\\.\\d+/g) ?? [] };
  requests.push(asked);
  if (match === '*' && server.failures > 0) {
    server.failures -= 1;
    return new Response('not now', { status: 503 });
  }
  const isRestart = ufrag !== server.ufrag;
  if (match !== null && match !== '*' && (isRestart || match !== `"${server.tag}"`)) {
    return new Response('former', { status: 412 });
  }
  if (!isRestart) return new Response(null, { status: 204 });
  server.ufrag = ufrag;
  server.tag += 1;
  return new Response(description(`server${server.tag}`), {
    status: method === 'POST' ? 201 : 200, headers: { ETag: `"${server.tag}"`, Location: '/whip/lobby/1' } });
};

const peer = new Peer();
const resource = await WhipResource.open('http://server.example/whip/lobby', peer);
await later();
await later();
%s
await later();
await later();
console.log(JSON.stringify({ requests, remote: peer.remoteDescription.sdp }));
"""


def play(script):
    if not shutil.which("node"):
        pytest.skip("node is not installed: the module runs in browsers alone")
    result = subprocess.run(
        ["node", "--input-type=module"], input=MODULE.read_text() + SCENARIO % script, capture_output=True, text=True,
        timeout=30)
    assert result.returncode == 0, result.stderr
    answer = json.loads(result.stdout)
    shown = [
        (request["method"], request["match"], request["ufrag"], tuple(request["candidates"]))
        for request in answer["requests"]
    ]
    return shown, answer["remote"]


def test_candidates_wait_for_the_answer_to_their_restart():
    requests, remote = play("await resource.restartICE();")
    assert requests == [
        ("POST", None, "own1", ()),
        ("PATCH", '"1"', "own1", ("192.0.2.1",)),
        ("PATCH", "*", "own2", ()),
        ("PATCH", '"2"', "own2", ("192.0.2.2",)),
    ]
    assert "a=ice-ufrag:server2" in remote


def test_a_restart_that_fails_does_not_come_back_as_a_trickle():
    requests, remote = play("""
        server.failures = 1;
        await resource.restartICE().catch(() => {});
        await later();
        peer.find('own2');
        peer.find('own1');
        await later();
        await later();
        await resource.restartICE();
    """)
    assert requests[2:] == [
        ("PATCH", "*", "own2", ()),
        ("PATCH", '"1"', "own1", ("192.0.2.2",)),
        ("PATCH", "*", "own3", ()),
        ("PATCH", '"2"', "own3", ("192.0.2.3",)),
    ]
    assert "a=ice-ufrag:server2" in remote


def test_two_restarts_at_once_follow_one_another():
    requests, remote = play("await Promise.all([resource.restartICE(), resource.restartICE()]);")
    assert [request for request in requests if request[1] == "*"] == [
        ("PATCH", "*", "own2", ()), ("PATCH", "*", "own3", ())]
    assert "a=ice-ufrag:server3" in remote
