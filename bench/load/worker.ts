import { messageOf } from "../../functions/kit/errors.ts";
import { type Load, type LoadResult, runLoad } from "./generator.ts";

export type FromWorker = { kind: "done"; result: LoadResult } | { kind: "failed"; message: string };

/** The generator's own process: one run after the other, as the bench asks for them, until the bench is gone. */
process.on("message", async (load: Load) => {
  try {
    process.send?.({ kind: "done", result: await runLoad(load) } satisfies FromWorker);
  } catch (error) {
    process.send?.({ kind: "failed", message: messageOf(error) } satisfies FromWorker);
  }
});
process.on("disconnect", () => process.exit());
