import { runChild } from "../../../stacks/local/child.ts";
import { type DoorsOptions, type DoorsReady, startDoors } from "../../../stacks/local/doors.ts";
import { type PortFaultOptions, withPortFaults } from "./port-faults.ts";

/** The doors of `npm start`, whose ports meet the faults of a chaos run. */
runChild<DoorsOptions & { faults: PortFaultOptions }, DoorsReady>(({ faults, ...options }) =>
  startDoors(options, withPortFaults("doors", faults)),
);
