import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { until } from "../support/until.ts";
import { runHere } from "./support/run.ts";
import { startFlights } from "./support/server.ts";

// Against a real server.

let server: Awaited<ReturnType<typeof startFlights>>;

beforeAll(async () => {
  server = await startFlights();
  vi.stubEnv("HEADRACE_URL", server.url);
  const event = {
    flight_id: "1",
    date: "2001-01-01T06:00:00Z",
    delay: 10,
    origin: "ATL",
    destination: "BOS",
  };
  await runHere(["publish", "flights"], { stdin: `${JSON.stringify(event)}\n` });
  await until(async () =>
    (await runHere(["sql", "SELECT count() AS n FROM flights"])).stdout.includes('"n":1'),
  );
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await server.remove();
});

describe("sql", () => {
  test("prints a table on a terminal, with numbers at the right", async () => {
    const sql = "SELECT origin, delay FROM flights";
    const { code, stdout, stderr } = await runHere(["sql", sql, "--format", "table"]);
    expect(code).toBe(0);
    expect(stdout).toBe("origin  delay\nATL        10\n");
    expect(stderr).toMatch(/^1 row in \d\.\d{3} s\n$/);
    expect((await runHere(["sql", sql], { terminal: true })).stdout).toMatch(/origin {2}delay/);
  });

  test("prints the JSON answer elsewhere, and always with --json", async () => {
    const sql = "SELECT 1 AS x";
    for (const outcome of [
      await runHere(["sql", sql]),
      await runHere(["sql", sql, "--json"], { terminal: true }),
    ]) {
      expect(JSON.parse(outcome.stdout)).toMatchObject({ data: [{ x: 1 }], rows: 1 });
    }
  });

  test("prints NDJSON and CSV as the server gives them", async () => {
    const sql = "SELECT origin FROM flights";
    expect((await runHere(["sql", sql, "--format", "ndjson"])).stdout).toBe('{"origin":"ATL"}\n');
    expect((await runHere(["sql", sql, "--format", "csv"])).stdout).toBe('"origin"\n"ATL"\n');
  });

  test("reads the SQL from standard input, and takes parameters", async () => {
    const stdin = "-- who?\nSELECT origin\nFROM flights\nWHERE delay >= {d:Int32} AND origin = {o:String};\n";
    const { code, stdout } = await runHere(
      ["sql", "-", "-p", "d=10", "--param", "o=ATL", "--format", "ndjson"],
      {
        stdin,
      },
    );
    expect([code, stdout]).toEqual([0, '{"origin":"ATL"}\n']);
  });

  test("shows what there is", async () => {
    expect((await runHere(["sql", "SHOW TABLES", "--format", "csv"])).stdout).toContain('"flights"');
    expect((await runHere(["sql", "DESCRIBE flights", "--format", "table"])).stdout).toMatch(/delay +Int32/);
  });

  test.each([
    [["sql", "DROP TABLE flights"], 1, /DROP can't be run here/],
    [["sql", "SELECT * FROM flihgts"], 1, /did you mean "flights"/],
    [["sql", "SELECT dely FROM flights"], 1, /dely/],
    [["sql", "SELECT 1", "--param", "x"], 2, /--param x: expected name=value/],
    [["sql", "SELECT 1", "--format", "xml"], 2, /format/],
    [["sql"], 2, /sql/],
  ])("%j says what is wrong and what to do", async (args, exit, message) => {
    const { code, stdout, stderr } = await runHere(args);
    expect(code).toBe(exit);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
    expect(stderr.trimEnd().split("\n").length).toBeGreaterThanOrEqual(2);
  });

  test("more than SQL from standard input is refused", async () => {
    const { code, stderr } = await runHere(["sql", "-"], { stdin: "x".repeat(300 * 1024) });
    expect(code).toBe(1);
    expect(stderr).toContain("longer than 256 KiB");
  });
});
