import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { scenarios } from "./scenarios.ts";

test("every scenario is in one of the test files, and in no two", async () => {
  const files = (await readdir(import.meta.dirname)).filter((name) => name.endsWith(".test.ts"));
  const texts = await Promise.all(files.map((name) => readFile(join(import.meta.dirname, name), "utf8")));
  const groups = texts.flatMap((text) => {
    const [, list = ""] = /^describeScenarios\((.*)\);$/m.exec(text) ?? [];
    return [...list.matchAll(/"([^"]+)"/g)].map(([, group]) => group);
  });
  expect(groups).toHaveLength(new Set(groups).size);
  expect(new Set(groups)).toEqual(new Set<string | undefined>(scenarios.map(({ group }) => group)));
});
