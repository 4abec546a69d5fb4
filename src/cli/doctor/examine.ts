import { join } from "node:path";
import type { Config, ConfigSources } from "../../config.ts";
import { toHeadraceError } from "../../errors.ts";
import { lookAtLock } from "../../data-folder.ts";
import { logFolder } from "../../log/open-log.ts";
import { isNatsUrl } from "../../nats/connect.ts";
import { loadProject } from "../../project/load-project.ts";
import { examineSpace, examineSync } from "./disk.ts";
import { SECTIONS, type Examination, type Finding } from "./finding.ts";
import { examineFolder } from "./folder.ts";
import { examineLimits } from "./limits.ts";
import { examineData, type DataLook } from "./log.ts";
import { examineMachine, examineResources } from "./machine.ts";
import { examineNats } from "./nats.ts";
import { examineServer } from "./server.ts";
import { examineSettings } from "./settings.ts";
import { plural } from "./show.ts";

/** Looks at all that a server of this project would need or has. Changes nothing but a file that it removes again. */
export async function examine(sources: ConfigSources): Promise<Examination> {
  const { config, findings: settings } = await examineSettings(sources);
  const project = await examineProject(sources.projectFolder);
  const data =
    config === undefined ? NO_DATA : await examineDataFolder(config, project.streams, project.name);
  const checks = [
    ...(await examineMachine()),
    ...(config === undefined ? [] : examineResources(config)),
    ...examineLimits(),
    ...settings,
    project.finding,
    ...data.findings,
    ...(await examineServer(config, data.locked)),
  ];
  const count = (state: Finding["state"]): number => checks.filter((one) => one.state === state).length;
  return {
    ok: count("problem") === 0,
    problems: count("problem"),
    warnings: count("warning"),
    checks: checks.sort((left, right) => placeOf(left) - placeOf(right)),
  };
}

/** The place of its section. */
function placeOf({ check }: Finding): number {
  return SECTIONS.findIndex((section) => check.startsWith(`${section}.`));
}

const NO_DATA = { findings: [], locked: false } as const;

async function examineProject(folder: string): Promise<{
  readonly finding: Finding;
  readonly name?: string;
  readonly streams: readonly string[] | undefined;
}> {
  const check = "project.declaration";
  try {
    const { name, streams, endpoints } = await loadProject(folder);
    const found = `${name}: ${plural(streams.length, "stream")}, ${plural(endpoints.length, "endpoint")}`;
    const values = { name, streams: streams.length, endpoints: endpoints.length };
    return {
      finding: { check, state: "ok", found, values },
      name,
      streams: streams.map((stream) => stream.name),
    };
  } catch (error) {
    const { message, advice } = toHeadraceError(error);
    const finding: Finding = {
      check,
      state: "problem",
      found: message,
      meaning: "No server starts.",
      advice,
    };
    return { finding, streams: undefined };
  }
}

async function examineDataFolder(
  config: Config,
  streams: readonly string[] | undefined,
  project = "unknown",
): Promise<Pick<DataLook, "findings" | "locked">> {
  const { dataFolder, logRetentionSize } = config;
  const folder = await examineFolder(dataFolder);
  if (isNatsUrl(config.logUrl)) {
    const { locked } = await lookAtLock(dataFolder);
    const servers = await examineNats(config.logUrl, project, streams);
    return { findings: [...folder.findings, ...(await examineSpace(folder.nearest, 0)), ...servers], locked };
  }
  const data = folder.exists
    ? await examineData(dataFolder, logFolder(config.logUrl, join(dataFolder, "log")), streams)
    : { findings: [], surveys: [], locked: false };
  const logBytes = data.surveys.reduce((sum, { bytes }) => sum + bytes, 0);
  const logBytesMax = Math.max(0, (streams?.length ?? 0) * logRetentionSize - logBytes);
  return {
    findings: [
      ...folder.findings,
      ...(await examineSpace(folder.nearest, logBytesMax)),
      ...(folder.writable ? [await examineSync(folder.nearest)] : []),
      ...data.findings,
    ],
    locked: data.locked,
  };
}
