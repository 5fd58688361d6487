import { useBrowser } from "./browser.ts";
import { browserClients } from "./browser-clients.ts";
import { testClients } from "./client-tests.ts";
import { useRig } from "./rig.ts";

testClients(useRig(), browserClients(useBrowser()));
