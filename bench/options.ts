import { parseArgs } from "node:util";
import { PLANS, type Plan } from "./plan.ts";

export interface Options {
  readonly plan: Plan;
  /** Letters of the rows to measure; undefined: all. */
  readonly only?: readonly string[];
  /** Write the report from the last run's figures, and measure nothing. */
  readonly render: boolean;
}

const USAGE = `npm run bench -- [options]
  --quick        1 round, 2 minutes: shows that everything works; its figures say little
  --full         5 rounds, 100 million rows, no limit on the time
  --only A,F     only these rows; the report in bench/REPORT.md stays as it is
  --rounds N     so many rounds
  --render       write the report again from the last run's figures and the notes`;

/** Exits with 2 when the command line can't be understood. */
export function readOptions(args: readonly string[]): Options {
  try {
    return parse(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return process.exit(2);
  }
}

function parse(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean" },
      full: { type: "boolean" },
      only: { type: "string" },
      rounds: { type: "string" },
      render: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  if (values.help === true) {
    console.log(USAGE);
    process.exit(0);
  }
  const plan = values.quick === true ? PLANS.quick : values.full === true ? PLANS.full : PLANS.default;
  const rounds = values.rounds === undefined ? plan.rounds : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds takes a number from 1");
  return {
    plan: { ...plan, rounds },
    ...(values.only === undefined ? {} : { only: values.only.toUpperCase().split(",") }),
    render: values.render ?? false,
  };
}
