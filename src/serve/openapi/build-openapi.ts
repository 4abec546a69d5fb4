import type { Project } from "../../project/declarations.ts";
import type { EndpointCheck } from "../verify-endpoints.ts";
import { answerSchema, answerSchemaName, endpointPath } from "./endpoint-paths.ts";
import type { JsonSchema } from "./json-schema.ts";
import { jsonResponse } from "./content.ts";
import { listOf, objectOf } from "./json-schema.ts";
import { completePaths, type Operation } from "./operations.ts";
import { PROBLEM_SCHEMA } from "./problem-responses.ts";
import { SECURITY_SCHEMES } from "./security.ts";
import { SQL_PATH } from "./sql-path.ts";
import { SERVER_PATHS } from "./server-paths.ts";
import { eventSchema, eventSchemaName, streamPaths } from "./stream-paths.ts";
import { STREAM_SCHEMAS } from "./stream-schemas.ts";

export type OpenApiDocument = ReturnType<typeof buildOpenApi>;

export interface OpenApiOptions {
  /** Of Headrace. */
  readonly version: string;
  /** The row types, from `verifyEndpoints`; an endpoint without them has open rows. */
  readonly checks: readonly EndpointCheck[];
}

/** The OpenAPI 3.1 document of a project: its streams and endpoints each with paths and schemas of their own. */
export function buildOpenApi(project: Project, { version, checks }: OpenApiOptions) {
  const { name, description, streams, endpoints } = project;
  return {
    openapi: "3.1.0",
    info: {
      title: name,
      description:
        description === "" ? `The streams and endpoints of ${name}, served by Headrace.` : description,
      version,
      license: { name: "Headrace: MIT", identifier: "MIT" },
    },
    servers: [{ url: "/" }],
    tags: [
      { name: "endpoints", description: "Published, parameterised queries." },
      { name: "streams", description: "Where events go." },
      { name: "sql", description: "Questions that no endpoint answers." },
      { name: "server", description: "Health, metrics and documentation." },
    ],
    paths: completePaths({
      ...Object.fromEntries(
        endpoints.map((endpoint) => [`/v1/endpoints/${endpoint.name}`, endpointPath(endpoint)]),
      ),
      "/v1/streams": { get: listStreams },
      ...Object.assign({}, ...streams.map(streamPaths)),
      ...SQL_PATH,
      ...SERVER_PATHS,
    }),
    components: {
      securitySchemes: SECURITY_SCHEMES,
      schemas: {
        ...Object.fromEntries(streams.map((stream) => [eventSchemaName(stream), eventSchema(stream)])),
        ...Object.fromEntries(
          endpoints.map((endpoint) => [
            answerSchemaName(endpoint),
            answerSchema(
              endpoint,
              checks.find((check) => check.endpoint === endpoint.name),
            ),
          ]),
        ),
        ...STREAM_SCHEMAS,
        Problem: PROBLEM_SCHEMA,
      } as Record<string, JsonSchema>,
    },
  };
}

const listStreams: Operation = {
  tags: ["streams"],
  operationId: "list_streams",
  summary: "All streams with columns, counts, lag and freshness",
  responses: {
    "200": jsonResponse(
      "The streams.",
      objectOf({ streams: listOf({ $ref: "#/components/schemas/Stream" }) }),
    ),
  },
  problems: ["store_failed", "overloaded"],
};
