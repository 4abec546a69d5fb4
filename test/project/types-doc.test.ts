import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { typesDoc } from "../../scripts/types-doc.ts";

test("docs/TYPES.md is what the table of types says", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/TYPES.md"), "utf8");
  expect(text, "docs/TYPES.md is stale: run `node scripts/run.mjs node scripts/generate-types-doc.ts`").toBe(
    typesDoc(),
  );
});
