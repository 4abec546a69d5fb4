import type { ListedRejection, RejectedPage } from "./list-rejected.ts";

/**
 * A page as JSON text. Events stand in it letter by letter: parsed and written again, an integer beyond 2^53 would be
 * another, 1e400 null and the first of two equal fields gone, which is just what an event may have been rejected for.
 */
export function pageText({ data, next }: RejectedPage): string {
  return `{"data":[${data.map(rejectionText).join(",")}],"next":${JSON.stringify(next)}}`;
}

function rejectionText({ id, time, event, ...why }: ListedRejection): string {
  return `${JSON.stringify({ id, time }).slice(0, -1)},"event":${event},${JSON.stringify(why).slice(1)}`;
}

/** A rejected event as JSON text: its own if it is JSON that every reader can take, else a string that holds it. */
export function eventText(event: string): string {
  return isJson(event) && depthOf(event) <= EVENT_NESTING_MAX ? event : JSON.stringify(event);
}

/** Readers of JSON have limits from about a hundred on (Ruby 100, Rust's serde 128), and the page adds its own levels. */
const EVENT_NESTING_MAX = 64;

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** How deeply arrays and objects are nested in a JSON text. Not by a regular expression: long strings overflow its stack. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) quoted = !quoted;
    else if (quoted) at += code === BACKSLASH ? 1 : 0;
    else if (code === BRACE || code === BRACKET) deepest = Math.max(deepest, ++depth);
    else if (code === BRACE_END || code === BRACKET_END) depth -= 1;
  }
  return deepest;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;
