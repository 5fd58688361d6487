import { ClickHouseError } from "@clickhouse/client";
import { DrizzleQueryError } from "drizzle-orm";
import { pino } from "pino";
import postgres from "postgres";
import { expect, test } from "vitest";
import { errorShown } from "./error-shown.ts";
import { AppError } from "./errors.ts";
import { log } from "./log.ts";

const CANARY = "canary@example.com";
const JSON_ERROR = new SyntaxError(`Unexpected token in ${CANARY}`);
const refused = (cause: unknown) => new Error("the statement was refused", { cause });

test.each<[string, Error]>([
  ["ClickHouse", new ClickHouseError({ message: `Cannot parse ${CANARY}`, code: "117", type: "INCORRECT_DATA" })],
  ["Postgres", new postgres.PostgresError({ message: `invalid input "${CANARY}"`, code: "22P02" } as never)],
  ["drizzle", new DrizzleQueryError(`select ${CANARY}`, [CANARY], new Error("connect ECONNREFUSED"))],
  ["JSON", JSON_ERROR],
])("I9 C-18 what %s says of a statement is not shown, its code is, at any depth", (_, driver) => {
  for (const error of [driver, refused(driver), refused(refused(driver))]) {
    const text = JSON.stringify(errorShown(error));
    expect(text).not.toContain(CANARY);
    const { code } = driver as { code?: string };
    if (code !== undefined) expect(text).toContain(code);
  }
  expect(errorShown(refused(driver)).message).toBe("the statement was refused");
});

test("A-14 everything else is shown with all that caused it", () => {
  const root = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
  const error = new AppError("unavailable", "later", { cause: new Error("no answer", { cause: root }) });
  expect(errorShown(error)).toEqual({
    type: "AppError",
    message: "later",
    stack: error.stack,
    code: "unavailable",
    cause: { type: "Error", message: "no answer", cause: { type: "Error", message: "connect", code: "ECONNREFUSED" } },
  });
});

test("what is no error, and a cause that causes itself, end the chain", () => {
  expect(errorShown(refused({ text: CANARY }))).toMatchObject({ cause: { type: "object", message: "" } });
  const circle = refused(undefined);
  circle.cause = circle;
  expect(JSON.stringify(errorShown(circle)).match(/refused/g)?.length).toBeLessThan(30);
});

test("the log shows errors so", () => {
  const { err } =
    (log as unknown as Record<symbol, Record<string, (error: unknown) => unknown>>)[pino.symbols.serializersSym] ?? {};
  expect(err?.(refused(JSON_ERROR))).toMatchObject({ message: "the statement was refused", cause: { message: "" } });
});
