import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PlanReport } from "../../src/cli/commands/check.ts";
import { openStore } from "../../src/store/open-store.ts";
import { startServerProcess, type ServerProcess } from "../support/server-process.ts";
import { ROOT, runBin, runHere } from "./support/run.ts";

let folder: string;
let data: string;
let server: ServerProcess | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-schema-"));
  data = join(folder, "data");
  await mkdir(join(folder, "node_modules"));
  await symlink(ROOT, join(folder, "node_modules/headrace"));
  await symlink(join(ROOT, "node_modules/zod"), join(folder, "node_modules/zod"));
});

afterEach(async () => {
  await server?.stop("SIGKILL");
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

async function declare(fields: string, orderBy = "n", name = "clicks"): Promise<string> {
  // A module is loaded once in a process: each version has a folder of its own.
  const project = await mkdtemp(join(folder, "project-"));
  await symlink(join(folder, "node_modules"), join(project, "node_modules"));
  await writeFile(
    join(project, "headrace.config.ts"),
    `import { defineProject, defineStream } from "headrace";
import { z } from "zod";
const clicks = defineStream("${name}", {
  schema: z.object({ ${fields} }),
  freshness: "100 ms",
  table: { orderBy: ["${orderBy}"] },
});
export default defineProject({ name: "site", streams: [clicks], endpoints: [] });
`,
  );
  return project;
}

async function start(project: string): Promise<string> {
  server = await startServerProcess({ project, data });
  return server.url;
}

async function stop(): Promise<void> {
  await server?.stop("SIGTERM");
  server = undefined;
}

async function send(url: string, ...events: readonly object[]): Promise<unknown> {
  const answer = await fetch(`${url}/v1/streams/clicks/events?wait=stored`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(events),
  });
  return answer.json();
}

/** Every table's definition and rows. */
async function contents(): Promise<string[]> {
  const store = await openStore("chdb:", { folder: join(data, "store") });
  const text = async (sql: string): Promise<string> => {
    const { chunks } = await store.query({
      sql: { text: sql, params: {} },
      format: "ndjson",
      limits: { time: 10_000, memory: 1e9, rows: 1e6, bytes: 1e8 },
    });
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    return Buffer.concat(parts).toString();
  };
  try {
    const tables = await text(
      "SELECT name, create_table_query FROM system.tables WHERE database = 'headrace' ORDER BY name",
    );
    const names = tables
      .split("\n")
      .flatMap((line) => (line === "" ? [] : [(JSON.parse(line) as { name: string }).name]));
    const rows = await Promise.all(names.map((name) => text(`SELECT * FROM \`${name}\` ORDER BY _offset`)));
    return [tables, ...rows];
  } finally {
    await store.close();
  }
}

test("check --against tells what a start would do, and does nothing of it", async () => {
  const before = await declare("n: z.int32(), page: z.string()");
  const after = await declare(
    'n: z.int64(), page: z.string(), user: z.int32().optional(), kind: z.enum(["a"]).default("a")',
    "page",
  );
  const wider = await declare("n: z.int32(), page: z.string().optional(), user: z.int32().optional()");
  await send(await start(before), { n: 1, page: "/" });

  const running = await runBin(["check", "--project", after, "--against", data]);
  expect(running.code).toBe(1);
  expect(running.stderr).toMatch(/is in use by the process \d+/);
  await stop();

  const held = await contents();
  const refused = await runHere(["check", "--project", after, "--against", data]);
  expect(refused.code).toBe(1);
  expect(refused.stdout).toContain("clicks: add column user Nullable(Int32)");
  expect(refused.stdout).toMatch(
    /refused: clicks: table\.orderBy is \(n\), the declaration says \(page\)\. .*headrace rebuild clicks/,
  );
  expect(refused.stderr).toContain("is refused");

  const { code, stdout } = await runHere(["check", "--project", wider, "--against", data, "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout) as PlanReport).toEqual({
    project: "site",
    data,
    ok: true,
    changes: [
      "clicks: column page becomes Nullable(String) (it is String)",
      "clicks: add column user Nullable(Int32)",
    ],
    refused: [],
  });
  expect(await contents()).toEqual(held);

  const same = await runHere(["check", "--project", before, "--against", data]);
  expect(same).toMatchObject({ code: 0, stdout: `A start on ${data} would change no table\n` });
});

test("check --against a folder without tables makes nothing there", async () => {
  const project = await declare("n: z.int32()");
  const { code, stdout } = await runHere(["check", "--project", project, "--against", data]);
  expect(code).toBe(0);
  expect(stdout).toContain("clicks: create the table");
  expect(await readdir(folder)).not.toContain("data");
});

test("a changed order is refused at start, rebuilt, and then starts with the same rows", async () => {
  const before = await declare("n: z.int64(), page: z.string()");
  const after = await declare("n: z.int32(), page: z.string()", "page");
  await send(
    await start(before),
    { n: 1, page: "/b" },
    { n: 5_000_000_000, page: "/x" },
    { n: 2, page: "/a" },
  );
  await stop();

  const refused = await runBin(["start", "--project", after, "--port", "0", "--data", data]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("headrace rebuild clicks");

  const rebuilt = await runBin(["rebuild", "clicks", "--project", after, "--data", data]);
  expect(rebuilt).toMatchObject({
    code: 0,
    stdout: "clicks is made anew: 2 rows from the log, 1 event kept as rejected\n",
  });
  const url = await start(after);
  expect(await send(url, { n: 3, page: "/c" })).toMatchObject({ accepted: 1, stored: 1 });
  const rejected = (await (await fetch(`${url}/v1/streams/clicks`)).json()) as object;
  expect(rejected).toMatchObject({ name: "clicks" });
  await stop();
  const rows = (await contents()).join("\n");
  expect(rows).toContain('"page":"/c"');
  expect(rows.match(/"n":\d+,"page"/g)).toEqual(['"n":1,"page"', '"n":2,"page"', '"n":3,"page"']);

  const again = await runHere(["rebuild", "clicks", "--project", after, "--data", data, "--json"]);
  expect(JSON.parse(again.stdout)).toEqual({
    stream: "clicks",
    from_log: 3,
    copied: 0,
    rejected: 0,
    lost: 0,
    to_load: 0,
  });
});

test("rebuild names what is wrong: an unknown stream, no tables, a running server", async () => {
  const project = await declare("n: z.int32()");
  const unknown = await runHere(["rebuild", "click", "--project", project, "--data", data]);
  expect(unknown.stderr).toContain("site has no stream click; did you mean clicks?");
  const empty = await runHere(["rebuild", "clicks", "--project", project, "--data", data]);
  expect(empty.stderr).toContain("holds no tables yet");
  await start(project);
  const running = await runHere(["rebuild", "clicks", "--project", project, "--data", data]);
  expect(running.code).toBe(1);
  expect(running.stderr).toMatch(/is in use by the process/);
});
