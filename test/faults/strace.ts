/** The system calls by which the log and the ledger change what is on the disk. */
export const CHANGING_CALLS = [
  "mkdir",
  "openat",
  "write",
  "pwrite64",
  "writev",
  "pwritev",
  "ftruncate",
  "fdatasync",
  "fsync",
  "rename",
  "unlink",
] as const;

export type Call = (typeof CHANGING_CALLS)[number];

/**
 * strace counts the calls of each thread by itself, so all work on files must be done by one: the engine's calls and
 * those of the log and the ledger take turns in a pool of one thread.
 */
export const ONE_THREAD = { UV_THREADPOOL_SIZE: "1" };

/** Writes down each changing call with the path that it is about. */
export function recording(file: string): string[] {
  return ["strace", "-f", "--seccomp-bpf", "-y", "-o", file, "-e", `trace=${CHANGING_CALLS.join(",")}`];
}

/**
 * Kills the process with SIGKILL as it is about to make the n-th such call on one of the paths; the first is 1.
 * Without --seccomp-bpf: strace 6.1 doesn't deliver signals with it.
 */
export function killingAt(call: Call, nth: number, paths: readonly string[]): string[] {
  const only = paths.flatMap((path) => ["-P", path]);
  const kill = ["-e", `trace=${call}`, "-e", `inject=${call}:signal=SIGKILL:when=${nth}`];
  return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "signal=none", ...only, ...kill];
}

/**
 * Makes the calls that put the engine's files in place wait before they begin, those of the log and the ledger too:
 * 30 ms each rename, 5 ms each sync and removal, half a millisecond each write.
 */
export function delaying(): string[] {
  const delays: readonly (readonly [calls: string, microseconds: number])[] = [
    ["rename,renameat,renameat2", 30_000],
    ["fsync,fdatasync,unlink,unlinkat,mkdir", 5_000],
    ["write", 500],
  ];
  const traced = ["-e", `trace=${delays.map(([calls]) => calls).join(",")}`];
  const delayed = delays.flatMap(([calls, delay]) => ["-e", `inject=${calls}:delay_enter=${delay}`]);
  return [
    "strace",
    "-f",
    "--seccomp-bpf",
    "-qq",
    "-o",
    "/dev/null",
    "-e",
    "signal=none",
    ...traced,
    ...delayed,
  ];
}

/** From a recording: the arguments of each call that was made on paths in one of the folders, in order, and these paths. */
export function callsIn(
  recorded: string,
  folders: readonly string[],
): { readonly calls: ReadonlyMap<Call, readonly string[]>; readonly paths: readonly string[] } {
  const calls = new Map<Call, string[]>();
  const paths = new Set<string>();
  for (const line of recorded.split("\n")) {
    // `123 fdatasync(61</data/log/x>) = 0` and `123 rename("/data/a", "/data/b") = 0`
    const [, call = "", args = ""] = /^\d+ +(\w+)\((.*)/.exec(line) ?? [];
    const mine = [...args.matchAll(/["<](\/[^">]*)[">]/g)]
      .map(([, path = ""]) => path)
      .filter((path) => folders.some((folder) => path === folder || path.startsWith(`${folder}/`)));
    for (const path of mine) paths.add(path);
    if (mine.length === 0) continue;
    const before = calls.get(call as Call);
    if (before === undefined) calls.set(call as Call, [args]);
    else before.push(args);
  }
  return { calls, paths: [...paths] };
}
