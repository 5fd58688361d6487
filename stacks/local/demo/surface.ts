import type { EventType, JsonObject } from "../../../functions/event/event.ts";
import type { Campaign } from "./campaigns.ts";
import { type Arrival, utmSearch } from "./campaigns.ts";
import { SHOP_URL } from "./catalogue.ts";
import type { Device } from "./devices.ts";
import type { Visitor } from "./people.ts";
import { record, type Tape } from "./tape.ts";

/** What a visitor looks at: a page of the web shop, a screen of the app. */
export type View = { name: string; path: string; title: string };

/** The calls that a client's SDK can make, each with the ids and the context that this SDK would send. */
export type Surface = {
  show: (view: View) => void;
  track: (event: string, properties: JsonObject) => void;
  /** Tells who this is; from here on every call of the device carries the user's id. */
  identify: (traits: JsonObject) => void;
  group: (groupId: string, traits: JsonObject) => void;
  alias: () => void;
};

/** The visitor's browser or app. A page's context follows the page that is shown, as analytics.js reads it. */
export function createSurface(tape: Tape, visitor: Visitor, device: Device, arrival: Arrival): Surface {
  const { userId } = visitor.customer;
  let context = device.context;
  let referrer = arrival.referrer;
  let campaign = arrival.campaign;

  const call = (type: EventType, fields: JsonObject) =>
    record(tape, device.source, type, {
      ...fields,
      context,
      anonymousId: device.anonymousId,
      ...(device.signedIn && { userId }),
    });
  const showPage = (view: View) => {
    const page = pageOf(view, referrer, campaign);
    context = { page, ...device.context, ...(campaign && { campaign }) };
    call("page", { name: view.name, properties: page });
    referrer = page.url;
    campaign = undefined;
  };
  return {
    show: (view) => {
      if (device.source === "web") showPage(view);
      else call("screen", { name: view.name, properties: { path: view.path } });
    },
    track: (event, properties) => call("track", { event, properties }),
    identify: (traits) => {
      device.signedIn = true;
      call("identify", { traits });
    },
    group: (groupId, traits) => call("group", { groupId, traits }),
    alias: () => record(tape, device.source, "alias", { previousId: device.anonymousId, userId, context }),
  };
}

function pageOf({ path, title }: View, referrer: string, campaign: Campaign | undefined) {
  const search = utmSearch(campaign);
  return { path, referrer, search, title, url: `${SHOP_URL}${path}${search}` };
}

const SERVER_CONTEXT = { library: { name: "@segment/analytics-node", version: "3.1.0" } };

/** What the shop's server tells, of a customer or of the browser that a guest used. */
export function recordByServer(
  tape: Tape,
  visitor: Visitor,
  device: Device,
  event: string,
  properties: JsonObject,
): void {
  record(tape, "server", "track", {
    event,
    properties,
    context: SERVER_CONTEXT,
    anonymousId: device.anonymousId,
    ...(device.signedIn && { userId: visitor.customer.userId }),
  });
}
