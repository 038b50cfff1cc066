// Compiles folders of Python with the Pyodide that will run them, under Node.js.
//
//     node compile.mjs PYODIDE JOB
//
// PYODIDE: the folder of the npm package. JOB: a file of JSON, { "folders": { "place": "folder" }, "first": "program" }.
// Each folder is compiled as it stands, for the place where its files will lie. With a program, that is run with
// the folders on the path, and only the files which it loads are compiled.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [home, job] = process.argv.slice(2);
const { folders, first } = JSON.parse(readFileSync(job, "utf8"));

try {
  const { loadPyodide } = await import(pathToFileURL(join(home, "pyodide.mjs")).href);
  const python = await loadPyodide({ indexURL: home });
  const places = Object.keys(folders);
  places.forEach((place, at) => {
    python.FS.mkdirTree(`/made/${at}`);
    python.mountNodeFS(`/made/${at}`, folders[place]);
  });
  python.runPython(readFileSync(join(dirname(fileURLToPath(import.meta.url)), "compiling.py"), "utf8"));
  python.globals.set("places", python.toPy(places));
  python.globals.set("first", first ?? "");
  const made = "[(Path(f'/made/{at}'), place) for at, place in enumerate(places)]";
  console.log(python.runPython(`compile_folders(${made}, first)`));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
