import { defineConfig } from "vitest/config";

/**
 * unit         pure: no engine, no network, milliseconds.
 * integration  `*.engine.test.ts`: stores, SQL and local engines against real engines, started once a run.
 * journeys     the whole system as `npm start` runs it, from HTTP in to rows out.
 * kills        the same, with processes killed again and again; they restart on their ports, so nothing runs beside them.
 * sdks         the SDKs of Node, and the requests of others, against the whole system; they mostly wait to come again.
 * browsers     `*.browser.test.ts`: SDKs of web pages in Chromium, which .ci/run installs.
 * python       `*.python.test.ts`: SDKs of Python in an environment of their own, which needs PyPI.
 */
const places = ["functions", "stacks", "sql", "bench"];
const of = (pattern: string) => places.map((place) => `${place}/**/${pattern}`);

export default defineConfig({
  test: {
    // Most suites wait for engines, not for the processor: one more than a small machine has cores.
    maxWorkers: 4,
    // Clients that wait before they come again: sixteen waits at a time.
    maxConcurrency: 16,
    projects: [
      {
        test: {
          name: "unit",
          // No test is about time: a busy machine may take long.
          testTimeout: 60_000,
          // Files of one worker share their modules, whose loading is half of what this project costs. A file that needs
          // fresh ones says so (vi.resetModules).
          isolate: false,
          include: of("*.test.ts"),
          exclude: [
            ...of("*.engine.test.ts"),
            ...of("*.redis.test.ts"),
            "functions/testing/journeys/**",
            "functions/testing/sdks/**",
          ],
        },
      },
      {
        test: {
          name: "integration",
          include: of("*.engine.test.ts"),
          globalSetup: "functions/testing/start-engines.ts",
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "journeys",
          include: ["functions/testing/journeys/**/*.test.ts"],
          exclude: ["functions/testing/journeys/*kills.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "kills",
          include: ["functions/testing/journeys/*kills.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "sdks",
          include: ["functions/testing/sdks/**/*.test.ts"],
          exclude: ["functions/testing/sdks/*.{browser,python}.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      ...["browser", "python"].map((kind) => ({
        test: {
          name: kind === "browser" ? "browsers" : kind,
          include: [`functions/testing/sdks/*.${kind}.test.ts`],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      })),
      {
        // Needs a real Redis (REDIS_URL): run by .ci/run, not by npm test.
        test: { name: "redis", include: of("*.redis.test.ts"), testTimeout: 30_000 },
      },
    ],
  },
});
