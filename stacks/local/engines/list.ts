import { fileURLToPath } from "node:url";

/** The engines that `npm start` and the tests run, a child process each. */
export const ENGINES = ["stream", "queues", "warehouse", "database", "cache"] as const;
export type EngineName = (typeof ENGINES)[number];

/** Each engine's own data folder (made when missing, kept over restarts) and its port on 127.0.0.1; 0 = any free one. */
export type EngineOptions = { dataDir: string; port: number };

/** Where a client reaches it: `http://127.0.0.1:PORT`, or a `postgres://` URL with its credentials. */
export type EngineReady = { port: number; url: string };

export const engineFile = (name: EngineName): string => fileURLToPath(new URL(`${name}.ts`, import.meta.url));
