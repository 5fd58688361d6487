import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { startChild } from "../../stacks/local/child.ts";
import { ENGINES, type EngineName, type EngineReady, engineFile } from "../../stacks/local/engines/list.ts";
import { forgetDataDir, newDataDir } from "./data-dir.ts";

declare module "vitest" {
  interface ProvidedContext {
    engines: Record<EngineName, EngineReady>;
  }
}

/** Starts every local engine once for a test run, on free ports with data of its own; `inject("engines")` has the addresses. */
export default async function startEngines(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = await newDataDir();
  const children = await Promise.all(
    ENGINES.map(async (name) => {
      const child = await startChild<unknown, EngineReady>(engineFile(name), { dataDir: join(dataDir, name), port: 0 });
      return [name, child] as const;
    }),
  );
  const ready = Object.fromEntries(children.map(([name, child]) => [name, child.ready])) as Record<
    EngineName,
    EngineReady
  >;
  project.provide("engines", ready);
  return async () => {
    await Promise.all(children.map(([, child]) => child.stop()));
    await forgetDataDir(dataDir);
  };
}
