// What the gallery's pages share: the connection to their application, a WebRTC call over it, and words for people.

export const $ = (id) => document.getElementById(id);

/** What the page shows, for whoever drives it. */
window.apus = { state: 'idle', error: null };

export function show(state) {
  $('state').textContent = state;
  window.apus.state = state;
}

/** Says what went wrong; nothing takes it back. */
export function complain(text) {
  $('message').textContent = text ?? '';
  $('message').hidden = !text;
  window.apus.error = text ?? null;
}

/** Shows a stream; without one, the picture that says what will be here. */
export function picture(video, stream = null) {
  if (video.srcObject === stream) return;
  video.srcObject = stream;
  // Brings the poster back.
  if (!stream) video.load();
}

/** The connection of a page to its application: objects with an `id`, either way. */
export class Application {
  #socket;
  #handlers = new Map([['error', ({ message }) => complain(message)]]);
  #waiting = [];

  #end;

  /** Called once when the connection ends, unless the page ended it. */
  onclose = () => {};
  /** Fulfilled, with words for people, when the connection has ended. */
  closed = new Promise((resolve) => { this.#end = resolve; });

  static connect(path) {
    return new Promise((resolve, reject) => {
      const application = new Application();
      const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`);
      application.#socket = socket;
      socket.onopen = () => resolve(application);
      socket.onmessage = ({ data }) => application.#receive(JSON.parse(data));
      socket.onclose = ({ code, reason }) => {
        // What the server says of a path that it does not know.
        const text = code === 1002
          ? 'This server has no application for the page: the gallery is switched off (gallery.enabled).'
          : reason || 'The application does not answer.';
        reject(new Error(text));
        application.#end(text);
        application.onclose(text);
      };
    });
  }

  /** Messages with this id go to `handler`; what came too early comes now. */
  on(id, handler) {
    this.#handlers.set(id, handler);
    for (const message of this.#waiting.filter((message) => message.id === id)) handler(message);
    this.#waiting = this.#waiting.filter((message) => message.id !== id);
    return this;
  }

  /** The next message with this id. */
  next(id) {
    return new Promise((resolve) => {
      this.on(id, (message) => {
        this.#handlers.delete(id);
        resolve(message);
      });
    });
  }

  send(id, members = {}) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ id, ...members }));
  }

  close() {
    this.onclose = () => {};
    this.#socket.close(1000);
  }

  #receive(message) {
    const handler = this.#handlers.get(message.id);
    if (handler) handler(message);
    else if (this.#waiting.length < 64) this.#waiting.push(message);
  }
}

/** One WebRTC connection to the media server, by way of the application. */
export class Call {
  peer = new RTCPeerConnection();
  stream = new MediaStream();
  #early = [];

  /**
   * @param application whom candidates are told
   * @param media the stream to send; null sends nothing
   * @param receives whether something comes back
   * @param label members of each candidate's message, where a page has several calls
   */
  constructor(application, { media = null, receives = true, label = {}, video = null } = {}) {
    for (const kind of ['audio', 'video']) {
      const track = media?.getTracks().find((track) => track.kind === kind);
      if (!track && !receives) continue;
      this.peer.addTransceiver(track ?? kind, {
        direction: track ? (receives ? 'sendrecv' : 'sendonly') : 'recvonly', streams: track ? [media] : [],
      });
    }
    this.peer.ontrack = ({ track }) => {
      this.stream.addTrack(track);
      if (video) picture(video, this.stream);
    };
    this.peer.onicecandidate = ({ candidate }) => {
      if (candidate?.candidate) application.send('onIceCandidate', { candidate, ...label });
    };
    this.peer.onconnectionstatechange = () => {
      if (this.peer.connectionState === 'failed') complain('The media connection failed.');
    };
  }

  async offer() {
    await this.peer.setLocalDescription(await this.peer.createOffer());
    return this.peer.localDescription.sdp;
  }

  async answer(sdp) {
    await this.peer.setRemoteDescription({ type: 'answer', sdp });
    for (const candidate of this.#early.splice(0)) await this.peer.addIceCandidate(candidate);
  }

  add(candidate) {
    if (!this.peer.remoteDescription) this.#early.push(candidate);
    else this.peer.addIceCandidate(candidate).catch((error) => console.warn('candidate not understood', error));
  }

  close() {
    this.peer.close();
  }
}

export async function openCamera(wanted = { video: { width: { ideal: 640 }, height: { ideal: 480 } }, audio: true }) {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Error(
      'The browser gives the camera only to secure pages: open this one over https, or on this computer as ' +
        `http://localhost:${location.port || 80}.`);
  }
  try {
    return await navigator.mediaDevices.getUserMedia(wanted);
  } catch (error) {
    const reasons = {
      NotAllowedError: 'Camera and microphone were refused. Allow them for this page in the browser and start again.',
      NotFoundError: 'No camera or no microphone was found. Connect them and start again.',
      NotReadableError: 'Another program is using the camera. Close it there and start again.',
    };
    throw new Error(reasons[error.name] ?? `The camera could not be opened: ${error.message}`);
  }
}

export function closeCamera(media) {
  media?.getTracks().forEach((track) => track.stop());
}

/** What a button does: one thing at a time, and what goes wrong is said. */
export function onClick(id, action) {
  $(id).addEventListener('click', async () => {
    complain(null);
    $(id).disabled = true;
    try {
      await action();
    } catch (error) {
      complain(error.message);
    } finally {
      $(id).disabled = false;
    }
  });
}

/**
 * A page with one button that starts and stops. `begin` gets the application, a function that notes what is to be
 * undone at the end, and one that ends.
 */
export function startAndStop(path, begin) {
  let application = null;
  let undo = [];
  const button = $('start');
  const finish = () => {
    for (const step of undo.splice(0).reverse()) step();
    application?.send('stop');
    application?.close();
    application = null;
    button.textContent = 'Start';
    show('idle');
  };
  onClick('start', async () => {
    if (application) return finish();
    show('connecting');
    try {
      application = await Application.connect(path);
      application.onclose = (reason) => {
        complain(reason);
        finish();
      };
      await begin(application, (step) => undo.push(step), finish);
      if (application) button.textContent = 'Stop';
    } catch (error) {
      finish();
      throw error;
    }
  });
  window.addEventListener('pagehide', finish);
}

/** The next message with this id; fails with what the application says instead, or when it is gone. */
export function reply(application, id, error = 'error') {
  return new Promise((resolve, reject) => {
    application.on(error, ({ message }) => {
      complain(message);
      reject(new Error(message));
    });
    application.closed.then((reason) => reject(new Error(reason)));
    application.next(id).then(resolve);
  });
}
