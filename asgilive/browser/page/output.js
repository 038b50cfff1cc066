// What a cell gives, shown as the book shows a recorded output: the same elements, the same classes.
// No script of an output runs, and no style of its own is kept: the page has both already.

/** @typedef {Record<string, any>} Message  an output as Jupyter writes it (nbformat 4) */

/** @param {string} name @param {string} [kind] @param {...(Node | string)} children @returns {any} */
export function make(name, kind = "", ...children) {
  const element = document.createElement(name);
  if (kind) element.className = kind;
  element.append(...children);
  return element;
}

const MOST = 100_000; // characters of one stream: an endless loop must leave the page alive
const displays = new Map(); // display_id → the element that shows it

/** The outputs of one run of one cell. */
export class Output {
  /** @param {HTMLElement} area @param {(frame: any) => HTMLElement | null} link  a link to the line of a cell */
  constructor(area, link) {
    this.area = area;
    this.link = link;
    this.clearNext = false;
    this.stream = null; // the one that still grows
  }

  /** @param {Message} message */
  add(message) {
    if (message.output_type === "update_display_data") return this.update(message);
    if (message.output_type === "clear_output") return this.clear(message.wait);
    if (this.clearNext) this.clear(false);
    if (message.output_type === "stream") return this.print(message.name, message.text);
    this.flush();
    this.stream = null;
    const shown = message.output_type === "error" ? error(message, this.link) : display(message.data);
    this.area.append(shown);
    const id = message.transient?.display_id;
    if (id) displays.set(id, shown);
  }

  /** Show something new in place of an earlier display. @param {Message} message */
  update(message) {
    const id = message.transient?.display_id;
    const before = displays.get(id);
    if (!before) return;
    const shown = display(message.data);
    before.replaceWith(shown);
    displays.set(id, shown);
  }

  /** @param {boolean} wait  clear when the next output comes */
  clear(wait) {
    this.clearNext = wait;
    if (wait) return;
    clearTimeout(this.timer);
    this.timer = this.stream = null;
    this.area.replaceChildren();
  }

  /** Printed text: drawn at most every 50 ms, however often a program prints. */
  print(name, text) {
    if (this.stream?.name !== name) {
      this.flush();
      const pre = printed(`stream ${name}`);
      if (name === "stderr") pre.setAttribute("aria-label", "error stream");
      this.stream = { name, pre, text: "", cut: 0 };
      this.area.append(pre.closest(".output"));
    }
    const stream = this.stream;
    stream.text = overwritten(stream.text + text);
    if (stream.text.length > MOST) {
      const from = stream.text.indexOf("\n", stream.text.length - MOST / 2) + 1 || stream.text.length - MOST / 2;
      stream.cut += from;
      stream.text = stream.text.slice(from);
    }
    this.timer ??= setTimeout(() => this.flush(), 50);
  }

  flush() {
    clearTimeout(this.timer);
    this.timer = null;
    if (!this.stream) return;
    const { pre, text, cut } = this.stream;
    pre.replaceChildren(...coloured(text));
    if (cut) pre.prepend(make("i", "al-cut", `… ${cut.toLocaleString("en")} earlier characters are not shown\n`));
  }
}

// ---- text ------------------------------------------------------------------------------------------

/** The box of plain text as MyST-NB makes it; gives its <pre>. @param {string} kind */
function printed(kind) {
  const pre = make("pre");
  make("div", `output ${kind} notranslate`, make("div", "highlight", pre));
  return pre;
}

/** A carriage return starts the line again, and what follows overwrites it. @param {string} text */
export function overwritten(text) {
  if (!text.includes("\r")) return text;
  const line = (all) => {
    const open = all.endsWith("\r") ? "\r" : ""; // the line may still be overwritten
    return all.split("\r").reduce((under, over) => over + under.slice(over.length)) + open;
  };
  return text.replaceAll("\r\n", "\n").split("\n").map(line).join("\n");
}

/** Bold and the eight colours of a terminal; other escapes are left out. @param {string} text */
export function coloured(text) {
  let bold = false, colour = 0;
  const styled = (part) => {
    const kind = [bold && "al-ansi-bold", colour && `al-ansi-${colour}`].filter(Boolean).join(" ");
    return kind ? make("span", kind, part) : part;
  };
  const parts = [];
  for (const [at, part] of text.replace(/\x1b\[[\d;?]*[A-Za-ln-z]|\x1b[^[]|\r/g, "").split(/\x1b\[([\d;]*)m/).entries()) {
    if (at % 2 === 0) { if (part) parts.push(styled(part)); continue; }
    for (const code of part.split(";").map(Number)) {
      if (code === 0) { bold = false; colour = 0; }
      if (code === 1) bold = true;
      if (code === 22) bold = false;
      if (code === 39) colour = 0;
      if (code % 60 >= 30 && code % 60 < 38) colour = code % 10 || 8; // 90 to 97 are the bright ones
    }
  }
  return parts;
}

// ---- displays ----------------------------------------------------------------------------------------

const DRAWN = {
  "text/html": html,
  "image/svg+xml": (data, plain) => image(`data:image/svg+xml,${encodeURIComponent(data)}`, plain),
  "image/png": (data, plain) => image(`data:image/png;base64,${data}`, plain),
  "image/jpeg": (data, plain) => image(`data:image/jpeg;base64,${data}`, plain),
};

/** The richest form of an output, in Jupyter's order. @param {Record<string, any>} data */
function display(data) {
  const text = (value) => (Array.isArray(value) ? value.join("") : String(value ?? ""));
  const plain = text(data["text/plain"]);
  for (const [kind, draw] of Object.entries(DRAWN)) {
    if (kind in data) return make("div", `output ${kind.replace(/\W/g, "_")}`, draw(text(data[kind]), plain));
  }
  const pre = printed("text_plain");
  pre.append(...coloured(plain));
  return pre.closest(".output");
}

/** @param {string} data */
function html(data) {
  const template = document.createElement("template");
  template.innerHTML = data;
  for (const each of template.content.querySelectorAll("style, script, link, base, meta")) each.remove();
  return template.content;
}

/** @param {string} src @param {string} alt */
const image = (src, alt) => Object.assign(make("img"), { src, alt });

// ---- errors ------------------------------------------------------------------------------------------

/** The error first, then the reader's own lines as links, then the whole traceback, folded. */
function error({ ename, evalue, frames = [], traceback = [] }, link) {
  const value = String(evalue ?? "");
  const said = make("p", "al al-failure al-r-error",
    make("code", "", make("b", "", ename), value ? `: ${value}` : ""));
  const list = make("ol", "al-frames");
  list.setAttribute("role", "list");
  for (const [at, frame] of frames.entries()) {
    const to = frame.number == null ? null : link(frame);
    if (!to && at < frames.length - 1) continue; // a library's own line, unless the error rose there
    const where = to ?? make("span", "", [frame.file?.split("/").slice(-2).join("/"), frame.line && `line ${frame.line}`].filter(Boolean).join(", "));
    list.append(make("li", "", where, " ", make("code", "", (frame.text ?? "").trim())));
  }
  const shown = make("div", "output error", said);
  if (list.childElementCount) shown.append(list);
  if (traceback.length) {
    const pre = make("pre", "", traceback.join("\n").trimEnd());
    pre.tabIndex = 0;
    const fold = make("details", "", make("summary", "", "The whole traceback"), pre);
    fold.open = !list.childElementCount;
    shown.append(fold);
  }
  return shown;
}
