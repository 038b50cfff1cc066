// The cells of a page come alive: run, edit, reset, stop. This and what it imports is all that a page
// loads before the first Run; Python (python.js) and the editor (editor.js) come when they are asked for.

import { button, Cell } from "./cell.js";
import { edits, keepEdits, keepLoaded, keepProgress, progress, solved, wasLoaded } from "./kept.js";
import { make } from "./output.js";

/** A promise that only ever fails: when Python is stopped. */
function halt() {
  let stop = () => {};
  const halted = new Promise((_, reject) => { stop = () => reject(new Error("stopped")); });
  halted.catch(() => {});
  return { halted, stop };
}

export class Page {
  /** @param {HTMLElement} root  what carries data-live */
  constructor(root) {
    this.base = new URL(root.dataset.live ?? "", location.href).href;
    this.size = root.dataset.liveSize;
    this.version = root.dataset.liveVersion ?? "";
    this.tab = Math.random().toString(36).slice(2, 10);
    this.scripts = null;        // what python.js exports, once it is loaded
    this.python = null;       // its handle
    this.previews = Promise.resolve("");
    this.halt = halt();
    this.paid = wasLoaded(this.version);
    /** @type {Cell[][]} */
    this.rows = [];           // what was asked for, in order
    /** @type {Cell | null} */
    this.current = null;      // the cell that loads or runs
    this.working = false;
    this.status = make("div", "al-off-screen");
    this.status.role = "status";
    document.body.append(this.status);
    /** @type {Cell[]} */
    this.cells = [];
    for (const box of document.querySelectorAll(".al-cellbox[data-run]:has(> .cell_input pre)")) this.cells.push(new Cell(this, box));
    this.makeRunAll(document.querySelector(".al-chapter p:last-child"));
    this.takeEdits();
    this.showSolved();
  }

  /** @param {Cell} cell */
  above(cell) { return this.cells.slice(0, this.cells.indexOf(cell)).filter((one) => !one.solution); }

  /** The next cell that can be seen. @param {Cell} cell */
  after(cell) { return this.cells.slice(this.cells.indexOf(cell) + 1).find((one) => one.box.checkVisibility()); }

  /** A link to the line of a cell; null where the page has no such cell. @param {{number: number, line: number}} frame */
  link({ number, line }) {
    const cell = this.cells.find((one) => one.number === String(number));
    if (!cell) return null;
    const link = Object.assign(make("a", "", `cell ${number}, line ${line}`), { href: `#${cell.box.id}` });
    link.addEventListener("click", (/** @type {Event} */ event) => { event.preventDefault(); cell.jump(line); });
    return link;
  }

  // ---- what it says -------------------------------------------------------------------------------------

  /** What the first Run costs, until it was paid. */
  cost() { return this.paid || this.python ? "" : `the first Run loads ${this.size} MB`; }

  /** For those who listen to the page. @param {string} sentence */
  say(sentence) { this.status.textContent = sentence; }

  showAll() {
    for (const cell of this.cells) cell.show();
    this.runAll?.show();
  }

  /** The line above a chapter gets a Run for all its cells. @param {Element | null} line */
  makeRunAll(line) {
    if (!line) return;
    const all = () => this.cells.filter((cell) => !cell.solution);
    const run = button("", "al-run-all", () => (this.working ? this.stop() : this.run(all())));
    line.prepend(run);
    this.runAll = {
      show: () => {
        run.classList.toggle("al-stop", this.working);
        const more = this.working ? this.place ?? "" : this.cost() && `loads ${this.size} MB`;
        run.replaceChildren(this.working ? "Stop" : "Run all", make("span", "", more));
      },
    };
  }

  showSolved() {
    const known = solved();
    for (const { exercise } of this.cells) {
      const number = exercise?.textContent.match(/\d+\.\d+/)?.[0];
      if (number) exercise.classList.toggle("al-solved", known.has(number));
    }
  }

  /** Edits of an earlier visit: taken up where the book's text is the same, also at another number; else offered. */
  takeEdits() {
    const all = edits(), free = new Set(this.cells);
    const finds = (/** @type {(edit: any, cell: Cell) => boolean} */ fits) => (/** @type {any} */ edit) => {
      const cell = [...free].find((one) => one.of === edit.of && fits(edit, one));
      if (cell) { free.delete(cell); cell.code.show(edit.code); edit.number = cell.number; }
      return !cell;
    };
    const moved = all.filter(finds((edit, cell) => edit.number === cell.number));
    const changed = moved.filter(finds(() => true));
    for (const { number, code } of changed) this.cells.find((cell) => cell.number === number)?.offerEdit(code);
    if (moved.length > changed.length) keepEdits(all);
    this.showAll();
  }

  // ---- running ------------------------------------------------------------------------------------------

  /** Run cells one after another; the first that fails ends the row. @param {Cell[]} cells */
  async run(cells) {
    const row = cells.filter((cell) => !cell.busy);
    for (const cell of row) cell.wait();
    this.rows.push(row);
    if (this.working) return;
    this.working = true;
    for (let next; (next = this.rows.shift()); ) await this.runRow(next);
    this.working = false;
    this.showAll();
  }

  /** @param {Cell[]} row */
  async runRow(row) {
    for (const [at, cell] of row.entries()) {
      this.place = row.length > 1 ? `at ${at + 1} of ${row.length}` : "";
      const ok = await this.runOne(cell);
      if (!ok) {
        for (const left of row.slice(at + 1)) left.back();
        return;
      }
    }
    if (row.length > 1) this.say(`${row.length} cells ran.`);
    else for (const { number, resting } of row) this.say(`Cell ${number} ${resting[1]}.`);
  }

  /** @param {Cell} cell @returns {Promise<boolean>}  whether it ran to its end */
  async runOne(cell) {
    const { halt } = this;
    this.current = cell;
    let end = () => {};
    let ok = false;
    try {
      const python = await Promise.race([this.ready(cell), halt.halted]);
      this.showAll();
      const asked = { id: `cell-${cell.number}`, number: Number(cell.number), code: cell.code.text };
      const result = await Promise.race([python.run(asked, cell.sink()), halt.halted]);
      ok = result.ok;
      end = () => cell.ended(result, python);
      if (!ok) this.say(`Cell ${cell.number} failed: ${result.error?.name ?? "see its output"}.`);
      if (result.sites) this.scripts.settle(new Set(result.sites));
    } catch (error) {
      end = () => cell.stopped();
      if (halt === this.halt) {
        const sentence = String(error?.message ?? error);
        this.python = null;
        this.say(`Cell ${cell.number} did not run: ${sentence}`);
        end = () => cell.broke(sentence);
      }
    }
    this.current = null;
    end();
    return ok;
  }

  /** The Python of this page, started by the first cell that runs. @param {Cell} cell */
  async ready(cell) {
    if (!this.python) {
      const { halt } = this;
      cell.loading({ done: 0, total: 0, doing: this.paid ? "Starting Python" : "Loading Python" });
      this.say(this.paid ? "Starting Python." : `Loading Python, ${this.size} MB.`);
      this.scripts = await (location.protocol === "file:" ? packed(this.base) : import("./python.js"));
      if (halt !== this.halt) throw new Error("stopped");
      this.python = this.scripts.start({ base: this.base, tab: this.tab, progress: progress() });
      this.previews = this.python.previews;
      this.python.onload = (/** @type {any} */ now) => this.current?.loading(now);
      this.python.onprogress = (/** @type {string} */ text) => { keepProgress(text); this.showSolved(); };
      this.showAll();
    }
    const { python } = this;
    await python.ready;
    if (!this.paid) keepLoaded(this.version);
    this.paid = true;
    return python;
  }

  /** End Python: what it knew is gone. */
  stop() {
    const { python } = this;
    this.python = null;
    this.halt.stop();
    this.halt = halt();
    python?.stop();
    for (const row of this.rows.splice(0)) for (const cell of row) cell.back();
    for (const cell of this.cells) if (cell.ranIn && !cell.busy) cell.outdated();
    this.scripts?.settle(null);
    this.say("Python was stopped. Names are gone; the next Run starts afresh.");
  }
}

/** What python.js exports, from inside a script: a page that was opened as a file can load nothing else. @param {string} base */
function packed(base) {
  return new Promise((done, fail) => {
    const script = make("script");
    script.onload = () => done(/** @type {any} */ (self).asgilivePython);
    script.onerror = () => fail(new Error("Python does not lie beside this page: its file file.js is missing."));
    script.src = new URL("file.js", base).href;
    document.head.append(script);
  });
}

/** Why no cell can run in this browser; "" where they can. */
function lacking() {
  const needs = { WebAssembly: typeof WebAssembly, workers: typeof Worker, "streams that unpack": typeof DecompressionStream };
  const missing = Object.keys(needs).filter((name) => needs[name] === "undefined");
  return missing.join(", ");
}

const root = /** @type {HTMLElement | null} */ (document.querySelector("[data-live]"));
if (root) {
  const missing = lacking();
  if (missing) {
    const note = make("p", "al-live-note", `Cells do not run in this browser: it has no ${missing}. In JupyterLab they do: `, make("code", "", "python3 start.py"), ".");
    document.querySelector(".al-article")?.prepend(note);
  } else new Page(root);
}
