import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { BIN, cleanEnvironment, ROOT, runBin, runHere } from "./support/run.ts";

const COMMANDS = ["init", "dev", "start", "check", "publish", "query", "doctor", "completion"];

afterEach(() => {
  vi.unstubAllEnvs();
});

describe("help", () => {
  test("the program says what it is and lists its commands", async () => {
    const { code, stdout } = await runBin(["--help"]);
    expect(code).toBe(0);
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
  });

  test.each(COMMANDS)("%s --help exits 0 and shows examples", async (command) => {
    const { code, stdout, stderr } = await runHere([command, "--help"]);
    expect(code).toBe(0);
    expect(stderr).toBe("");
    expect(stdout).toMatch(new RegExp(`\nExamples:\n  .*headrace ${command}`));
  });

  test("--version is the package's", async () => {
    const { code, stdout } = await runHere(["--version"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test("without a command it shows the help and exits 2", async () => {
    const { code, stdout, stderr } = await runBin([]);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("Usage: headrace");
  });
});

test("an older Node is told what is needed, before anything is loaded", async () => {
  const older = "Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.1.0'}})";
  const child = spawn(process.execPath, [
    "--import",
    `data:text/javascript,${older}`,
    join(ROOT, "src/cli/main.ts"),
  ]);
  let stderr = "";
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  expect(await once(child, "close")).toEqual([1, null]);
  expect(stderr).toMatch(
    /^error: Headrace needs Node 24 or newer, and this is 20\.1\.0\n.*npm install node@24/,
  );
});

describe("usage errors exit 2 and name what is meant", () => {
  test.each([
    [["pubish"], "unknown command 'pubish'; did you mean publish?"],
    [["query", "--formt", "csv", "x"], "unknown option '--formt'; did you mean --format?"],
    [["publish"], "missing required argument 'stream'"],
    [["query", "x", "--format", "xml"], "Allowed choices are table, json, ndjson, csv"],
    [["query", "x", "--param", "limit"], "--param limit: expected name=value"],
    [["publish", "x", "--batch", "0"], "Expected an integer from 1 to 500,000."],
    [["publish", "x", "--in-flight", "two"], "Expected an integer from 1 to 32."],
    [["check", "extra"], "too many arguments"],
  ])("%j", async (args, message) => {
    const { code, stdout, stderr } = await runHere(args);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(`error: `);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/\nRun `headrace .*--help` for what it takes\.\n$/);
  });
});

test.each([
  [["pubish"], "headrace --help"],
  [["query"], "headrace query --help"],
  [["token", "nw"], "headrace token --help"],
  [["token", "new", "--nam", "x"], "headrace token new --help"],
])("a usage error of %j points to that command's help", async (args, help) => {
  expect((await runHere(args)).stderr).toContain(`\nRun \`${help}\` for`);
});

describe("errors", () => {
  const nowhere = "http://127.0.0.1:9";

  test("are one line with the advice below, and no stack", async () => {
    const { code, stderr } = await runBin(["query", "x"], { env: { HEADRACE_URL: nowhere } });
    expect(code).toBe(1);
    expect(stderr.split("\n")).toEqual([
      expect.stringMatching(/^error: nothing answers at http:\/\/127\.0\.0\.1:9 \(/),
      expect.stringContaining("HEADRACE_URL"),
      "",
    ]);
  });

  test("with --json are a problem as JSON", async () => {
    vi.stubEnv("HEADRACE_URL", nowhere);
    const { code, stdout, stderr } = await runHere(["query", "x", "--json"]);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(JSON.parse(stderr)).toMatchObject({
      code: "server_unreachable",
      advice: expect.stringContaining("headrace dev") as string,
    });
  });

  test("show the stack and its causes when HEADRACE_LOG_LEVEL is debug", async () => {
    vi.stubEnv("HEADRACE_URL", nowhere);
    vi.stubEnv("HEADRACE_LOG_LEVEL", "debug");
    const { stderr } = await runHere(["query", "x"]);
    expect(stderr).toMatch(/\n {4}at .*client\.ts/);
    expect(stderr).toContain("caused by TypeError: fetch failed");
  });

  test("an empty HEADRACE_URL counts as not set", async () => {
    vi.stubEnv("HEADRACE_URL", "");
    vi.stubEnv("HEADRACE_PORT", "9");
    expect((await runHere(["query", "x"])).stderr).toContain("nothing answers at http://127.0.0.1:9 ");
  });

  test("dev names a folder that isn't there, instead of waiting for a change in it", async () => {
    const { code, stderr } = await runBin(["dev", "--project", "/no/such/folder"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: There is no folder \/no\/such\/folder\n.*--project/);
  });

  test("publish names a file that isn't there", async () => {
    const { code, stderr } = await runHere(["publish", "flights", "none.ndjson"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: none\.ndjson: no such file\n/);
  });

  test("a bad HEADRACE_URL is named", async () => {
    vi.stubEnv("HEADRACE_URL", "localhost:7070");
    const { code, stderr } = await runHere(["query", "x"]);
    expect(code).toBe(1);
    expect(stderr).toContain('HEADRACE_URL "localhost:7070": expected a URL');
  });

  test("are coloured on a terminal only, and NO_COLOR turns that off", async () => {
    vi.stubEnv("HEADRACE_URL", nowhere);
    vi.stubEnv("NO_COLOR", undefined);
    vi.stubEnv("FORCE_COLOR", undefined);
    // Node takes a CI's terminal for one without colours.
    vi.stubEnv("CI", undefined);
    expect((await runHere(["query", "x"], { terminal: true })).stderr).toContain("\u001B[31merror:");
    vi.stubEnv("NO_COLOR", "1");
    expect((await runHere(["query", "x"], { terminal: true })).stderr).not.toContain("\u001B[");
    vi.unstubAllEnvs();
    expect((await runHere(["query", "x"])).stderr).not.toContain("\u001B[");
  });

  test("a reader that ends early ends the program quietly", async () => {
    const child = spawn(BIN, ["--help"], { env: cleanEnvironment(), stdio: ["ignore", "pipe", "pipe"] });
    // Closed before the program has anything to write.
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (chunk) => (stderr += String(chunk)));
    expect(await once(child, "close")).toEqual([0, null]);
    expect(stderr).toBe("");
  });
});
