import { answerOf, answerResponse, FORMAT_PARAMETER } from "./answer-response.ts";
import { jsonBody } from "./content.ts";
import type { PathItem } from "./operations.ts";

/** `POST /v1/sql`. */
export const SQL_PATH: Readonly<Record<string, PathItem>> = {
  "/v1/sql": {
    post: {
      tags: ["sql"],
      operationId: "sql",
      summary: "Run one SELECT over the streams",
      description:
        "One SELECT over the streams by their plain names; DESCRIBE <stream> and SHOW TABLES too. Whatever isn't known to be harmless is refused before anything runs.",
      parameters: [FORMAT_PARAMETER],
      requestBody: jsonBody({
        type: "object",
        required: ["sql"],
        additionalProperties: false,
        properties: {
          sql: { type: "string", examples: ["SHOW TABLES"] },
          params: {
            type: "object",
            description: "Values for the places such as {from:Date} in the SQL.",
            additionalProperties: { type: ["string", "number", "boolean", "null", "array"] },
          },
        },
      }),
      responses: {
        "200": answerResponse(answerOf("Rows as the SQL makes them.", { type: "object" })),
      },
      problems: [
        "sql_invalid",
        "bad_parameter",
        "body_unreadable",
        "sql_refused",
        "unknown_stream",
        "not_acceptable",
        "body_too_large",
        "unsupported_media_type",
        "overloaded",
        "query_failed",
        "store_failed",
        "query_timeout",
        "query_too_large",
      ],
    },
  },
};
