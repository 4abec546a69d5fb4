import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { until } from "../support/until.ts";
import { runHere } from "./support/run.ts";
import { startFlights } from "./support/server.ts";

const flight = (id: number, delay: unknown) =>
  JSON.stringify({
    flight_id: String(id),
    date: "2001-01-01T06:00:00Z",
    delay,
    origin: "ATL",
    destination: "BOS",
  });

let server: Awaited<ReturnType<typeof startFlights>>;
beforeAll(async () => {
  server = await startFlights();
  vi.stubEnv("HEADRACE_URL", server.url);
  const events = [flight(1, 1), flight(2, 2), flight(3, "late"), flight(4, "later")].join("\n");
  await runHere(["publish", "flights", "-", "--allow-rejected"], { stdin: `${events}\n` });
  await until(async () => (await counts()).rejected === 2);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.remove();
});

async function counts(): Promise<{ events: number; rejected: number }> {
  return (await (await fetch(`${server.url}/v1/streams/flights`)).json()) as {
    events: number;
    rejected: number;
  };
}

const send = (path: string, method: string, body?: unknown) =>
  fetch(`${server.url}/v1/streams/${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });

test("rejected events are listed, as a table or as JSON lines, by code and time", async () => {
  const table = await runHere(["rejected", "flights"]);
  expect(table.stdout).toMatch(/^time .*code .*path .*message .*event/);
  expect(table.stderr).toContain("2 rejected events");
  const json = await runHere(["rejected", "flights", "--json", "--code", "invalid_type", "--limit", "1"]);
  expect(
    json.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as unknown),
  ).toMatchObject([{ refused_by: "ingest" }]);
  expect((await runHere(["rejected", "flights", "--json", "--before", "2001-01-01"])).stdout).toBe("");
});

test("a replay says what stays rejected and why", async () => {
  const replay = await runHere(["rejected", "flights", "--replay"]);
  expect(replay.stdout).toMatch(/0 replayed, 2 still rejected\n.*\/delay: .*\(invalid_type\)/);
  const json = await runHere(["rejected", "flights", "--replay", "--json", "--code", "other"]);
  expect(JSON.parse(json.stdout)).toEqual({ replayed: 0, still_rejected: 0, errors: [] });
});

test("delete says how many with --dry-run, asks without --yes, and erases with it", async () => {
  const where = ["delete", "flights", "--where", "delay = 1", "--rejected", '"later"'];
  expect((await runHere([...where, "--dry-run"])).stdout).toBe(
    "1 row and 1 rejected event would be erased\n",
  );
  expect(await runHere(where)).toMatchObject({ code: 2 });
  const no = await runHere(where, { terminal: true, stdin: "no\n" });
  expect(no).toMatchObject({ code: 2 });
  expect((await counts()).events).toBe(2);
  const yes = await runHere(where, { terminal: true, stdin: "flights\n" });
  expect(yes.stdout).toBe("1 row and 1 rejected event erased\n");
  await until(async () => (await counts()).rejected === 1);
  const json = await runHere(["delete", "flights", "--where", "delay = 1", "--yes", "--json"]);
  expect(JSON.parse(json.stdout)).toEqual({ deleted: 0, rejected_deleted: 0 });
  expect(await runHere(["delete", "flights"])).toMatchObject({ code: 2 });
});

test("bad requests are refused by the name of what is wrong", async () => {
  for (const [path, method, body, parameter] of [
    ["flights/events", "DELETE", undefined, "where"],
    ["flights/events?where=1&x=1", "DELETE", undefined, "x"],
    ["flights/events?where=1&where=2", "DELETE", undefined, "where"],
    ["flights/events?where=1&dry_run=yes", "DELETE", undefined, "dry_run"],
    ["flights/events?rejected=a", "DELETE", undefined, "rejected"],
    ["flights/reset", "POST", { confirm: "other" }, "confirm"],
    ["flights/rejected/replay", "POST", [], "body"],
    ["flights/rejected/replay", "POST", {}, "body"],
    ["flights/rejected/replay", "POST", { ids: [] }, "ids"],
    ["flights/rejected/replay", "POST", { ids: ["x"] }, "ids"],
    ["flights/rejected/replay", "POST", { code: 1 }, "code"],
    ["flights/rejected/replay", "POST", { before: "soon" }, "before"],
    ["flights/rejected/replay", "POST", { code: "a", limit: 0 }, "limit"],
    ["flights/rejected/replay", "POST", { code: "a", x: 1 }, "x"],
    ["flights/rejected?before=x", "GET", undefined, "before"],
  ] as const) {
    const answer = await send(path, method, body);
    expect({ path, status: answer.status, body: await answer.json() }).toMatchObject({
      status: 400,
      body: { code: "bad_parameter", parameter },
    });
  }
  expect((await send("flight/rejected/replay", "POST", { code: "a" })).status).toBe(404);
  expect((await send("flight/reset", "POST", { confirm: "flight" })).status).toBe(404);
});

test("reset empties the stream, and each action left an audit line", async () => {
  expect((await runHere(["reset", "flights", "--yes"])).stdout).toContain(
    "1 rows and 1 rejected events are gone",
  );
  await until(async () => (await counts()).events === 0);
  const audited = server
    .output()
    .split("\n")
    .filter((line) => line.includes('"audit":true'));
  for (const action of ["replay", "delete", "reset"]) {
    expect(audited.some((line) => line.includes(`"action":"${action}"`))).toBe(true);
  }
});
