import { join } from "node:path";
import { lookAtLock } from "../../data-folder.ts";
import { messageOf } from "../../errors.ts";
import { examineDamage, type DataFolders } from "../../compose-salvage.ts";
import { damageFindings } from "./damage.ts";
import { surveyLog, type LogSurvey } from "../../log/embedded/survey.ts";
import { SECOND } from "../../units.ts";
import type { Finding } from "./finding.ts";
import { plural, showBytes, showTime } from "./show.ts";

/** A clock that is set back by less is corrected all the time. */
const CLOCK_TOLERANCE = SECOND;

export interface DataLook {
  readonly findings: readonly Finding[];
  readonly surveys: readonly LogSurvey[];
  /** The process that has the data folder; undefined when none has, or it hasn't said. */
  readonly locked: boolean;
}

/**
 * Looks at a data folder and changes nothing in it; `logs` is where its log is. `streams` are the project's, undefined without
 * one. While no server has the folder, every record is read.
 */
export async function examineData(
  folder: string,
  logs: string,
  streams: readonly string[] | undefined,
): Promise<DataLook> {
  const { locked, holder } = await lookAtLock(folder);
  const by = holder === undefined ? "another process" : `process ${holder.pid} since ${holder.since}`;
  const lock: Finding = {
    check: "log.lock",
    state: "ok",
    found: locked ? `the data folder is in use by ${by}` : "nobody uses the data folder",
    ...(locked ? { meaning: "A second server on it would be refused." } : {}),
    values: { locked, pid: holder?.pid ?? null },
  };
  const { surveys, findings } = await surveyFinding(logs);
  const newest = Math.max(
    ...surveys.map(({ newestAcceptedAt }) => newestAcceptedAt ?? Number.NEGATIVE_INFINITY),
  );
  const damage = locked ? findings : damageFindings(await examineDamage(foldersOf(folder, logs)));
  const looks = surveys.map((survey) => streamFinding(survey, streams));
  return { findings: [lock, ...looks, ...damage, clockFinding(newest, Date.now())], surveys, locked };
}

function foldersOf(folder: string, logs: string): DataFolders {
  return { logs, ledgers: join(folder, "ledger") };
}

/** What can be told in a moment, also while a server writes. */
async function surveyFinding(logs: string): Promise<Pick<DataLook, "surveys" | "findings">> {
  try {
    return { surveys: await surveyLog(logs), findings: [] };
  } catch (error) {
    const damaged: Finding = {
      check: "log.streams",
      state: "problem",
      found: messageOf(error),
      meaning: "No server starts on this folder.",
      advice: "Restore the file from a copy, or stop the server and run `headrace doctor` again.",
    };
    return { surveys: [], findings: [damaged] };
  }
}

function streamFinding(survey: LogSurvey, streams: readonly string[] | undefined): Finding {
  const { stream, segments, bytes, events, newestAcceptedAt } = survey;
  const newest = newestAcceptedAt === undefined ? null : new Date(newestAcceptedAt).toISOString();
  const found = `${stream}: ${plural(segments, "segment")}, ${showBytes(bytes)}, ${plural(events, "event")}${newest === null ? "" : `, the newest of ${newest}`}`;
  const values = { stream, segments, bytes, events, newest_accepted_at: newest };
  if (streams === undefined || streams.includes(stream))
    return { check: "log.stream", state: "ok", found, values };
  return {
    check: "log.stream",
    state: "ok",
    found,
    meaning: "The project doesn't declare this stream: what it has stays on the disk, untouched.",
    values,
  };
}

/** What the newest accept time says of the clock. Milliseconds since 1970; not finite without any event. */
export function clockFinding(newest: number, now: number): Finding {
  const check = "clock.order";
  const shown = new Date(now).toISOString();
  if (!Number.isFinite(newest)) {
    return {
      check,
      state: "ok",
      found: `${shown}; there are no events to compare it with`,
      values: { behind_ms: null },
    };
  }
  const behind = Math.max(0, newest - now);
  const values = { behind_ms: behind };
  if (behind <= CLOCK_TOLERANCE) {
    return { check, state: "ok", found: `${shown}, after the newest event`, values };
  }
  return {
    check,
    state: "warning",
    found: `${shown}, which is ${showTime(behind)} before the newest event was accepted`,
    meaning: "The clock was set back, or was ahead then: retention, key windows and _accepted_at go by it.",
    advice: "Set the clock by NTP: timedatectl set-ntp true, or chronyc tracking.",
    values,
  };
}
