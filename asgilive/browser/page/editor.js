// The editor of a cell: CodeMirror with Python, as calm as the printed code. Bundled by the build,
// loaded on the first edit. Colour is kept for the three roles, as in the book (RoleLexer);
// Tab and Escape leave, so that the keyboard is never caught.

import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { pythonLanguage } from "@codemirror/lang-python";
import { indentOnInput, indentUnit, LanguageSupport, syntaxHighlighting, syntaxTree } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { Decoration, EditorView, keymap, ViewPlugin } from "@codemirror/view";
import { styleTags, tagHighlighter, tags } from "@lezer/highlight";
import { StyleModule } from "style-mod";

// CodeMirror would write a <style> element, which the page's policy forbids; a sheet made by a
// script is allowed.
const sheet = new CSSStyleSheet();
document.adoptedStyleSheets.push(sheet);
StyleModule.mount = (_root, modules) =>
  sheet.replaceSync([modules].flat().map((each) => each.getRules()).join("\n"));

// ---- Python, in the book's classes (those of Pygments) --------------------------------------------

// the grammar counts `async` and the stars as one kind; only the word is set in bold
const python = pythonLanguage.configure({
  props: [styleTags({ async: tags.keyword, '"*" "**" FormatConversion FormatSpec': tags.operator })],
});
const book = tagHighlighter([
  { tag: [tags.keyword, tags.bool, tags.null], class: "k" },
  { tag: tags.comment, class: "c1" },
]);

const ROLES = { scope: "n-Scope", receive: "n-Receive", send: "n-Send" };
const marks = Object.fromEntries(
  Object.entries(ROLES).map(([name, kind]) => [name, Decoration.mark({ class: kind })]),
);

/** Marks the names `scope`, `receive` and `send`; an attribute (`socket.send`) is not a role. */
function roles(view) {
  const found = [];
  for (const { from, to } of view.visibleRanges) {
    syntaxTree(view.state).iterate({ from, to, enter(node) {
      const mark = node.name === "VariableName" && marks[view.state.sliceDoc(node.from, node.to)];
      if (mark) found.push(mark.range(node.from, node.to));
    } });
  }
  return Decoration.set(found);
}

const roleMarks = ViewPlugin.define(
  (view) => ({
    marks: roles(view),
    tree: syntaxTree(view.state),
    update({ view: now, docChanged, viewportChanged, state }) {
      if (!docChanged && !viewportChanged && syntaxTree(state) === this.tree) return;
      this.tree = syntaxTree(state);
      this.marks = roles(now);
    },
  }),
  { decorations: (plugin) => plugin.marks },
);

// ---- the look: the box around (`.al-editor`) says font and space -----------------------------------

const look = EditorView.theme({
  "&": { backgroundColor: "var(--al-tape)", color: "var(--al-ink)" },
  "&.cm-focused": { outline: "2px solid var(--al-focus)", outlineOffset: "-2px" },
  ".cm-scroller": { font: "inherit", overflowX: "auto", scrollbarWidth: "thin" },
  ".cm-content": { padding: "var(--pad)", caretColor: "var(--al-ink)" },
  ".cm-line": { padding: "0" },
});

// ---- one editor --------------------------------------------------------------------------------------

/**
 * @typedef {object} Options
 * @property {string} label  what a screen reader says: "Code of cell 7"
 * @property {number} [at]  where the cursor stands at first, an offset into the code
 * @property {(code: string) => void} onChange
 * @property {{run(): void, next(): void, leave(): void}} keys  what the three keys do
 */

/** Put an editor into an element. @param {HTMLElement} element @param {string} code @param {Options} options */
export function edit(element, code, { label, at = 0, onChange, keys }) {
  const press = (action) => () => { action(); return true; };
  const view = new EditorView({
    parent: element,
    state: EditorState.create({
      doc: code,
      selection: { anchor: Math.min(at, code.length) },
      extensions: [
        keymap.of([
          { key: "Ctrl-Enter", mac: "Cmd-Enter", run: press(keys.run) },
          { mac: "Ctrl-Enter", run: press(keys.run) },
          { key: "Shift-Enter", run: press(keys.next) },
          { key: "Escape", run: press(keys.leave) },
          ...defaultKeymap,
          ...historyKeymap,
        ]),
        history(),
        indentUnit.of("    "),
        EditorState.tabSize.of(4),
        indentOnInput(),
        new LanguageSupport(python),
        syntaxHighlighting(book),
        roleMarks,
        look,
        EditorView.contentAttributes.of({ "aria-label": label }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) onChange(update.state.doc.toString());
        }),
      ],
    }),
  });
  return { focus: () => view.focus(), remove: () => view.destroy() };
}
