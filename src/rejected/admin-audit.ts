/** Told how an administrator's action on a stream ended; must not throw. Details are figures, never events or conditions. */
export type AdminAudit = (
  caller: { readonly name: string } | undefined,
  action: "replay" | "delete" | "reset" | "rebuild",
  stream: string,
  outcome: AdminOutcome,
  details?: Readonly<Record<string, number | boolean>>,
) => void;

/** `refused`: it wasn't begun. `failed`: it was, and may be half done. */
export type AdminOutcome = "done" | "refused" | "failed";
