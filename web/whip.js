/** One WHIP or WHEP resource (RFC 9725): offer, trickle, end. */
export class WhipResource {
  /** Where layers are chosen, when the server offers that. */
  layerURL = null;
  onended = () => {};
  #peer;
  #url = null;
  #tag = null;
  #token;
  #ended = false;
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
    peer.onicecandidate = ({ candidate }) => this.#trickle(candidate);
    peer.addEventListener('connectionstatechange', () => {
      if (peer.connectionState === 'failed' && !this.#ended) this.onended('The media connection failed.');
    });
  }

  async #open(endpoint) {
    await this.#peer.setLocalDescription(await this.#peer.createOffer());
    const response = await this.#fetch(endpoint, 'POST', this.#peer.localDescription.sdp, 'application/sdp');
    this.#url = new URL(response.headers.get('Location'), endpoint);
    this.#tag = response.headers.get('ETag');
    this.layerURL = this.#linked(response.headers.get('Link'), 'urn:ietf:params:whep:ext:core:layer');
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

  async close() {
    if (this.#ended) return;
    this.#ended = true;
    this.#peer.close();
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
