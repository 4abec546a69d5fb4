import { BYTE, UNSURE, byteAt, digitAt, isDigit, isHex } from "./scan.ts";

const UUID_TEXT_BYTES = 36;
const IPV4_PARTS = 4;
const IPV6_GROUPS = 8;

/** Scans a UUID of RFC 9562: versions 1 to 8 of its variant. */
export function scanUuid(body: Buffer, start: number): number {
  const text = start + 1;
  const after = text + UUID_TEXT_BYTES;
  if (body[start] !== BYTE.quote || body[after] !== BYTE.quote) return UNSURE;
  const groups =
    isGroup(body, text, 8) &&
    isGroup(body, text + 9, 4) &&
    isGroup(body, text + 14, 4) &&
    isGroup(body, text + 19, 4) &&
    isHexRun(body, text + 24, 12);
  const version = digitAt(body, text + 14);
  const variant = byteAt(body, text + 19) | 0x20;
  const known = variant === 0x38 || variant === 0x39 || variant === 0x61 || variant === 0x62; // 8, 9, a, b
  return groups && version >= 1 && version <= 8 && known ? after + 1 : UNSURE;
}

/** Whether so many hex digits and a dash stand there. */
function isGroup(body: Buffer, at: number, digits: number): boolean {
  return body[at + digits] === BYTE.minus && isHexRun(body, at, digits);
}

function isHexRun(body: Buffer, start: number, digits: number): boolean {
  for (let at = start; at < start + digits; at++) {
    if (!isHex(byteAt(body, at))) return false;
  }
  return true;
}

/** Scans an IPv4 address in quotes: four numbers from 0 to 255 without leading zeros. */
export function scanIpv4(body: Buffer, start: number): number {
  if (body[start] !== BYTE.quote) return UNSURE;
  let at = start + 1;
  for (let part = 1; part <= IPV4_PARTS; part++) {
    const first = at;
    let value = 0;
    while (at < first + 3 && isDigit(byteAt(body, at))) value = value * 10 + digitAt(body, at++);
    if (at === first || value > 255 || (body[first] === BYTE.zero && at > first + 1)) return UNSURE;
    if (body[at++] !== (part < IPV4_PARTS ? BYTE.point : BYTE.quote)) return UNSURE;
  }
  return at;
}

/** Scans an IPv6 address in quotes: groups of hex digits, at most one `::`; no embedded IPv4 and no zone. */
export function scanIpv6(body: Buffer, start: number): number {
  if (body[start] !== BYTE.quote) return UNSURE;
  let at = start + 1;
  let groups = 0;
  let gap = false;
  if (body[at] === BYTE.colon) {
    if (body[at + 1] !== BYTE.colon) return UNSURE;
    gap = true;
    at += 2;
  }
  while (groups < IPV6_GROUPS && isHex(byteAt(body, at))) {
    const first = at;
    while (at < first + 4 && isHex(byteAt(body, at))) at++;
    groups++;
    if (body[at] !== BYTE.colon) break;
    if (body[at + 1] === BYTE.colon) {
      if (gap) return UNSURE;
      gap = true;
      at += 2;
    } else if (isHex(byteAt(body, ++at))) continue;
    else return UNSURE;
  }
  const whole = gap ? groups < IPV6_GROUPS : groups === IPV6_GROUPS;
  return whole && body[at] === BYTE.quote ? at + 1 : UNSURE;
}
