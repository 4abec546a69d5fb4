import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { Examination, Finding } from "../../../src/cli/doctor/finding.ts";
import { lookAtLock } from "../../../src/data-folder.ts";
import { startServerProcess, type ServerProcess } from "../../support/server-process.ts";
import { FLIGHTS } from "../support/server.ts";
import { runBin, runHere, type Outcome } from "../support/run.ts";

/** Port 9 (discard) is nobody's. */
const NOWHERE = "http://127.0.0.1:9";
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-doctor-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function doctor(
  options: { data?: string; project?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<{ examination: Examination; outcome: Outcome; of: (check: string) => Finding }> {
  for (const [name, value] of Object.entries({
    HEADRACE_URL: NOWHERE,
    HEADRACE_PORT: "9",
    UV_THREADPOOL_SIZE: "16",
    ...options.env,
  })) {
    vi.stubEnv(name, value);
  }
  const args = ["--project", options.project ?? FLIGHTS, "--data", options.data ?? folder];
  const outcome = await runHere(["doctor", "--json", ...args]);
  vi.unstubAllEnvs();
  const examination = JSON.parse(outcome.stdout) as Examination;
  const of = (check: string): Finding => {
    const found = examination.checks.find((one) => one.check === check);
    if (found === undefined) throw new Error(`no ${check} in ${outcome.stdout}`);
    return found;
  };
  return { examination, outcome, of };
}

/** What the doctor says of a server that answers /readyz so. */
async function answering(status: number, body: unknown): Promise<Finding> {
  const server = createServer((_request, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const { port } = server.address() as AddressInfo;
  const { of } = await doctor({ env: { HEADRACE_URL: `http://127.0.0.1:${port}` } });
  server.close();
  server.closeAllConnections();
  return of("server.ready");
}

describe("on a machine that Headrace runs on", () => {
  test("finds no problem, exits with 0 and has looked at everything", async () => {
    const { examination, outcome } = await doctor();
    expect(outcome).toMatchObject({ code: 0, stderr: "" });
    expect(examination).toMatchObject({ ok: true, problems: 0 });
    expect(examination.checks.map(({ check }) => check)).toEqual([
      "machine.engine",
      "machine.node",
      "machine.cores",
      "machine.memory",
      "machine.threads",
      "limits.open_files",
      "limits.memory",
      "settings.values",
      "settings.tokens",
      "project.declaration",
      "folder.data",
      "folder.owner",
      "folder.file_system",
      "disk.space",
      "disk.inodes",
      "disk.sync",
      "log.lock",
      "clock.order",
      "server.ready",
    ]);
  });

  test("prints it for people, without colours in a pipe", async () => {
    const { code, stdout } = await runBin(["doctor", "--project", FLIGHTS, "--data", folder], {
      env: { HEADRACE_URL: NOWHERE },
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^machine\n {2}ok {7}\w+ \w+.*ClickHouse [\d.]+ embedded\n/);
    expect(stdout).toMatch(/a sync takes .* \(median and longest of 20\)/);
    expect(stdout).not.toContain("\u001B");
  });

  test("leaves the data folder as it is, even when it isn't there", async () => {
    await doctor();
    expect(await readdir(folder)).toEqual([]);
    const { of } = await doctor({ data: join(folder, "deep/er") });
    expect(of("folder.data")).toMatchObject({ state: "ok", values: { exists: false } });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("what is wrong is named with what to do, and exits with 1", () => {
  test("a setting", async () => {
    const { outcome, of } = await doctor({ env: { HEADRACE_PORT: "eighty" } });
    expect(outcome.code).toBe(1);
    expect(of("settings.values")).toMatchObject({
      state: "problem",
      found: 'HEADRACE_PORT "eighty": expected an integer from 0 to 65535',
    });
    expect(JSON.parse(outcome.stderr)).toMatchObject({ code: "doctor_found_problems" });
  });

  test("a folder without a project", async () => {
    const { outcome, of } = await doctor({ project: folder });
    expect(outcome.code).toBe(1);
    expect(of("project.declaration")).toMatchObject({
      state: "problem",
      found: expect.stringContaining("no headrace.config.ts") as string,
      advice: expect.stringContaining("--project") as string,
    });
  });

  test("a data folder that is a file, or below one", async () => {
    const file = join(folder, "data");
    await writeFile(file, "");
    for (const data of [file, join(file, "below")]) {
      const { outcome, of } = await doctor({ data });
      expect(outcome.code).toBe(1);
      expect(of("folder.data")).toMatchObject({ state: "problem", advice: /./ });
    }
    expect(await readFile(file, "utf8")).toBe("");
  });

  test("tokens that can't be read", async () => {
    const { of } = await doctor({ env: { HEADRACE_TOKENS: '[{"name":"x"}]' } });
    expect(of("settings.tokens")).toMatchObject({ state: "problem", advice: /ACCESS/ });
    const missing = await doctor({ env: { HEADRACE_TOKENS_FILE: join(folder, "none.json") } });
    expect(missing.of("settings.tokens").found).toContain("ENOENT");
  });
});

describe("what may hurt is a warning, and exits with 0", () => {
  test("others may read the data folder", async () => {
    await chmod(folder, 0o755);
    const { outcome, of } = await doctor();
    expect(outcome.code).toBe(0);
    expect(of("folder.owner")).toMatchObject({
      state: "warning",
      values: { mode: "755" },
      advice: /chmod 700/,
    });
  });

  test("too few threads, too much memory asked for, a port that the commands don't know", async () => {
    const { outcome, of } = await doctor({
      env: { UV_THREADPOOL_SIZE: "4", HEADRACE_STORE_MEMORY: "1000GiB", HEADRACE_PORT: "7171" },
    });
    expect(outcome.code).toBe(0);
    expect(of("machine.threads")).toMatchObject({ state: "warning", values: { threads: 4, needed: 7 } });
    expect(of("machine.memory")).toMatchObject({ state: "warning", advice: /HEADRACE_STORE_MEMORY/ });
    expect(of("server.url")).toMatchObject({
      state: "warning",
      advice: "Set HEADRACE_URL=http://127.0.0.1:7171",
    });
  });

  test("an expired token", async () => {
    const hash = `sha256:${"0".repeat(64)}`;
    const tokens = [{ name: "old", hash, scopes: ["sql"], expires: "2020-01-01T00:00:00Z" }];
    const { of } = await doctor({ env: { HEADRACE_TOKENS: JSON.stringify(tokens) } });
    expect(of("settings.tokens")).toMatchObject({ state: "warning", values: { tokens: 1, expired: 1 } });
    expect(of("settings.tokens").found).toContain("old");
  });

  test("another program at the server's address", async () => {
    const other = createServer((_request, response) => response.end("<html>"));
    const { promise, resolve } = Promise.withResolvers<void>();
    other.listen(0, "127.0.0.1", resolve);
    await promise;
    const { port } = other.address() as AddressInfo;
    const { of } = await doctor({ env: { HEADRACE_URL: `http://127.0.0.1:${port}` } });
    expect(of("server.ready")).toMatchObject({ state: "warning", advice: /HEADRACE_PORT/ });
    other.close();
  });
});

test("on a terminal warnings and problems stand out, with what to do below", async () => {
  vi.stubEnv("HEADRACE_URL", "nonsense");
  vi.stubEnv("NO_COLOR", undefined);
  vi.stubEnv("FORCE_COLOR", undefined);
  // Node takes a CI's terminal for one without colours.
  vi.stubEnv("CI", undefined);
  await chmod(folder, 0o755);
  const { code, stdout, stderr } = await runHere(["doctor", "--project", FLIGHTS, "--data", folder], {
    terminal: true,
  });
  vi.unstubAllEnvs();
  expect(code).toBe(1);
  expect(stdout).toContain("\u001B[33mwarning\u001B[39m  its mode is 755\n");
  expect(stdout).toContain('\u001B[31mproblem\u001B[39m  HEADRACE_URL "nonsense": expected a URL');
  expect(stdout).toContain("→ Correct the variable");
  expect(stderr).toContain("there is 1 problem");
});

describe("a server that isn't ready", () => {
  test("is a problem with its reasons", async () => {
    const stopped = { state: "failed", lag_events: 7, lag_seconds: 1, reason: "the table\u001B[2J is gone" };
    const finding = await answering(503, {
      ready: false,
      draining: true,
      store: { ready: false, reason: "no memory" },
      streams: {
        flights: { ready: false, log: [{ writable: false, reason: "a sync failed" }], load: stopped },
      },
    });
    expect(finding).toMatchObject({ state: "problem", advice: /readyz/ });
    for (const reason of ["it is stopping", "the store: no memory", "flights is failed", "a sync failed"]) {
      expect(finding.found).toContain(reason);
    }
  });

  test("that answers JSON of another kind is another program", async () => {
    expect(await answering(200, { hello: "world" })).toMatchObject({
      state: "warning",
      advice: /another port/,
    });
  });
});

test("settings are shown as they were written, secrets are not", async () => {
  const secret = JSON.stringify([
    { name: "a", hash: `sha256:${"0".repeat(64)}`, scopes: ["sql"], expires: "2099-01-01T00:00:00Z" },
  ]);
  const { outcome, of } = await doctor({ env: { HEADRACE_CACHE_SIZE: "8MiB", HEADRACE_TOKENS: secret } });
  expect(of("settings.values").values).toEqual({
    HEADRACE_DATA: folder,
    HEADRACE_CACHE_SIZE: "8MiB",
    HEADRACE_TOKENS: "hidden",
    HEADRACE_PORT: "9",
  });
  expect(outcome.stdout).not.toContain("sha256");
});

describe("beside a server", () => {
  let data: string;
  let server: ServerProcess;

  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), "headrace-doctor-server-"));
    server = await startServerProcess({ project: FLIGHTS, data });
    const event = {
      flight_id: "1",
      date: "2001-03-01T10:00:00Z",
      delay: 1,
      distance: 2,
      origin: "JFK",
      destination: "LAX",
    };
    const answer = await fetch(`${server.url}/v1/streams/flights/events?wait=stored`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify([event, { ...event, flight_id: "2" }]),
    });
    if (answer.status !== 200) throw new Error(await answer.text());
  }, 60_000);
  afterAll(async () => {
    await server.stop("SIGKILL");
    await rm(data, { recursive: true, force: true });
  });

  test("says who has the data folder, what the log holds and how the server is, and disturbs nothing", async () => {
    const { outcome, of } = await doctor({
      data,
      env: { HEADRACE_URL: server.url },
    });
    expect(outcome.code).toBe(0);
    expect(of("log.lock")).toMatchObject({ state: "ok", values: { locked: true, pid: server.pid } });
    expect(of("log.stream")).toMatchObject({ values: { stream: "flights", segments: 1, events: 2 } });
    expect(of("server.ready")).toMatchObject({ state: "ok", values: { ready: true } });
    expect(of("server.ready").found).toContain("flights up to date");
    expect(await readdir(data)).not.toContainEqual(expect.stringContaining("doctor"));
  });

  test("warns when the commands would not find the server", async () => {
    const { of } = await doctor({ data });
    expect(of("server.ready")).toMatchObject({ state: "warning", advice: /HEADRACE_URL/ });
  });

  describe("in a copy of its log", () => {
    let copy: string;
    let segment: string;

    beforeEach(async () => {
      copy = join(folder, "copy");
      await mkdir(copy, { mode: 0o700 });
      await cp(join(data, "log"), join(copy, "log"), { recursive: true });
      const stream = join(copy, "log/flights");
      const [name = ""] = (await readdir(stream)).filter((one) => one.endsWith(".log"));
      segment = join(stream, name);
    });

    test("finds the newest event, which a torn tail behind it doesn't hide", async () => {
      await writeFile(segment, "torn", { flag: "a" });
      const before = [await readFile(segment), (await stat(segment)).mtimeMs];
      const { of } = await doctor({ data: copy });
      expect(of("log.stream")).toMatchObject({ state: "ok", values: { events: 2 } });
      expect(String(of("log.stream").values?.["newest_accepted_at"])).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
      expect(of("log.lock")).toMatchObject({ values: { locked: false } });
      expect([await readFile(segment), (await stat(segment)).mtimeMs]).toEqual(before);
      expect(await readdir(copy)).toEqual(["log"]);
    });

    test("a damaged segment is a problem that names file and byte, and a salvage mends it", async () => {
      await writeFile(segment, "nonsense", { flag: "r+" });
      const { outcome, of } = await doctor({ data: copy });
      expect(outcome.code).toBe(1);
      expect(of("log.damage")).toMatchObject({
        state: "problem",
        found: expect.stringContaining(`${segment} from byte 0 to `) as string,
        meaning: "No server starts on this folder.",
        advice: expect.stringContaining("headrace doctor --salvage") as string,
      });
      const args = ["--salvage", "--project", FLIGHTS, "--data", copy];
      const mended = await runHere(["doctor", ...args]);
      expect(mended).toMatchObject({ code: 0, stderr: "" });
      expect(mended.stdout).toContain("flights: saved 2 events and 0 rejected events in ");
      expect(mended.stdout).toMatch(/the damaged log is kept in .*flights\.damaged-\w+;/);
      const after = await doctor({ data: copy });
      expect(after.examination.checks.filter(({ check }) => /damage|lost|tail|salvage/.test(check))).toEqual(
        [],
      );
      expect(after.of("log.stream")).toMatchObject({ state: "ok", values: { events: 2 } });
      expect((await runHere(["doctor", ...args])).stdout).toBe(
        "No log and no ledger is damaged: nothing is changed.\n",
      );
    });

    test("a damaged ledger is a problem, and a salvage puts it aside", async () => {
      await cp(join(data, "ledger"), join(copy, "ledger"), { recursive: true });
      const ledger = join(copy, "ledger/flights-0.ledger");
      await writeFile(ledger, "nonsense", { flag: "r+" });
      const { of } = await doctor({ data: copy });
      expect(of("log.ledger")).toMatchObject({
        state: "problem",
        found: `${ledger} is damaged at byte 0`,
        advice: expect.stringContaining("--salvage") as string,
      });
      const mended = await runHere(["doctor", "--salvage", "--project", FLIGHTS, "--data", copy]);
      expect(mended.stdout).toContain(`${ledger} is put aside: ${ledger} is damaged at byte 0`);
      expect(await readdir(join(copy, "ledger"))).toEqual([
        expect.stringMatching(/^flights-0\.ledger\.damaged-\w+$/),
      ]);
    });

    test("a folder whose server runs isn't salvaged", async () => {
      const refused = await runHere(["doctor", "--salvage", "--project", FLIGHTS, "--data", data]);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain("is in use by the process");
    });
  });
});

test("a data folder is seen to be free again once its holder is gone", async () => {
  const server = await startServerProcess({ project: FLIGHTS, data: folder });
  expect(await lookAtLock(folder)).toMatchObject({ locked: true, holder: { pid: server.pid } });
  await server.stop("SIGKILL");
  expect(await lookAtLock(folder)).toEqual({ locked: false, holder: undefined });
}, 60_000);
