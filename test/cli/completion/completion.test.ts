import { execFile, spawnSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { ServerProcess } from "../../support/server-process.ts";
import { startFlights } from "../support/server.ts";
import { BIN, cleanEnvironment, runHere } from "../support/run.ts";
import { until } from "../../support/until.ts";

const run = promisify(execFile);
const SHELLS = ["bash", "zsh", "fish"];
const NOWHERE = "http://127.0.0.1:9";

let folder: string;
let scripts: string;
beforeAll(async () => {
  scripts = await mkdtemp(join(tmpdir(), "headrace-scripts-"));
  for (const name of SHELLS) {
    await writeFile(join(scripts, name), (await runHere(["completion", name])).stdout);
  }
  folder = await mkdtemp(join(tmpdir(), "headrace-completion-"));
  await mkdir(join(folder, "a dir"));
  await writeFile(join(folder, "a file.ndjson"), "");
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await rm(scripts, { recursive: true, force: true });
});

/** Runs a program of a shell in the folder, with `headrace` in its PATH. */
async function shell(program: string, args: readonly string[], url = NOWHERE): Promise<string> {
  const env = cleanEnvironment();
  const { stdout, stderr } = await run(program, args, {
    cwd: folder,
    env: { ...env, PATH: [dirname(BIN), env["PATH"]].join(delimiter), HEADRACE_URL: url, SCRIPTS: scripts },
  });
  expect(stderr).toBe("");
  return stdout;
}

const has = (program: string): boolean => spawnSync(program, ["--version"]).status === 0;

/** Words as each shell splits them, and what must be offered. */
const CASES: readonly (readonly [words: readonly string[], offered: readonly string[]])[] = [
  [["pub"], ["publish"]],
  [["token", ""], ["new"]],
  [["query", "x", "--form"], ["--format"]],
  [
    ["query", "x", "--format", ""],
    ["arrow", "csv", "json", "ndjson", "parquet", "table"],
  ],
  [["publish", "x", "--compression", "z"], ["zstd"]],
  [
    ["publish", "x", ""],
    ["a dir", "a file.ndjson"],
  ],
  [["start", "--project", ""], ["a dir"]],
  [["query", ""], []],
  [["no-such-command", ""], []],
];

const ask = async (...words: string[]): Promise<string[]> => {
  const { code, stdout, stderr } = await runHere(["__complete", "--", ...words]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trimEnd().split("\n");
};

const completeInBash = async (words: readonly string[], url?: string): Promise<string[]> => {
  const program = `
    source "$SCRIPTS/bash"
    [[ "$(complete -p headrace)" == "complete -F _headrace headrace" ]] || exit 1
    COMP_WORDS=(headrace "$@"); COMP_CWORD=$#
    _headrace
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const stdout = await shell("bash", ["--norc", "-c", program, "bash", ...words], url);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .sort();
};

describe("what the shells ask", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });
  test.each([
    [["pub"], ["publish\tsend events to a stream of a running server", ":none"]],
    [
      ["query", "x", "--format=c"],
      ["--format=csv\t", ":none"],
    ],
    [
      ["query", "x", "--format", "=", "c"],
      ["csv\t", ":none"],
    ],
    [["query", "x", "--nonsense=c"], [":none"]],
    [
      ["query", "--js"],
      ["--json\toutput for programs: JSON, also for errors", ":none"],
    ],
    [["query", "--", "--js"], [":none"]],
    [
      ["completion", "z"],
      ["zsh\t", ":none"],
    ],
    [["publish", "x", ""], [":files"]],
    [["publish", "x", "a", "b", "c", ""], [":files"]],
    [["publish", "x", "-"], [":files"]],
    [["token", "new", "--file", ""], [":files"]],
    [["token", "new", "--name", ""], [":none"]],
    [["start", "--project", ""], [":folders"]],
    [["start", ""], [":none"]],
    [["nonsense", ""], [":none"]],
    [[], expect.arrayContaining([":none"])],
  ] as const)("%j", async (words, answer) => {
    expect(await ask(...words)).toEqual(answer);
  });

  test("names come from whatever server answers, and none from one that doesn't in time", async () => {
    const document = { paths: { "/v1/streams/a/events": {}, "/v1/streams/a": {}, "/v1/endpoints/b": {} } };
    const silent = { ask: false };
    const server = createServer((_request, response) => {
      if (!silent.ask) response.end(JSON.stringify(document));
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, "127.0.0.1", resolve);
    await promise;
    vi.stubEnv("HEADRACE_URL", `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    expect(await ask("publish", "")).toEqual(["a\t", ":none"]);
    expect(await ask("query", "")).toEqual(["b\t", ":none"]);
    silent.ask = true;
    expect(await ask("query", "")).toEqual([":none"]);
    server.close();
    server.closeAllConnections();
    vi.stubEnv("HEADRACE_URL", "nonsense");
    expect(await ask("query", "")).toEqual([":none"]);
  });
});

describe("bash", () => {
  test.each(CASES)("%j", async (words, offered) => {
    expect(await completeInBash(words)).toEqual(offered);
  });

  test("an option and its value in one word, which bash takes apart", async () => {
    expect(await completeInBash(["query", "x", "--format", "=", "c"])).toEqual(["csv"]);
    expect(await completeInBash(["query", "x", "--format", "="])).toEqual([
      "arrow",
      "csv",
      "json",
      "ndjson",
      "parquet",
      "table",
    ]);
  });

  test("behind -- there are no options", async () => {
    expect(await completeInBash(["query", "--", "--form"])).toEqual([]);
  });

  describe("beside a server", () => {
    let server: ServerProcess & { readonly remove: () => Promise<void> };
    beforeAll(async () => {
      server = await startFlights();
    }, 60_000);
    afterAll(() => server.remove());

    test("knows the names of streams and endpoints", async () => {
      // The server's first document takes longer than a key press: its endpoints are verified for it.
      await (await fetch(`${server.url}/v1/openapi.json`)).text();
      // On a busy machine any of its answers may.
      const offered = async (words: readonly string[]): Promise<readonly string[]> => {
        let names: readonly string[] = [];
        await until(async () => (names = await completeInBash(words, server.url)).length > 0);
        return names;
      };
      expect(await offered(["publish", ""])).toEqual(["flights"]);
      expect(await offered(["query", "delays_by_o"])).toEqual(["delays_by_origin"]);
    });
  });
});

describe.skipIf(!has("zsh"))("zsh", () => {
  test.each(CASES)("%j", async (words, offered) => {
    const program = `
      compdef() { :; }
      _describe() { print -l -- "\${(@)\${(@P)4}%%:*}"; }
      _files() { if [[ "$1" = -/ ]]; then print -l -- *(/N); else print -l -- *(N); fi; }
      source "$SCRIPTS/zsh"
      words=(headrace "$@"); CURRENT=$(( $# + 1 ))
      _headrace`;
    const stdout = await shell("zsh", ["-f", "-c", program, "zsh", ...words]);
    expect(
      stdout
        .split("\n")
        .filter((line) => line !== "")
        .sort(),
    ).toEqual(offered);
  });
});

describe.skipIf(!has("fish"))("fish", () => {
  test.each(CASES)("%j", async (words, offered) => {
    const program = `source "$SCRIPTS/fish"; complete -C "headrace $argv"`;
    const stdout = await shell("fish", ["--no-config", "-c", program, ...words]);
    const values = stdout.split("\n").map((line) => (line.split("\t")[0] ?? "").replace(/\/$/, ""));
    expect(values.filter((value) => value !== "").sort()).toEqual(offered);
  });
});

test.each(SHELLS)("the script for %s comes from the command", async (name) => {
  const { code, stdout } = await runHere(["completion", name]);
  expect(code).toBe(0);
  expect(stdout).toContain(`${name} completion for headrace`);
});

test("another shell is a wrong usage that names those that are known", async () => {
  const { code, stderr } = await runHere(["completion", "tcsh"]);
  expect(code).toBe(2);
  expect(stderr).toContain("Allowed choices are bash, zsh, fish");
});

test("the hidden command doesn't show in the help", async () => {
  const { stdout } = await runHere(["--help"]);
  expect(stdout).not.toContain("__complete");
});
