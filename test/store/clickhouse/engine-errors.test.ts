import { describe, expect, test } from "vitest";
import { HeadraceError } from "../../../src/errors.ts";
import { ClickHouseError } from "../../../src/store/clickhouse/clickhouse-error.ts";
import { cleanMessage, insertError, queryError } from "../../../src/store/clickhouse/engine-errors.ts";
import { LIMITS } from "../support.ts";

const READING =
  ": (at row 3)\n: (in file/uri /dev/shm/x): While executing JSONEachRowRowInputFormat: While executing File.";

describe("a failed insert", () => {
  test("is the events' fault when the engine refused what it read, and names the row from 0", () => {
    const error = insertError(
      "t",
      new ClickHouseError(`Code: 27. DB::Exception: Cannot parse input${READING} (X)`, 27),
    );
    expect(error).toMatchObject({ code: "store_refused_events", details: { row: 2 } });
    expect(error.message).toBe("Cannot parse input: (at row 3)");
  });

  test.each([
    [
      "a damaged part",
      new ClickHouseError("Code: 33. DB::Exception: Cannot read all data from part all_1_1_0", 33),
    ],
    ["memory", new ClickHouseError(`Code: 241. DB::Exception: Memory limit exceeded${READING}`, 241)],
    [
      "a full disk",
      new ClickHouseError(`Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space`, 243),
    ],
    ["too many parts", new ClickHouseError("Code: 252. DB::Exception: Too many parts", 252)],
    ["another programme's error", new Error("ENOSPC: no space left on device")],
  ])("isn't their fault for %s", (_, error) => {
    expect(insertError("t", error)).toMatchObject({ code: "store_failed" });
  });
});

describe("a failed query", () => {
  test.each([
    [159, "Timeout exceeded", "query_timeout"],
    [241, "Query memory limit exceeded", "query_too_large"],
    [241, "(total) memory limit exceeded", "overloaded"],
    [396, "Limit for result exceeded", "query_too_large"],
    [158, "Limit for rows to read exceeded", "query_too_large"],
    [394, "Query was cancelled", "query_cancelled"],
    [62, "Syntax error", "query_failed"],
  ] as const)("with the engine's %i (%s) is %s", (code, text, expected) => {
    expect(
      queryError(new ClickHouseError(`Code: ${code}. DB::Exception: ${text}`, code), LIMITS),
    ).toMatchObject({ code: expected });
  });

  test("keeps an error that is known already, and takes any other for the store's", () => {
    const known = new HeadraceError("query_cancelled", "gone");
    expect(queryError(known, LIMITS)).toBe(known);
    expect(queryError(new Error("x"), LIMITS)).toMatchObject({ code: "store_failed" });
  });
});

test.each([
  [
    "Code: 47. DB::Exception: Unknown expression identifier `x` in scope SELECT x FROM t. (UNKNOWN_IDENTIFIER)",
    "Unknown expression identifier `x`",
  ],
  [
    "Code: 62. DB::Exception: Syntax error: failed at position 7 (1): 1. Expected one of: token, Dot. (SYNTAX_ERROR)",
    "Syntax error: failed at position 7 (1): 1",
  ],
  [
    "Code: 46. DB::Exception: Function with name `f` does not exist. In scope SELECT f(1). (UNKNOWN_FUNCTION)",
    "Function with name `f` does not exist",
  ],
  [
    "Code: 395. DB::Exception: no: while executing 'FUNCTION throwIf(1)'. (FUNCTION_THROW_IF_VALUE_IS_NON_ZERO)",
    "no",
  ],
])("%s says %s", (message, clean) => {
  expect(cleanMessage(message)).toBe(clean);
});
