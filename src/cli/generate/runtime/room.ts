/** Bounds what is held: bytes are taken before they are queued, and whoever finds no room waits in line. */
export class Room {
  readonly #max: number;
  readonly #waiting: { readonly bytes: number; readonly enter: () => void }[] = [];
  #used = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get used(): number {
    return this.#used;
  }

  tryTake(bytes: number): boolean {
    if (this.#waiting.length > 0 || this.#used + bytes > this.#max) return false;
    this.#used += bytes;
    return true;
  }

  /** Waits for room. What is larger than all of it enters when it is empty. */
  take(bytes: number): Promise<void> {
    return new Promise((enter) => {
      this.#waiting.push({ bytes, enter });
      this.give(0);
    });
  }

  give(bytes: number): void {
    this.#used -= bytes;
    let [next] = this.#waiting;
    while (next !== undefined && (this.#used === 0 || this.#used + next.bytes <= this.#max)) {
      this.#waiting.shift();
      this.#used += next.bytes;
      next.enter();
      [next] = this.#waiting;
    }
  }
}
