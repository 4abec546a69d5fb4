import { readFile } from "node:fs/promises";
import { parseTokens } from "../../access/token-entries.ts";
import { givenSettings, loadConfig, type Config, type ConfigSources } from "../../config.ts";
import { HeadraceError, messageOf, toHeadraceError } from "../../errors.ts";
import { SETTINGS } from "../../settings.ts";
import type { Finding } from "./finding.ts";
import { plural } from "./show.ts";

/** `config` is undefined when a start would refuse the settings. */
export async function examineSettings(
  sources: ConfigSources,
): Promise<{ readonly config: Config | undefined; readonly findings: readonly Finding[] }> {
  try {
    const config = loadConfig(sources);
    return { config, findings: [...changedSettings(sources), await examineTokens(config)] };
  } catch (error) {
    const { message, advice } = toHeadraceError(error);
    return {
      config: undefined,
      findings: [
        {
          check: "settings.values",
          state: "problem",
          found: message,
          meaning: "No server starts, and what depends on the settings isn't looked at here.",
          advice,
        },
      ],
    };
  }
}

function changedSettings(sources: ConfigSources): readonly Finding[] {
  const given = givenSettings(sources);
  const names = given.map(({ source, text }) => `${source}=${text}`);
  return [
    {
      check: "settings.values",
      state: "ok",
      found: given.length === 0 ? "all settings have their defaults" : `set: ${names.join(", ")}`,
      values: Object.fromEntries(given.map(({ name, text }) => [SETTINGS[name].env, text])),
    },
  ];
}

async function examineTokens({ tokens, tokensFile }: Config): Promise<Finding> {
  const check = "settings.tokens";
  const source = tokensFile ?? "HEADRACE_TOKENS";
  if (tokens === undefined && tokensFile === undefined) {
    return {
      check,
      state: "ok",
      found: "no tokens",
      meaning: "Every program on this machine may use the server, and none on another machine reaches it.",
      values: { tokens: 0, expired: 0 },
    };
  }
  try {
    const entries = parseTokens(
      tokensFile === undefined ? (tokens ?? "") : await readTokens(tokensFile),
      source,
    );
    const expired = entries.filter(({ expires }) => expires <= Date.now());
    const values = { tokens: entries.length, expired: expired.length };
    const found = `${plural(entries.length, "token")} in ${source}`;
    if (expired.length === 0) return { check, state: "ok", found, values };
    return {
      check,
      state: "warning",
      found: `${found}, of which expired: ${expired.map(({ name }) => name).join(", ")}`,
      meaning: "Whoever still uses an expired token gets 401.",
      advice: "Make new ones with `headrace token new`, and remove these.",
      values,
    };
  } catch (error) {
    return {
      check,
      state: "problem",
      found: messageOf(error),
      meaning: "No server starts.",
      advice: "Correct the tokens; docs/ACCESS.md has the format.",
    };
  }
}

async function readTokens(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new HeadraceError("config_invalid", `HEADRACE_TOKENS_FILE: ${messageOf(error)}`, { cause: error });
  }
}
