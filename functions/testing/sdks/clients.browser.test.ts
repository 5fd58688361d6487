import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { eventually } from "../local-system.ts";
import { useBrowser } from "./browser.ts";
import { browserClients, LEAVING } from "./browser-clients.ts";
import { onItsOwn, testClients } from "./client-tests.ts";
import { useRig } from "./rig.ts";

const rig = useRig();
const browsing = useBrowser();
testClients(rig, browserClients(browsing));

/** RudderStack's client takes over what an earlier page left after 15 s or so. */
const TAKEN_OVER_LIMIT_MS = 60_000;
/** And then nothing more may come. */
const STILL_MS = 5_000;

describe.concurrent("a visitor who leaves at once", () => {
  test.each(LEAVING)("$name: every call is stored once, some of them when the visitor is back", (client) =>
    onItsOwn(rig, {}, (_, source, target) =>
      browsing.visit(client.page, target.domain, async (tab) => {
        await tab.sdk("start", { ...target, ...client.options });
        await tab.sdk("every");
        await tab.leave();
        await tab.comeBack();
        await tab.sdk("start", { ...target, ...client.options });
        await eventually(
          async () => expect((await rig.stored(source)).length).toBeGreaterThanOrEqual(client.stored.length),
          TAKEN_OVER_LIMIT_MS,
        );
        await wait(STILL_MS);
        const stored = await rig.stored(source);
        expect(stored.map(({ type, event }) => `${type} ${event}`)).toEqual(client.stored);
        expect(stored.filter(({ copies }) => copies !== 1)).toEqual([]);
      }),
    ),
  );
});
