import { expect, test } from "vitest";
import { readArguments } from "./arguments.ts";

const NOW = Date.UTC(2026, 10, 21, 12);
const read = (line: string) => readArguments(line.split(" ").filter(Boolean), NOW);

test.each<[line: string, asked: object]>([
  ["", { kind: "help", json: false }],
  ["--help", { kind: "help" }],
  ["workspace create --help", { kind: "help" }],
  ["workspace create --name Shop", { kind: "workspace create", name: "Shop", tier: "default", timezone: "UTC" }],
  ["workspace create --name=Shop --tier pro --timezone Europe/Berlin", { tier: "pro", timezone: "Europe/Berlin" }],
  ["workspace change --workspace W --tier pro", { kind: "workspace change", workspace: "W", tier: "pro" }],
  [
    "workspace change --workspace W --window-requests 9 --day-events none",
    { windowRequestsMax: 9, dayEventsMax: null },
  ],
  ["workspace list --json", { kind: "workspace list", json: true }],
  ["source create --workspace Shop --name Web", { kind: "source create", workspace: "Shop", name: "Web" }],
  ["source list --workspace Shop", { kind: "source list", workspace: "Shop" }],
  ["key create --source Web", { kind: "key create", source: "Web", writeKey: undefined }],
  ["key create --source Web --write-key 0123456789abcdef", { writeKey: "0123456789abcdef" }],
  ["key list --source Web", { kind: "key list", source: "Web" }],
  ["key revoke 1-2", { kind: "key revoke", id: "1-2" }],
  ["token create --workspace W --name CI --scopes dlq:read,*", { scopes: ["dlq:read", "*"], expiresAt: null }],
  ["token create --workspace W --name CI --scopes * --expires 90d", { expiresAt: "2027-02-19T12:00:00.000Z" }],
  ["token create --workspace W --name CI --scopes * --expires 12h", { expiresAt: "2026-11-22T00:00:00.000Z" }],
  ["token create --workspace W --name CI --scopes * --expires 2027-01-31", { expiresAt: "2027-01-31T00:00:00.000Z" }],
  ["token revoke 1", { kind: "token revoke", id: "1" }],
])("%s", (line, asked) => {
  expect(read(line)).toMatchObject(asked);
});

test.each<[line: string, sentence: string]>([
  ["workspace", 'There is no command "workspace".'],
  ["workspace delete", 'There is no command "workspace delete".'],
  ["workspace create", "workspace create needs --name."],
  ["workspace create --name", "argument missing"],
  ["workspace create --name A --tier gold", "--tier must be one of default, pro, enterprise"],
  ["workspace create --name A --timezone Mars", "--timezone must be such as"],
  ["workspace create --name A --scopes *", "workspace create takes no --scopes."],
  ["workspace create --name A --password x", "'--password'"],
  ["workspace change --workspace W", "needs --tier, --window-requests or --day-events"],
  ["workspace change --workspace W --day-events 0", "--day-events must be a whole number from 1, or none"],
  ["workspace change --workspace W --window-requests 1.5", "--window-requests must be a whole number"],
  ["source create --name A", "source create needs --workspace."],
  ["key create", "key create needs --source."],
  ["key create --source S --write-key wk_local", "that everybody knows"],
  ["key create --source S --write-key sk_local", "that everybody knows"],
  ["key create --source S --write-key wk_demo_web_01234567", "that everybody knows"],
  ["key create --source S --write-key short", "at least 16 characters"],
  ["key create --source S --write-key 0123456789***012345", "at least 16 characters"],
  ["key revoke", "needs the id that key list shows"],
  ["key revoke 1 2", 'takes no "2"'],
  ["token create --workspace W --name N", "needs --scopes"],
  ["token create --workspace W --name N --scopes * --expires yesterday", "--expires must be a time to come"],
  ["token create --workspace W --name N --scopes * --expires 2020-01-01", "--expires must be a time to come"],
])("%s is wrong use", (line, sentence) => {
  expect(() => read(line)).toThrow(sentence);
});
