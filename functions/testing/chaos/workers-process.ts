import { runChild } from "../../../stacks/local/child.ts";
import { startWorkers, type WorkersOptions, type WorkersReady } from "../../../stacks/local/workers.ts";
import { type PortFaultOptions, withPortFaults } from "./port-faults.ts";

/** The workers of `npm start`, whose ports meet the faults of a chaos run. */
runChild<WorkersOptions & { faults: PortFaultOptions }, WorkersReady>(({ faults, ...options }) =>
  startWorkers(options, withPortFaults("workers", faults)),
);
