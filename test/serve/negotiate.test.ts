import { describe, expect, it } from "vitest";
import { HeadraceError } from "../../src/errors.ts";
import { matchesEtag, negotiateEncoding, negotiateFormat } from "../../src/serve/negotiate.ts";

function refusal(run: () => unknown): HeadraceError {
  try {
    run();
  } catch (error) {
    if (error instanceof HeadraceError) return error;
  }
  throw new Error("was not refused");
}

describe("the format of an answer", () => {
  it.each([
    [undefined, undefined, "json"],
    [undefined, "", "json"],
    [undefined, "*/*", "json"],
    [undefined, "application/*", "json"],
    [undefined, "text/*", "csv"],
    [undefined, "text/csv", "csv"],
    [undefined, "TEXT/CSV; header=present", "csv"],
    [undefined, "application/x-ndjson", "ndjson"],
    [undefined, "application/ndjson", "ndjson"],
    [undefined, "application/jsonl", "ndjson"],
    [undefined, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "json"],
    [undefined, "application/json;q=0.2, text/csv;q=0.9", "csv"],
    [undefined, "text/csv;q=0.5, application/x-ndjson;q=0.5", "ndjson"],
    [undefined, "application/json;q=0, */*;q=0.1", "ndjson"],
    ["csv", "application/json", "csv"],
    ["ndjson", undefined, "ndjson"],
    ["parquet", undefined, "parquet"],
    ["arrow", "*/*", "arrow"],
    [undefined, "application/vnd.apache.parquet", "parquet"],
    [undefined, "application/vnd.apache.arrow.stream", "arrow"],
    [undefined, "application/vnd.apache.arrow.file, application/json;q=0.1", "json"],
    [undefined, "application/json;q=0.5, application/vnd.apache.parquet;q=0.8", "parquet"],
    [undefined, "application/vnd.apache.parquet;q=0.8, application/vnd.apache.arrow.stream", "arrow"],
    [undefined, "application/vnd.apache.parquet;q=0.3, application/*;q=0.2", "parquet"],
  ] as const)("is, with format=%s and Accept %s, %s", (asked, accept, format) => {
    expect(negotiateFormat(asked, accept)).toBe(format);
  });

  it.each([
    ["avro", undefined],
    ["Parquet", "*/*"],
    ["", undefined],
    [["csv", "json"], undefined],
    [undefined, "application/vnd.apache.arrow.file"],
    [undefined, "application/vnd.apache.parquet;q=0"],
    [undefined, "application/json;q=0"],
    [undefined, "text/csv;q=nonsense"],
  ])("is refused, with format=%s and Accept %s, with a list of what there is", (asked, accept) => {
    const error = refusal(() => negotiateFormat(asked, accept));
    expect(error.code).toBe("not_acceptable");
    expect(error.message).toContain("json, ndjson, csv, parquet, arrow");
    expect(error.details["formats"]).toEqual(["json", "ndjson", "csv", "parquet", "arrow"]);
    expect(error.details["media_types"]).toContain("application/vnd.apache.arrow.stream");
  });
});

describe("the encoding of an answer", () => {
  it.each([
    [undefined, undefined],
    ["identity", undefined],
    ["gzip", "gzip"],
    ["gzip, deflate, br, zstd", "zstd"],
    ["gzip, deflate, br", "br"],
    ["br;q=0.5, gzip", "gzip"],
    ["gzip;q=0", undefined],
    ["*", "zstd"],
    ["*, zstd;q=0", "br"],
    ["deflate", undefined],
    ["identity, gzip;q=0.5", undefined],
  ] as const)("for %s is %s", (header, encoding) => {
    expect(negotiateEncoding(header)).toBe(encoding);
  });
});

describe("If-None-Match", () => {
  it.each([
    ['W/"a"', true],
    ['"a"', true],
    ['"b", W/"a"', true],
    ["*", true],
    ['"b"', false],
    ["a", false],
    [undefined, false],
  ])("%s matches: %s", (header, matches) => {
    expect(matchesEtag(header, 'W/"a"')).toBe(matches);
  });
});
