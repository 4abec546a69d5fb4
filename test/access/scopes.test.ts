import { describe, expect, test } from "vitest";
import { holdsScope, scopeProblem, type Scope } from "../../src/access/scopes.ts";

const holds = (held: readonly string[], needed: Scope) => holdsScope(new Set(held), needed);

describe("scopes as they are written", () => {
  test.each([
    "*",
    "sql",
    "metrics",
    "admin",
    "ingest:flights",
    "ingest:*",
    "read:delays_by_origin",
    "events:*",
  ])("%s is one", (scope) => expect(scopeProblem(scope)).toBeUndefined());

  test.each([
    ["ingset:flights", 'did you mean "ingest:flights"'],
    ["metric", 'did you mean "metrics"'],
    ["ingest", "there are"],
    ["ingest:", "there are"],
    ["ingest:fl*", "there are"],
    ["ingest:Flights", "there are"],
    ["sql:flights", "there are"],
    ["", "there are"],
    ["read:a:b", "there are"],
  ])("%j is refused", (scope, hint) => expect(scopeProblem(scope)).toContain(hint));
});

describe("who holds what", () => {
  test("a scope is itself, all of its kind with *, and everything with * alone", () => {
    expect(holds(["ingest:flights"], "ingest:flights")).toBe(true);
    expect(holds(["ingest:*"], "ingest:flights")).toBe(true);
    expect(holds(["*"], "ingest:flights")).toBe(true);
    expect(holds(["*"], "admin")).toBe(true);
  });

  test.each<[string, Scope]>([
    ["ingest:flights", "ingest:flight"],
    ["ingest:flight", "ingest:flights"],
    ["ingest:flights", "read:flights"],
    ["read:flights", "events:flights"],
    ["read:*", "events:flights"],
    ["ingest:flights", "ingest:*"],
    ["admin", "sql"],
    ["admin", "ingest:flights"],
    ["sql", "read:delays_by_origin"],
    ["metrics", "admin"],
  ])("%s is not %s", (held, needed) => expect(holds([held], needed)).toBe(false));
});
