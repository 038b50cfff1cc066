// The files that Python needs: fetched side by side, checked against their digests, unpacked, and kept, so that
// the next page loads them without the network.
const NEEDED = {
  "python/pyodide.asm.wasm": "application/wasm",
  "python/python_stdlib.zip": "application/zip",
  "python/pyodide-lock.json": "application/json",
  "library.zip": "application/zip",
};

/** The browser's own, which the interpreter gets only for what is not here. */
const real = self.fetch.bind(self);

/**
 * Begin to load. From then on the worker's own `fetch` gives the interpreter its files.
 * @param {string} base @param {(done: number, total: number) => void} tell in bytes
 * @param {Record<string, ArrayBuffer>} [given] the files by name, where they are here already
 * @returns {Promise<{ library: Promise<ArrayBuffer> }>}
 */
export async function files(base, tell, given) {
  const load = given ? (name) => given[`${name}.gz`] ?? given[name] : await loader(base, tell);
  const found = new Map(Object.keys(NEEDED).map((name) => [new URL(name, base).href, unpacked(name, load(name))]));
  self.fetch = (asked, ...more) => {
    const response = found.get(new URL(asked.url || asked, base).href.split("?")[0]);
    return response ? response.then((each) => each.clone()) : real(asked, ...more);
  };
  const library = found.get(new URL("library.zip", base).href).then((response) => response.arrayBuffer());
  library.catch(() => {}); // heard of where it is awaited
  return { library };
}

/** @param {string} name @param {Promise<ArrayBuffer> | ArrayBuffer} loading @returns {Promise<Response>} */
async function unpacked(name, loading) {
  const bytes = await loading;
  const stream = isPacked(bytes) ? new Response(bytes).body.pipeThrough(new DecompressionStream("gzip")) : bytes;
  return new Response(stream, { headers: { "content-type": NEEDED[name] } });
}

/**
 * What gives each file as it lies on the host, and tells how far all of them are.
 * @param {string} base @param {(done: number, total: number) => void} tell @returns {Promise<(name: string) => Promise<ArrayBuffer>>}
 */
async function loader(base, tell) {
  const manifest = await listed(base), shelf = await open(manifest.version);
  const place = (name) => (manifest.files[`${name}.gz`] ? `${name}.gz` : name);
  const total = Object.keys(NEEDED).reduce((sum, name) => sum + manifest.files[place(name)].size, 0);
  let done = 0;
  const count = (bytes) => { done += bytes; tell(Math.min(done, total), total); };
  tell(0, total);
  return (name) => load(new URL(place(name), base), manifest.files[place(name)], shelf, count);
}

/** The list of files with their digests. */
async function listed(base) {
  const response = await real(new URL("runtime.json", base), { cache: "no-cache" }).catch(() => undefined);
  if (response?.ok) {
    const text = await response.text();
    const kept = await self.caches?.open("asgilive list").catch(() => undefined);
    await kept?.put(new URL("runtime.json", base), new Response(text)).catch(() => {});
    return JSON.parse(text);
  }
  const kept = await self.caches?.match(new URL("runtime.json", base), { cacheName: "asgilive list" });
  if (kept) return kept.json();
  throw new Error("Python's files are not at this address: without a network only a page that ran before can run.");
}

/** Where files of this version are kept; older versions go. Without a store nothing is kept. */
async function open(version) {
  if (!self.caches) return undefined;
  const mine = `asgilive ${version}`;
  for (const name of await caches.keys()) if (/^asgilive [0-9a-f]+$/.test(name) && name !== mine) await caches.delete(name);
  return caches.open(mine).catch(() => undefined);
}

/** One file, from the store or the host. */
async function load(url, { size, sha256 }, shelf, count) {
  const kept = await (await shelf?.match(url))?.arrayBuffer();
  if (kept) { count(size); return kept; }
  const bytes = await whole(url, count);
  const asShipped = isPacked(bytes) === url.pathname.endsWith(".gz");
  if (self.crypto.subtle && asShipped && (await digest(bytes)) !== sha256) throw new Error("Python's files are of another day than this page: load the page again.");
  await shelf?.put(url, new Response(bytes.slice(0))).catch(() => {}); // full: the next page asks again
  return bytes;
}

/** Whether these bytes are gzip: some hosts say Content-Encoding for such files, and the browser has unpacked them. */
const isPacked = (bytes) => { const [one, two] = new Uint8Array(bytes, 0, 2); return one === 0x1f && two === 0x8b; };

/** All bytes of an address, counted as they come. */
async function whole(url, count) {
  const response = await real(url).catch(() => undefined);
  if (!response?.ok) throw new Error(`Python did not load: ${url.pathname.split("/").pop()} is not to be had${response ? ` (${response.status})` : ""}.`);
  const parts = [];
  for (const reader = response.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) return new Blob(parts).arrayBuffer();
    parts.push(value);
    count(value.length);
  }
}

/** SHA-256 in hex. */
const digest = async (bytes) => [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
