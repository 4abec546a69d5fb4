import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { parseTokens, type TokenEntry, type WrittenToken } from "../../src/access/token-entries.ts";
import { createToken } from "../../src/access/token.ts";
import { Tokens } from "../../src/access/tokens.ts";
import { testToken } from "./token-fixtures.ts";

const entries = (...written: readonly WrittenToken[]): readonly TokenEntry[] =>
  parseTokens(JSON.stringify(written), "test");

describe("finding a token", () => {
  test("finds each of many and no other", () => {
    const many = Array.from({ length: 1_000 }, (_, index) => testToken(`t${index}`, ["sql"]));
    const tokens = new Tokens(entries(...many.map(({ entry }) => entry)));
    for (const { token, entry } of many) expect(tokens.find(token)?.name).toBe(entry.name);
    const [first] = many;
    for (const sent of [
      createToken(),
      "",
      first?.entry.hash ?? "",
      first?.token.slice(0, -1) ?? "",
      `${first?.token} `,
    ]) {
      expect(tokens.find(sent)).toBeUndefined();
    }
  });

  test("digests that begin alike are told apart", () => {
    const { token, entry } = testToken("real", ["sql"]);
    const [real] = entries(entry);
    if (real === undefined) throw new Error("no entry");
    const digest = Buffer.from(real.digest);
    digest[31] = (digest[31] ?? 0) ^ 1;
    expect(new Tokens([{ ...real, name: "twin", digest }, real]).find(token)?.name).toBe("real");
    expect(new Tokens([{ ...real, name: "twin", digest }]).find(token)).toBeUndefined();
  });

  test("compares digests with timingSafeEqual, and with nothing else", async () => {
    const source = await readFile(new URL("../../src/access/tokens.ts", import.meta.url), "utf8");
    const find = /find\(sent: string\)[^]*?\n {2}\}/.exec(source)?.[0] ?? "";
    expect(find).toContain("timingSafeEqual(token.entry.digest, digest)");
    expect(find).not.toMatch(/===|\.equals\(|compare\(/);
  });
});

describe("other tokens in their place", () => {
  test("a removed one is no longer found and has ended; one that stays goes on", () => {
    const [a, b] = [testToken("a", ["sql"]), testToken("b", ["sql"])];
    const tokens = new Tokens(entries(a.entry, b.entry));
    const [oldA, oldB] = [tokens.find(a.token), tokens.find(b.token)];
    tokens.replace(entries(b.entry));
    expect(tokens.find(a.token)).toBeUndefined();
    expect(oldA?.ended.aborted).toBe(true);
    expect(tokens.find(b.token)).toBe(oldB);
    expect(oldB?.ended.aborted).toBe(false);
    expect(tokens.count).toBe(1);
  });

  test.each([
    ["scopes", { scopes: ["admin"] }],
    ["expiry", { expires: "2099-01-01T00:00:00Z" }],
    ["rate", { rate: { requests_per_second: 1 } }],
    ["name", { name: "other" }],
  ])("one with another %s has ended and is found as it is now", (_what, change) => {
    const { token, entry } = testToken("a", ["sql"]);
    const tokens = new Tokens(entries(entry));
    const old = tokens.find(token);
    tokens.replace(entries({ ...entry, ...change }));
    expect(old?.ended.aborted).toBe(true);
    expect(tokens.find(token)).not.toBe(old);
    expect(tokens.find(token)?.ended.aborted).toBe(false);
  });

  test("a change of scopes is no new burst, and a change of rate is", () => {
    const { token, entry } = testToken("a", ["sql"], { rate: { requests_per_second: 0.001, burst: 1 } });
    const tokens = new Tokens(entries(entry));
    expect(tokens.find(token)?.take()?.allowed).toBe(true);
    tokens.replace(entries({ ...entry, scopes: ["admin"] }));
    expect(tokens.find(token)?.take()?.allowed).toBe(false);
    tokens.replace(entries({ ...entry, rate: { requests_per_second: 0.001, burst: 2 } }));
    expect(tokens.find(token)?.take()?.allowed).toBe(true);
  });

  test("one that was over only by a clock that was set ahead goes on when the clock is right again", () => {
    const { token, entry } = testToken("a", ["sql"], { expires: "2026-01-01T00:00:00Z" });
    const tokens = new Tokens(entries(entry));
    const found = tokens.find(token);
    tokens.endExpired(Date.UTC(2026, 0, 2));
    const ended = found?.ended;
    expect(ended?.aborted).toBe(true);
    tokens.endExpired(Date.UTC(2025, 11, 24));
    expect(found?.ended.aborted).toBe(false);
    expect(ended?.aborted, "what had ended stays so").toBe(true);
  });

  test("one whose time is over has ended", () => {
    const { token, entry } = testToken("a", ["sql"], { expires: "2026-01-01T00:00:00Z" });
    const tokens = new Tokens(entries(entry));
    const found = tokens.find(token);
    tokens.endExpired(Date.UTC(2025, 11, 31, 23, 59, 59, 999));
    expect(found?.ended.aborted).toBe(false);
    tokens.endExpired(Date.UTC(2026, 0, 1));
    expect(found?.ended.aborted).toBe(true);
  });
});
