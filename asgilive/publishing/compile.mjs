// Compiles folders of Python with the Pyodide that will run them, under Node.js.
//
//     node compile.mjs PYODIDE JOB
//
// PYODIDE: the folder of the npm package. JOB: JSON, { "folders": { shown: folder }, "imports": [names] }: each folder
// is compiled in place, for the place where it will lie. With imports, those are carried out with the folders on
// the path, and only files that this loads are compiled, here and in the standard library, which is a folder too.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [home, job] = process.argv.slice(2);
const { folders, imports } = JSON.parse(job);

try {
  const { loadPyodide } = await import(pathToFileURL(join(home, "pyodide.mjs")).href);
  const python = await loadPyodide({ indexURL: home });
  python.runPython(readFileSync(join(dirname(fileURLToPath(import.meta.url)), "compiling.py"), "utf8"));
  const shown = Object.keys(folders);
  shown.forEach((place, at) => {
    python.FS.mkdirTree(`/made/${at}`);
    python.mountNodeFS(`/made/${at}`, folders[place]);
  });
  const count = python.globals.get("dict")(Object.entries({ shown: python.toPy(shown), imports: python.toPy(imports ?? null) }));
  console.log(python.runPython(`
made = [(f"/made/{at}", place) for at, place in enumerate(shown)]
wanted = None
if imports is not None:
    sys.path[:0] = [folder for folder, _ in made]
    wanted = loaded_by(imports, [f"{folder}/" for folder, _ in made] + ["/lib/python314.zip/"])
sum(compile_folder(Path(folder), place, wanted) for folder, place in made)
`, { globals: Object.assign(python.globals, {}) }));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
