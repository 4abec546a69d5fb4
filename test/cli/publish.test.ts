import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { until } from "../support/until.ts";
import { IngestServer, problem } from "./support/ingest-server.ts";
import { runHere } from "./support/run.ts";

let server: IngestServer;
let folder: string;

beforeEach(async () => {
  server = new IngestServer();
  vi.stubEnv("HEADRACE_URL", await server.start());
  folder = await mkdtemp(join(tmpdir(), "headrace-publish-"));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function file(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

/** An HTTP date so many milliseconds from now. */
const dateIn = (milliseconds: number) => new Date(Date.now() + milliseconds).toUTCString();

const numbered = (count: number) => Array.from({ length: count }, (_, n) => `{"n":${n}}`).join("\n");

describe("what is sent", () => {
  test("every event of an NDJSON file arrives once, in batches of the given size, under a key each", async () => {
    const path = await file("events.ndjson", `${numbered(25)}\n`);
    const { code, stdout } = await runHere(["publish", "flights", path, "--batch", "10", "--in-flight", "1"]);
    expect(code).toBe(0);
    expect(server.received.map(({ lines }) => lines.length)).toEqual([10, 10, 5]);
    expect(new Set(server.received.map(({ key }) => key)).size).toBe(3);
    expect(server.received[0]?.stream).toBe("flights");
    expect(server.events()).toEqual(Array.from({ length: 25 }, (_, n) => ({ n })));
    expect(stdout).toContain("flights: 25 accepted, 0 rejected");
  });

  test("another run has other keys, so that the same events can be sent again", async () => {
    const path = await file("events.ndjson", numbered(1));
    await runHere(["publish", "flights", path]);
    await runHere(["publish", "flights", path]);
    expect(server.stored.size).toBe(2);
  });

  test("a byte order mark, CRLF, blank lines and a missing final newline don't matter", async () => {
    const path = await file("events.jsonl", '\uFEFF{"a":1}\r\n\r\n  \n{"a":2}');
    await runHere(["publish", "flights", path]);
    expect(server.events()).toEqual([{ a: 1 }, { a: 2 }]);
  });

  test("a batch holds no more bytes than given, unless one event is larger", async () => {
    const lines = [`{"t":"${"x".repeat(40)}"}`, `{"t":"${"y".repeat(40)}"}`, `{"t":"${"z".repeat(500)}"}`];
    const path = await file("events.ndjson", lines.join("\n"));
    await runHere(["publish", "flights", path, "--batch-bytes", "120", "--in-flight", "1"]);
    expect(server.received.map((one) => one.lines)).toEqual([lines.slice(0, 2), lines.slice(2)]);
  });

  test("several files follow each other, each in the format of its name", async () => {
    const first = await file("a.json", '[{"n":1},\n {"n":2}]');
    const second = await file("b.ndjson", '{"n":3}');
    await runHere(["publish", "flights", first, second]);
    expect(server.events()).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  test.each(["none", "gzip", "zstd"])("requests are compressed as asked: %s", async (compression) => {
    const path = await file("events.ndjson", numbered(100));
    await runHere(["publish", "flights", path, "--compression", compression]);
    expect(server.received[0]?.encoding).toBe(compression === "none" ? undefined : compression);
    expect(server.events()).toHaveLength(100);
  });

  test("the token of HEADRACE_TOKEN goes with every request", async () => {
    vi.stubEnv("HEADRACE_TOKEN", "t0ken");
    await runHere(["publish", "flights", await file("events.ndjson", numbered(1))]);
    expect(server.received[0]?.token).toBe("Bearer t0ken");
  });

  test("standard input is the default, and a slow one isn't kept waiting for a full batch", async () => {
    const stdin = new PassThrough();
    const running = runHere(["publish", "flights"], { stdin });
    stdin.write('{"n":1}\n');
    await until(() => server.events().length === 1);
    stdin.end('{"n":2}\n');
    expect((await running).code).toBe(0);
    expect(server.events()).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test("standard input that begins with an array is read as JSON", async () => {
    await runHere(["publish", "flights", "-"], { stdin: ' [{"n":1},{"n":2}]' });
    expect(server.events()).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test("Parquet files are sent with their progress", async () => {
    const path = join(folder, "numbers.parquet");
    const duckdb = await DuckDBInstance.create();
    const connection = await duckdb.connect();
    await connection.run(`COPY (SELECT range AS n FROM range(3000)) TO '${path}' (FORMAT parquet)`);
    duckdb.closeSync();
    const { code, stderr } = await runHere(["publish", "flights", path], { terminal: true });
    expect(code).toBe(0);
    expect(server.events()).toEqual(Array.from({ length: 3_000 }, (_, n) => ({ n })));
    expect(stderr).toContain("100 %  3,000 events");
  });

  test("Parquet on standard input is refused with the reason", async () => {
    const { code, stderr } = await runHere(["publish", "flights", "--format", "parquet"], { stdin: "PAR1" });
    expect(code).toBe(2);
    expect(stderr).toContain("give a file, not standard input");
  });

  test("an empty input sends nothing and is no error", async () => {
    const { code } = await runHere(["publish", "flights", "-"], { stdin: "\n" });
    expect(code).toBe(0);
    expect(server.received).toEqual([]);
  });

  test("with a rate events flow evenly and no faster", async () => {
    const path = await file("events.ndjson", numbered(60));
    const started = performance.now();
    await runHere(["publish", "flights", path, "--rate", "100"]);
    // The last batch of 20 is due after 40 events' time.
    expect(performance.now() - started).toBeGreaterThan(390);
    expect(server.received.map(({ lines }) => lines.length)).toEqual([20, 20, 20]);
  });
});

describe("what goes wrong", () => {
  test("a batch whose answer was lost is sent again with the same key and counts once", async () => {
    server.answer = (request, attempt) => {
      if (attempt > 0) return undefined;
      server.stored.set(request.key, request.lines);
      return "hang up";
    };
    const path = await file("events.ndjson", numbered(3));
    const { code, stdout } = await runHere(["publish", "flights", path, "--json"]);
    expect(code).toBe(0);
    expect(server.received).toHaveLength(2);
    expect(server.received[1]?.key).toBe(server.received[0]?.key);
    expect(server.received[1]?.lines).toEqual(server.received[0]?.lines);
    expect(server.events()).toHaveLength(3);
    expect(JSON.parse(stdout)).toMatchObject({ accepted: 3, rejected: 0, retries: 1 });
  });

  test.each([
    [429, "overloaded"],
    [503, "draining"],
    [409, "idempotency_key_in_flight"],
  ])("a batch that is answered %d %s is sent again", async (status, code) => {
    server.answer = (_, attempt) => (attempt < 2 ? problem(status, code, "not now") : undefined);
    const { code: exit } = await runHere(["publish", "flights", await file("events.ndjson", numbered(3))]);
    expect(exit).toBe(0);
    expect(server.received).toHaveLength(3);
  });

  test("Retry-After is waited for", async () => {
    server.answer = (_, attempt) =>
      attempt === 0 ? { ...problem(429, "overloaded", "later"), headers: { "retry-after": "1" } } : undefined;
    await runHere(["publish", "flights", await file("events.ndjson", numbered(1))]);
    const [first, second] = server.received;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1_000);
  });

  test("Retry-After can be a date", async () => {
    server.answer = (_, attempt) =>
      attempt === 0
        ? { ...problem(503, "draining", "later"), headers: { "retry-after": dateIn(2_000) } }
        : undefined;
    await runHere(["publish", "flights", await file("events.ndjson", numbered(1))]);
    const [first, second] = server.received;
    // A date has whole seconds.
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1_000);
  });

  test("an answer without counts isn't taken for success", async () => {
    server.answer = () => ({ status: 202, body: { ok: true } });
    const { code, stderr } = await runHere(["publish", "flights", await file("events.ndjson", numbered(1))]);
    expect(code).toBe(1);
    expect(stderr).toContain("lacks its counts of events");
  });

  test("a file that ends in the middle says how far it got", async () => {
    const path = await file("events.json", '[{"n":1},{"n":2},{"n"');
    const { code, stderr } = await runHere(["publish", "flights", path, "--batch", "1"]);
    expect(code).toBe(1);
    expect(stderr).toContain(
      "ends in the middle of the document (byte 21); until then 2 events were accepted",
    );
  });

  test("retries end, and then it says how far it got", async () => {
    server.answer = ({ lines }) =>
      lines.includes('{"n":0}') ? undefined : problem(503, "draining", "stopping");
    const path = await file("events.ndjson", numbered(4));
    const { code, stderr } = await runHere([
      "publish",
      "flights",
      path,
      "--batch",
      "2",
      "--in-flight",
      "1",
      "--retries",
      "1",
    ]);
    expect(code).toBe(1);
    expect(stderr).toContain("error: stopping; until then 2 events were accepted and 0 rejected");
    expect(server.received).toHaveLength(3);
  });

  test("an error that a retry can't change stops at once, even while the input waits for more", async () => {
    server.answer = () =>
      problem(404, "unknown_stream", 'there is no stream "flihgts"; did you mean "flights"?');
    const stdin = new PassThrough();
    stdin.write('{"n":1}\n');
    const { code, stderr } = await runHere(["publish", "flihgts", "-"], { stdin });
    expect(code).toBe(1);
    expect(stderr).toContain('did you mean "flights"?');
    expect(server.received).toHaveLength(1);
  });

  test("rejected events are named by their number in the whole input, and make it exit 1", async () => {
    server.answer = ({ lines }) => {
      const index = lines.indexOf('{"n":13}');
      if (index === -1) return undefined;
      const error = { index, path: "/n", code: "out_of_range", message: "13 is unlucky" };
      return { status: 202, body: { accepted: lines.length - 1, rejected: 1, errors: [error] } };
    };
    const path = await file("events.ndjson", numbered(20));
    const args = ["publish", "flights", path, "--batch", "10"];
    const { code, stdout, stderr } = await runHere(args);
    expect(code).toBe(1);
    expect(stdout).toContain("flights: 19 accepted, 1 rejected");
    expect(stdout).toContain("event 14 /n: 13 is unlucky (out_of_range)");
    expect(stderr).toContain("error: 1 of 20 events were rejected");
    expect((await runHere([...args, "--allow-rejected"])).code).toBe(0);
  });

  test("a batch of which all events are rejected is counted, and the others are sent", async () => {
    server.answer = ({ lines }) => {
      if (!lines.includes('{"n":0}')) return undefined;
      const errors = lines.map((_, index) => ({ index, path: "", code: "invalid_type", message: "no" }));
      return problem(422, "events_rejected", "none fits", { accepted: 0, rejected: 2, errors, kept: true });
    };
    const path = await file("events.ndjson", numbered(4));
    const { stdout } = await runHere([
      "publish",
      "flights",
      path,
      "--batch",
      "2",
      "--in-flight",
      "1",
      "--json",
    ]);
    expect(JSON.parse(stdout)).toMatchObject({
      accepted: 2,
      rejected: 2,
      errors: [{ event: 1 }, { event: 2 }],
    });
  });

  test("no more requests are in flight than given, and the input isn't read ahead", async () => {
    const gate = Promise.withResolvers<void>();
    server.answer = async () => {
      await gate.promise;
      return undefined;
    };
    const stdin = new PassThrough({ highWaterMark: 1 });
    const running = runHere(["publish", "flights", "-", "--batch", "1", "--in-flight", "2"], { stdin });
    let taken = 0;
    const feed = (async () => {
      for (let n = 0; n < 50; n++) {
        if (!stdin.write(`{"n":${n}}\n`)) await new Promise((resolve) => stdin.once("drain", resolve));
        taken = n + 1;
      }
      stdin.end();
    })();
    await until(() => server.received.length === 2);
    // Two in flight, one waiting for its turn, and what the streams between hold.
    expect(taken).toBeLessThan(10);
    gate.resolve();
    await feed;
    expect((await running).code).toBe(0);
    expect(server.inFlightMax).toBe(2);
    expect(server.events()).toHaveLength(50);
  });

  test("Ctrl-C finishes what is in flight and says how far it got", async () => {
    const gate = Promise.withResolvers<void>();
    server.answer = async () => {
      await gate.promise;
      return undefined;
    };
    const stdin = new PassThrough();
    stdin.write(`${numbered(4)}\n`);
    const running = runHere(["publish", "flights", "-", "--batch", "2", "--in-flight", "1"], { stdin });
    await until(() => server.received.length === 1);
    process.emit("SIGINT");
    gate.resolve();
    const { code, stdout, stderr } = await running;
    expect(code).toBe(1);
    expect(stdout).toContain("2 accepted");
    expect(stderr).toContain("until then 2 events were accepted");
    expect(server.received).toHaveLength(1);
  });

  test("a server that isn't there is said at once", async () => {
    await server.stop();
    const { code, stderr } = await runHere(["publish", "flights", await file("events.ndjson", numbered(1))]);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /error: nothing answers at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)\n.*headrace dev/,
    );
    await server.start();
  });

  test("an answer that isn't Headrace's is named as such", async () => {
    server.answer = () => ({ status: 404, body: "<html>nginx</html>" });
    const { stderr } = await runHere(["publish", "flights", await file("events.ndjson", numbered(1))]);
    expect(stderr).toContain("answered 404: <html>nginx</html>");
    expect(stderr).toContain("HEADRACE_URL");
  });

  test.each([
    ["a missing file", ["missing.ndjson"], "no such file"],
    ["a folder", [tmpdir(), "--format", "json"], "is a folder"],
    ["a name without a format", ["events.txt"], "give --format ndjson|json|csv|parquet"],
  ])("%s is found before anything is sent", async (_, files, message) => {
    const { code, stderr } = await runHere(["publish", "flights", ...files]);
    expect(code).toBeGreaterThan(0);
    expect(stderr).toContain(message);
    expect(server.received).toEqual([]);
  });
});

describe("progress", () => {
  test("a terminal gets one line that is rewritten, with the share, the count and the speed", async () => {
    const path = await file("events.ndjson", numbered(50));
    const { stderr } = await runHere(["publish", "flights", path, "--batch", "10"], { terminal: true });
    expect(stderr).toContain("\u001B[1A");
    expect(stderr).toMatch(/█{24} 100 % {2}50 events, [\d,]+ events\/s\n$/);
  });

  test("with --json nothing but the summary is printed", async () => {
    const path = await file("events.ndjson", numbered(50));
    const { stdout, stderr } = await runHere(["publish", "flights", path, "--json"], { terminal: true });
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject({
      accepted: 50,
      rejected: 0,
      batches: 1,
      retries: 0,
      errors: [],
    });
  });
});
