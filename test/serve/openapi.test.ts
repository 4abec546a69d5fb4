import { Validator } from "@seriousme/openapi-schema-validator";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { ERRORS } from "../../src/errors.ts";
import { defineEndpoint } from "../../src/project/define-endpoint.ts";
import { defineStream } from "../../src/project/define-stream.ts";
import { sql } from "../../src/project/sql.ts";
import { eventJsonSchema } from "../../src/serve/openapi/event-schema.ts";
import { registerOpenApi } from "../../src/serve/openapi/register-openapi.ts";
import { verifyEndpoints } from "../../src/serve/verify-endpoints.ts";
import { delays, flights, rows, serveProject } from "./served-project.ts";
import type { ServedProject } from "./served-project.ts";

const required = defineEndpoint("needs_params", {
  params: z.object({
    day: z.iso.date().meta({ description: "The day" }),
    kinds: z.array(z.enum(["a", "b"])),
    big: z.int64().optional(),
  }),
  query: ({ day, kinds }) => sql`SELECT ${day} AS day, ${kinds} AS kinds, count() AS n FROM ${flights}`,
});

const varying = defineEndpoint("varying", {
  params: z.object({ wide: z.boolean().optional() }),
  query: ({ wide }) => sql`SELECT origin ${wide ? sql`, delay` : sql``} FROM ${flights}`,
});

const broken = defineEndpoint("broken", { query: () => sql`SELECT nothing FROM ${flights}` });

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly required?: boolean }[];
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Readonly<Record<string, unknown>>>> };
}

describe("the OpenAPI document", () => {
  let served: ServedProject;
  let document: Document;

  beforeAll(async () => {
    served = await serveProject([delays, rows, required, varying, broken], {
      register: ({ server, project, store }) => {
        const checks = () => verifyEndpoints(project, store);
        registerOpenApi(server.app, { project, version: "1.2.3", checks });
      },
    });
    document = (await (await fetch(`${served.url}/v1/openapi.json`)).json()) as Document;
  });
  afterAll(() => served.close());

  it("is valid OpenAPI 3.1 to an independent validator", async () => {
    expect(document.openapi).toBe("3.1.0");
    expect(await new Validator().validate(structuredClone({ ...document }))).toEqual({ valid: true });
  });

  it("has every route of the project, and no other project's", () => {
    expect(Object.keys(document.paths)).toEqual([
      ...["delays_by_origin", "rows", "needs_params", "varying", "broken"].map(
        (name) => `/v1/endpoints/${name}`,
      ),
      "/v1/streams",
      ...["flights", "visits"].flatMap((name) => [
        `/v1/streams/${name}`,
        `/v1/streams/${name}/events`,
        `/v1/streams/${name}/tail`,
        `/v1/streams/${name}/rejected`,
        `/v1/streams/${name}/rejected/replay`,
        `/v1/streams/${name}/reset`,
        `/v1/streams/${name}/rebuild`,
      ]),
      "/v1/sql",
      "/v1/openapi.json",
      "/docs",
      "/livez",
      "/readyz",
      "/metrics",
    ]);
  });

  it("gives each operation an id of its own", () => {
    const ids = Object.values(document.paths).flatMap((item) =>
      Object.values(item).map((operation) => (operation as unknown as { operationId: string }).operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("resolves every reference", () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    expect(references.length).toBeGreaterThan(10);
    for (const [, name] of references) expect(document.components.schemas).toHaveProperty(name ?? "");
  });

  it("documents each error with a status of the registry, as a problem", () => {
    for (const item of Object.values(document.paths)) {
      for (const { responses } of Object.values(item)) {
        for (const [status, response] of Object.entries(responses)) {
          if (Number(status) < 400 || status === "503") continue;
          expect(Object.keys(response.content ?? {})).toEqual(["application/problem+json"]);
          expect(Object.values(ERRORS).map((one) => one.status)).toContain(Number(status));
        }
      }
    }
    expect(Object.keys(document.paths["/v1/endpoints/rows"]?.["get"]?.responses ?? {})).toEqual(
      expect.arrayContaining(["200", "304", "400", "406", "421", "429", "500", "503", "504", "507"]),
    );
  });

  it("describes parameters with their JSON Schema", () => {
    const { parameters } = document.paths["/v1/endpoints/needs_params"]?.["get"] ?? {};
    expect(parameters?.slice(0, 3)).toEqual([
      {
        name: "day",
        in: "query",
        required: true,
        description: "The day",
        example: "2024-01-01",
        schema: { type: "string", format: "date" },
      },
      {
        name: "kinds",
        in: "query",
        required: true,
        example: ["a"],
        schema: { type: "array", items: { type: "string", enum: ["a", "b"] } },
      },
      {
        name: "big",
        in: "query",
        required: false,
        schema: {
          anyOf: [
            { type: "integer", format: "int64" },
            { type: "string", pattern: "^-?[0-9]+$" },
          ],
        },
      },
    ]);
    const limit = document.paths["/v1/endpoints/delays_by_origin"]?.["get"]?.parameters?.[2];
    expect(limit).toMatchObject({ schema: { type: "integer", minimum: 1, maximum: 1000, default: 50 } });
  });

  it("gives rows the types that the engine says", () => {
    expect(rowOf("delays_by_origin")).toMatchObject({
      required: ["origin", "flights", "mean_delay"],
      properties: { origin: { type: "string" } },
    });
    expect(rowOf("needs_params")).toMatchObject({ required: ["day", "kinds", "n"] });
    expect(rowOf("varying")).toMatchObject({
      required: ["origin"],
      properties: { origin: {}, delay: {} },
    });
  });

  it("leaves rows open when the engine can't say", () => {
    expect(rowOf("broken")).toEqual({ type: "object" });
  });

  it("answers 304 to whoever has it", async () => {
    const first = await fetch(`${served.url}/v1/openapi.json`);
    const headers = { "if-none-match": first.headers.get("etag") ?? "" };
    expect((await fetch(`${served.url}/v1/openapi.json`, { headers })).status).toBe(304);
  });

  function rowOf(endpoint: string): unknown {
    const properties = document.components.schemas[`Answer_${endpoint}`]?.["properties"];
    return (properties as { readonly data: { readonly items: unknown } }).data.items;
  }
});

describe("the JSON Schema of an event", () => {
  it("says what ingest takes: null is absent, unknown fields are refused, big integers may be text", () => {
    const stream = defineStream("events", {
      schema: z.object({
        a: z.int32(),
        b: z.string().optional(),
        c: z.string().nullable(),
        d: z.enum(["x", "y"]).optional(),
        e: z.int64().optional(),
        f: z.array(z.int32()).default([]),
        g: z.json(),
        h: z.object({ i: z.boolean(), j: z.string().optional() }),
      }),
      table: { orderBy: ["a"] },
    });
    expect(eventJsonSchema(stream)).toEqual({
      type: "object",
      additionalProperties: false,
      required: ["a", "g", "h"],
      properties: {
        a: { type: "integer", minimum: -2147483648, maximum: 2147483647 },
        b: { type: ["string", "null"] },
        c: { type: ["string", "null"] },
        d: { anyOf: [{ type: "string", enum: ["x", "y"] }, { type: "null" }] },
        e: {
          anyOf: [
            { type: "integer", format: "int64" },
            { type: "string", pattern: "^-?[0-9]+$" },
            { type: "null" },
          ],
        },
        f: {
          type: ["array", "null"],
          default: [],
          items: { type: "integer", minimum: -2147483648, maximum: 2147483647 },
        },
        g: {},
        h: {
          type: "object",
          additionalProperties: false,
          required: ["i"],
          properties: { i: { type: "boolean" }, j: { type: ["string", "null"] } },
        },
      },
    });
  });

  it("leaves room for unknown fields in a loose object", () => {
    const stream = defineStream("events", {
      schema: z.looseObject({ a: z.int32() }),
      table: { orderBy: ["a"] },
    });
    expect(eventJsonSchema(stream).additionalProperties).not.toBe(false);
  });
});
