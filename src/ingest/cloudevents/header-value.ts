const PERCENT = 0x25;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The text of a `ce-` header's value, by section 3.1.3.2 of the CloudEvents HTTP binding: quotes around it and backslashes
 * within them are taken off, then one round of percent-decoding, then UTF-8. A percent sign that two hex digits don't
 * follow stays, since nothing else can be meant. Undefined when it isn't UTF-8.
 *
 * @param value As Node gives it: a character for each byte.
 */
export function decodeHeaderValue(value: string): string | undefined {
  const bytes = Buffer.from(unquote(value), "latin1");
  try {
    return UTF8.decode(percentDecode(bytes));
  } catch {
    return undefined;
  }
}

function unquote(value: string): string {
  if (value.length < 2 || !value.startsWith('"') || !value.endsWith('"')) return value;
  return value.slice(1, -1).replaceAll(/\\(.)/gs, "$1");
}

function percentDecode(bytes: Buffer): Buffer {
  if (!bytes.includes(PERCENT)) return bytes;
  const into = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at++) {
    const hex = bytes[at] === PERCENT ? bytes.toString("latin1", at + 1, at + 3) : "";
    if (/^[0-9a-f]{2}$/i.test(hex)) {
      into[length++] = Number.parseInt(hex, 16);
      at += 2;
    } else into[length++] = bytes[at] ?? 0;
  }
  return into.subarray(0, length);
}
