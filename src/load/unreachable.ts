/** Stands where the compiler has shown that nothing gets. */
export function unreachable(value: never): never {
  throw new RangeError(`unexpected: ${JSON.stringify(value)}`);
}
