import type { JsonObject } from "../../../functions/event/event.ts";
import { type Device, type Place, someBot, someBrowser, somePhone } from "./devices.ts";
import { chance, createRandom, pick, type Random, uuid, weighted, whole } from "./random.ts";

/** Somebody, or something, that visits the shop. What it does next comes from its own `random` and from what it did. */
export type Visitor = {
  random: Random;
  kind: "shopper" | "bot";
  /** Buys whatever the dice say, so that the smallest demo shows every kind of call. */
  eager: boolean;
  devices: Device[];
  customer: Customer;
  /** When the account was opened, ISO 8601; undefined until then. */
  signedUpAt: string | undefined;
  orders: number;
};
export type Customer = { userId: string; traits: JsonObject; company: Company | undefined };
export type Company = { groupId: string; traits: JsonObject };

type City = Place & { city: string; country: string; postalCode: string };
const CITIES: readonly (readonly [City, number])[] = [
  [{ city: "Berlin", country: "DE", postalCode: "10115", locale: "de-DE", timezone: "Europe/Berlin" }, 16],
  [{ city: "Hamburg", country: "DE", postalCode: "20095", locale: "de-DE", timezone: "Europe/Berlin" }, 10],
  [{ city: "Munich", country: "DE", postalCode: "80331", locale: "de-DE", timezone: "Europe/Berlin" }, 9],
  [{ city: "Vienna", country: "AT", postalCode: "1010", locale: "de-AT", timezone: "Europe/Vienna" }, 7],
  [{ city: "Zürich", country: "CH", postalCode: "8001", locale: "de-CH", timezone: "Europe/Zurich" }, 5],
  [{ city: "Paris", country: "FR", postalCode: "75001", locale: "fr-FR", timezone: "Europe/Paris" }, 10],
  [{ city: "Amsterdam", country: "NL", postalCode: "1011", locale: "nl-NL", timezone: "Europe/Amsterdam" }, 8],
  [{ city: "London", country: "GB", postalCode: "EC1A", locale: "en-GB", timezone: "Europe/London" }, 14],
  [{ city: "Łódź", country: "PL", postalCode: "90-001", locale: "pl-PL", timezone: "Europe/Warsaw" }, 4],
  [{ city: "New York", country: "US", postalCode: "10001", locale: "en-US", timezone: "America/New_York" }, 10],
  [{ city: "São Paulo", country: "BR", postalCode: "01000-000", locale: "pt-BR", timezone: "America/Sao_Paulo" }, 4],
  [{ city: "Osaka", country: "JP", postalCode: "530-0001", locale: "ja-JP", timezone: "Asia/Tokyo" }, 3],
];
const FIRST_NAMES = [
  "Ada",
  "Ben",
  "Chloé",
  "Daan",
  "Elif",
  "Frieda",
  "Grace",
  "Hugo",
  "Ines",
  "Jonas",
  "Kaja",
  "Leo",
  "Mia",
  "Noah",
  "Olga",
  "Paul",
  "Rosa",
  "Søren",
  "Tariq",
  "Uma",
  "Viktor",
  "Yuki",
  "Zofia",
];
const LAST_NAMES = [
  "Albrecht",
  "Bakker",
  "Castillo",
  "Dubois",
  "Eriksen",
  "Fischer",
  "García",
  "Hughes",
  "Ivanova",
  "Jansen",
  "Kowalski",
  "Lindqvist",
  "Müller",
  "Nowak",
  "O'Brien",
  "Pereira",
  "Rossi",
  "Sato",
  "Tanaka",
  "Weber",
  "Yılmaz",
];
const COMPANY_NAMES = [
  "Northgate Studio",
  "Blue Harbour",
  "Oak & Iron",
  "Lumen Works",
  "Riverside Clinic",
  "Atlas Print",
  "Corner Office",
  "Fable Books",
  "Greenline Logistics",
  "Hatch Labs",
  "Juniper Hotel",
  "Kite Media",
];
const INDUSTRIES = ["design", "hospitality", "software", "health", "logistics", "retail"];

/** So many visitors buy at once, the first in the web shop and the second in the app. */
export const EAGER = 2;

/** The visitor of this number: the same for the same seed, whatever the others do. */
export function createVisitor(seed: string, number: number): Visitor {
  const random = createRandom(`${seed}/visitor/${number}`);
  const eager = number < EAGER;
  const bot = !eager && chance(random, 0.008);
  const city = weighted(random, CITIES);
  const habit = random();
  const web = eager ? number === 0 : habit < 0.8;
  const devices = bot ? [someBot(random)] : [web ? someBrowser(random, city) : somePhone(random, city)];
  // Some use both: the same person under two anonymous ids, until they sign in on the second.
  if (!bot && !eager && chance(random, 0.12)) devices.push(web ? somePhone(random, city) : someBrowser(random, city));
  const customer = someCustomer(random, city, number === 0);
  return { random, kind: bot ? "bot" : "shopper", eager, devices, customer, signedUpAt: undefined, orders: 0 };
}

function someCustomer(random: Random, { city, country, postalCode }: City, withCompany: boolean): Customer {
  const id = uuid(random);
  const firstName = pick(random, FIRST_NAMES);
  const lastName = pick(random, LAST_NAMES);
  const company = withCompany || chance(random, 0.15) ? someCompany(random) : undefined;
  const traits: JsonObject = {
    firstName,
    lastName,
    email: `${asciiOf(firstName)}.${asciiOf(lastName)}.${id.slice(0, 4)}@mail.example`,
    plan: weighted(random, [
      ["free", 7],
      ["plus", 2],
      ["trade", 1],
    ] as const),
    loyaltyPoints: whole(random, 0, 40) * 5,
    marketingOptIn: chance(random, 0.4),
    address: { city, country, postalCode },
    ...(company && { company: { id: company.groupId, name: company.traits.name ?? "" } }),
  };
  return { userId: `u_${id.slice(0, 13).replace("-", "")}`, traits, company };
}

function someCompany(random: Random): Company {
  const number = whole(random, 0, COMPANY_NAMES.length * 3 - 1);
  const branch = ["", " North", " South"][Math.floor(number / COMPANY_NAMES.length)] ?? "";
  const name = `${COMPANY_NAMES[number % COMPANY_NAMES.length]}${branch}`;
  const industry = INDUSTRIES[number % INDUSTRIES.length] ?? "";
  const employees = 5 + 17 * number;
  return {
    groupId: `c_${1_000 + number}`,
    traits: { name, industry, employees, plan: employees > 200 ? "enterprise" : "team" },
  };
}

const asciiOf = (name: string) =>
  name
    .normalize("NFKD")
    .replace(/[^a-z]/gi, "")
    .toLowerCase();
