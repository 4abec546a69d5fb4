import { HeadraceError } from "../errors.ts";

/** The parser of query strings leaves escapes that it can't decode as they are: "%ff" would be taken for that very text. */
export function checkQuery(url: string): HeadraceError | undefined {
  const query = url.indexOf("?");
  if (query === -1 || !url.includes("%", query)) return undefined;
  try {
    decodeURIComponent(url.slice(query));
    return undefined;
  } catch {
    return new HeadraceError("bad_request", "The query string has a % that doesn't begin an escape of UTF-8");
  }
}
