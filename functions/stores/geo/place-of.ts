import { readFileSync } from "node:fs";
import ipaddr from "ipaddr.js";
import { type CityResponse, Reader } from "mmdb-lib";
import type { Place } from "../../ingest/ports.ts";

/**
 * Places addresses by the operator's own database in MaxMind's format (GeoLite2 City, DB-IP and their like); without one
 * nothing is known. Reads the file once, when it is first asked. Decision 13, C-24.
 */
export function createPlaceOf(path: string | undefined): (address: string) => Place | undefined {
  if (path === undefined) return () => undefined;
  const reader = new Reader<CityResponse>(readFileSync(path));
  return (address) => {
    if (!ipaddr.isValid(address)) return undefined;
    // An IPv4 address inside IPv6 is looked up as what it is.
    const found = reader.get(ipaddr.process(address).toString());
    if (!found) return undefined;
    return {
      country: found.country?.iso_code ?? "",
      region: found.subdivisions?.[0]?.iso_code ?? "",
      city: found.city?.names?.en ?? "",
    };
  };
}
