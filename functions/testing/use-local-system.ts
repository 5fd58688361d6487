import { afterAll, beforeAll } from "vitest";
import { forgetDataDir, newDataDir } from "./data-dir.ts";
import { type LocalSystem, startLocalSystem, stopLocalSystem } from "./local-system.ts";

/** One local system for a test file, as `npm start` runs it; stopped, and its data forgotten, when the file ends. */
export function useLocalSystem(variables: Record<string, string> = {}) {
  let system: LocalSystem;
  beforeAll(async () => {
    system = await startLocalSystem(await newDataDir(), variables);
  });
  afterAll(async () => {
    await stopLocalSystem(system);
    await forgetDataDir(system.dataDir);
  });
  return { running: () => system.running(), dataDir: () => system.dataDir };
}
