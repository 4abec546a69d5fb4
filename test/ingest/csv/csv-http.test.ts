import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MIB } from "../../../src/units.ts";
import { held, HELD_MAX, HELD_TEST_TIMEOUT } from "../../support/event-loop.ts";
import { startIngest, type IngestUnderTest } from "../ingest-server.ts";

let ingest: IngestUnderTest;
beforeEach(async () => {
  ingest = await startIngest({ limits: { inFlightBytesMax: 1024 * MIB } });
});
afterEach(async () => {
  await ingest.stop();
});

const csv = { type: "text/csv" };

const post = (body: Buffer) =>
  ingest.post(zstdCompressSync(body), { ...csv, headers: { "content-encoding": "zstd" } });

describe("a CSV body over HTTP", () => {
  test("is kept as events; errors say the row, counted from 0 without the header", async () => {
    const answer = await ingest.post('n,note\r\n1,"a\r\nb"\r\nx,bad\r\n3\r\n4,\r\n', csv);
    expect(answer.status).toBe(202);
    expect(answer.body).toMatchObject({
      accepted: 2,
      rejected: 2,
      errors: [
        { index: 1, path: "/n", code: "invalid_type", message: 'expected an integer, got "x"' },
        { index: 2, path: "", code: "invalid_csv", message: "the row has 1 cell, the header 2" },
      ],
    });
    expect(await ingest.kept()).toEqual({
      events: ['{"n":1,"note":"a\\r\\nb"}', '{"n":4}'],
      rejected: ['{"n":"x","note":"bad"}', "3"],
    });
  });

  test("can be compressed, and comes again by its key", async () => {
    const body = "n\n1\n2\n";
    const headers = { "idempotency-key": "k" };
    await ingest.post(body, { ...csv, headers });
    const again = await ingest.post(gzipSync(body), {
      type: "text/csv; charset=UTF-8; header=present",
      headers: { ...headers, "content-encoding": "gzip" },
    });
    expect([again.status, again.headers.get("idempotency-replayed")]).toEqual([202, "true"]);
    const other = await ingest.post(body, { headers });
    expect([other.status, other.body["code"]]).toEqual([422, "idempotency_key_reused"]);
    expect((await ingest.kept()).events).toHaveLength(2);
  });

  test("with on_invalid=fail is refused whole for one bad row", async () => {
    const answer = await ingest.post("n\n1\nx\n", { ...csv, query: "?on_invalid=fail" });
    expect([answer.status, answer.body["kept"], answer.body["rejected"]]).toEqual([422, false, 1]);
    expect(await ingest.kept()).toEqual({ events: [], rejected: [] });
  });

  test("of which no row fits is 422, and kept", async () => {
    const answer = await ingest.post("n\nx\n", csv);
    expect([answer.status, answer.body["kept"]]).toEqual([422, true]);
    expect((await ingest.kept()).rejected).toEqual(['{"n":"x"}']);
  });

  test.each([
    ["an unknown column", "n,nte\n1,a\n", 400, "csv_header_invalid", { header: "nte", nearest: "note" }],
    ["a column twice", "n,n\n1,1\n", 400, "csv_header_invalid", { header: "n" }],
    ["no header row", "\n", 400, "body_unreadable", {}],
    ["nothing at all", "", 400, "body_unreadable", {}],
    ["a quote that isn't closed behind good rows", 'n\n1\n"2\n', 400, "body_unreadable", { byte: 4 }],
  ])("with %s is refused, and nothing of it is kept", async (_name, body, status, code, details) => {
    const answer = await ingest.post(body, csv);
    expect([answer.status, answer.body["code"]]).toEqual([status, code]);
    expect(answer.body).toMatchObject(details);
    expect(await ingest.kept()).toEqual({ events: [], rejected: [] });
  });

  test.each([
    ["text/csv; header=absent", 415, "unsupported_media_type", "its first row must name the columns"],
    ['text/csv; header="absent"', 415, "unsupported_media_type", "its first row must name the columns"],
    ["text/csv; charset=windows-1252", 400, "body_unreadable", "only UTF-8 is read"],
    ["text/tab-separated-values", 415, "unsupported_media_type", "isn't supported"],
  ])("as %s is %d", async (type, status, code, message) => {
    const answer = await ingest.post("n\n1\n", { type });
    expect([answer.status, answer.body["code"]]).toEqual([status, code]);
    expect(answer.body["detail"]).toContain(message);
  });

  test("has no more rows than the limit, the header not counted", async () => {
    await ingest.stop();
    ingest = await startIngest({ limits: { eventsMax: 2 } });
    expect((await ingest.post("n\n1\n2\n", csv)).status).toBe(202);
    const answer = await ingest.post("n\n1\n2\n3\n", csv);
    expect([answer.status, answer.body["code"]]).toEqual([413, "body_too_large"]);
  });
});

describe("the event loop isn't held over 50 ms by", { timeout: HELD_TEST_TIMEOUT }, () => {
  test("16 MiB of good rows, some of them quoted", async () => {
    const row = `1,"${"x".repeat(50)}""y""\n${"z".repeat(50)}"\n2,${"x".repeat(100)}\n`;
    const body = Buffer.from(`n,note\n${row.repeat(Math.floor((16 * MIB) / row.length))}`);
    const longest = await held(async () => {
      expect((await post(body)).body).toMatchObject({ rejected: 0 });
    });
    expect(longest).toBeLessThan(HELD_MAX);
  });

  test("100,000 rows that aren't CSV", async () => {
    const body = Buffer.from(`n,note\n${'1,a"b\n'.repeat(100_000)}`);
    const longest = await held(async () => {
      expect((await post(body)).body).toMatchObject({ rejected: 100_000 });
    });
    expect(longest).toBeLessThan(HELD_MAX);
  });

  test("rows of 100 KB full of quotes", async () => {
    const body = Buffer.from(`n,note\n${`1,"${'""'.repeat(50_000)}"\n`.repeat(60)}`);
    const longest = await held(async () => {
      expect((await post(body)).body).toMatchObject({ accepted: 60 });
    });
    expect(longest).toBeLessThan(HELD_MAX);
  });
});
