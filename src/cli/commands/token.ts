import { InvalidArgumentError, type Command } from "commander";
import { RATE_MAX } from "../../access/limits.ts";
import { parseTokens, type WrittenToken } from "../../access/token-entries.ts";
import { createToken, hashToken } from "../../access/token.ts";
import { HeadraceError, messageOf } from "../../errors.ts";
import { DAY, HOUR, MINUTE } from "../../units.ts";
import { printLine, styled, type Io } from "../io.ts";
import { examples, gather, integerBetween, jsonOption } from "../options.ts";
import { addToTokensFile } from "../token/tokens-file.ts";

interface Options {
  readonly name: string;
  readonly scope: readonly string[];
  readonly expires: Date;
  readonly rate?: number;
  readonly burst?: number;
  readonly file?: string;
  readonly json?: boolean;
}

export function registerToken(program: Command, io: Io): void {
  const token = program
    .command("token")
    .summary("make tokens for the server's callers")
    .description("Makes tokens for the server's callers. docs/ACCESS.md says what each scope allows.");
  token
    .command("new")
    .summary("make a token")
    .description(
      "Makes a token and prints it, this once, with the entry for HEADRACE_TOKENS_FILE or HEADRACE_TOKENS, which holds " +
        "only its hash. With --file the entry is added there, and a running server takes it up within seconds.",
    )
    .requiredOption("--name <name>", "who will use it: in the server's log and metrics")
    .requiredOption(
      "--scope <scope>",
      "what it may do: ingest:<stream>, events:<stream>, read:<endpoint>, sql, metrics, admin, with * for all; repeat it for others",
      gather,
      [],
    )
    .requiredOption(
      "--expires <when>",
      "when it ends: 90d, 12h, 2027-01-31 or 2027-01-31T08:00:00Z",
      parseExpiry,
    )
    .option("--rate <requests>", "requests a second (default: any number)", integerBetween(1, RATE_MAX))
    .option("--burst <requests>", "requests at once (default: a second's)", integerBetween(1, RATE_MAX))
    .option("--file <path>", "the tokens file to add it to; made when it isn't there")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "headrace token new --name loader --scope ingest:flights --expires 90d --file tokens.json",
        "headrace token new --name board --scope 'read:*' --expires 2027-01-31 --rate 100",
        "HEADRACE_TOKENS_FILE=tokens.json headrace start --host 0.0.0.0",
      ),
    )
    .action((options: Options) => newToken(options, io));
}

async function newToken(options: Options, io: Io): Promise<void> {
  if (options.burst !== undefined && options.rate === undefined) {
    throw new HeadraceError("usage", "--burst: it needs --rate");
  }
  const token = createToken();
  const entry: WrittenToken = {
    name: options.name,
    hash: hashToken(token),
    scopes: [...options.scope],
    expires: options.expires.toISOString(),
    ...(options.rate === undefined
      ? {}
      : { rate: { requests_per_second: options.rate, ...(options.burst && { burst: options.burst }) } }),
  };
  checkEntry(entry);
  const file = options.file === undefined ? undefined : await addToTokensFile(options.file, entry);

  if (options.json === true) {
    printLine(io.stdout, JSON.stringify({ token, entry, ...(file === undefined ? {} : { file }) }));
    return;
  }
  // The token alone goes to standard output, so that it can be piped to where it is kept.
  printLine(io.stdout, token);
  printLine(
    io.stderr,
    styled(io.stderr, "dim", "Keep it now: it is shown this once. HEADRACE_TOKEN takes it."),
  );
  if (file === undefined) {
    printLine(io.stderr, "Add this to the array in HEADRACE_TOKENS_FILE or HEADRACE_TOKENS:");
    printLine(io.stderr, JSON.stringify(entry));
  } else {
    printLine(io.stderr, `${file} has it; a server with HEADRACE_TOKENS_FILE takes it up within seconds.`);
  }
}

/** What the server would not take is refused here, in the words of the options. */
function checkEntry(entry: WrittenToken): void {
  try {
    parseTokens(JSON.stringify([entry]), "the token");
  } catch (error) {
    const problem = messageOf(error).replace(/^the token: entry 1(?: \("[^"]*"\))?: /, "");
    throw new HeadraceError("usage", problem, { cause: error });
  }
}

const UNITS: Readonly<Record<string, number>> = { m: MINUTE, h: HOUR, d: DAY, y: 365 * DAY };

function parseExpiry(text: string): Date {
  const [, digits, unit] = /^(\d{1,6})([mhdy])$/.exec(text) ?? [];
  const isTime = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text);
  const time =
    unit === undefined
      ? Date.parse(isTime ? text : "")
      : Date.now() + Number(digits) * (UNITS[unit] ?? Number.NaN);
  // Past the year 9999 a time has no form that others read.
  if (Number.isNaN(time) || time > Date.UTC(9999, 0)) {
    throw new InvalidArgumentError(
      "Expected a duration such as 90d, or a time such as 2027-01-31T08:00:00Z.",
    );
  }
  if (time <= Date.now()) throw new InvalidArgumentError("That time is over.");
  return new Date(time);
}
