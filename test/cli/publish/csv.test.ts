import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { gatherBatches } from "../../../src/cli/publish/batches.ts";
import { readCsv } from "../../../src/cli/publish/csv.ts";
import { defineStream } from "../../../src/project/define-stream.ts";
import { MIB } from "../../../src/units.ts";
import { writeCsv } from "../../ingest/csv/csv-writer.ts";
import { judgeText } from "../../ingest/csv/judge-text.ts";
import { seededRandom } from "../../support/random.ts";
import { IngestServer, problem } from "../support/ingest-server.ts";
import { runHere } from "../support/run.ts";

const texts = defineStream("texts", {
  schema: z.object({ a: z.string().default("none"), b: z.string().optional() }),
  table: { orderBy: ["a"] },
});

async function* inPieces(body: Buffer, lengths: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (let i = 0; at < body.length; i++) {
    const length = lengths[i % lengths.length] ?? 1;
    yield body.subarray(at, at + length);
    at += length;
  }
}

/** A row that never ends. */
async function* longRow(): AsyncGenerator<Buffer> {
  yield Buffer.from('a,b\n1,"');
  for (;;) yield Buffer.alloc(8 * MIB, "x");
}

/** The bodies of the batches that a CSV is sent in. */
async function bodiesOf(chunks: AsyncIterable<Buffer>, events = 3): Promise<string[]> {
  const bodies: string[] = [];
  for await (const batch of gatherBatches(readCsv(chunks, "x.csv"), { events, bytes: MIB })) {
    expect(batch.mediaType).toBe("text/csv");
    bodies.push(batch.body.toString());
  }
  return bodies;
}

describe("the batches of a CSV", () => {
  test("hold the same events as the whole, wherever the file is cut into pieces", async () => {
    const cell = fc.option(
      fc
        .array(fc.constantFrom('"', ",", "\n", "\r\n", "\r", "a", "é", " "), { maxLength: 6 })
        .map((parts) => parts.join("")),
      { nil: undefined },
    );
    const style = fc.record({
      quotes: fc.constantFrom("needed" as const, "always" as const, "sometimes" as const),
      lineEnd: fc.constantFrom("\n" as const, "\r\n" as const, "mixed" as const),
      lastLineEnd: fc.boolean(),
      mark: fc.constant(false),
      emptyLines: fc.boolean(),
    });
    const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cell, cell)),
        style,
        lengths,
        fc.nat(),
        async (rows, how, cuts, seed) => {
          const csv = writeCsv([["a", "b"], ...rows], how, seededRandom(seed));
          const bodies = await bodiesOf(inPieces(Buffer.from(csv), cuts));
          const judged = bodies.map((body) => judgeText(texts, "text/csv", body));
          expect(judged.every(({ length }) => length <= 3)).toBe(true);
          expect(judged.flat()).toEqual(judgeText(texts, "text/csv", csv));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("each begin with the header row", async () => {
    const bodies = await bodiesOf(inPieces(Buffer.from('a,"b"\r\n1,x\r\n2,"y\r\nz"\r\n3,\r\n4,w'), [5]), 2);
    expect(bodies).toEqual(['a,"b"\n1,x\n2,"y\r\nz"\n', 'a,"b"\n3,\n4,w\n']);
  });

  test("are none for a header alone, or for nothing", async () => {
    expect(await bodiesOf(inPieces(Buffer.from("a,b\n"), [1]))).toEqual([]);
    expect(await bodiesOf(inPieces(Buffer.from("\n"), [1]))).toEqual([]);
  });

  test("go out while the file is still being read, which can be endless", async () => {
    let chunks = 0;
    let ended = false;
    async function* endless(): AsyncGenerator<Buffer> {
      try {
        yield Buffer.from("a,b\n");
        for (;;) {
          chunks++;
          yield Buffer.from('1,"x\ny"\n'.repeat(1000));
        }
      } finally {
        ended = true;
      }
    }
    let batches = 0;
    for await (const batch of gatherBatches(readCsv(endless(), "x.csv"), { events: 1000, bytes: MIB })) {
      expect(batch.events).toBe(1000);
      batches++;
      expect(chunks - batches).toBeLessThanOrEqual(2);
      if (batches === 200) break;
    }
    expect(ended).toBe(true);
  });

  test("end at a quote that isn't closed, and at a row that never ends", async () => {
    await expect(bodiesOf(inPieces(Buffer.from('a,b\n1,x\n2,"y\n'), [4]))).rejects.toThrow(
      "x.csv: a quoted cell is never closed; it begins in row 3, the header counted",
    );
    await expect(bodiesOf(longRow())).rejects.toThrow("an event is longer than 64 MiB");
  });
});

describe("headrace publish of CSV", () => {
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
  const file = async (name: string, content: string): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, content);
    return path;
  };

  test("sends files of different columns and formats in batches of their own, in order", async () => {
    const paths = [
      await file("a.csv", "\uFEFFa,b\n1,x\n2,y\n"),
      await file("same.csv", "a,b\n3,z\n"),
      await file("other.csv", "b,a\nw,4\n"),
      await file("lines.ndjson", '{"a":"5"}\n'),
    ];
    const { code, stdout } = await runHere(["publish", "flights", ...paths, "--in-flight", "1", "--json"]);
    expect(code).toBe(0);
    expect(server.received.map(({ mediaType, lines }) => [mediaType, ...lines])).toEqual([
      ["text/csv", "a,b", "1,x", "2,y", "3,z"],
      ["text/csv", "b,a", "w,4"],
      ["application/x-ndjson", '{"a":"5"}'],
    ]);
    expect(JSON.parse(stdout)).toMatchObject({ batches: 3 });
  });

  test("reads standard input when it is told the format", async () => {
    await runHere(["publish", "flights", "-", "--format", "csv"], { stdin: "a\n1\n" });
    expect(server.received[0]?.lines).toEqual(["a", "1"]);
  });

  test("names a rejected row by its number in the whole input", async () => {
    server.answer = ({ lines }) => ({
      status: 202,
      body: {
        accepted: lines.length - 2,
        rejected: 1,
        errors: [{ index: 1, path: "", code: "invalid_csv", message: "bad" }],
      },
    });
    const path = await file("a.csv", "a\n1\n2\n3\n4\n");
    const { code, stdout } = await runHere(["publish", "flights", path, "--batch", "2", "--in-flight", "1"]);
    expect(code).toBe(1);
    expect(stdout).toContain("event 2: bad");
    expect(stdout).toContain("event 4: bad");
  });

  test("stops at a header row that doesn't fit, with the server's reason", async () => {
    server.answer = () => problem(400, "csv_header_invalid", 'the stream has no field "x"');
    const path = await file("a.csv", "x\n1\n");
    const { code, stderr } = await runHere(["publish", "flights", path]);
    expect(code).toBe(1);
    expect(stderr).toContain('the stream has no field "x"');
    expect(server.received).toHaveLength(1);
  });
});
