import { readFile, stat } from "node:fs/promises";
import { HeadraceError, messageOf } from "../errors.ts";
import { TOKENS_BYTES_MAX, TOKENS_CHECK_INTERVAL } from "./limits.ts";
import { unknownInScope, type NamedThings } from "./scopes.ts";
import { parseTokens, type TokenEntry } from "./token-entries.ts";
import { Tokens } from "./tokens.ts";

/** Where tokens come from: a text, or a file that may change. */
export interface TokenSource {
  /** The value of HEADRACE_TOKENS. */
  readonly tokens?: string | undefined;
  /** The path of HEADRACE_TOKENS_FILE. */
  readonly tokensFile?: string | undefined;
}

/** Called as tokens come and go; must not throw. */
export interface TokensObserver {
  /** The file was read again and its tokens are in force. */
  reloaded?(tokens: number): void;
  /** The file changed and can't be used; the tokens from before stay in force. */
  reloadFailed?(reason: string): void;
  /** Something about the tokens or their file that isn't wrong, but isn't good. */
  warned?(warning: string): void;
}

export interface OpenTokens {
  readonly tokens: Tokens;
  /** Stops watching the file. */
  close(): void;
}

export interface OpenTokensOptions {
  /** What there is for scopes to name. A token that names something else is warned of: it may be for a later version. */
  readonly named?: NamedThings;
  readonly observer?: TokensObserver;
  /** How often the file is looked at. Milliseconds, default TOKENS_CHECK_INTERVAL. */
  readonly interval?: number;
  /** Milliseconds since 1970. Default Date.now. */
  readonly clock?: () => number;
}

/**
 * Reads the tokens and keeps up with the file: what is written there is in force about a second later. A file that can't
 * be used then changes nothing: half an edit must neither lock everybody out nor let anybody in.
 *
 * @returns undefined when there is no source: no tokens are asked for.
 * @throws HeadraceError `config_invalid` when the tokens can't be read at the start.
 */
export async function openTokens(
  source: TokenSource,
  options: OpenTokensOptions = {},
): Promise<OpenTokens | undefined> {
  const { tokensFile: file, tokens: text } = source;
  const clock = options.clock ?? Date.now;
  const interval = options.interval ?? TOKENS_CHECK_INTERVAL;
  if (file !== undefined) {
    const watched = new TokensFile(file, options);
    const tokens = new Tokens(await watched.read());
    return { tokens, close: every(interval, () => check(watched, tokens, clock)) };
  }
  if (text === undefined) return undefined;
  const entries = parseTokens(text, "HEADRACE_TOKENS");
  warnOfUnknownNames(entries, options);
  const tokens = new Tokens(entries);
  return { tokens, close: every(interval, () => tokens.endExpired(clock())) };
}

async function check(file: TokensFile, tokens: Tokens, clock: () => number): Promise<void> {
  const entries = await file.readIfChanged();
  if (entries !== undefined) tokens.replace(entries);
  tokens.endExpired(clock());
}

function warnOfUnknownNames(
  entries: readonly TokenEntry[],
  { observer, named }: Pick<OpenTokensOptions, "observer" | "named">,
): void {
  if (named === undefined) return;
  for (const { name, scopes } of entries) {
    for (const scope of scopes) {
      const problem = unknownInScope(scope, named);
      if (problem !== undefined) observer?.warned?.(`the token "${name}" ${problem}`);
    }
  }
}

class TokensFile {
  readonly #path: string;
  readonly #options: Pick<OpenTokensOptions, "observer" | "named">;
  readonly #observer: TokensObserver;
  /** What the file looked like when it was last read, or why it couldn't be. */
  #seen = "";

  constructor(path: string, options: Pick<OpenTokensOptions, "observer" | "named">) {
    this.#path = path;
    this.#options = options;
    this.#observer = options.observer ?? {};
  }

  /** @throws HeadraceError `config_invalid`. */
  async read(): Promise<readonly TokenEntry[]> {
    try {
      this.#seen = await this.#look();
      return await this.#parse();
    } catch (error) {
      throw this.#unreadable(error);
    }
  }

  /** The tokens when the file is another one than before, and good. Never throws. */
  async readIfChanged(): Promise<readonly TokenEntry[] | undefined> {
    try {
      const looks = await this.#look();
      if (looks === this.#seen) return undefined;
      // Noted before it is read: what is written meanwhile looks different at the next check.
      this.#seen = looks;
      const entries = await this.#parse();
      this.#observer.reloaded?.(entries.length);
      return entries;
    } catch (error) {
      const reason = messageOf(this.#unreadable(error));
      // A file that is away is looked for each time, and said to be away once.
      const isNews = error instanceof HeadraceError || this.#seen !== reason;
      if (!(error instanceof HeadraceError)) this.#seen = reason;
      if (isNews) this.#observer.reloadFailed?.(reason);
      return undefined;
    }
  }

  /** Nanoseconds, and the change of the inode too: editors replace files, and some keep a file's time. */
  async #look(): Promise<string> {
    const { ino, size, mtimeNs, ctimeNs } = await stat(this.#path, { bigint: true });
    return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
  }

  async #parse(): Promise<readonly TokenEntry[]> {
    const { size, mode } = await stat(this.#path);
    if (size > TOKENS_BYTES_MAX) {
      throw this.#invalid(`its ${size} bytes are more than ${TOKENS_BYTES_MAX}`);
    }
    if ((mode & WRITABLE_BY_OTHERS) !== 0) {
      this.#observer.warned?.(
        `${this.#path} can be written by other users, who could give themselves any scope: chmod go-w`,
      );
    }
    const entries = parseTokens(await readFile(this.#path, "utf8"), `HEADRACE_TOKENS_FILE ${this.#path}`);
    warnOfUnknownNames(entries, this.#options);
    return entries;
  }

  #unreadable(error: unknown): HeadraceError {
    return error instanceof HeadraceError ? error : this.#invalid(messageOf(error), error);
  }

  #invalid(problem: string, cause?: unknown): HeadraceError {
    return new HeadraceError("config_invalid", `HEADRACE_TOKENS_FILE ${this.#path}: ${problem}`, { cause });
  }
}

/** The bits of a file's mode that let its group or everybody write. */
const WRITABLE_BY_OTHERS = 0o022;

/** Runs a task again and again, each time after the one before is done. Keeps no process alive. */
function every(interval: number, task: () => Promise<void> | void): () => void {
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  const schedule = (): void => {
    timer = setTimeout(() => void run(), interval).unref();
  };
  const run = async (): Promise<void> => {
    await task();
    if (!closed) schedule();
  };
  schedule();
  return () => {
    closed = true;
    clearTimeout(timer);
  };
}
