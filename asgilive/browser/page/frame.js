// Comes first in each page that a server of the reader's gives: its addresses and WebSockets lead to that server.
// Fetches, images and scripts need nothing: the service worker sees those.
{
  const { prefix, tab, port } = document.currentScript.dataset;
  document.currentScript.remove();
  const isLocal = (url) => /^(localhost|127\.0\.0\.1)$/.test(url.hostname) && url.host !== location.host;
  const all = prefix.replace(/\d+$/, "");

  /** Where an address leads in this tab; "" where it is right as it is. @param {string} address */
  const mended = (address) => {
    const url = new URL(address, document.baseURI), rest = url.pathname + url.search + url.hash;
    if (isLocal(url)) return `${all}${url.port || 80}${rest}`;
    return url.origin === location.origin && !url.href.startsWith(all) ? prefix + rest : "";
  };
  const mend = (element, name) => { const better = element[name] && mended(element[name]); if (better) element[name] = better; };
  addEventListener("click", (event) => { const link = event.target.closest?.("a[href]"); if (link) mend(link, "href"); }, true);
  addEventListener("submit", (event) => { mend(event.target, "action"); if (event.submitter?.hasAttribute("formaction")) mend(event.submitter, "formAction"); }, true);

  // -- EventSource: the browser's own. Chromium shows a service worker no Last-Event-ID, so who asks again says so.

  class LiveEventSource extends self.EventSource {
    /** @param {string | URL} address @param {EventSourceInit} [options] */
    constructor(address, options) {
      super(address, options);
      this.addEventListener("open", () => { this.again = false; });
      this.addEventListener("error", () => { if (this.readyState === 0) this.say(true); });
    }

    close() {
      if (this.again) this.say(false);
      super.close();
    }

    /** @param {boolean} again */
    say(again) {
      this.again = again;
      navigator.serviceWorker.controller?.postMessage({ url: this.url, again });
    }
  }
  self.EventSource = LiveEventSource;

  // -- WebSocket

  const Real = self.WebSocket, channel = new BroadcastChannel(`asgilive ${tab}`);
  /** @type {Map<string, LiveWebSocket>} */
  const open = new Map();
  channel.onmessage = ({ data }) => {
    if (data.kind === "gone") for (const socket of [...open.values()]) socket.hear("close", [1006, "", false]);
    else open.get(data.id)?.hear(data.kind, typeof data.value === "string" ? JSON.parse(data.value) : data.value);
  };

  class LiveWebSocket extends EventTarget {
    /** @param {string | URL} address @param {string | string[]} [protocols] */
    constructor(address, protocols = []) {
      const url = new URL(address, location.href);
      if (!isLocal(url) && url.host !== location.host) return new Real(address, protocols);
      super();
      const path = url.pathname + url.search, own = new URL(prefix).pathname;
      Object.assign(this, { url: url.href.replace(/^http/, "ws"), readyState: 0, protocol: "", extensions: "", bufferedAmount: 0, binaryType: "blob" });
      this.id = crypto.randomUUID();
      open.set(this.id, this);
      const asked = { port: isLocal(url) ? Number(url.port || 80) : Number(port), path: path.startsWith(`${own}/`) ? path.slice(own.length) : path, protocols: [].concat(protocols), origin: `http://127.0.0.1:${port}` };
      channel.postMessage({ kind: "socket", id: this.id, asked: JSON.stringify(asked) });
    }

    /** @param {string} kind @param {any} value */
    hear(kind, value) {
      if (kind === "open") { this.readyState = 1; this.protocol = value; this.tell(new Event("open")); }
      if (kind === "message") this.tell(new MessageEvent("message", { origin: new URL(this.url).origin, data: typeof value === "string" ? value : this.binaryType === "blob" ? new Blob([value]) : value.buffer }));
      if (kind !== "close") return;
      const [code, reason, wasClean] = value;
      this.readyState = 3;
      open.delete(this.id);
      if (!wasClean) this.tell(new Event("error"));
      this.tell(new CloseEvent("close", { code, reason: wasClean ? reason : "", wasClean }));
    }

    /** @param {Event} event */
    tell(event) { this[`on${event.type}`]?.(event); this.dispatchEvent(event); }

    /** @param {string | Blob | ArrayBuffer | ArrayBufferView} data */
    send(data) {
      if (this.readyState === 0) throw new DOMException("Still in CONNECTING state", "InvalidStateError");
      if (this.readyState > 1) return;
      const isText = !data?.arrayBuffer && typeof data?.byteLength !== "number";
      const value = isText ? String(data) : data.arrayBuffer ? data.arrayBuffer() : data.buffer ? data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) : data;
      this.said = Promise.all([value, this.said]).then(([value]) => channel.postMessage({ kind: "send", id: this.id, what: "message", value }));
    }

    close(code = 1000, reason = "") {
      if (this.readyState > 1) return;
      this.readyState = 2;
      Promise.resolve(this.said).then(() => channel.postMessage({ kind: "send", id: this.id, what: "close", value: JSON.stringify([code, reason]) }));
    }
  }
  for (const [name, value] of Object.entries({ CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 })) LiveWebSocket[name] = LiveWebSocket.prototype[name] = value;
  self.WebSocket = LiveWebSocket;
  addEventListener("pagehide", () => { for (const socket of open.values()) socket.close(1001); });
}
