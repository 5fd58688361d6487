import { runChild } from "../child.ts";
import type { EngineOptions, EngineReady } from "./list.ts";
import { startQueues } from "./queues/start-queues.ts";

runChild<EngineOptions, EngineReady>(startQueues);
