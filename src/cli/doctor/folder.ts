import { constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf } from "../../errors.ts";
import { fileSystemOf } from "./file-systems.ts";
import type { Finding } from "./finding.ts";

/** Bits of a mode that let the group and others in. */
const MODE_OTHERS = 0o077;

/** The data folder, as it is or will be. */
export interface FolderExamination {
  readonly findings: readonly Finding[];
  /** The folder, or the nearest above it that is there: on the same disk. */
  readonly nearest: string;
  readonly exists: boolean;
  readonly writable: boolean;
}

export async function examineFolder(folder: string): Promise<FolderExamination> {
  const nearest = await nearestFolder(folder);
  const exists = nearest === folder;
  const refusal = await access(nearest, constants.R_OK | constants.W_OK | constants.X_OK).then(
    () => undefined,
    messageOf,
  );
  const isFolder = (await stat(nearest)).isDirectory();
  const findings: Finding[] = [presence(folder, exists, isFolder, refusal)];
  if (exists && isFolder) findings.push(await examineOwner(folder));
  findings.push(await examineFileSystem(nearest));
  return { findings, nearest, exists: exists && isFolder, writable: refusal === undefined && isFolder };
}

async function nearestFolder(folder: string): Promise<string> {
  for (let path = folder; path !== dirname(path); path = dirname(path)) {
    const found = await stat(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return "/";
}

function presence(folder: string, exists: boolean, isFolder: boolean, refusal: string | undefined): Finding {
  const check = "folder.data";
  const values = { path: folder, exists };
  const advice = "Give another folder with HEADRACE_DATA or --data, or the rights to this one.";
  if (!isFolder) {
    return {
      check,
      state: "problem",
      found: `${folder} is, or lies below, a file`,
      meaning: "No server starts.",
      advice,
      values,
    };
  }
  if (refusal !== undefined) {
    return {
      check,
      state: "problem",
      found: `${folder} can't be written to: ${refusal}`,
      meaning: "No server starts.",
      advice,
      values,
    };
  }
  return {
    check,
    state: "ok",
    found: exists ? folder : `${folder} isn't there yet; the first start makes it`,
    values,
  };
}

async function examineOwner(folder: string): Promise<Finding> {
  const { uid, mode } = await stat(folder);
  const self = process.getuid?.() ?? uid;
  const octal = (mode & 0o777).toString(8).padStart(3, "0");
  const values = { uid, mode: octal };
  if (uid !== self && self !== 0) {
    return {
      check: "folder.owner",
      state: "warning",
      found: `it belongs to user ${uid}, and this is user ${self}`,
      meaning: "A server of one user leaves files there that the other's can't read.",
      advice: `Run Headrace as one user, or: chown -R ${self} ${folder}`,
      values,
    };
  }
  if ((mode & MODE_OTHERS) !== 0) {
    return {
      check: "folder.owner",
      state: "warning",
      found: `its mode is ${octal}`,
      meaning: "Other users of this machine can look into it, and it holds the events.",
      advice: `chmod 700 ${folder}`,
      values,
    };
  }
  return { check: "folder.owner", state: "ok", found: `mode ${octal}, user ${uid}`, values };
}

async function examineFileSystem(folder: string): Promise<Finding> {
  const check = "folder.file_system";
  if (process.platform !== "linux") {
    return {
      check,
      state: "ok",
      found: "not looked at on this system: keep it on a local disk",
      values: { type: null },
    };
  }
  return fileSystemFinding((await statfs(folder)).type);
}

/** What a file system means, by statfs' type. */
export function fileSystemFinding(type: number): Finding {
  const check = "folder.file_system";
  const { name, kind } = fileSystemOf(type);
  const values = { type: name };
  if (kind === "disk") return { check, state: "ok", found: name, values };
  if (kind === "unknown") {
    return {
      check,
      state: "ok",
      found: `a file system of type ${name}: it should be on a local disk`,
      values,
    };
  }
  const { is, ...rest } = UNFIT[kind];
  return { check, found: `${name}, ${is}`, ...rest, values };
}

const UNFIT = {
  network: {
    state: "problem",
    is: "a network file system",
    meaning: "Locks and syncs aren't sure to hold there: what was acknowledged could be lost.",
    advice: "Put the data folder on a local disk with HEADRACE_DATA.",
  },
  shared: {
    state: "warning",
    is: "a folder that another system or program provides",
    meaning: "Whether a sync there reaches a disk can't be known, and it is slow.",
    advice: "Put the data folder on a local disk with HEADRACE_DATA; in a container, on a volume.",
  },
  container: {
    state: "warning",
    is: "the container's own layer",
    meaning: "What is stored is gone when the container is removed.",
    advice: "Mount a volume and name it with HEADRACE_DATA.",
  },
  memory: {
    state: "warning",
    is: "in memory",
    meaning: "What is stored is gone when the machine restarts, and takes up memory.",
    advice: "Put the data folder on a disk with HEADRACE_DATA.",
  },
} as const;
