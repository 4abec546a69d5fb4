import { openProblemResponses, problemResponses } from "./problem-responses.ts";

const text = (type: string) => ({ [type]: { schema: { type: "string" } } });
const anyObject = { "application/json": { schema: { type: "object" } } };

/** The paths that are the same for every project. */
export const SERVER_PATHS: Readonly<Record<string, unknown>> = {
  "/v1/openapi.json": operation("openapi", "This document", anyObject),
  "/docs": openOperation("docs", "A page to read and try it all", text("text/html")),
  "/livez": healthOperation("livez", "Whether the process lives"),
  "/readyz": healthOperation("readyz", "Whether it is ready, with the state of each part"),
  "/metrics": operation("metrics", "Metrics for Prometheus", text("text/plain")),
};

function operation(operationId: string, summary: string, content: unknown) {
  return {
    get: {
      tags: ["server"],
      operationId,
      summary,
      responses: { "200": { description: "OK", content }, ...problemResponses() },
    },
  };
}

function openOperation(operationId: string, summary: string, content: unknown) {
  const { get } = operation(operationId, summary, content);
  return { get: { ...get, responses: { "200": get.responses["200"], ...openProblemResponses() } } };
}

function healthOperation(operationId: string, summary: string) {
  return {
    get: {
      tags: ["server"],
      operationId,
      summary,
      responses: {
        "200": { description: "Yes", content: anyObject },
        ...openProblemResponses(),
        "503": { description: "No, with what is missing.", content: anyObject },
      },
    },
  };
}
