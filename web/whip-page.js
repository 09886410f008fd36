import { WhipCall } from './whip.js';

const $ = (id) => document.getElementById(id);

/** What the page does, for tests and for the curious. */
window.apus = { publishState: 'idle', playState: 'idle', error: null, width: 0, frames: 0, layers: [] };

const sizes = [
  { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_500_000 },
];

let publisher = null;
let player = null;

async function publish() {
  const media = await navigator.mediaDevices.getUserMedia({
    video: { width: { ideal: 1280 }, height: { ideal: 720 } }, audio: true,
  });
  $('local').srcObject = media;
  const stop = () => media.getTracks().forEach((track) => track.stop());
  return open('whip', 'publish', () => {
    const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    for (const track of media.getTracks()) {
      const isSimulcast = track.kind === 'video' && $('simulcast').checked;
      peer.addTransceiver(track, {
        direction: 'sendonly', streams: [media], sendEncodings: isSimulcast ? sizes : undefined,
      });
    }
    return peer;
  }, () => {}, stop);
}

async function play() {
  let current = null;
  const timer = setInterval(() => current && measure(current).catch(() => {}), 500);
  const call = await open('whep', 'play', () => {
    const peer = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    for (const kind of ['audio', 'video']) peer.addTransceiver(kind, { direction: 'recvonly' });
    return peer;
  }, (peer) => {
    current = peer;
    // The element keeps its stream and the last picture; only the tracks in it change.
    const stream = $('remote').srcObject ?? new MediaStream();
    const former = stream.getTracks();
    for (const { receiver } of peer.getTransceivers()) stream.addTrack(receiver.track);
    for (const track of former) stream.removeTrack(track);
    $('remote').srcObject ??= stream;
  }, () => {
    clearInterval(timer);
    $('remote').srcObject = null;
  });
  await listLayers(call.resource);
  return call;
}

async function open(endpoint, name, makePeer, onpeer, stop) {
  show(name, 'connecting');
  const url = new URL(`${endpoint}/${encodeURIComponent($('room').value)}`, location.href);
  const call = new WhipCall(url, makePeer, $('token').value.trim());
  Object.assign(call, {
    stop, onpeer, onstate: (state) => show(name, state), onended: (reason) => finish(name, reason),
  });
  try {
    return await call.open();
  } catch (error) {
    stop();
    throw error;
  }
}

/** The publisher may come later: the list is asked for again when the menu is opened. */
async function listLayers(resource) {
  if (!resource.layerURL) return;
  const [section] = Object.values(await resource.layers());
  const names = (section?.layers ?? []).map(({ encodingId }) => encodingId);
  if (names.join() !== window.apus.layers.join() || !$('layer').options.length) {
    window.apus.layers = names;
    const chosen = $('layer').value;
    $('layer').replaceChildren(new Option('best', ''), ...names.map((name) => new Option(name, name)));
    $('layer').value = names.includes(chosen) ? chosen : '';
  }
  $('layer').disabled = false;
}

async function measure(peer) {
  for (const report of (await peer.getStats()).values()) {
    if (report.type !== 'inbound-rtp' || report.kind !== 'video') continue;
    const { frameWidth = 0, frameHeight = 0, framesDecoded = 0, framesPerSecond = 0 } = report;
    Object.assign(window.apus, { width: frameWidth, frames: framesDecoded });
    $('picture').textContent = frameWidth ? `${frameWidth} × ${frameHeight}, ${framesPerSecond} fps` : 'no picture';
  }
}

async function toggle(name, start) {
  const current = name === 'publish' ? publisher : player;
  $(name).disabled = true;
  try {
    if (current) await finish(name, null);
    else await begin(name, await start());
  } catch (error) {
    await finish(name, error.message);
  } finally {
    $(name).disabled = false;
  }
}

async function begin(name, call) {
  if (name === 'publish') publisher = call;
  else player = call;
  $(name).textContent = 'Stop';
  fail(null);
}

async function finish(name, reason) {
  const call = name === 'publish' ? publisher : player;
  if (name === 'publish') publisher = null;
  else player = null;
  $(name).textContent = name === 'publish' ? 'Publish' : 'Play';
  if (name === 'play') {
    $('layer').disabled = true;
    $('layer').replaceChildren();
    window.apus.layers = [];
  }
  show(name, 'idle');
  fail(reason);
  call?.stop();
  await call?.close();
}

function show(name, state) {
  window.apus[`${name}State`] = state;
  $(`${name}-state`).textContent = state;
}

function fail(reason) {
  window.apus.error = reason;
  $('message').textContent = reason ?? '';
  $('message').hidden = !reason;
}

function showAddress() {
  $('whip-url').textContent = new URL(`whip/${encodeURIComponent($('room').value)}`, location.href).href;
}

$('publish').onclick = () => toggle('publish', publish);
$('play').onclick = () => toggle('play', play);
$('room').oninput = showAddress;
$('layer').onfocus = () => player && listLayers(player.resource).catch(() => {});
$('layer').onchange = () => {
  const encodingId = $('layer').value;
  player?.resource.select(encodingId ? { encodingId } : {}).catch((error) => fail(error.message));
};
window.addEventListener('pagehide', () => {
  publisher?.close();
  player?.close();
});
/** How often a call has come back, how often of these on the same peer connection, and why the last time. */
window.apus.moves = (name) => {
  const { reconnects = 0, moves = 0, reason = null } = (name === 'publish' ? publisher : player) ?? {};
  return { reconnects, moves, reason };
};
window.apus.restart = (name) => (name === 'publish' ? publisher : player).resource.restartICE();
showAddress();
