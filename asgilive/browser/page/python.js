// The page's handle on Python: a worker that runs cells, and the service worker that shows what they serve.
// Loaded with the first Run. A page has one Python at a time; `stop` ends it, whatever it is doing.

export { enliven, settle } from "./sites.js"; // the cards of what it serves

/**
 * @typedef {{ id: string, number: number, code: string }} Cell
 * @typedef {{ begin?: () => void, output: (output: object) => void }} Sink
 * @typedef {{ ok: boolean, took: number, sites: string[], error?: { name: string, text: string } }} Result
 * @typedef {{ done: number, total: number, doing: string }} Loading
 */

/** What a run is rejected with when Python was stopped before the cell's end. */
export class Stopped extends Error {}

export class Python {
  /**
   * @param {{ base: string, tab: string, progress?: string, worker?: Worker, files?: Record<string, ArrayBuffer> }} where
   *   `base` is the address of this folder, `tab` an id of this visit; `worker` and `files` are given where they
   *   cannot be fetched: file.js
   */
  constructor({ base, tab, progress = "", worker, files }) {
    this.base = base;
    this.tab = tab;
    /** @type {(loading: Loading) => void} */ this.onload = () => {};
    /** @type {(text: string) => void} */ this.onprogress = () => {};
    /** @type {Map<string, Sink>} */ this.sinks = new Map();
    /** @type {{ id: string, end: (result: Result) => void, fail: (error: Error) => void, begin: () => void }[]} */
    this.runs = [];
    this.channel = new BroadcastChannel(`asgilive ${tab}`);
    this.channel.onmessage = ({ data }) => this.#answer(data);
    this.previews = previews(base);
    this.worker = worker ?? new Worker(new URL("worker.js", base), { type: "module", name: "Python" });
    this.ready = new Promise((done, fail) => { this.settle = { done, fail }; });
    this.ready.catch(() => {}); // who waits for a run hears of it there
    this.worker.onmessage = ({ data }) => this.#hear(typeof data === "string" ? JSON.parse(data) : data);
    this.worker.onerror = (event) => { event.preventDefault(); this.#fail(new Error(`Python did not start: ${event.message || "its files did not load"}.`)); };
    this.worker.postMessage({ kind: "start", base, tab, progress, files, link: `${base}app/${tab}/{port}/` }, files ? Object.values(files) : []);
  }

  /**
   * Run a cell behind those that wait. What its servers print later still goes to its sink.
   * @param {Cell} cell @param {Sink} sink @returns {Promise<Result>} rejected with Stopped, or where Python did not start
   */
  run({ id, number, code }, sink) {
    if (!this.worker) return Promise.reject(new Stopped());
    return new Promise((end, fail) => {
      this.runs.push({ id, end, fail, begin: () => { this.sinks.set(id, sink); sink.begin?.(); } });
      this.worker.postMessage({ kind: "run", id, number, code });
    });
  }

  /** End Python, whatever it is doing: its names, its servers and their connections are gone. */
  stop() {
    this.#fail(new Stopped("Python was stopped"));
  }

  /** @param {Error} error */
  #fail(error) {
    if (!this.worker) return;
    this.worker.terminate();
    this.worker = null;
    this.channel.postMessage({ kind: "gone" });
    this.channel.close();
    this.settle.fail(error);
    for (const run of this.runs.splice(0)) run.fail(error);
  }

  /** What the worker says. @param {any} said */
  #hear(said) {
    if (said.kind === "loading") this.onload(said);
    else if (said.kind === "ready") this.settle.done();
    else if (said.kind === "failed") this.#fail(new Error(said.text));
    else if (said.kind === "begin") this.runs[0].begin();
    else if (said.kind === "output") this.sinks.get(said.cell)?.output(said.output);
    else if (said.kind === "progress") this.onprogress(said.text);
    else if (said.kind === "end") this.runs.shift().end({ ok: said.ok, took: said.took * 1000, error: said.error, sites: said.sites });
  }

  /** A preview asks whether somebody is there: the worker may be busy, this page is not. @param {any} asked */
  #answer(asked) {
    if (asked.kind === "request" && this.worker) this.channel.postMessage({ kind: "taken", id: asked.id });
  }
}

/** Start Python. @param {{ base: string, tab: string, progress?: string }} where @returns {Python} */
export const start = (where) => new Python(where);

/**
 * Have the service worker ready that shows what a cell serves.
 * @param {string} base @returns {Promise<string>} "", or the sentence that says why there is none
 */
async function previews(base) {
  if (location.protocol === "file:") return "A page that was opened as a file cannot show what you serve. Served, it can: python3 start.py read.";
  if (!("serviceWorker" in navigator))
    return isSecureContext ? "This browser has no service workers here, so it cannot show what you serve." : "A page can show what you serve over https, or from 127.0.0.1; here it cannot.";
  try {
    const registered = await navigator.serviceWorker.register(new URL("preview.js", base), { scope: new URL("app/", base).href });
    const worker = registered.installing || registered.waiting || registered.active;
    if (worker.state !== "activated") await new Promise((done) => worker.addEventListener("statechange", () => { if (worker.state === "activated") done(); }));
    return "";
  } catch (error) {
    return `This browser does not let the page show what you serve: ${error.message}`;
  }
}
