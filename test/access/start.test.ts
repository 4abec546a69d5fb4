import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FLIGHTS } from "../cli/support/server.ts";
import { runBin } from "../cli/support/run.ts";
import { startServerProcess, type ServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { bearer, testToken } from "./token-fixtures.ts";

/** How long a change of the tokens file may take to be in force. Milliseconds; the promise is two seconds, on an idle machine. */
const RELOAD_DEADLINE = 8_000;

let folder: string;
let server: ServerProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-access-"));
});
afterEach(async () => {
  await server?.stop("SIGKILL");
  server = undefined;
  await rm(folder, { recursive: true, force: true });
});

const start = (env: Record<string, string>) =>
  startServerProcess({ project: FLIGHTS, data: join(folder, "data"), env });

async function statusOf(url: string, headers: Record<string, string>): Promise<number | undefined> {
  // Not fetch, which sends a Host header of its own.
  const [response] = (await once(httpRequest(url, { headers }).end(), "response")) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

test("on loopback without tokens everything is allowed, to whoever uses a name of this machine and no foreign page", async () => {
  server = await start({});
  const { url } = server;
  for (const path of ["/v1/streams", "/metrics", "/v1/openapi.json", "/v1/endpoints/delays_by_origin"]) {
    expect(await statusOf(`${url}${path}`, {})).toBe(200);
    expect(await statusOf(`${url}${path}`, { authorization: "Bearer whatever" })).toBe(200);
    expect(await statusOf(`${url}${path}`, { host: "evil.example" })).toBe(421);
    expect(await statusOf(`${url}${path}`, { origin: "https://evil.example" })).toBe(403);
  }
});

test("tokens can be made, used, and taken away while the server runs", async () => {
  const file = join(folder, "tokens.json");
  const make = async (name: string, ...more: string[]) => {
    const made = await runBin([
      "token",
      "new",
      "--name",
      name,
      "--expires",
      "1d",
      "--file",
      file,
      "--json",
      ...more,
    ]);
    expect(made.code).toBe(0);
    return (JSON.parse(made.stdout) as { token: string }).token;
  };
  const first = await make("first", "--scope", "read:*");
  server = await start({ HEADRACE_TOKENS_FILE: file, HEADRACE_LOG_LEVEL: "debug" });
  const { url } = server;
  const status = (token: string) => statusOf(`${url}/v1/endpoints/delays_by_origin`, bearer(token));
  // With tokens any name is answered: behind a proxy the server can't know its own.
  expect(await statusOf(`${url}/v1/streams`, { ...bearer(first), host: "api.example.com" })).toBe(200);
  expect(await status(first)).toBe(200);

  const env = { HEADRACE_URL: url, HEADRACE_TOKEN: `${first}\n` };
  expect((await runBin(["query", "delays_by_origin", "--json"], { env })).code).toBe(0);
  const refused = await runBin(["publish", "flights"], { env, stdin: "{}\n" });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('"first" lacks the scope ingest:flights');

  const second = await make("second", "--scope", "read:delays_by_origin");
  await until(async () => (await status(second)) === 200, { timeout: RELOAD_DEADLINE });
  const [, kept] = JSON.parse(await readFile(file, "utf8")) as unknown[];
  await writeFile(file, JSON.stringify([kept]));
  await until(async () => (await status(first)) === 401, { timeout: RELOAD_DEADLINE });
  expect(await status(second)).toBe(200);

  const output = server.output();
  expect(output).toContain('"audit":true,"caller":"server","action":"tokens reload"');
  for (const token of [first, second]) expect(output + refused.stderr).not.toContain(token.slice(3, 15));
});

describe("a start is refused with one line that names what is wrong", () => {
  const { entry } = testToken("loader", ["ingest:flights"]);
  const good = JSON.stringify([entry]);
  test.each<[string, Record<string, string>, string]>([
    ["beyond loopback without tokens", { HEADRACE_HOST: "0.0.0.0" }, "can be reached from other machines"],
    ["tokens twice", { HEADRACE_TOKENS: good, HEADRACE_TOKENS_FILE: "tokens.json" }, "are both set"],
    ["no such file", { HEADRACE_TOKENS_FILE: "nowhere.json" }, "HEADRACE_TOKENS_FILE "],
    [
      "tokens in place of hashes",
      { HEADRACE_TOKENS: good.replace(/sha256:/, "hr_") },
      'entry 1 ("loader"): hash',
    ],
    ["a misspelt scope", { HEADRACE_TOKENS: good.replace("ingest:", "ingset:") }, "did you mean"],
    ["no origin", { HEADRACE_CORS_ORIGINS: "app.example.com" }, "HEADRACE_CORS_ORIGINS"],
  ])("%s", async (_what, env, message) => {
    const { code, stderr } = await runBin(
      ["start", "--project", FLIGHTS, "--port", "0", "--data", join(folder, "data")],
      { env },
    );
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr.trim().split("\n")).toHaveLength(2);
    expect(stderr).not.toContain(entry.hash.slice(7, 20));
  });
});
