// The service worker of previews. Its scope is `app/`, where no file lies: app/<tab>/<port>/<path> is a server in the
// Python of that tab. It makes messages of the browser's requests and a response of what comes back, piece by piece.
// The book's own pages are outside its scope.
const BASE = new URL("./", self.location.href).href;
const APP = `${BASE}app/`;
const WAIT = 3000; // ms for a page to say that it is there

// What the documentation pages of FastAPI ask of other hosts lies here; it is kept for when there is no network.
const DOCS = {
  "swagger-ui-bundle.js": /^https:\/\/cdn\.jsdelivr\.net\/npm\/swagger-ui-dist@[^/]+\/swagger-ui-bundle\.js$/,
  "swagger-ui.css": /^https:\/\/cdn\.jsdelivr\.net\/npm\/swagger-ui-dist@[^/]+\/swagger-ui\.css$/,
  "redoc.standalone.js": /^https:\/\/cdn\.jsdelivr\.net\/npm\/redoc@[^/]+\/bundles\/redoc\.standalone\.js$/,
  "favicon-32x32.png": /^https:\/\/fastapi\.tiangolo\.com\/img\/favicon\.png$/,
};
const doc = (url) => Object.keys(DOCS).find((name) => DOCS[name].test(url));
const place = (name) => `${BASE}docs/${name}.gz`;
const kept = () => caches.open("asgilive docs");
/** @type {Promise<void> | undefined} */
let keeping;
const keep = () => (keeping ??= kept().then((store) => store.addAll(Object.keys(DOCS).map(place))).catch(() => { keeping = undefined; }));

/** @param {string} name @returns {Promise<Response>} */
async function documented(name) {
  const found = await fetch(place(name)).catch(() => undefined) || await (await kept()).match(place(name));
  if (!found?.ok) return Response.error();
  const bytes = await found.arrayBuffer(), [one, two] = new Uint8Array(bytes, 0, 2);
  const isPacked = one === 0x1f && two === 0x8b; // a host that says Content-Encoding has the browser unpack it
  const body = isPacked ? new Response(bytes).body.pipeThrough(new DecompressionStream("gzip")) : bytes;
  const type = { js: "text/javascript", css: "text/css", png: "image/png" }[name.split(".").pop()];
  return new Response(body, { headers: { "content-type": type } });
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

/**
 * Which server an address means, if any.
 * @param {string} url @returns {{ tab: string, port: number, path: string } | null}
 */
function server(url) {
  const found = url.startsWith(APP) && /^([^/]+)\/(\d+)(\/[^#]*)?/.exec(url.slice(APP.length));
  return found ? { tab: found[1], port: Number(found[2]), path: found[3] || "/" } : null;
}

const isLocal = (url) => /^(localhost|127\.0\.0\.1)$/.test(url.hostname) && url.origin !== self.location.origin;

self.addEventListener("fetch", (event) => {
  const { request } = event, url = new URL(request.url), direct = server(request.url);
  if (direct) {
    event.waitUntil(keep());
    return event.respondWith(ask(request, direct, event.clientId));
  }
  if (request.url.startsWith(BASE)) return undefined;
  if (doc(request.url)) return event.respondWith(documented(doc(request.url)));
  if (!isLocal(url) && url.origin !== self.location.origin) return undefined;
  // "/items", or http://127.0.0.1:8000/items, asked for by a page that a server here has given
  return event.respondWith(self.clients.get(event.clientId).then((client) => {
    const here = client && server(client.url);
    if (!here) return fetch(request);
    const port = isLocal(url) ? Number(url.port || 80) : here.port;
    return ask(request, { tab: here.tab, port, path: url.pathname + url.search }, event.clientId);
  }));
});

// -- one channel a tab, and who waits for what on it

/** @type {Map<string, BroadcastChannel>} */
const channels = new Map();
/** @type {Map<string, { tab: string, hear: (message: any) => void }>} */
const calls = new Map();

/** @param {string} tab */
function channel(tab) {
  let found = channels.get(tab);
  if (!found) {
    found = new BroadcastChannel(`asgilive ${tab}`);
    found.onmessage = ({ data }) => {
      if (data.kind === "gone") for (const call of [...calls.values()]) if (call.tab === tab) call.hear({ kind: "broken", value: '"Python was stopped"' });
      calls.get(data.id)?.hear(data);
    };
    channels.set(tab, found);
  }
  return found;
}

// -- streams of events: Chromium shows a service worker no Last-Event-ID, so the ids are kept here (`frame.js` says who asks again)

/** @type {Map<string, string[]>} the last ids of streams that ended, by page and address, the earliest first */
const ids = new Map();
/** @type {Map<string, number>} how many of them are about to be asked for again */
const again = new Map();

self.addEventListener("message", ({ data, source }) => {
  const key = `${source.id} ${data.url}`;
  if (!data.again) ids.get(key)?.shift();
  again.set(key, Math.max(0, (again.get(key) ?? 0) + (data.again ? 1 : -1)));
});

/** @param {string} key @returns {string} the last id of the stream that is asked for again; "" where it is a new one */
function resumed(key) {
  const count = again.get(key) ?? 0;
  if (count) again.set(key, count - 1);
  return (count && ids.get(key)?.shift()) || "";
}

/** Reads what passes for the id of its last event. */
class LastId {
  last = "";
  #next = "";
  #rest = "";
  #text = new TextDecoder();

  /** @param {Uint8Array} bytes */
  read(bytes) {
    const lines = (this.#rest + this.#text.decode(bytes, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (/^id(:|$)/.test(line)) this.#next = line.replace(/^id:? ?/, "");
      else if (line === "") this.last = this.#next;
    }
  }
}

/**
 * Ask a server of a tab.
 * @param {Request} request @param {{ tab: string, port: number, path: string }} where @param {string} client @returns {Promise<Response>}
 */
async function ask(request, { tab, port, path }, client) {
  const id = crypto.randomUUID(), line = channel(tab), origin = `http://127.0.0.1:${port}`;
  const prefix = `${APP}${tab}/${port}`;
  const hasBody = !["GET", "HEAD"].includes(request.method);
  const body = hasBody ? await request.arrayBuffer() : null;
  const headers = [...request.headers].filter(([name]) => !["origin", "referer", "user-agent", "last-event-id"].includes(name));
  const key = `${client} ${request.url}`, events = request.headers.get("accept") === "text/event-stream" ? new LastId() : null;
  const last = events && (resumed(key) || request.headers.get("last-event-id"));
  if (last) headers.push(["last-event-id", last]);
  headers.push(["user-agent", navigator.userAgent]);
  if (request.referrer.startsWith(prefix)) headers.push(["referer", origin + (request.referrer.slice(prefix.length) || "/")]);
  if (hasBody) headers.push(["origin", origin]);
  return new Promise((resolve) => {
    /** @type {ReadableStreamDefaultController<Uint8Array>} */ let out;
    let begun = false, page = false, flows = false, next = () => {};
    const end = () => { clearTimeout(patience); calls.delete(id); next(); };
    const over = () => { end(); if (events && (flows || !begun)) ids.set(key, [...ids.get(key) ?? [], events.last || last || ""]); };
    const refuse = (status, title, text) => { over(); begun = true; resolve(events ? Response.error() : said(status, title, text)); };
    const patience = setTimeout(() => refuse(503, "No Python here", "The page of the book that served this is closed, or its Python was stopped. Go back to it and run the cell again."), WAIT);
    const stream = new ReadableStream({
      start(controller) { out = controller; },
      pull() { line.postMessage({ kind: "more", id }); return new Promise((done) => { next = done; }); }, // one piece for one pull
      cancel() { line.postMessage({ kind: "cancel", id }); end(); },
    }, { highWaterMark: 1 });
    const give = (bytes) => { events?.read(bytes); if (bytes.length) out.enqueue(bytes); next(); };
    calls.set(id, { tab, hear({ kind, value }) {
      if (kind === "taken") clearTimeout(patience);
      else if (kind === "head") {
        const [status, pairs] = JSON.parse(value), answer = response(request, status, pairs, { prefix, origin, path, tab }, stream);
        begun = true;
        flows = status === 200 && /^text\/event-stream/i.test(answer.response.headers.get("content-type") || "");
        page = answer.page;
        resolve(answer.response);
      } else if (kind === "piece") { give(page ? withScript(value, { prefix, tab, port }) : value); page = false; }
      else if (kind === "end") { over(); try { out.close(); } catch { /* cancelled just now */ } }
      else if (kind === "refused") refuse(502, `Nothing listens on port ${port}`, "Run the cell that starts this server, then load this again.");
      else if (kind === "broken" && !begun) refuse(502, "The server hung up", JSON.parse(value));
      else if (kind === "broken") { over(); try { if (flows) out.close(); else out.error(new TypeError(JSON.parse(value))); } catch { /* cancelled just now */ } }
    } });
    line.postMessage({ kind: "request", id, asked: JSON.stringify({ port, method: request.method, path, headers }), body });
  });
}

/** The response for the browser, and whether it is a page of HTML. */
function response(request, status, pairs, { prefix, origin, path, tab }, stream) {
  const headers = new Headers();
  for (const [name, value] of pairs) headers.append(name, value);
  const page = request.mode === "navigate" && /^text\/html/i.test(headers.get("content-type") || "");
  if (page) headers.delete("content-length"); // a script comes in
  const place = headers.get("location");
  if (place && status >= 300 && status < 400) {
    const url = new URL(place, origin + path);
    const there = url.origin === origin ? prefix + url.pathname + url.search + url.hash : isLocal(url) ? `${APP}${tab}/${url.port || 80}${url.pathname}${url.search}${url.hash}` : url.href;
    if (request.redirect !== "error") return { page: false, response: Response.redirect(there, status) };
  }
  const empty = [101, 204, 205, 304].includes(status) || request.method === "HEAD";
  return { page, response: new Response(empty ? null : stream, { status, headers }) };
}

/** The first piece of a page with our script behind its doctype: before it would mean quirks. */
function withScript(bytes, { prefix, tab, port }) {
  const doctype = /^(\xef\xbb\xbf)?\s*<!doctype[^>]*>/i.exec(new TextDecoder("latin1").decode(bytes.slice(0, 200)));
  const at = doctype ? doctype[0].length : 0;
  const script = new TextEncoder().encode(`<script src="${BASE}frame.js" data-prefix="${prefix}" data-tab="${tab}" data-port="${port}"></script>`);
  const whole = new Uint8Array(bytes.length + script.length);
  whole.set(bytes.slice(0, at));
  whole.set(script, at);
  whole.set(bytes.slice(at), at + script.length);
  return whole;
}

/** A page of our own, where no server could answer. */
function said(status, title, text) {
  const safe = (words) => words.replace(/[<&]/g, (sign) => `&#${sign.charCodeAt(0)};`);
  const html = `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${safe(title)}</title><style>body{font:1rem/1.5 Georgia,serif;margin:2rem;max-width:34rem;color-scheme:light dark}h1{font-size:1.3rem}</style><h1>${safe(title)}</h1><p>${safe(text)}`;
  return new Response(html, { status, headers: { "content-type": "text/html; charset=utf-8" } });
}
