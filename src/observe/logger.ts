import { pino, type DestinationStream, type Logger } from "pino";

/** The server's own log: one JSON object a line, on standard output by default. Event bodies and secrets are never in it. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: {},
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: ["headers.authorization", "*.headers.authorization"], censor: "[redacted]" },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}
