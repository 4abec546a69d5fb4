// Locks the data folder named by its argument, says how that went in one line of JSON, and stays until it is killed.
import { lockDataFolder } from "../../src/data-folder.ts";
import { HeadraceError } from "../../src/errors.ts";

try {
  await lockDataFolder(process.argv[2] ?? "");
  console.log(JSON.stringify({ locked: true }));
  setInterval(() => {}, 60_000);
} catch (error) {
  if (!(error instanceof HeadraceError)) throw error;
  console.log(JSON.stringify({ locked: false, code: error.code, details: error.details }));
}
