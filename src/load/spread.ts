/** Who holds which key, by key; a key that nobody holds isn't there. */
export type Holders = ReadonlyMap<string, string>;

/** Which keys each member can take. */
export type Members = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Who should hold which key: as even as can be, with as few keys as possible changing hands. Every member computes the same from
 * the same view, and with `holders` as computed nothing changes any more: so members whose views agree come to rest.
 */
export function spread(keys: Iterable<string>, holders: Holders, members: Members): Holders {
  const names = [...members.keys()].sort();
  const held = new Map(names.map((name) => [name, new Set<string>()] as const));
  const sorted = [...keys].sort();
  const free: string[] = [];
  for (const key of sorted) {
    const holder = holders.get(key);
    const own = holder === undefined ? undefined : held.get(holder);
    if (own === undefined || holder === undefined || members.get(holder)?.has(key) !== true) free.push(key);
    else own.add(key);
  }
  const takers = (key: string) => names.filter((name) => members.get(name)?.has(key) === true);
  const load = (name: string) => held.get(name)?.size ?? 0;
  for (const key of free) {
    const [least] = takers(key).sort((a, b) => load(a) - load(b));
    if (least !== undefined) held.get(least)?.add(key);
  }
  while (moveOne(sorted, held, takers, load));
  return new Map([...held].flatMap(([name, own]) => [...own].map((key) => [key, name] as const)));
}

/** Moves a key from a member to one that has at least two fewer. Each move makes the spread more even, so there is an end. */
function moveOne(
  keys: readonly string[],
  held: ReadonlyMap<string, Set<string>>,
  takers: (key: string) => readonly string[],
  load: (name: string) => number,
): boolean {
  for (const key of keys) {
    const from = [...held].find(([, own]) => own.has(key))?.[0];
    const to = [...takers(key)].sort((a, b) => load(a) - load(b))[0];
    if (from === undefined || to === undefined || load(from) - load(to) < 2) continue;
    held.get(from)?.delete(key);
    held.get(to)?.add(key);
    return true;
  }
  return false;
}
