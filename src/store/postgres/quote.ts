/** A name that PostgreSQL takes as it is written. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as a literal; connections have standard_conforming_strings on, so that a backslash is a backslash. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
