import { runChild } from "../child.ts";
import type { EngineOptions, EngineReady } from "./list.ts";
import { startStream } from "./stream/start-stream.ts";

runChild<EngineOptions, EngineReady>(startStream);
