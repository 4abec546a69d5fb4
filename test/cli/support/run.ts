import { spawn } from "node:child_process";
import { join } from "node:path";
import { WriteStream } from "node:tty";
import { PassThrough, Readable, Writable } from "node:stream";
import { runCli } from "../../../src/cli/cli.ts";
import type { Io } from "../../../src/cli/io.ts";

export const ROOT = join(import.meta.dirname, "../../..");
export const BIN = join(ROOT, "bin/headrace");

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the real program in a process of its own. */
export async function runBin(
  args: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly stdin?: string;
    readonly cwd?: string;
  } = {},
): Promise<Outcome> {
  const child = spawn(BIN, args, {
    cwd: options.cwd ?? ROOT,
    env: { ...cleanEnvironment(), ...options.env },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => (stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (stderr += String(chunk)));
  child.stdin.end(options.stdin ?? "");
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.on("error", reject);
  child.on("close", resolve);
  return { code: await promise, stdout, stderr };
}

/** The environment without what would change a command's behaviour. */
export function cleanEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name, value]) =>
      value !== undefined && !/^(HEADRACE_|NO_COLOR|FORCE_COLOR|NODE_DISABLE_COMPILE_CACHE)/.test(name),
  );
  return Object.fromEntries(kept) as Record<string, string>;
}

/** Runs the program in this process, with streams of the test's. */
export async function runHere(
  args: readonly string[],
  options: { readonly stdin?: string | Readable; readonly terminal?: boolean } = {},
): Promise<Outcome> {
  const { io, stdout, stderr } = memoryIo(options);
  const code = await runCli(args, io);
  return { code, stdout: stdout(), stderr: stderr() };
}

export function memoryIo(options: { readonly stdin?: string | Readable; readonly terminal?: boolean } = {}): {
  readonly io: Io;
  readonly stdout: () => string;
  readonly stderr: () => string;
} {
  const out = memoryStream(options.terminal === true);
  const err = memoryStream(options.terminal === true);
  const stdin =
    options.stdin instanceof Readable ? options.stdin : new PassThrough().end(options.stdin ?? "");
  return { io: { stdin, stdout: out.stream, stderr: err.stream }, stdout: out.text, stderr: err.text };
}

/** As a terminal of 16 colours says it, with NO_COLOR and FORCE_COLOR taken into account. */
function colorDepth(): number {
  return WriteStream.prototype.getColorDepth.call(undefined, { TERM: "xterm", ...process.env });
}

function memoryStream(terminal: boolean) {
  let text = "";
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk);
      done();
    },
  });
  return {
    stream: Object.assign(stream, { isTTY: terminal, columns: 100, getColorDepth: () => colorDepth() }),
    text: () => text,
  };
}
