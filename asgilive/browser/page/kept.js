// What stays in the reader's browser: edits of cells, solved exercises, that Python was here before.
// Nothing leaves it. Storage that is full, forbidden or unreadable is done without.

const EDITS = `asgilive edits ${location.pathname}`;
const PROGRESS = "asgilive progress";
const LOADED = "asgilive python";

/** @param {string} key @returns {any} */
function read(key) {
  try { return JSON.parse(localStorage.getItem(key) ?? "null"); } catch { return null; }
}

/** @param {string} key @param {any} value */
function write(key, value) {
  try {
    if (value == null) localStorage.removeItem(key); else localStorage.setItem(key, JSON.stringify(value));
  } catch { /* this visit only */ }
}

/** A name for a text, so that a changed book is noticed. @param {string} text */
export function digest(text) {
  let [a, b] = [0xdeadbeef, 0x41c6ce57];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  return (a >>> 0).toString(36) + (b >>> 0).toString(36);
}

/** @typedef {{number: string, of: string, code: string}} Edit  `of`: the digest of the book's text */

/** The edits of this page. @returns {Edit[]} */
export function edits() {
  const found = read(EDITS);
  return Array.isArray(found) ? found.filter((edit) => typeof edit?.code === "string") : [];
}

/** @param {Edit[]} all */
export function keepEdits(all) { write(EDITS, all.length ? all : null); }

/** Keep the edit of a cell, or forget it. @param {string} number @param {string} of @param {string | null} code */
export function keepEdit(number, of, code) {
  const rest = edits().filter((edit) => edit.number !== number);
  keepEdits(code === null ? rest : [...rest, { number, of, code }]);
}

/** The progress as Python left it, a JSON text; "" where there is none. */
export function progress() {
  const found = read(PROGRESS);
  return found && typeof found === "object" ? JSON.stringify(found) : "";
}

/** The exercises that were solved, by number. @returns {Set<string>} */
export function solved() {
  return new Set(Object.entries(read(PROGRESS) ?? {}).filter(([, state]) => state?.ok).map(([number]) => number));
}

/**
 * Keep the progress. Another tab may have solved something meanwhile: what is solved stays solved.
 * @param {string} text
 */
export function keepProgress(text) {
  let now;
  try { now = JSON.parse(text); } catch { return; }
  const all = { ...read(PROGRESS), ...now };
  for (const [number, state] of Object.entries(read(PROGRESS) ?? {})) {
    if (state?.ok && !all[number].ok) all[number] = state;
  }
  write(PROGRESS, all);
}

/** Whether this version of Python was loaded before. @param {string} version */
export const wasLoaded = (version) => read(LOADED) === version;
/** @param {string} version */
export const keepLoaded = (version) => write(LOADED, version);
