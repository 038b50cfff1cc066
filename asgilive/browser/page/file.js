// Python for a page that was opened as a file: a browser lets such a page fetch nothing, so that the worker and its
// files come inside a script. The build puts them behind these lines.
import { Python, enliven, settle } from "./python.js";

/** @param {string} text base64 @returns {ArrayBuffer} */
const bytes = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0)).buffer;

/**
 * What python.js exports, for such a page.
 * @param {string} script the worker, all in one @param {Record<string, string>} packed its files in base64, by name
 */
self.asgilive = (script, packed) => ({
  enliven,
  settle,
  start: (where) => {
    const address = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
    const files = Object.fromEntries(Object.entries(packed).map(([name, text]) => [name, bytes(text)]));
    return new Python({ ...where, worker: new Worker(address, { name: "Python" }), files });
  },
});
