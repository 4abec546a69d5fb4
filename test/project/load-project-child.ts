// Loads the project of a folder as the command line does, by Node alone, and prints what came of it as JSON.
import { HeadraceError } from "../../src/errors.ts";
import { loadProject } from "../../src/project/load-project.ts";

try {
  const project = await loadProject(process.argv[2] ?? "");
  console.log(JSON.stringify({ name: project.name, streams: project.streams.map((stream) => stream.name) }));
} catch (error) {
  if (!(error instanceof HeadraceError)) throw error;
  console.log(JSON.stringify({ code: error.code, message: error.message }));
}
