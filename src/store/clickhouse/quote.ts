import { clickhouseDialect } from "../../project/clickhouse-dialect.ts";

/** A name in backquotes. */
export const quoteName = (name: string): string => clickhouseDialect.identifier(name);

/** A string literal. Only quotes and backslashes have a meaning within one. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
