import type { Logger } from "pino";
import { ANYONE, type Caller } from "./route-scope.ts";

/**
 * Notes an action of an administrator: who, what, on what, and how it ended.
 *
 * @param caller `request.caller`; undefined where nobody had to say who they are.
 * @param action What was done: `replay`, `delete`, `tokens reload`.
 * @param target What it was done to: a stream's name, a file.
 * @param details Figures of the outcome, such as rows. Never events, tokens or what a query selects by.
 */
export type Audit = (
  caller: Pick<Caller, "name"> | undefined,
  action: string,
  target: string,
  outcome: AuditOutcome,
  details?: Readonly<Record<string, string | number | boolean>>,
) => void;

/** `refused`: it wasn't begun. `failed`: it was, and may be half done. */
export type AuditOutcome = "done" | "refused" | "failed";

/** Writes to the server's log, whatever its level is but `silent`: one line for each action, with `"audit": true`. */
export function createAudit(logger: Logger): Audit {
  const level = logger.level === "silent" ? "silent" : "info";
  const log = logger.child({ audit: true }, { level });
  return (caller, action, target, outcome, details = {}) => {
    log.info({ caller: caller?.name ?? ANYONE, action, target, outcome, ...details }, "audit");
  };
}
