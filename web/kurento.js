// A small client of the Kurento protocol: JSON-RPC 2.0 over one WebSocket.

/** The server's answer to a request, when it is an error. */
export class KurentoError extends Error {
  constructor({ code, message, data }) {
    super(message || `error ${code}`);
    this.code = code;
    this.data = data;
  }
}

/** Requests, answers and events of one connection. */
export class KurentoClient {
  #socket;
  #sessionId;
  #nextId = 1;
  #waiting = new Map();
  #listeners = new Map();
  #ping;

  /** Called once when the connection ends, with words for people. */
  onclose = () => {};

  static async connect(url) {
    const client = new KurentoClient();
    await client.#open(url);
    return client;
  }

  #open(url) {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url);
      this.#socket = socket;
      socket.onopen = () => {
        // An open socket keeps the session; the ping keeps proxies from closing a silent one.
        this.#ping = setInterval(() => this.request('ping', { interval: 60000 }).catch(() => {}), 60000);
        resolve();
      };
      socket.onmessage = (message) => this.#receive(message.data);
      socket.onclose = ({ code, reason }) => {
        clearInterval(this.#ping);
        const text = `The connection to the server ended (${reason || code}).`;
        for (const { reject } of this.#waiting.values()) reject(new Error(text));
        this.#waiting.clear();
        reject(new Error(text));
        this.onclose(text);
      };
    });
  }

  request(method, params = {}) {
    if (this.#socket.readyState !== WebSocket.OPEN) {
      return Promise.reject(new Error('Not connected to the server.'));
    }
    const id = this.#nextId++;
    if (this.#sessionId) params = { ...params, sessionId: this.#sessionId };
    this.#socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  async create(type, constructorParams = {}) {
    const { value } = await this.request('create', { type, constructorParams });
    return value;
  }

  async invoke(object, operation, operationParams = {}) {
    const { value } = await this.request('invoke', { object, operation, operationParams });
    return value;
  }

  /** Calls `listener` with the data of each event of this type of the object. */
  async subscribe(object, type, listener) {
    this.#listeners.set(`${object} ${type}`, listener);
    await this.request('subscribe', { object, type });
  }

  release(object) {
    return this.request('release', { object });
  }

  close() {
    this.onclose = () => {};
    this.#socket.close(1000);
  }

  #receive(text) {
    const message = JSON.parse(text);
    if (message.method === 'onEvent') {
      const event = message.params.value;
      const source = event.object ?? event.data?.source;
      this.#listeners.get(`${source} ${event.type}`)?.(event.data);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    if (!waiting) return;
    this.#waiting.delete(message.id);
    if (message.error) return waiting.reject(new KurentoError(message.error));
    if (message.result?.sessionId) this.#sessionId = message.result.sessionId;
    waiting.resolve(message.result ?? {});
  }
}
