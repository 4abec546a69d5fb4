import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { runCli } from "../../src/cli/cli.ts";
import { until } from "../support/until.ts";
import { memoryIo, runBin, runHere, type Outcome } from "./support/run.ts";
import { startFlights } from "./support/server.ts";

// Against a real server: what `publish` sends is what `query` prints.

let server: Awaited<ReturnType<typeof startFlights>>;
let folder: string;
let published: Outcome;

const FLIGHTS = [
  {
    flight_id: "1",
    date: "2001-01-01T06:00:00Z",
    delay: 10,
    distance: 500,
    origin: "ATL",
    destination: "BOS",
  },
  { flight_id: "2", date: "2001-01-01T07:00:00+01:00", delay: -5, origin: "ATL", destination: "JFK" },
  {
    flight_id: "3",
    date: "2001-02-01T08:00:00Z",
    delay: 4,
    distance: 300,
    origin: "BOS",
    destination: "ATL",
  },
];

beforeAll(async () => {
  server = await startFlights();
  folder = await mkdtemp(join(tmpdir(), "headrace-query-"));
  vi.stubEnv("HEADRACE_URL", server.url);
  const path = join(folder, "flights.json");
  await writeFile(
    path,
    JSON.stringify([...FLIGHTS, { ...FLIGHTS[0], flight_id: "bad", delay: "late" }], undefined, 2),
  );
  published = await runHere(["publish", "flights", path]);
  await until(async () => (await runHere(["query", "delays_by_origin"])).stdout.includes('"BOS"'));
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await server.remove();
  await rm(folder, { recursive: true, force: true });
});

describe("query", () => {
  test("prints a table on a terminal, with numbers at the right", async () => {
    const { code, stdout, stderr } = await runHere(["query", "delays_by_origin", "--format", "table"]);
    expect(code).toBe(0);
    expect(stdout.split("\n")).toEqual([
      "origin  flights  mean_delay",
      "ATL           2         2.5",
      "BOS           1           4",
      "",
    ]);
    expect(stderr).toMatch(/^2 rows in \d\.\d{3} s\n$/);
    const terminal = await runHere(["query", "delays_by_origin"], { terminal: true });
    expect(terminal.stdout).toMatch(/origin {2}flights {2}mean_delay/);
  });

  test("prints the JSON answer elsewhere", async () => {
    const { stdout } = await runHere(["query", "delays_by_origin"]);
    expect(JSON.parse(stdout)).toMatchObject({
      data: [
        { origin: "ATL", flights: 2, mean_delay: 2.5 },
        { origin: "BOS", flights: 1, mean_delay: 4 },
      ],
      rows: 2,
    });
  });

  test("prints NDJSON and CSV as the server gives them", async () => {
    const ndjson = await runHere(["query", "delays_by_origin", "--format", "ndjson"]);
    expect(
      ndjson.stdout
        .trimEnd()
        .split("\n")
        .map((line): unknown => JSON.parse(line)),
    ).toHaveLength(2);
    const csv = await runHere(["query", "delays_by_origin", "--format", "csv"]);
    expect(csv.stdout.replaceAll('"', "").trim().split(/\r?\n/)).toEqual([
      "origin,flights,mean_delay",
      "ATL,2,2.5",
      "BOS,1,4",
    ]);
  });

  test("saves an answer that isn't text, and shows none on a terminal", async () => {
    const out = join(folder, "delays.parquet");
    const saved = await runHere(["query", "delays_by_origin", "--format", "parquet", "--out", out]);
    expect(saved).toEqual({ code: 0, stdout: "", stderr: "" });
    const file = await asyncBufferFromFile(out);
    expect(await parquetReadObjects({ file, compressors })).toEqual([
      { origin: "ATL", flights: 2n, mean_delay: 2.5 },
      { origin: "BOS", flights: 1n, mean_delay: 4 },
    ]);
    expect(await readdir(folder)).not.toContain("delays.parquet.part");
    const shown = await runHere(["query", "delays_by_origin", "--format", "arrow"], { terminal: true });
    expect([shown.code, shown.stdout]).toEqual([2, ""]);
    expect(shown.stderr).toContain("--out <file>");
    const piped = await runBin(["query", "delays_by_origin", "--format", "parquet"], {
      env: { HEADRACE_URL: server.url },
    });
    // Not a byte more: a newline at the end would be one.
    expect(piped.stdout.slice(-4)).toBe("PAR1");
  });

  test("saves text too, and says when it can't", async () => {
    const out = join(folder, "delays.csv");
    await runHere(["query", "delays_by_origin", "--format", "csv", "-o", out], { terminal: true });
    expect(await readFile(out, "utf8")).toBe('"origin","flights","mean_delay"\n"ATL",2,2.5\n"BOS",1,4\n');
    const table = await runHere(["query", "delays_by_origin", "--format", "table", "--out", out]);
    expect([table.code, table.stderr]).toEqual([2, expect.stringContaining("--out") as string]);
    const nowhere = await runHere(["query", "delays_by_origin", "-o", join(folder, "no/such.json")]);
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining("no/such.json") as string]);
  });

  test("hands its parameters on, whatever characters they have", async () => {
    const limited = await runHere([
      "query",
      "delays_by_origin",
      "-p",
      "limit=1",
      "--param",
      "from=2001-01-15",
    ]);
    expect(JSON.parse(limited.stdout)).toMatchObject({ data: [{ origin: "BOS" }], rows: 1 });
    const strange = await runHere([
      "query",
      "delays_by_origin",
      "--param",
      "origin=a&=",
      "--format",
      "ndjson",
    ]);
    expect(strange).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\n?$/) as string });
  });

  test.each([
    [["query", "delays_by_orgin"], 'did you mean "delays_by_origin"'],
    [["query", "delays_by_origin", "--param", "limit=0"], "limit"],
    [["query", "delays_by_origin", "--param", "colour=red"], "colour"],
  ])("%j says what the server says, with its advice, and exits 1", async (args, message) => {
    const { code, stdout, stderr } = await runHere(args);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain("error: ");
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split("\n").length).toBeGreaterThanOrEqual(2);
  });
});

describe("answers that are no answers", () => {
  let bad: Server;
  let answer: (response: ServerResponse) => void;

  beforeAll(async () => {
    bad = createServer((_, response) => answer(response));
    await new Promise<void>((resolve) => bad.listen(0, "127.0.0.1", resolve));
    vi.stubEnv("HEADRACE_URL", `http://127.0.0.1:${(bad.address() as AddressInfo).port}`);
  });

  afterAll(() => {
    bad.close();
    vi.stubEnv("HEADRACE_URL", server.url);
  });

  test("one that breaks off exits 1, whatever was printed", async () => {
    answer = (response) => {
      response.write('{"data":[');
      setTimeout(() => response.destroy(), 50);
    };
    const { code, stdout, stderr } = await runHere(["query", "x"]);
    expect(code).toBe(1);
    expect(stdout).toBe('{"data":[');
    expect(stderr).toContain("error: the answer broke off before its end");
  });

  test.each([
    ["no JSON", "<html>", "didn't answer with JSON"],
    ["other JSON", '{"hello":1}', "the answer has no `data` and `meta`"],
  ])("%s isn't shown as a table", async (_, body, message) => {
    answer = (response) => response.end(body);
    const { code, stderr } = await runHere(["query", "x", "--format", "table"]);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  test("a slow reader gets all of a large one", async () => {
    const lines = Array.from({ length: 20_000 }, (_, n) => `{"n":${n}}\n`).join("");
    answer = (response) => response.end(lines);
    const { io } = memoryIo();
    const stdout = new PassThrough({ highWaterMark: 16 });
    const running = runCli(["query", "x", "--format", "ndjson"], { ...io, stdout });
    expect(await text(stdout, running)).toBe(lines);
  });
});

/** All that a stream gets until the writer is done. */
async function text(stream: PassThrough, writer: Promise<unknown>): Promise<string> {
  void writer.finally(() => stream.end());
  let all = "";
  for await (const chunk of stream) all += String(chunk);
  return all;
}

describe("publish", () => {
  test("what fits is accepted, and what doesn't is named with the reason", () => {
    const { code, stdout, stderr } = published;
    expect(stdout).toContain("3 accepted, 1 rejected");
    expect(stdout).toMatch(/event 4 \/delay: .*late/);
    expect(stderr).toContain("1 of 4 events were rejected");
    expect(code).toBe(1);
  });

  test("an unknown stream is named with the nearest one, and nothing is tried again", async () => {
    const { code, stderr } = await runHere(["publish", "flihgts"], { stdin: '{"a":1}\n' });
    expect(code).toBe(1);
    expect(stderr).toContain("flights");
  });

  test("a batch of which nothing fits is counted as rejected", async () => {
    const { stdout } = await runHere(["publish", "flights", "--json", "--allow-rejected"], {
      stdin: '{"a":1}\n{bad\n',
    });
    expect(JSON.parse(stdout)).toMatchObject({
      accepted: 0,
      rejected: 2,
      errors: expect.arrayContaining([
        expect.objectContaining({ event: 2, code: "invalid_json" }),
      ]) as unknown,
    });
  });
});
