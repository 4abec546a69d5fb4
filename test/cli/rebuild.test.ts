import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { until } from "../support/until.ts";
import { runHere } from "./support/run.ts";
import { startFlights } from "./support/server.ts";

const flight = (id: number) =>
  JSON.stringify({
    flight_id: String(id),
    date: "2001-01-01T06:00:00Z",
    delay: id,
    origin: "ATL",
    destination: "BOS",
  });

let server: Awaited<ReturnType<typeof startFlights>>;
beforeAll(async () => {
  server = await startFlights();
  vi.stubEnv("HEADRACE_URL", server.url);
  const events = [1, 2, 3].map(flight).join("\n");
  await runHere(["publish", "flights", "-"], { stdin: `${events}\n` });
  await until(async () => (await described())["events"] === 3);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.remove();
});

const described = async () =>
  (await (await fetch(`${server.url}/v1/streams/flights`)).json()) as Record<string, unknown>;
const send = (path: string, method = "POST") => fetch(`${server.url}/v1/streams/${path}`, { method });

test("the running server rebuilds, says what it would do, and each leaves its trace", async () => {
  expect(await described()).toMatchObject({ rebuild: null });
  expect((await runHere(["rebuild", "flights", "--dry-run"])).stdout).toBe(
    "flights: 3 rows now, 3 from the log\n",
  );
  const json = await runHere(["rebuild", "flights", "--dry-run", "--json"]);
  expect(JSON.parse(json.stdout)).toMatchObject({ dry_run: true, rows: 3, refused: null });
  expect(await runHere(["rebuild", "flights"])).toMatchObject({
    code: 0,
    stdout: "flights is made anew: 3 rows from the log\n",
  });
  const again = await runHere(["rebuild", "flights", "--json"]);
  expect(JSON.parse(again.stdout)).toEqual({
    stream: "flights",
    from_log: 3,
    copied: 0,
    rejected: 0,
    lost: 0,
    to_load: 0,
  });
  expect(await described()).toMatchObject({ events: 3, rebuild: { state: "done", error: null } });
  expect((await runHere(["rebuild", "flights", "--cancel"])).stdout).toBe(
    "flights: no rebuild was running\n",
  );
  const audited = server.output().match(/"action":"rebuild","target":"flights","outcome":"done"/g);
  expect(audited).toHaveLength(2);
});

test("what is wrong is named: the stream, a parameter, a server that isn't there", async () => {
  expect(await runHere(["rebuild", "flight"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("flights") as string,
  });
  for (const [path, parameter] of [
    ["flights/rebuild?dry_run=yes", "dry_run"],
    ["flights/rebuild?allow_partial=1", "allow_partial"],
    ["flights/rebuild?x=1", "x"],
  ] as const) {
    const answer = await send(path);
    expect({ status: answer.status, body: await answer.json() }).toMatchObject({
      status: 400,
      body: { code: "bad_parameter", parameter },
    });
  }
  expect((await send("flight/rebuild", "DELETE")).status).toBe(404);
  const cancelled = await send("visits/rebuild", "DELETE");
  expect(cancelled.status).toBe(404);
  expect(await runHere(["rebuild", "flights", "--offline", "--dry-run"])).toMatchObject({ code: 2 });
  vi.stubEnv("HEADRACE_URL", "http://127.0.0.1:1");
  const away = await runHere(["rebuild", "flights"]);
  expect(away.code).toBe(1);
  expect(away.stderr).toContain("needs --offline");
  vi.stubEnv("HEADRACE_URL", server.url);
});
