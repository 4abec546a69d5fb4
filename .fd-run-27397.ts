import { scenarios } from "/work/wt/faults-disk/test/faults/scenarios.ts";
const s = scenarios.find((one) => one.name.includes(process.argv[2]!))!;
const t = performance.now();
const figures = await s.run({ seed: Number(process.argv[4]), scale: process.argv[3] as "short", folder: "/tmp/fd-6cpG/work", signal: new AbortController().signal, progress: () => {} });
console.log(JSON.stringify(figures, null, 1), Math.round(performance.now() - t), "ms");
process.exit(0);
