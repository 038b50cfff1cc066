// Stands in for browser/page/python.js: answers at once, with what a test laid out in `window.fake`.
//   answers  by cell id, or "*": outputs in order; {sleep: ms}, {hang: true}, {took: ms}, {sites: [link]}, {progress: {}},
//            {later: output, ms}
//   failing  a sentence: Python does not come;  loading: it never ends;  previews: why no site can be shown
// What it was asked stands in `window.asked`.

export { enliven, settle } from "./sites.js";

export class Stopped extends Error {}

const never = new Promise(() => {});

export function start(options) {
  const asked = (window.asked ??= { starts: [], runs: [], stops: 0 });
  asked.starts.push(options);
  let stop;
  const stopped = new Promise((_, reject) => { stop = () => reject(new Stopped("stopped")); });
  stopped.catch(() => {});
  const python = {
    previews: Promise.resolve(window.fake?.previews ?? ""),
    ready: load(),
    onload() {},
    onprogress() {},
    async run(cell, { begin, output }) {
      asked.runs.push(cell);
      await python.ready;
      return Promise.race([stopped, work()]);
      async function work() {
        begin();
        (window.sinks ??= {})[cell.id] = { output };
        const result = { ok: true, took: 34 };
        for (const step of window.fake?.answers[cell.id] ?? window.fake?.answers["*"] ?? []) {
          if (step.sleep) await new Promise((done) => setTimeout(done, step.sleep));
          else if (step.hang) await never;
          else if ("took" in step) result.took = step.took;
          else if (step.sites) result.sites = step.sites;
          else if (step.later) setTimeout(() => output(step.later), step.ms);
          else if (step.progress) python.onprogress(JSON.stringify(step.progress));
          else {
            output(step);
            if (step.output_type === "error") Object.assign(result, { ok: false, error: { name: step.ename, text: step.evalue } });
          }
        }
        return result;
      }
    },
    stop() { asked.stops++; stop(); },
  };
  python.ready.catch(() => {});
  return python;

  async function load() {
    await null; // let the page set onload
    python.onload({ done: 4_100_000, total: 11_000_000, doing: "Loading Python" });
    if (window.fake?.loading) await never;
    if (window.fake?.failing) throw new Error(window.fake.failing);
    python.onload({ done: 11_000_000, total: 11_000_000, doing: "Starting Python" });
  }
}
