// One runnable cell: its bar, its states, its code, its output.

import { Code } from "./code.js";
import { digest, keepEdit } from "./kept.js";
import { make, Output } from "./output.js";

/** @typedef {import("./live.js").Page} Page */

/** A time as one reads it. @param {number} ms */
const time = (ms) => (ms < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);
/** @param {number} bytes */
const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

/** @param {string} text @param {string} kind @param {() => void} act */
export function button(text, kind, act) {
  const made = make("button", `al-btn ${kind}`.trim(), text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

const MOMENT = 200; // ms for which an old output stays beside a running cell

export class Cell {
  /** @param {Page} page @param {HTMLElement} box */
  constructor(page, box) {
    this.page = page;
    this.box = box;
    this.number = box.dataset.cell ?? "";
    this.name = `cell ${this.number}`;
    this.solution = "solution" in box.dataset;
    this.exercise = box.querySelector(".al-exercise");
    this.busy = false;        // waits, loads or runs
    this.ranIn = null;        // the Python it ran in
    this.ranCode = null;      // the code that ran last
    this.recorded = box.querySelector(":scope > .cell_output");
    this.area = null;         // the output of this visit, in place of the recorded one
    this.output = null;
    this.keys = {
      run: () => page.run([this]),
      next: () => { page.run([this]); page.after(this)?.focus(); },
      leave: () => this.buttons.run.focus(),
    };
    this.code = new Code(box.querySelector(".cell_input"), {
      label: `Code of ${this.name}`, keys: this.keys, onChange: () => this.changed(),
    });
    this.of = digest(this.code.original);
    this.makeBar(box.querySelector(":scope > .al-bar"));
    this.listen();
  }

  /** @param {HTMLElement} bar */
  makeBar(bar) {
    const { page } = this;
    this.buttons = {
      run: button("Run", "al-first", () => page.run([this])),
      stop: button("Stop", "al-stop", () => page.stop()),
      edit: button("Edit", "", () => this.code.edit()),
      reset: button("Reset", "", () => this.restore()),
      above: button("Run all above", "al-above", () => page.run(page.above(this))),
    };
    for (const each of Object.values(this.buttons)) each.ariaLabel = `${each.textContent} ${this.name}`;
    this.buttons.stop.ariaLabel = `Stop ${this.name} and Python`;
    this.sign = bar.querySelector(".al-state") ?? make("span", "al-state");
    this.edited = make("span", "al-edited");
    this.hint = make("span", "al-hint");
    const { run, stop, edit, reset, above } = this.buttons;
    bar.prepend(run, stop, edit, reset, ...(this.exercise ? [this.exercise] : []), above);
    bar.append(this.edited, this.hint, this.sign);
    this.bar = bar;
    this.resting = [this.sign.className.replace("al-state", "").trim(), this.sign.textContent];
  }

  listen() {
    this.code.input.addEventListener("click", (event) => {
      const selects = !getSelection()?.isCollapsed; // text to copy, not a wish to edit
      const printed = event.target.closest("pre") && !this.code.editor;
      if (printed && !selects && event.pointerType !== "touch") this.code.edit(this.code.offset(event));
    });
    this.box.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.defaultPrevented || !event.target.closest(".cell_input, .al-bar")) return;
      const act = event.shiftKey ? this.keys.next
        : event.ctrlKey || event.metaKey ? this.keys.run
        : event.target.matches("pre") ? () => this.code.edit() : null;
      if (act) { event.preventDefault(); act(); }
    });
  }

  /** Whether its code, as it stands, has run in the Python of now. */
  get fresh() { return this.ranIn !== null && this.ranIn === this.page.python && this.ranCode === this.code.text; }

  focus() {
    if (this.code.editor) this.code.focus(); else this.buttons.run.focus();
  }

  // ---- what it says -------------------------------------------------------------------------------------

  /** A state that lasts. @param {string} kind @param {string} words @param {string} [note]  a sentence below the bar */
  rest(kind, words, note = "") {
    this.resting = [kind, words];
    this.busy = false;
    this.say(kind, words);
    this.note?.remove();
    if (note) this.bar.append(this.note = make("p", "al-note-below", note));
  }

  /** Back to the state before it was asked to run. */
  back() {
    this.busy = false;
    this.say(...this.resting);
  }

  /** @param {string} kind  how the sign looks @param {string} words @param {Node[]} [before] */
  say(kind, words, before = []) {
    this.sign.className = `al-state ${kind}`.trim();
    this.sign.replaceChildren(...before, words);
    this.show();
  }

  /** Show the buttons that do something now. */
  show() {
    const { run, stop, reset, above } = this.buttons;
    const working = this.busy && this.page.current === this;
    const leaving = !working && document.activeElement === stop;
    run.ariaDisabled = String(this.busy); // `disabled` would take the focus away; Page.run leaves out what is busy
    stop.hidden = !working;
    reset.hidden = this.busy || (!this.code.edited && !this.area);
    above.hidden = this.busy || this.page.above(this).every((cell) => cell.fresh);
    this.edited.textContent = !this.code.edited ? "" : this.ranCode === null || this.ranCode === this.code.text ? "edited" : "edited since";
    const untouched = !this.busy && ["", "al-recorded"].includes(this.resting[0]);
    this.hint.textContent = run.ariaDescription = untouched ? this.page.cost() : "";
    if (leaving) run.focus();
  }

  // ---- running ------------------------------------------------------------------------------------------

  wait() {
    this.busy = true;
    this.note?.remove();
    this.say("al-waiting", "waiting for its turn");
  }

  /** @param {{done: number, total: number, doing: string}} now */
  loading({ done, total, doing }) {
    const words = doing[0].toLowerCase() + doing.slice(1);
    if (done >= total) return this.say("al-waiting", words);
    const bar = Object.assign(make("progress"), { max: total, value: done, ariaLabel: doing });
    this.say("al-loading", `${words}, ${megabytes(done)} of ${megabytes(total)} MB`, [bar]);
  }

  /** Where what one run gives goes. A server prints on after the run; what comes after the next run began is dropped. */
  sink() {
    let output = null;
    return {
      begin: () => { output = this.begin(); },
      /** @param {import("./output.js").Message} message */
      output: (message) => { if (output && output === this.output) this.add(message); },
    };
  }

  /** Its turn. The old output stays until something new comes or a moment has passed: no flicker. */
  begin() {
    this.offered?.remove();
    this.code.unmark();
    this.ranCode = this.code.text;
    const began = performance.now();
    this.say("al-running", "running");
    this.clock = setInterval(() => this.sign.replaceChildren(`running ${((performance.now() - began) / 1000).toFixed(1)} s`), 100);
    const area = make("div", "cell_output al-given");
    const before = (this.area ?? this.recorded)?.getBoundingClientRect().height ?? 0;
    area.style.minHeight = `${before}px`; // what is below keeps its place
    this.output = new Output(area, (frame) => this.page.link(frame));
    this.swap = () => {
      clearTimeout(this.moment);
      this.swap = null;
      this.dropArea();
      if (this.recorded) this.recorded.hidden = true;
      (this.recorded ?? this.bar).after(area);
      this.area = area;
    };
    this.moment = setTimeout(() => this.swap?.(), MOMENT);
    return this.output;
  }

  dropArea() {
    this.area?.remove();
    this.area = null;
  }

  /** @param {import("./output.js").Message} message */
  add(message) {
    this.swap?.();
    this.output.add(message);
    this.page.scripts?.enliven(this.page.previews);
  }

  /** The end of a run, however it ended. */
  over() {
    clearInterval(this.clock);
    this.swap?.();
    this.output?.flush();
    if (this.area) this.area.style.minHeight = "";
  }

  /** @param {{ok: boolean, took: number, error?: {name: string}}} result @param {object} python */
  ended({ ok, took, error }, python) {
    this.over();
    this.ranIn = python;
    if (ok) return this.rest("al-ran", `ran here in ${time(took)}`);
    this.rest("al-failed", `failed after ${time(took)}`);
    const above = this.page.above(this);
    if (error?.name === "NameError" && above.some((cell) => cell.ranIn !== python)) {
      this.offer("Run all above, then this cell", () => this.page.run([...above, this]));
    }
  }

  /** Python was stopped while this cell had its turn. */
  stopped() {
    this.over();
    this.rest("al-stopped", "stopped", "Names are gone with Python; the next Run starts afresh.");
  }

  /** Python did not come. @param {string} sentence */
  broke(sentence) {
    this.over();
    this.rest("al-failed", "did not run", sentence);
  }

  /** Python was stopped after this cell ran. */
  outdated() {
    this.ranIn = null;
    const failed = this.resting[0] === "al-failed";
    this.rest(failed ? "al-failed" : "al-before", `${failed ? "failed" : "ran"} before Python was stopped`);
  }

  /** A button in the bar, for as long as it is of use. @param {string} text @param {() => void} act */
  offer(text, act) {
    this.offered?.remove();
    this.offered = button(text, "al-offer", () => { this.offered.remove(); this.buttons.run.focus(); act(); });
    this.buttons.above.after(this.offered);
  }

  // ---- editing ------------------------------------------------------------------------------------------

  changed() {
    keepEdit(this.number, this.of, this.code.edited ? this.code.text : null);
    this.page.showAll(); // what stands below may have to run again
  }

  /** @param {string} text */
  setCode(text) {
    this.code.show(text);
    this.changed();
  }

  /** The book's code and its recorded output again. */
  restore() {
    const { edited, text } = this.code;
    this.setCode(this.code.original);
    this.dropArea();
    this.output = this.ranCode = null;
    if (this.recorded) this.recorded.hidden = false;
    this.rest(this.recorded ? "al-recorded" : "", this.recorded ? "recorded output" : "");
    if (edited) this.offerEdit(text); else this.offered?.remove();
    this.buttons.run.focus();
  }

  /** @param {string} text */
  offerEdit(text) { this.offer("Your earlier edit", () => this.setCode(text)); }

  /** Go to a line, as a link in a traceback does. @param {number} line */
  jump(line) {
    for (let fold = this.box.closest("details"); fold; fold = fold.parentElement?.closest("details")) fold.open = true;
    this.code.mark(line);
    this.code.focus();
    this.code.input.scrollIntoView({ block: "nearest" });
  }
}
