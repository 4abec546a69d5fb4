// Writes docs/TYPES.md from scripts/types-table.ts; test/project/types-doc.test.ts fails when it is stale.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { typesDoc } from "./types-doc.ts";

writeFileSync(join(import.meta.dirname, "../docs/TYPES.md"), typesDoc());
