import { defineConfig } from "vitest/config";

export default defineConfig({
  // A checkout runs the sources: `import "headrace"` means src/index.ts, as in bin/headrace.
  resolve: { conditions: ["headrace-source", "node", "module", "import", "default"] },
  // Without "import": these go to the worker's require() too, which would take ES modules of CommonJS packages.
  ssr: { resolve: { conditions: ["headrace-source", "node", "module", "default"] } },
  test: {
    include: ["test/**/*.test.ts"],
    // The engine is a native library with threads of its own: a process for each test file, two at a time.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    env: { UV_THREADPOOL_SIZE: "16" },
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      reporter: ["text-summary", "json-summary"],
      reportOnFailure: true,
      thresholds: { statements: 90 },
    },
  },
});
