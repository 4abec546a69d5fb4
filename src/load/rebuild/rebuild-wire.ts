import { ERRORS, HeadraceError, type ErrorCode } from "../../errors.ts";
import type { RebuildStatus } from "./rebuilds.ts";

/** A rebuild's status as JSON keeps it: of an error the code and the message. */
export type WireRebuild = Omit<RebuildStatus, "error"> & {
  readonly error?: { readonly code: string; readonly message: string };
};

export function toWire({ error, ...rest }: RebuildStatus): WireRebuild {
  return error === undefined ? rest : { ...rest, error: { code: error.code, message: error.message } };
}

export function fromWire({ error, ...rest }: WireRebuild): RebuildStatus {
  if (error === undefined) return rest;
  const code: ErrorCode = Object.hasOwn(ERRORS, error.code) ? (error.code as ErrorCode) : "internal_error";
  return { ...rest, error: new HeadraceError(code, error.message) };
}
