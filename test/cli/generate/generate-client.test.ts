import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT, runBin, runHere } from "../support/run.ts";
import { FLIGHTS } from "../support/server.ts";

// What `headrace generate client` writes is kept beside this test: a difference is shown line by line, and taken over
// with `npm test -- --update test/cli/generate`.

const GENERATED = join(import.meta.dirname, "generated");
const EVERY_TYPE = join(import.meta.dirname, "every-type");
const TIMEOUT = 120_000;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "headrace-generate-"));
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

test("the client of the flights example is as it was", { timeout: TIMEOUT }, async () => {
  const out = join(folder, "client.ts");
  const { code, stdout, stderr } = await runHere(["generate", "client", "--project", FLIGHTS, "--out", out]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toBe(`${out} has a client of flights: 1 stream, 4 endpoints\n`);
  await expect(await readFile(out, "utf8")).toMatchFileSnapshot(join(GENERATED, "flights-client.ts"));
});

test(
  "the client of a project with every type, and names that are in the way, is as it was",
  { timeout: TIMEOUT },
  async () => {
    const { code, stdout, stderr } = await runBin(["generate", "client", "--project", EVERY_TYPE]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    await expect(stdout).toMatchFileSnapshot(join(GENERATED, "every-type-client.ts"));
  },
);

test("with --json it says what it wrote", { timeout: TIMEOUT }, async () => {
  const out = join(folder, "json-client.ts");
  const { code, stdout } = await runBin(["generate", "client", "--project", FLIGHTS, "-o", out, "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ file: out, streams: 1, endpoints: 4 });
});

test(
  "a file that can't be written and an endpoint that doesn't pass end with an error",
  { timeout: TIMEOUT },
  async () => {
    const nowhere = join(folder, "no/such/folder/client.ts");
    const unwritable = await runBin(["generate", "client", "--project", FLIGHTS, "--out", nowhere, "--json"]);
    expect(unwritable.code).toBe(1);
    expect(JSON.parse(unwritable.stderr)).toMatchObject({ code: "output_failed" });

    const config = `import { defineEndpoint, defineProject, sql } from "${join(ROOT, "src/index.ts")}";
export default defineProject({ name: "broken", streams: [], endpoints: [
  defineEndpoint("broken", { query: () => sql\`SELECT nothing_like_it\` }),
] });`;
    await writeFile(join(folder, "headrace.config.ts"), config);
    const broken = await runBin(["generate", "client", "--project", folder]);
    expect(broken.code).toBe(1);
    expect(broken.stdout).toBe("");
    expect(broken.stderr).toMatch(/endpoint broken: .*nothing_like_it/);
  },
);

test("a project without endpoints has a client too", { timeout: TIMEOUT }, async () => {
  const config = `import { defineProject } from "${join(ROOT, "src/index.ts")}";
export default defineProject({ name: "empty", streams: [], endpoints: [] });`;
  await writeFile(join(folder, "headrace.config.ts"), config);
  const out = join(folder, "empty-client.ts");
  expect((await runBin(["generate", "client", "--project", folder, "-o", out])).code).toBe(0);
  expect(await compile([out], NODE)).toBe("");
});

const STRICTEST = (
  "strict exactOptionalPropertyTypes noUncheckedIndexedAccess noImplicitOverride noImplicitReturns " +
  "noFallthroughCasesInSwitch noPropertyAccessFromIndexSignature noUnusedLocals noUnusedParameters " +
  "erasableSyntaxOnly verbatimModuleSyntax isolatedModules isolatedDeclarations declaration noEmit"
)
  .split(" ")
  .map((flag) => `--${flag}`);
const NODE = ["--module", "nodenext", "--lib", "es2022", "--types", "node", "--skipLibCheck"];
const BROWSER = ["--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2022,dom", "--types", ""];

test.each([
  ["Node, without the browser's types", NODE],
  ["browsers, without Node's", BROWSER],
])("both compile under the strictest flags for %s", { timeout: TIMEOUT }, async (_where, flags) => {
  const files = ["flights-client.ts", "every-type-client.ts"].map((name) => join(GENERATED, name));
  expect(await compile(files, flags)).toBe("");
});

test("the types take what fits, and nothing else", { timeout: TIMEOUT }, async () => {
  await copyFile(join(GENERATED, "flights-client.ts"), join(folder, "flights-client.ts"));
  await copyFile(join(GENERATED, "every-type-client.ts"), join(folder, "every-type-client.ts"));
  const consumer = join(folder, "consumer.ts");
  await writeFile(consumer, CONSUMER);
  expect(await compile([consumer], [...BROWSER, "--allowImportingTsExtensions"])).toBe("");
});

const CONSUMER = `
import { createClient, HeadraceClientError, type FlightsEvent, type SendResult } from "./flights-client.ts";
import { createClient as createOther, type ABEvent, type AB2Event, type AnswersRow } from "./every-type-client.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <T extends true>(_holds: T): void => {};

const client = createClient({ url: "", token: undefined });
const flight: FlightsEvent = { flight_id: "1", date: "2001-01-01T00:00:00Z", delay: 1, origin: "JFK", destination: "LAX" };
async function* source(): AsyncGenerator<FlightsEvent> { yield flight; }

export async function use(): Promise<void> {
  const result: SendResult<FlightsEvent> = await client.flights.send(flight);
  await client.flights.send([flight] as const, { signal: AbortSignal.timeout(1) });
  await client.streams.flights.send(new Set([flight]));
  await client.flights.send(source());
  await client.flights.send({ ...flight, distance: undefined });
  // @ts-expect-error a field is missing
  await client.flights.send({ flight_id: "1" });
  // @ts-expect-error a text is no delay
  await client.flights.send({ ...flight, delay: "late" });
  // @ts-expect-error there is no such field
  await client.flights.send({ ...flight, gate: "A1" });
  // @ts-expect-error there is no such stream
  await client.fligths.send(flight);
  same<Same<typeof result.errors[number]["event"], FlightsEvent>>(true);

  const { data } = await client.delays_by_origin({ origin: "JFK", limit: undefined });
  const [row] = data;
  if (row !== undefined) {
    same<Same<typeof row.flights, number | string>>(true);
    same<Same<typeof row.origin, string>>(true);
    // @ts-expect-error there is no such column
    console.log(row.delay);
  }
  await client.delays_by_origin();
  // @ts-expect-error a text is no limit
  await client.delays_by_origin({ limit: "5" });
  // @ts-expect-error there is no such parameter
  await client.delays_by_origin({ orgin: "JFK" });

  const other = createOther({ url: "http://localhost:7070" });
  await other.params({ text: "a", wide: "9007199254740993", list: ["a"] as const });
  // @ts-expect-error a required parameter is missing
  await other.params();
  // @ts-expect-error the parameter takes one of two words
  await other.params({ text: "a", mode: "medium" });
  await other.body_params({ either: 5, pair: ["a", 1], filter: { min: 1 } });
  // A stream and an endpoint of one name, and names that every client has.
  await other.shared.send({ n: 1 });
  await other.shared();
  await other.streams.flush.send({ n: 1 });
  await other.endpoints.close();
  await other.flush();
  // @ts-expect-error it would make the client a promise
  other.then;
  const one: ABEvent = { n: 1 };
  const two: AB2Event = one;
  await other.a__b.send(two);
  same<Same<AnswersRow["pair"], [number, string]>>(true);
  same<Same<AnswersRow["counts"], Record<string, number | string>>>(true);
  same<Same<AnswersRow["float"], number | "nan" | "inf" | "-inf">>(true);
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof HeadraceClientError ? error.code : undefined;
}
`;

/** What the compiler complains about. */
async function compile(files: readonly string[], flags: readonly string[]): Promise<string> {
  const compiler = join(ROOT, "node_modules/typescript/bin/tsc");
  const child = spawn(process.execPath, [compiler, "--target", "es2022", ...STRICTEST, ...flags, ...files], {
    // Without the settings and types of this checkout, but those that are asked for.
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  child.stderr.on("data", (chunk) => (output += String(chunk)));
  await once(child, "close");
  return output;
}
