import { RememberedKeys } from "../remembered-keys.ts";

/** Where a key's entry lies on disk: the answers stay there, only the keys are in memory. */
export interface KeyPlace {
  readonly acceptedAt: number;
  /** The segment or side file. */
  readonly path: string;
  readonly at: number;
  readonly bytes: number;
}

/** The idempotency keys of a stream that are remembered, with where their answers lie. */
export class KeyIndex extends RememberedKeys<KeyPlace> {
  /** Tells that an entry of a file lies elsewhere now. */
  moveFrom(key: string, path: string, place: KeyPlace): void {
    this.move(key, (current) => current.path === path, place);
  }
}
