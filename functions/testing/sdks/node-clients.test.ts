import { testClients } from "./client-tests.ts";
import { FOREIGN_CLIENTS } from "./foreign-clients.ts";
import { useRig } from "./rig.ts";
import { SEGMENT_CLIENTS } from "./segment-clients.ts";

testClients(useRig(), [...SEGMENT_CLIENTS, ...FOREIGN_CLIENTS]);
