import { isLoopback, loadClientConfig, type Config } from "../../config.ts";
import { messageOf } from "../../errors.ts";
import { SECOND } from "../../units.ts";
import { membersOf, textOf } from "../json-value.ts";
import type { Finding } from "./finding.ts";

const ANSWER_TIMEOUT = 2 * SECOND;

/** The server that the commands talk to. `locked`: whether somebody has the data folder. */
export async function examineServer(
  config: Config | undefined,
  locked: boolean,
): Promise<readonly Finding[]> {
  let url: string;
  try {
    ({ url } = loadClientConfig());
  } catch (error) {
    const advice = "Correct the variable: it says where the commands find the server.";
    return [{ check: "server.ready", state: "problem", found: messageOf(error), advice }];
  }
  const readiness = await examineReadiness(url, locked);
  if (readiness.values?.["ready"] === true) return [readiness];
  const missed = config === undefined ? undefined : missedServer(url, config);
  return missed === undefined ? [readiness] : [readiness, missed];
}

/** A port of `.env` is the server's alone: the commands don't read that file. */
function missedServer(url: string, config: Config): Finding | undefined {
  const { port, hostname } = new URL(url);
  const isHere = isLoopback(hostname.replace(/^\[|\]$/g, ""));
  if (!isHere || config.port === 0 || port === String(config.port)) return undefined;
  return {
    check: "server.url",
    state: "warning",
    found: `the commands talk to ${url}, and a server of this project listens on port ${config.port}`,
    meaning: "publish, query and the others would miss it.",
    advice: `Set HEADRACE_URL=http://127.0.0.1:${config.port}`,
    values: { url },
  };
}

async function examineReadiness(url: string, locked: boolean): Promise<Finding> {
  const check = "server.ready";
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(`${url}/readyz`, {
      redirect: "error",
      signal: AbortSignal.timeout(ANSWER_TIMEOUT),
    });
    body = await response.json();
  } catch (error) {
    return silentServer(url, locked, error);
  }
  const { ready, draining, streams, store } = membersOf(body);
  if (typeof ready !== "boolean") return foreignServer(url);
  const values = { url, ready };
  if (ready) {
    return { check, state: "ok", found: `${url} is ready: ${lagOf(streams)}`, values };
  }
  return {
    check,
    state: "problem",
    found: `${url} isn't ready: ${[...(draining === true ? ["it is stopping"] : []), ...reasonsOf(streams, store)].join("; ")}`,
    meaning: "It takes no events, or doesn't load them, until that is mended.",
    advice: "Look at the server's log, and at /readyz.",
    values,
  };
}

function silentServer(url: string, locked: boolean, error: unknown): Finding {
  const check = "server.ready";
  const values = { url, ready: false };
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  if (code !== "ECONNREFUSED") {
    if (error instanceof SyntaxError) return foreignServer(url);
    return {
      check,
      state: "warning",
      found: `${url} gives no proper answer (${cause === undefined ? messageOf(error) : messageOf(cause)})`,
      meaning: "Another program may listen there, or the server is overloaded or can't be reached.",
      advice: "Look at what listens there, or name another server with HEADRACE_URL.",
      values,
    };
  }
  if (!locked)
    return { check, state: "ok", found: `no server runs at ${url}; \`headrace dev\` starts one`, values };
  return {
    check,
    state: "warning",
    found: `no server runs at ${url}, but a process has the data folder`,
    meaning: "A server that starts, stops or listens elsewhere: publish, query and the others don't find it.",
    advice: "Name it with HEADRACE_URL.",
    values,
  };
}

function foreignServer(url: string): Finding {
  return {
    check: "server.ready",
    state: "warning",
    found: `another program answers at ${url}`,
    meaning: "A server of Headrace's can't listen there, and the commands don't find one.",
    advice: "Stop that program, or choose another port with HEADRACE_PORT and HEADRACE_URL.",
    values: { url, ready: false },
  };
}

/** Names and figures come from whoever answers there. */
function lagOf(streams: unknown): string {
  const lags = Object.entries(membersOf(streams)).map(([name, state]) => {
    const { lag_events: lag } = membersOf(membersOf(state)["load"]);
    return `${name} ${lag === 0 ? "up to date" : `${textOf(lag)} events behind`}`;
  });
  return lags.length === 0 ? "it has no streams" : lags.join(", ");
}

function reasonsOf(streams: unknown, store: unknown): string[] {
  const reasons = Object.entries(membersOf(streams)).flatMap(([name, state]) => {
    const { ready, load, log } = membersOf(state);
    if (ready === true) return [];
    const { state: loading, reason } = membersOf(load);
    const broken = (Array.isArray(log) ? log : []).map((one) => textOf(membersOf(one)["reason"]));
    return [
      `${name} is ${textOf(loading)} ${[textOf(reason), ...broken].filter((text) => text !== "").join(", ")}`.trim(),
    ];
  });
  const { ready, reason } = membersOf(store);
  return ready === false ? [`the store: ${textOf(reason)}`, ...reasons] : reasons;
}
