import { streamHandle } from "hono/aws-lambda";
import { env } from "../kit/env.ts";
import { openStores } from "../stores/open.ts";
import { wire } from "./query.ts";

/**
 * The live view as a function of its own: only a streamed answer may go on for minutes, and those of the query door are
 * whole. The router sends it `/live`. Lambda alone has what streams; a laptop's doors stream as they are. Decision 14b.
 */
export const handler = streamHandle(wire(openStores(env.stores), { localMode: false }));
