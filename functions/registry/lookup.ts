/**
 * What a source is found by, as one text: the SHA-256 of a write key in hexadecimal, `domain:shop.example` for a page
 * that sends no key, or `site:<uuid>`, the source's own id, for clients that know nothing else. S-6, K-22, K-23.
 */
export type Lookup = { by: "key"; hash: string } | { by: "domain"; name: string } | { by: "site"; id: string };

export const lookupOfDomain = (name: string): string => `domain:${name.toLowerCase()}`;
export const lookupOfSite = (id: string): string => `site:${id.toLowerCase()}`;

/** Reads the text again. */
export function readLookup(lookup: string): Lookup {
  if (lookup.startsWith("domain:")) return { by: "domain", name: lookup.slice("domain:".length) };
  if (lookup.startsWith("site:")) return { by: "site", id: lookup.slice("site:".length) };
  return { by: "key", hash: lookup };
}
