import { KurentoClient } from './kurento.js';

const $ = (id) => document.getElementById(id);

/** What the page shows, as numbers: bits per second, frames per second, milliseconds. */
const noStats = {
  state: 'idle', error: null, fps: 0, bitrateIn: 0, bitrateOut: 0, rtt: null, framesDecoded: 0,
  worker: null, workerPid: null, pipeline: null, firstFrameMs: null,
};
window.apus = { ...noStats };

let call = null;

/** One way from the camera to the server and back. */
class Call {
  pipeline = null;
  #client;
  #peer;
  #media;
  #endpoint;
  #timer;
  #last = null;
  #ended = false;
  /** Candidates that arrived before the answer. */
  #early = [];

  async start() {
    this.#media = await openCamera();
    if (this.#ended) return this.#media.getTracks().forEach((track) => track.stop());
    $('local').srcObject = this.#media;
    this.begun = performance.now();
    show('state', 'connecting');

    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const { kurentoPath } = await (await fetch('api/front')).json();
    this.#client = await KurentoClient.connect(`${scheme}://${location.host}/${kurentoPath}`);
    this.#client.onclose = (reason) => fail(this, reason);
    this.#peer = this.#makePeer();

    this.pipeline = await this.#client.create('MediaPipeline');
    window.apus.pipeline = this.pipeline;
    this.#endpoint = await this.#client.create('WebRtcEndpoint', { mediaPipeline: this.pipeline });
    await this.#client.subscribe(this.#endpoint, 'IceCandidateFound', ({ candidate }) => this.#addCandidate(candidate));
    for (const object of [this.pipeline, this.#endpoint]) {
      await this.#client.subscribe(object, 'Error', (error) => fail(this, error.description ?? 'The server failed.'));
    }

    await this.#peer.setLocalDescription(await this.#peer.createOffer());
    const offer = this.#peer.localDescription.sdp;
    const answer = await this.#client.invoke(this.#endpoint, 'processOffer', { offer });
    await this.#peer.setRemoteDescription({ type: 'answer', sdp: answer });
    for (const candidate of this.#early.splice(0)) await this.#peer.addIceCandidate(candidate);
    await this.#client.invoke(this.#endpoint, 'connect', { sink: this.#endpoint });
    await this.#client.invoke(this.#endpoint, 'gatherCandidates');
    if (!this.#ended) this.#timer = setInterval(() => this.#measure().catch(() => {}), 1000);
  }

  async stop() {
    this.#ended = true;
    clearInterval(this.#timer);
    this.#peer?.close();
    this.#media?.getTracks().forEach((track) => track.stop());
    if (this.#client) {
      if (this.pipeline) await this.#client.release(this.pipeline).catch(() => {});
      this.#client.close();
    }
  }

  #makePeer() {
    const peer = new RTCPeerConnection();
    for (const track of this.#media.getTracks()) peer.addTrack(track, this.#media);
    peer.onicecandidate = ({ candidate }) => {
      if (!candidate?.candidate || !this.#endpoint) return;
      const { candidate: text, sdpMid, sdpMLineIndex } = candidate;
      this.#client
        .invoke(this.#endpoint, 'addIceCandidate', {
          candidate: { __module__: 'kurento', __type__: 'IceCandidate', candidate: text, sdpMid, sdpMLineIndex },
        })
        .catch((error) => console.warn('candidate refused', error));
    };
    peer.ontrack = ({ streams, track }) => {
      $('remote').srcObject = streams[0] ?? new MediaStream([track]);
    };
    peer.onconnectionstatechange = () => {
      if (this.#ended) return;
      if (peer.connectionState === 'failed') fail(this, 'The media connection failed.');
      else show('state', peer.connectionState);
    };
    awaitFirstFrame($('remote'), () => {
      if (!this.#ended) window.apus.firstFrameMs ??= performance.now() - this.begun;
    });
    return peer;
  }

  #addCandidate({ candidate, sdpMid, sdpMLineIndex }) {
    const init = { candidate, sdpMid, sdpMLineIndex };
    if (!this.#peer.remoteDescription) this.#early.push(init);
    else this.#peer.addIceCandidate(init).catch((error) => console.warn('candidate not understood', error));
  }

  async #measure() {
    const now = { time: performance.now(), bytesIn: 0, bytesOut: 0, frames: 0, rtt: null };
    let pairs = [];
    let selected = null;
    for (const report of (await this.#peer.getStats()).values()) {
      if (report.type === 'inbound-rtp') {
        now.bytesIn += report.bytesReceived ?? 0;
        if (report.kind === 'video') now.frames = report.framesDecoded ?? 0;
      } else if (report.type === 'outbound-rtp') {
        now.bytesOut += report.bytesSent ?? 0;
      } else if (report.type === 'transport') {
        selected = report.selectedCandidatePairId ?? selected;
      } else if (report.type === 'candidate-pair') {
        pairs.push(report);
      }
    }
    const pair = pairs.find((pair) => pair.id === selected) ?? pairs.find((pair) => pair.nominated);
    if (pair?.currentRoundTripTime !== undefined) now.rtt = pair.currentRoundTripTime * 1000;
    await this.#findWorker();
    if (this.#ended) return;
    const before = this.#last;
    this.#last = now;
    if (!before) return;
    const seconds = (now.time - before.time) / 1000;
    Object.assign(window.apus, {
      fps: (now.frames - before.frames) / seconds,
      bitrateIn: ((now.bytesIn - before.bytesIn) * 8) / seconds,
      bitrateOut: ((now.bytesOut - before.bytesOut) * 8) / seconds,
      rtt: now.rtt,
      framesDecoded: now.frames,
    });
    showStats();
  }

  async #findWorker() {
    const response = await fetch(`api/sessions/${encodeURIComponent(this.pipeline)}`).catch(() => null);
    if (!response?.ok) return;
    const { worker, workerPid } = await response.json();
    Object.assign(window.apus, { worker, workerPid });
  }
}

async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error(
      'The browser gives the camera only to secure pages: open this one over https, or on this computer as ' +
        `http://localhost:${location.port || 80}.`);
  }
  show('state', 'asking for the camera');
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: 640 }, height: { ideal: 480 } }, audio: true,
    });
  } catch (error) {
    const reasons = {
      NotAllowedError: 'Camera and microphone were refused. Allow them for this page in the browser and start again.',
      NotFoundError: 'No camera or no microphone was found. Connect them and start again.',
      NotReadableError: 'Another program is using the camera. Close it there and start again.',
    };
    throw new Error(reasons[error.name] ?? `The camera could not be opened: ${error.message}`);
  }
}

function awaitFirstFrame(video, found) {
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(found);
  else video.addEventListener('loadeddata', found, { once: true });
}

function show(id, text) {
  $(id).textContent = text;
  if (id === 'state') window.apus.state = text;
}

function showStats() {
  const { fps, bitrateIn, bitrateOut, rtt, worker, workerPid } = window.apus;
  const rate = (bits) => (bits >= 1e6 ? `${(bits / 1e6).toFixed(2)} Mbit/s` : `${Math.round(bits / 1e3)} kbit/s`);
  show('bitrate-in', rate(bitrateIn));
  show('bitrate-out', rate(bitrateOut));
  show('fps', `${Math.round(fps)} per second`);
  show('rtt', rtt === null ? '–' : `${rtt.toFixed(1)} ms`);
  show('worker', worker === null ? '–' : workerPid ? `${worker} (process ${workerPid})` : worker);
}

function showMessage(text) {
  $('message').textContent = text ?? '';
  $('message').hidden = !text;
}

/** Ends a call that went wrong, says why, and offers another one. */
function fail(failed, reason) {
  if (call !== failed) return;
  end('failed');
  window.apus.error = reason;
  showMessage(reason);
  $('start').textContent = 'Start again';
}

function end(state) {
  const ended = call;
  call = null;
  ended?.stop();
  $('local').srcObject = null;
  $('remote').srcObject = null;
  for (const id of ['bitrate-in', 'bitrate-out', 'fps', 'rtt', 'worker']) show(id, '–');
  $('start').textContent = 'Start';
  show('state', state);
}

async function begin() {
  const started = new Call();
  call = started;
  window.apus = { ...noStats };
  showMessage(null);
  $('start').textContent = 'Stop';
  try {
    await started.start();
  } catch (error) {
    fail(started, error.message);
  }
}

$('start').addEventListener('click', () => (call ? end('idle') : begin()));
window.addEventListener('pagehide', () => call?.stop());
