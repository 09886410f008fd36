/** One WHIP or WHEP resource (RFC 9725): offer, trickle, end. */
export class WhipResource {
  /** Where layers are chosen, when the server offers that. */
  layerURL = null;
  /** Where the server tells what becomes of the resource, when it offers that. */
  eventsURL = null;
  onended = () => {};
  /** The server asks for a new connection: `{ reconnect, reason, media, within }`. */
  onreconnect = null;
  #peer;
  #url = null;
  #tag = null;
  #token;
  #ended = false;
  #listening = new AbortController();
  /** Candidates that were found before there was a URL to send them to. */
  #waiting = [];
  #sending = Promise.resolve();

  /** `endpoint` is the URL to POST to; the peer has its transceivers already. */
  static async open(endpoint, peer, token) {
    const resource = new WhipResource(peer, token);
    await resource.#open(endpoint);
    return resource;
  }

  constructor(peer, token) {
    this.#peer = peer;
    this.#token = token;
    holders.set(peer, this);
    // Before an answer can change that.
    for (const { sender } of peer.getTransceivers()) noteUnused(sender);
    peer.onicecandidate = ({ candidate }) => this.#trickle(candidate);
    peer.addEventListener('connectionstatechange', () => {
      if (peer.connectionState === 'failed' && !this.#ended) this.onended('The media connection failed.');
    });
  }

  /**
   * The peer's call, which another resource has had until now, on another server: new paths and new keys on the same
   * peer connection. Its transceivers and tracks stay what they are.
   */
  static async move(endpoint, peer, token) {
    const resource = new WhipResource(peer, token);
    // This server has switched none off.
    for (const { sender } of peer.getTransceivers()) await activate(sender);
    peer.restartIce();
    await resource.#open(endpoint);
    return resource;
  }

  async #open(endpoint) {
    await this.#peer.setLocalDescription(await this.#peer.createOffer());
    const response = await this.#fetch(endpoint, 'POST', this.#peer.localDescription.sdp, 'application/sdp');
    this.#url = new URL(response.headers.get('Location'), endpoint);
    this.#tag = response.headers.get('ETag');
    const links = response.headers.get('Link');
    this.layerURL = this.#linked(links, 'urn:ietf:params:whep:ext:core:layer');
    this.eventsURL = this.#linked(links, 'urn:ietf:params:whep:ext:core:server-sent-events')
      ?? this.#linked(links, 'urn:apus:whip:ext:server-sent-events');
    await this.#peer.setRemoteDescription({ type: 'answer', sdp: await response.text() });
    this.#flush();
  }

  /** What there is to choose from: encodings by mid of the video section. */
  async layers() {
    return (await this.#fetch(this.layerURL, 'GET')).json();
  }

  /** An empty choice asks for the best. */
  async select(choice) {
    await this.#fetch(this.layerURL, 'POST', JSON.stringify(choice), 'application/json');
  }

  /** New paths for the same call, after a change of network (RFC 9725 section 4.3.3). */
  restartICE() {
    // In line with the candidates: those of the new generation need the entity tag that the answer brings.
    const restart = this.#sending.then(() => this.#restart());
    this.#sending = restart.catch(() => {});
    return restart;
  }

  async #restart() {
    this.#peer.restartIce();
    await this.#peer.setLocalDescription(await this.#peer.createOffer());
    const response = await this.#fetch(
      this.#url, 'PATCH', fragment(this.#peer.localDescription.sdp), 'application/trickle-ice-sdpfrag', '*');
    this.#tag = response.headers.get('ETag');
    const lines = (await response.text()).split(/\r\n/);
    const value = (name) => lines.find((line) => line.startsWith(name));
    const answer = this.#peer.remoteDescription.sdp
      .split(/\r\n/)
      .filter((line) => !line.startsWith('a=candidate:'))
      .map((line) => (line.startsWith('a=ice-ufrag:') ? value('a=ice-ufrag:') : line))
      .map((line) => (line.startsWith('a=ice-pwd:') ? value('a=ice-pwd:') : line));
    await this.#peer.setRemoteDescription({ type: 'answer', sdp: answer.join('\r\n') });
    const mid = value('a=mid:').slice('a=mid:'.length);
    for (const line of lines.filter((line) => line.startsWith('a=candidate:'))) {
      await this.#peer.addIceCandidate({ candidate: line.slice(2), sdpMid: mid });
    }
    this.#flush();
  }

  /**
   * Listens until the resource ends: for `onreconnect`, and for which simulcast encodings anybody wants. By fetch, for an
   * EventSource sends no token.
   */
  async listen() {
    while (this.eventsURL && !this.#ended) {
      try {
        const headers = { Accept: 'text/event-stream' };
        if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
        const response = await fetch(this.eventsURL, { headers, signal: this.#listening.signal, cache: 'no-store' });
        // The resource is gone, and with it what it could have told. Its media may still flow.
        if (response.status === 404 || response.status === 410) {
          if (!this.#ended) this.onreconnect?.({ reason: 'gone', media: true, within: 500 });
          return;
        }
        if (response.ok) await this.#read(response.body.pipeThrough(new TextDecoderStream()).getReader());
      } catch (error) {
        if (this.#ended) return;
      }
      await pause(500 + Math.random() * 1000);
    }
  }

  async #read(reader) {
    let text = '';
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      const events = text.split('\n\n');
      text = events.pop();
      for (const event of events) {
        const field = (name) => event.split('\n').find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        if (field('event') === 'reconnect' && !this.#ended) this.onreconnect?.(JSON.parse(field('data')));
        if (field('event') === 'encodings') await this.#activate(JSON.parse(field('data')));
      }
    }
  }

  /** What is not wanted is not encoded and not sent. */
  async #activate({ mid, encodings }) {
    // The peer's call may have gone to another server since.
    if (this.#ended || holders.get(this.#peer) !== this) return;
    const sender = this.#peer.getTransceivers().find((transceiver) => transceiver.mid === mid)?.sender;
    if (sender) await activate(sender, encodings);
  }

  async close() {
    if (this.#ended) return;
    this.#peer.close();
    await this.leave();
  }

  /** Ends the resource, and leaves the peer connection to another one. */
  async leave() {
    if (this.#ended) return;
    this.#ended = true;
    this.#listening.abort();
    if (this.#url) await this.#fetch(this.#url, 'DELETE').catch(() => {});
  }

  #trickle(candidate) {
    if (!candidate?.candidate) return;
    this.#waiting.push(candidate);
    if (this.#url) this.#flush();
  }

  /** One request for all that wait, and one request at a time. */
  #flush() {
    this.#sending = this.#sending.then(async () => {
      const found = this.#waiting.splice(0);
      if (!found.length || this.#ended) return;
      // What both ends have agreed on. Other credentials would ask for a restart, with nobody to read its answer.
      const { sdp } = this.#peer.currentLocalDescription;
      const ufrag = attribute(sdp, 'a=ice-ufrag:');
      const lines = found
        .filter(({ usernameFragment }) => (usernameFragment ?? ufrag) === ufrag)
        .map(({ candidate }) => `a=${candidate}`);
      if (!lines.length) return;
      await this.#fetch(this.#url, 'PATCH', fragment(sdp, lines), 'application/trickle-ice-sdpfrag', this.#tag);
    }).catch((error) => console.warn('candidates were not taken', error));
  }

  async #fetch(url, method, body, type, tag) {
    const headers = {};
    if (type) headers['Content-Type'] = type;
    if (tag) headers['If-Match'] = tag;
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    const response = await fetch(url, { method, headers, body, keepalive: method === 'DELETE' });
    if (!response.ok) throw new Error((await response.text()).trim() || `The server answered ${response.status}.`);
    return response;
  }

  #linked(header, relation) {
    for (const link of (header ?? '').split(/,\s*(?=<)/)) {
      const [, target, parameters] = link.match(/<([^>]*)>(.*)/) ?? [];
      if (parameters?.includes(`rel="${relation}"`)) return new URL(target, this.#url);
    }
    return null;
  }
}

/**
 * A call that outlives its connections: when the server asks for a new one, the old one stays until media flows over
 * the new (make before break). When the server that it went to is lost, the same peer connection goes on at another one,
 * by an ICE restart; where that fails it is made anew, with growing pauses.
 */
export class WhipCall {
  /** The resource of the present connection. */
  resource = null;
  /** A connection takes over: show its tracks. */
  onpeer = () => {};
  /** 'connecting', 'connected' and so on, as of the present connection. */
  onstate = () => {};
  /** It will not come back. */
  onended = () => {};
  /** How often it has come back, how often of these on the same peer connection, and the last reason. */
  reconnects = 0;
  moves = 0;
  reason = null;
  #endpoint;
  #makePeer;
  #token;
  #peer = null;
  #ended = false;
  #moving = false;

  /** `makePeer` gives a new peer connection with its transceivers each time. */
  constructor(endpoint, makePeer, token) {
    this.#endpoint = endpoint;
    this.#makePeer = makePeer;
    this.#token = token;
  }

  async open() {
    const { peer, resource } = await this.#connect(this.#endpoint);
    this.#take(peer, resource);
    return this;
  }

  async close() {
    this.#ended = true;
    await this.resource?.close();
  }

  async #connect(url) {
    const peer = this.#makePeer();
    try {
      return { peer, resource: await WhipResource.open(url, peer, this.#token) };
    } catch (error) {
      peer.close();
      throw error;
    }
  }

  #take(peer, resource) {
    this.resource = resource;
    if (this.#peer !== peer) {
      this.#peer = peer;
      peer.addEventListener('connectionstatechange', () => this.#show(peer));
      this.onpeer(peer);
    }
    this.#show(peer);
    resource.onended = () => this.#reconnect(resource, { reason: 'failed', media: false, within: 500 });
    resource.onreconnect = (notice) => this.#reconnect(resource, notice);
    resource.listen();
  }

  #show(peer) {
    if (this.#peer === peer && !this.#moving) this.onstate(peer.connectionState);
  }

  /** True when the present peer connection carries media again, by way of another server. */
  async #move(resource, url) {
    const peer = this.#peer;
    const before = await received(peer);
    let next = null;
    try {
      next = await WhipResource.move(url, peer, this.#token);
      if (await flowsAnew(peer, before)) {
        resource.leave();
        this.#moving = false;
        this.reconnects += 1;
        this.moves += 1;
        if (this.#ended) await next.close();
        else this.#take(peer, next);
        return true;
      }
    } catch (error) {
      console.warn('the connection cannot be moved, and is made anew', error);
    }
    await next?.leave();
    return false;
  }

  async #reconnect(resource, { reconnect, reason, media, within = 0 }) {
    if (this.#moving || this.#ended || resource !== this.resource) return;
    this.#moving = true;
    this.reason = reason;
    const url = reconnect ? new URL(reconnect, this.#endpoint) : this.#endpoint;
    // The old connection stays until the end: a track that ends turns the picture black.
    if (!media) this.onstate('reconnecting');
    await pause(Math.random() * within);
    // What failed by itself may have no path any more, and its server may be well: only the server knows that it is not.
    if (!media && reconnect && await this.#move(resource, url)) return;
    for (let attempt = 0; !this.#ended; attempt += 1) {
      try {
        const next = await this.#connect(attempt < 5 ? url : this.#endpoint);
        if (await flows(next.peer)) {
          this.#moving = false;
          this.reconnects += 1;
          if (this.#ended) return next.resource.close();
          this.#take(next.peer, next.resource);
          // Players of what is published need a moment to change over.
          const isSending = next.peer.getSenders().some(({ track }) => track);
          setTimeout(() => resource.close(), media && isSending ? 1000 : 200);
          return;
        }
        await next.resource.close();
      } catch (error) {
        if (attempt > 30) break;
      }
      const longest = Math.min(5000, 200 * 2 ** attempt);
      await pause(longest / 2 + Math.random() * longest / 2);
    }
    this.#moving = false;
    resource.close();
    if (!this.#ended) this.onended('The connection was lost, and the server does not take a new one.');
  }
}

/** Whether media flows over a new connection within ten seconds: of a player pictures, or sound if there is no video. */
async function flows(peer) {
  const wanted = peer.getTransceivers().filter(({ direction }) => direction !== 'sendonly' && direction !== 'inactive');
  for (let turn = 0; turn < 200 && peer.connectionState !== 'failed'; turn += 1) {
    if (peer.connectionState === 'connected') {
      if (!wanted.length) return true;
      const reports = [...(await peer.getStats()).values()].filter(({ type }) => type === 'inbound-rtp');
      const video = reports.find(({ kind }) => kind === 'video');
      if (video ? video.framesDecoded > 0 : reports.some(({ packetsReceived }) => packetsReceived > 0)) return true;
      // Nobody may be publishing: then there is nothing to wait for.
      if (turn > 60 && !reports.length) return true;
    }
    await pause(50);
  }
  return peer.connectionState === 'connected';
}

/** Packets that a player has received, and where those that come now are from. */
async function received(peer) {
  const reports = [...(await peer.getStats()).values()];
  const pairs = reports.filter(({ type }) => type === 'candidate-pair');
  const selected = reports.find(({ type }) => type === 'transport')?.selectedCandidatePairId;
  return {
    packets: reports.filter(({ type }) => type === 'inbound-rtp').reduce((sum, report) => sum + report.packetsReceived, 0),
    // Firefox marks the pair itself.
    pair: selected ?? pairs.find((pair) => pair.selected)?.id,
  };
}

/** Whether a peer connection is connected over another path than before, and receives, within ten seconds. */
async function flowsAnew(peer, before) {
  const isPlayer = peer.getTransceivers().some(({ currentDirection }) => currentDirection?.includes('recv'));
  for (let turn = 0; turn < 200; turn += 1) {
    await pause(50);
    if (peer.connectionState === 'failed' || peer.connectionState === 'closed') return false;
    const now = await received(peer);
    const isElsewhere = peer.connectionState === 'connected' && now.pair && now.pair !== before.pair;
    if (isElsewhere && (!isPlayer || now.packets > before.packets)) return true;
  }
  return false;
}

/** By peer connection: the resource that has its call now. */
const holders = new WeakMap();
/** By sender: the rids of encodings that the page itself has left out. Nobody switches these on. */
const unused = new WeakMap();

function noteUnused(sender) {
  if (unused.has(sender)) return;
  const { encodings = [] } = sender.getParameters();
  unused.set(sender, new Set(encodings.filter(({ active }) => active === false).map(({ rid }) => rid)));
}

/** Switches a sender's encodings on and off by their rids; all on that are not named. */
async function activate(sender, encodings = []) {
  try {
    const parameters = sender.getParameters();
    if (!(parameters.encodings?.length > 1)) return;
    const before = parameters.encodings.map(({ active }) => active);
    for (const encoding of parameters.encodings) {
      const isWanted = encodings.find(({ rid }) => rid === encoding.rid)?.active ?? true;
      encoding.active = isWanted && !unused.get(sender)?.has(encoding.rid);
    }
    if (parameters.encodings.some(({ active }, index) => active !== before[index])) {
      await sender.setParameters(parameters);
    }
  } catch (error) {
    console.warn('encodings cannot be switched', error);
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function attribute(sdp, name) {
  return sdp.split(/\r\n/).find((line) => line.startsWith(name))?.slice(name.length);
}

/** The body of a PATCH (RFC 8840 section 9): the credentials of the first section, and candidates. */
function fragment(sdp, candidates = null) {
  const lines = sdp.split(/\r\n/);
  const first = (name) => lines.find((line) => line.startsWith(name));
  const found = candidates ?? lines.filter((line) => line.startsWith('a=candidate:'));
  return [first('a=group:BUNDLE'), first('a=ice-ufrag:'), first('a=ice-pwd:'), first('m='), first('a=mid:'), ...found]
    .filter(Boolean)
    .map((line) => `${line}\r\n`)
    .join('');
}
