// The worker that Python lives in: it loads the interpreter and the library, calls Python's loop when it wants to
// be called, and carries messages: cells from the page, requests from previews.
import createPyodideModule from "./python/pyodide.asm.mjs";
import { loadPyodide } from "./python/pyodide.mjs";
import { files } from "./files.js";

/** @type {any} the Python side: asgilive/browser/worker.py */
let python;
/** @type {(bytes: ArrayBuffer) => any} a buffer of Python's */
let buffer;
/** @type {object[]} what came before it was there */
const early = [];
/** @type {BroadcastChannel} */
let channel;

self.onmessage = ({ data }) => {
  if (data.kind === "start") start(data).catch((error) => postMessage({ kind: "failed", text: sentence(error) }));
  else take(data);
};

/** @param {any} message of the page or of a preview */
function take(message) {
  if (!python) early.push(message);
  else if (message.kind === "run") python.run(message.id, message.number, message.code);
  else if (message.kind === "request") python.request(message.id, message.asked, message.body ? buffer(message.body) : undefined);
  else if (message.kind === "socket") python.socket(message.id, message.asked);
  else if (message.kind === "send") python.send(message.id, message.what, typeof message.value === "string" ? message.value : buffer(message.value));
  else if (message.kind === "cancel") python.cancel(message.id);
  else if (message.kind === "more") python.more(message.id);
}

/** @param {{ base: string, tab: string, link: string, progress: string, files?: Record<string, ArrayBuffer> }} where */
async function start({ base, tab, link, progress, files: given }) {
  channel = new BroadcastChannel(`asgilive ${tab}`);
  channel.onmessage = ({ data }) => take(data);
  const say = (doing) => (done, total) => postMessage({ kind: "loading", doing, done, total });
  const { library } = await files(base, say("Loading Python"), given);
  const pyodide = await loadPyodide({ indexURL: `${base}python/`, createPyodideModule, env: { HOME: "/home/pyodide" } });
  const packages = pyodide.runPython("import sysconfig; sysconfig.get_path('purelib')");
  const archive = await library;
  say("Starting Python")(1, 1);
  pyodide.unpackArchive(archive, "zip", { extractDir: packages });
  const { Worker } = pyodide.pyimport("asgilive.browser.worker");
  const { to_js } = pyodide.pyimport("pyodide.ffi");
  buffer = (bytes) => pyodide.toPy(new Uint8Array(bytes));
  python = Worker({ wake, say: (message) => postMessage(message), tell: (id, kind, value) => channel.postMessage({ kind, id, value }) }, link, progress, to_js);
  postMessage({ kind: "ready" });
  for (const message of early.splice(0)) take(message);
}

// -- the loop's next step: at once, behind what the browser has to do, or after a time

const soon = new MessageChannel();
let asked = false, timer = 0;
soon.port1.onmessage = () => { asked = false; python?.step(); };

/** @param {number} seconds */
function wake(seconds) {
  clearTimeout(timer);
  if (seconds > 0) timer = setTimeout(() => python.step(), seconds * 1000);
  else if (!asked) { asked = true; soon.port2.postMessage(0); }
}

/** @param {Error} error @returns {string} */
function sentence(error) {
  if (error instanceof WebAssembly.CompileError || error instanceof WebAssembly.LinkError) return "This browser is too old for Python: its WebAssembly lacks what Python needs.";
  return error.message || String(error);
}
