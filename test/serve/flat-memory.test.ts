import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KIB, MIB, MINUTE } from "../../src/units.ts";
import { startServerProcess, type ServerProcess } from "../support/server-process.ts";

/** For one answer, on a machine that is busy with other things. */
const DEADLINE = 2 * MINUTE;

describe("answers much larger than what they may take of memory", () => {
  let server: ServerProcess;
  let data: string;

  async function memory(): Promise<number> {
    const { stdout } = await promisify(execFile)("ps", ["-o", "rss=", "-p", String(server.pid)]);
    return Number(stdout) * KIB;
  }

  /** Reads an answer to its end, and looks at the server's memory meanwhile. */
  async function read(path: string): Promise<{ readonly bytes: number; readonly peak: number }> {
    const response = await fetch(`${server.url}/v1/endpoints/${path}`);
    expect(response.status).toBe(200);
    let bytes = 0;
    let peak = 0;
    let looked = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes - looked < 32 * MIB) continue;
      looked = bytes;
      peak = Math.max(peak, await memory());
    }
    return { bytes, peak };
  }

  beforeAll(async () => {
    data = await mkdtemp(join(tmpdir(), "headrace-flat-"));
    server = await startServerProcess({ project: join(import.meta.dirname, "large-project"), data });
  });
  afterAll(async () => {
    await server.stop("SIGKILL");
    await rm(data, { recursive: true, force: true });
  });

  // The growth is for the engine's blocks and the pipe, for chunks that V8 hasn't collected yet (it is told not to hurry, in
  // src/cli/main.ts), and of Parquet for a few row groups too: whatever kept the answer, or most of it, would be above it.
  it.each([
    { format: "ndjson", rows: 2_000_000, bytesMin: 280 * MIB, growthMax: 130 * MIB },
    { format: "csv", rows: 2_000_000, bytesMin: 240 * MIB, growthMax: 130 * MIB },
    { format: "arrow", rows: 2_000_000, bytesMin: 210 * MIB, growthMax: 130 * MIB },
    { format: "parquet", rows: 4_000_000, bytesMin: 200 * MIB, growthMax: 150 * MIB },
  ])(
    "are streamed with flat memory as $format",
    { timeout: DEADLINE },
    async ({ format, rows, bytesMin, growthMax }) => {
      // What a first query takes stays taken: threads, caches, buffers.
      await read(`large?count=${rows / 5}&format=${format}`);
      const before = await memory();
      const { bytes, peak } = await read(`large?count=${rows}&format=${format}`);
      expect(bytes).toBeGreaterThan(bytesMin);
      expect(peak).toBeGreaterThan(0);
      expect(peak - before).toBeLessThan(growthMax);
    },
  );
});
