import { pino, type Logger } from "pino";

/** The server's own log: one JSON object a line on standard output. Event bodies and secrets are never in it. */
export function createLogger(level: string): Logger {
  return pino({
    level,
    base: {},
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: ["req.headers.authorization", "headers.authorization"], censor: "[redacted]" },
  });
}
