import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { defineEndpoint } from "../../src/project/define-endpoint.ts";
import { sql } from "../../src/project/sql.ts";
import { verifyEndpoints } from "../../src/serve/verify-endpoints.ts";
import type { EndpointCheck } from "../../src/serve/verify-endpoints.ts";
import { delays, flights, serveProject } from "./served-project.ts";
import type { ServedProject } from "./served-project.ts";

const failsWithOrigin = defineEndpoint("fails_with_origin", {
  params: z.object({ from: z.iso.date().optional(), origin: z.string().optional() }),
  query: ({ origin }) => sql`SELECT origin FROM ${flights} ${origin ? sql`WHERE orgin = ${origin}` : sql``}`,
});

const noSample = defineEndpoint("no_sample", {
  params: z.object({ code: z.string().regex(/^[A-Z]{2}-\d{4}$/) }),
  query: ({ code }) => sql`SELECT ${code} AS code`,
});

const withExample = defineEndpoint("with_example", {
  params: z.object({
    code: z
      .string()
      .regex(/^[A-Z]{2}-\d{4}$/)
      .meta({ examples: ["AB-1234"] }),
  }),
  query: ({ code }) => sql`SELECT ${code} AS code`,
});

const optionalNoSample = defineEndpoint("optional_no_sample", {
  params: z.object({
    code: z
      .string()
      .regex(/^[A-Z]{2}-\d{4}$/)
      .optional(),
  }),
  query: () => sql`SELECT 1 AS one, now() AS at`,
});

const throwing = defineEndpoint("throwing", {
  query: () => {
    throw new TypeError("no such thing");
  },
});

// Someone's JavaScript, without types to stop it.
const returnsText = defineEndpoint("returns_text", {
  query: () => "SELECT 1" as unknown as ReturnType<typeof sql>,
});

describe("verifying endpoints", () => {
  let served: ServedProject;
  let checks: ReadonlyMap<string, EndpointCheck>;
  const check = (name: string): EndpointCheck => {
    const found = checks.get(name);
    if (found === undefined) throw new Error(`${name} wasn't checked`);
    return found;
  };

  beforeAll(async () => {
    const endpoints = [
      delays,
      failsWithOrigin,
      noSample,
      withExample,
      optionalNoSample,
      throwing,
      returnsText,
    ];
    served = await serveProject(endpoints);
    checks = new Map((await verifyEndpoints(served.project, served.store)).map((one) => [one.endpoint, one]));
  });
  afterAll(() => served.close());

  it("gives the columns and types of each answer, without a row being there", () => {
    const { ok, columns } = check("delays_by_origin");
    expect(ok).toBe(true);
    expect(columns.map(({ name, type }) => [name, type])).toEqual([
      ["origin", "String"],
      ["flights", "UInt64"],
      ["mean_delay", "Float64"],
    ]);
    expect(columns[0]?.jsonSchema).toMatchObject({ type: "string" });
  });

  it("tries none of the optional parameters, each alone, and all", () => {
    expect(check("delays_by_origin").tried.map(({ given }) => given)).toEqual([
      [],
      ["from"],
      ["origin"],
      ["limit"],
      ["from", "origin", "limit"],
    ]);
  });

  it("finds an error that only one parameter brings, with the SQL and what the engine says", () => {
    const { ok, tried } = check("fails_with_origin");
    expect(ok).toBe(false);
    const failed = tried.filter((one) => one.error !== undefined);
    expect(failed.map(({ given }) => given)).toEqual([["origin"], ["from", "origin"]]);
    expect(failed[0]?.sql).toContain("orgin");
    expect(failed[0]?.error).toContain("orgin");
  });

  it("asks for an example where it can't make one", () => {
    expect(check("no_sample").ok).toBe(false);
    expect(check("no_sample").tried[0]?.error).toContain('"code"');
    expect(check("no_sample").tried[0]?.error).toContain("examples");
    expect(check("with_example").ok).toBe(true);
    expect(check("with_example").columns.map(({ name }) => name)).toEqual(["code"]);
  });

  it("leaves out an optional parameter for which there is no sample, and says so", () => {
    expect(check("optional_no_sample")).toMatchObject({ ok: true, untried: ["code"] });
  });

  it("says why answers aren't kept", () => {
    expect(check("delays_by_origin").unkept).toBeUndefined();
    expect(check("optional_no_sample").unkept).toContain("now()");
  });

  it("says what is wrong with a query function", () => {
    expect(check("throwing").tried[0]?.error).toContain("no such thing");
    expect(check("returns_text").tried[0]?.error).toContain("sql tag");
  });
});
