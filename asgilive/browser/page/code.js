// The code of a cell: printed, marked at a line, and editable in place without a jump.

import { make } from "./output.js";

/** @typedef {import("./editor.js").Options} Options */

export class Code {
  /**
   * @param {HTMLElement} input  the cell's `.cell_input`
   * @param {Options} options  what the editor is given
   */
  constructor(input, options) {
    this.input = input;
    this.pre = input.querySelector("pre"); // the book's own; never changed
    this.original = this.text = this.pre.textContent.replace(/\n$/, "");
    this.options = { ...options, onChange: (text) => { this.text = text; this.unmark(); options.onChange(text); } };
    this.shown = this.pre; // what stands there now: the book's text, an edit, or the editor
    this.editor = null;
  }

  get edited() { return this.text !== this.original; }

  /** Show another text, without an editor. @param {string} text */
  show(text) {
    this.text = text;
    this.unmark();
    const pre = this.edited ? printed(this.pre, text) : this.pre;
    this.replace(pre);
  }

  /** Put one thing in place of another. @param {HTMLElement} element */
  replace(element) {
    this.editor?.remove();
    this.editor = null;
    if (this.shown !== this.pre) this.shown.remove();
    this.pre.hidden = element !== this.pre;
    if (element !== this.pre) this.pre.after(element);
    this.shown = element;
  }

  /** Open the editor, at an offset into the code. @param {number} [at] */
  async edit(at) {
    if (!this.editor) {
      let open;
      try { open = (await import("./editor.js")).edit; } catch { open = plain; }
      if (!this.editor) {
        const host = make("div", "al-editor");
        this.replace(host);
        this.editor = open(host, this.text, { ...this.options, at });
      }
    }
    this.editor.focus();
  }

  /** The offset in the code under the pointer. @param {MouseEvent} event */
  offset({ clientX, clientY }) {
    const spot = document.caretPositionFromPoint?.(clientX, clientY);
    const found = spot ? [spot.offsetNode, spot.offset] : rangeAt(clientX, clientY);
    if (!found || !this.shown.contains(found[0])) return 0;
    const before = document.createRange();
    before.setStart(this.shown, 0);
    before.setEnd(found[0], found[1]);
    return before.toString().length;
  }

  /** Mark a line, from 1. @param {number} line */
  mark(line) {
    this.unmark();
    this.here = make("i", "al-here");
    this.here.style.setProperty("--line", String(line - 1));
    this.input.append(this.here);
  }

  unmark() { this.here?.remove(); }

  focus() {
    if (this.editor) this.editor.focus();
    else { if (this.shown.tabIndex < 0) this.shown.tabIndex = -1; this.shown.focus({ preventScroll: true }); }
  }
}

/** Safari's way. */
function rangeAt(x, y) {
  const range = document.caretRangeFromPoint?.(x, y);
  return range && [range.startContainer, range.startOffset];
}

// ---- without CodeMirror ------------------------------------------------------------------------------

/** A plain field with the editor's interface: for where the editor does not load. @type {typeof import("./editor.js").edit} */
function plain(element, code, { label, at = 0, onChange, keys }) {
  const field = Object.assign(make("textarea"), { value: code, spellcheck: false, autocapitalize: "off", rows: code.split("\n").length + 1 });
  field.setAttribute("aria-label", label);
  field.setSelectionRange(at, at);
  field.addEventListener("input", () => onChange(field.value));
  field.addEventListener("keydown", (event) => {
    const enter = event.key === "Enter";
    const act = event.key === "Escape" ? keys.leave
      : enter && event.shiftKey ? keys.next
      : enter && (event.ctrlKey || event.metaKey) ? keys.run : null;
    if (act) { event.preventDefault(); act(); }
  });
  element.append(field);
  return { focus: () => field.focus(), remove: () => field.remove() };
}

const WORDS = "False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield";
const KEYWORDS = new Set(WORDS.split(" "));
const ROLES = { scope: "n-Scope", receive: "n-Receive", send: "n-Send" };
const TOKENS = /#.*|(?:\b[rbfu]{1,2})?(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?)|\.?\b[a-z_]\w*/gi;

/** An edit, set as the book sets its code. @param {HTMLElement} like @param {string} text */
function printed(like, text) {
  const pre = make("pre");
  let at = 0;
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    const kind = token[0] === "#" ? "c1" : KEYWORDS.has(token) ? "k" : Object.hasOwn(ROLES, token) ? ROLES[token] : "";
    if (!kind) continue;
    pre.append(text.slice(at, index), make("span", kind, token));
    at = index + token.length;
  }
  pre.append(text.slice(at), "\n");
  pre.tabIndex = 0;
  return pre;
}
