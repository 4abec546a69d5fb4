import { describe, expect, test } from "vitest";
import { parseTokens } from "../../src/access/token-entries.ts";
import { createToken, digestToken, hashToken, readHash } from "../../src/access/token.ts";
import { HeadraceError } from "../../src/errors.ts";
import { NEXT_YEAR, testToken } from "./token-fixtures.ts";

const parse = (value: unknown) =>
  parseTokens(typeof value === "string" ? value : JSON.stringify(value), "HEADRACE_TOKENS");

function refusal(value: unknown): string {
  try {
    parse(value);
  } catch (error) {
    if (error instanceof HeadraceError && error.code === "config_invalid") return error.message;
  }
  throw new Error("it was not refused");
}

describe("a token", () => {
  test("is hr_ and 256 random bits, and never the same", () => {
    const tokens = Array.from({ length: 100 }, createToken);
    for (const token of tokens) expect(token).toMatch(/^hr_[A-Za-z0-9_-]{43}$/);
    expect(new Set(tokens).size).toBe(100);
  });

  test("has the hash that sha256sum gives", () => {
    // printf abc | sha256sum
    expect(hashToken("abc")).toBe("sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(readHash(hashToken("abc"))).toEqual(digestToken("abc"));
  });
});

describe("tokens as they are written", () => {
  test("are read with their scopes, expiry and rate", () => {
    const { token, entry } = testToken("loader", ["ingest:*", "sql"], {
      expires: "2027-01-01T01:00:00+01:00",
      rate: { requests_per_second: 2.5 },
    });
    expect(parse([entry])).toEqual([
      {
        name: "loader",
        digest: digestToken(token),
        scopes: new Set(["ingest:*", "sql"]),
        expires: Date.UTC(2027, 0, 1),
        rate: { requestsPerSecond: 2.5, burst: 3 },
      },
    ]);
  });

  test("may share a name, so that one can take over from another", () => {
    const tokens = [testToken("loader", ["sql"]).entry, testToken("loader", ["sql"]).entry];
    expect(parse(tokens)).toHaveLength(2);
  });

  const good = testToken("good", ["sql"]).entry;
  test.each([
    ["not JSON", "[{", "it isn't JSON (line 1 column 3)"],
    ["no list", good, "expected a JSON array"],
    ["no object", [good, 7], "entry 2"],
    ["a name with a colon", [{ ...good, name: "a:b" }], "entry 1: name: expected up to 64 letters"],
    ["the name of those without a token", [{ ...good, name: "anyone" }], 'entry 1 ("anyone"): name'],
    ["the server's name", [{ ...good, name: "server" }], 'entry 1 ("server"): name'],
    ["no hash", [{ ...good, hash: undefined }], 'entry 1 ("good"): hash'],
    [
      "an unknown scope",
      [good, { ...good, name: "two", scopes: ["sq"] }],
      'entry 2 ("two"): scopes.0: "sq" is no scope',
    ],
    ["no scopes", [{ ...good, scopes: [] }], 'entry 1 ("good"): scopes: expected at least one'],
    ["no expiry", [{ ...good, expires: undefined }], 'entry 1 ("good"): expires: expected a time'],
    ["an expiry without a zone", [{ ...good, expires: "2027-01-01T00:00:00" }], 'entry 1 ("good"): expires'],
    [
      "a rate of nothing",
      [{ ...good, rate: { requests_per_second: 0 } }],
      'entry 1 ("good"): rate.requests_per_second',
    ],
    ["a misspelt key", [{ ...good, expiry: NEXT_YEAR }], '"expiry"'],
    ["a hash twice", [good, { ...good, name: "twin" }], 'entries 1 and 2 ("twin") have the same hash'],
  ])("%s is refused with the entry that is wrong", (_what, value, message) => {
    expect(refusal(value)).toContain(`HEADRACE_TOKENS: `);
    expect(refusal(value)).toContain(message);
  });

  test("no message repeats a token that stands where it shouldn't", () => {
    const token = createToken();
    for (const value of [
      [{ ...good, hash: token }],
      [{ ...good, name: `x ${token}` }],
      [{ ...good, name: token }],
      [{ ...good, name: token, scopes: ["x"] }],
      [{ ...good, scopes: [token] }],
      [{ ...good, [token]: 1 }],
      [{ ...good, token }],
      `[{"name": "x", "hash": ${token}}]`,
      token,
      [token],
    ]) {
      expect(refusal(value)).not.toContain(token.slice(3, 12));
    }
  });

  test("more than the limit are refused", () => {
    expect(refusal(Array.from({ length: 10_001 }, () => 1))).toContain("10001 tokens are more than 10000");
  });
});
