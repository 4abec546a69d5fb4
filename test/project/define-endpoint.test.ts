import { expect, test } from "vitest";
import { z } from "zod";
import { defineEndpoint } from "../../src/project/define-endpoint.ts";
import { defineProject } from "../../src/project/define-project.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import { sql } from "../../src/project/sql.ts";

const query = () => sql`SELECT 1`;
const define = (name: string, options: object) =>
  defineEndpoint(name, options as Parameters<typeof defineEndpoint>[1]);

test("an endpoint has its defaults filled in", () => {
  expect(defineEndpoint("one", { query })).toMatchObject({
    kind: "endpoint",
    name: "one",
    description: "",
    limits: { time: 10_000, memory: 1024 ** 3, rows: 1_000_000, bytes: 256 * 1024 ** 2 },
  });
  expect(Object.keys(defineEndpoint("one", { query }).params.shape)).toEqual([]);
});

test("limits are taken one by one; time is a duration or milliseconds", () => {
  expect(defineEndpoint("one", { query, limits: { time: "30s", rows: 5 } }).limits).toMatchObject({
    time: 30_000,
    rows: 5,
    memory: 1024 ** 3,
  });
  expect(defineEndpoint("one", { query, limits: { time: 50 } }).limits.time).toBe(50);
});

test("query is called with the parameters", () => {
  const endpoint = defineEndpoint("one", {
    params: z.object({ n: z.int() }),
    query: ({ n }) => sql`SELECT ${n}`,
  });
  expect(endpoint.query({ n: 5 }).parts).toHaveLength(2);
});

test.each<[string, object, string]>([
  ["a bad name", { query, name: "a-b" }, 'The name of endpoint "a-b" must start with a letter'],
  ["a misspelt option", { query, parms: z.object({}) }, 'there is no option "parms"; did you mean "params"?'],
  ["no query", {}, "`query` must be a function"],
  ["SQL instead of a function", { query: sql`SELECT 1` }, "`query` must be a function"],
  ["params that are no object", { query, params: z.string() }, "`params` must be a z.object"],
  ["params that aren't Zod", { query, params: { a: z.string() } }, "`params` must be a z.object"],
  [
    "a parameter named format",
    { query, params: z.object({ format: z.string() }) },
    'can\'t be named "format"',
  ],
  [
    "an unknown limit",
    { query, limits: { tmie: 5 } },
    'there is no option "limits.tmie"; did you mean "time"?',
  ],
  ["a bad duration", { query, limits: { time: "soon" } }, 'limits.time: "soon" isn\'t a duration'],
  ["a limit of 0", { query, limits: { rows: 0 } }, "limits.rows must be a whole number above 0"],
  ["half a row", { query, limits: { rows: 1.5 } }, "limits.rows must be a whole number above 0"],
])("%s is refused", (_, options, message) => {
  const { name = "one" } = options as { readonly name?: string };
  expect(() => define(name, options)).toThrow(message);
  expect(() => define(name, options)).toThrow(expect.objectContaining({ code: "project_invalid" }));
});

const stream = (name: string) =>
  defineStream(name, { schema: z.object({ a: z.string() }), table: { orderBy: ["a"] } });

test("a project holds streams and endpoints, and can't be changed afterwards", () => {
  const project = defineProject({
    name: "airport",
    streams: [stream("a")],
    endpoints: [defineEndpoint("a", { query })],
  });
  expect(project).toMatchObject({ kind: "project", name: "airport", description: "" });
  expect(project.streams.map(({ name }) => name)).toEqual(["a"]);
  expect(Object.isFrozen(project.streams)).toBe(true);
  expect(defineProject({ name: "empty" })).toMatchObject({ streams: [], endpoints: [] });
});

test.each<[string, object, string]>([
  ["a bad name", { name: "Airport" }, 'The name of project "Airport"'],
  [
    "two streams of one name",
    { streams: [stream("a"), stream("a")] },
    'Project "airport": two streams are named "a"; rename one',
  ],
  [
    "two endpoints of one name",
    { endpoints: [define("a", { query }), define("a", { query })] },
    'two endpoints are named "a"',
  ],
  [
    "a stream that isn't one",
    { streams: [{ kind: "stream", name: "a" }] },
    "`streams` must hold what defineStream returned",
  ],
  [
    "an endpoint that isn't one",
    { endpoints: [stream("a")] },
    "`endpoints` must hold what defineEndpoint returned",
  ],
  [
    "an endpoint that is nothing",
    { endpoints: [undefined] },
    "`endpoints` must hold what defineEndpoint returned",
  ],
])("%s is refused", (_, options, message) => {
  const all = { name: "airport", ...options } as Parameters<typeof defineProject>[0];
  expect(() => defineProject(all)).toThrow(message);
  expect(() => defineProject(all)).toThrow(expect.objectContaining({ code: "project_invalid" }));
});
