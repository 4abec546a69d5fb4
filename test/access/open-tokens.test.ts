import { chmod, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openTokens, type OpenTokens } from "../../src/access/open-tokens.ts";
import type { WrittenToken } from "../../src/access/token-entries.ts";
import { until } from "../support/until.ts";
import { testToken } from "./token-fixtures.ts";

let folder: string;
let file: string;
let open: OpenTokens | undefined;
const heard: string[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-tokens-"));
  file = join(folder, "tokens.json");
  heard.length = 0;
});
afterEach(async () => {
  open?.close();
  await rm(folder, { recursive: true });
});

const observer = {
  reloaded: (tokens: number) => void heard.push(`reloaded ${tokens}`),
  reloadFailed: (reason: string) => void heard.push(`failed ${reason}`),
  warned: (warning: string) => void heard.push(`warned ${warning}`),
};

async function write(...entries: readonly WrittenToken[]): Promise<void> {
  await writeFile(file, JSON.stringify(entries), { mode: 0o600 });
}

async function watch(): Promise<OpenTokens> {
  open = await openTokens({ tokensFile: file }, { observer, interval: 10 });
  if (open === undefined) throw new Error("there is a file");
  return open;
}

const [a, b] = [testToken("a", ["sql"]), testToken("b", ["sql"])];

describe("a tokens file", () => {
  test("that is written again is in force soon: new tokens work, removed ones don't", async () => {
    await write(a.entry);
    const { tokens } = await watch();
    const caller = tokens.find(a.token);
    await write(b.entry);
    await until(() => tokens.find(b.token) !== undefined);
    expect(tokens.find(a.token)).toBeUndefined();
    expect(caller?.ended.aborted).toBe(true);
    expect(heard).toEqual(["reloaded 1"]);
  });

  test("that is replaced by another one is noticed, even one of the same size", async () => {
    await write(a.entry);
    const { tokens } = await watch();
    await writeFile(`${file}.new`, JSON.stringify([b.entry]));
    await rename(`${file}.new`, file);
    await until(() => tokens.find(b.token) !== undefined);
    expect(tokens.find(a.token)).toBeUndefined();
  });

  test("behind a link is noticed when the link changes, as Kubernetes changes secrets", async () => {
    await writeFile(join(folder, "one"), JSON.stringify([a.entry]));
    await writeFile(join(folder, "two"), JSON.stringify([b.entry]));
    await symlink("one", file);
    const { tokens } = await watch();
    await symlink("two", `${file}.new`);
    await rename(`${file}.new`, file);
    await until(() => tokens.find(b.token) !== undefined);
    expect(tokens.find(a.token)).toBeUndefined();
  });

  test("that can't be used keeps the tokens from before, is told once, and is used when it is good again", async () => {
    await write(a.entry);
    const { tokens } = await watch();
    await writeFile(file, "[{");
    await until(() => heard.length > 0);
    expect(heard[0]).toMatch(/^failed HEADRACE_TOKENS_FILE .*tokens\.json: it isn't JSON/);
    await rm(file);
    await until(() => heard.length > 1);
    expect(heard[1]).toContain("ENOENT");
    expect(tokens.find(a.token)).toBeDefined();
    await write(b.entry);
    await until(() => tokens.find(b.token) !== undefined);
    expect(heard).toHaveLength(3);
  });

  test("without any token lets nobody in", async () => {
    await write(a.entry);
    const { tokens } = await watch();
    await writeFile(file, "[]");
    await until(() => tokens.count === 0);
    expect(tokens.find(a.token)).toBeUndefined();
  });

  test("that other users can write is worth a warning", async () => {
    await write(a.entry);
    await chmod(file, 0o666);
    await watch();
    expect(heard[0]).toContain("can be written by other users");
  });

  test("whose scopes name what isn't there is worth a warning at the start and at each change, and works", async () => {
    const named = { streams: ["flights"], endpoints: ["delays"] };
    const good = ["ingest:flights", "read:delays", "events:*", "sql", "*"];
    await write(testToken("early", [...good, "ingest:fligths"]).entry);
    open = await openTokens({ tokensFile: file }, { observer, interval: 10, named });
    expect(heard).toEqual([
      'warned the token "early" has the scope ingest:fligths, but there is no stream "fligths"; did you mean "flights"?',
    ]);
    await write(testToken("late", [...good, "read:flights", "events:delays"]).entry);
    await until(() => heard.includes("reloaded 1"));
    expect(heard.slice(1, -1)).toEqual([
      'warned the token "late" has the scope read:flights, but there is no endpoint "flights"',
      'warned the token "late" has the scope events:delays, but there is no stream "delays"',
    ]);
  });

  test.each([
    ["isn't there", async () => {}, "ENOENT"],
    ["is no file", () => symlink(folder, file), "EISDIR"],
    [
      "has a bad entry",
      () => writeFile(file, JSON.stringify([a.entry, { ...b.entry, scopes: ["x"] }])),
      'entry 2 ("b")',
    ],
    ["is too large", () => writeFile(file, " ".repeat(8 * 1024 * 1024 + 1)), "bytes are more than"],
  ])("that %s stops the start", async (_what, make, message) => {
    await make();
    const error = await watch().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "config_invalid" });
    expect(String(error)).toContain("HEADRACE_TOKENS_FILE");
    expect(String(error)).toContain(message);
  });
});

describe("tokens in the environment", () => {
  test("are there, and end when their time is over", async () => {
    let now = 0;
    open = await openTokens({ tokens: JSON.stringify([a.entry]) }, { interval: 10, clock: () => now });
    const found = open?.tokens.find(a.token);
    expect(found?.ended.aborted).toBe(false);
    now = Date.parse(a.entry.expires);
    await until(() => found?.ended.aborted === true);
  });

  test("whose scopes name what isn't there are worth a warning", async () => {
    const entry = testToken("a", ["read:delay"]).entry;
    const named = { streams: [], endpoints: ["delays"] };
    open = await openTokens({ tokens: JSON.stringify([entry]) }, { observer, named });
    expect(heard).toEqual([
      'warned the token "a" has the scope read:delay, but there is no endpoint "delay"; did you mean "delays"?',
    ]);
  });

  test("that can't be read are refused", async () => {
    await expect(openTokens({ tokens: "hr_x" })).rejects.toMatchObject({ code: "config_invalid" });
  });
});

test("without a source there are no tokens", async () => {
  expect(await openTokens({})).toBeUndefined();
});
