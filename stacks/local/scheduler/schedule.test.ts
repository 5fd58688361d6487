import { expect, test } from "vitest";
import { parseSchedule } from "./schedule.ts";

/** The next times after `from`, in UTC, to the minute. */
function nextTimes(expression: string, from: string, count: number, timeZone?: string): string {
  const schedule = parseSchedule(expression, timeZone);
  const times: string[] = [];
  for (
    let atMs = schedule.nextMs(Date.parse(from));
    atMs !== undefined && times.length < count;
    atMs = schedule.nextMs(atMs)
  )
    times.push(new Date(atMs).toISOString().replace(":00.000Z", ""));
  return times.join(" ");
}

// Computed by a program of its own that walks the days one by one, from Friday 2026-01-30 22:47 UTC.
test.each([
  ["cron(0 10 * * ? *)", "2026-01-31T10:00 2026-02-01T10:00 2026-02-02T10:00 2026-02-03T10:00"],
  ["cron(15 12 * * ? *)", "2026-01-31T12:15 2026-02-01T12:15 2026-02-02T12:15 2026-02-03T12:15"],
  ["cron(0 18 ? * MON-FRI *)", "2026-02-02T18:00 2026-02-03T18:00 2026-02-04T18:00 2026-02-05T18:00"],
  ["cron(0 8 1 * ? *)", "2026-02-01T08:00 2026-03-01T08:00 2026-04-01T08:00 2026-05-01T08:00"],
  ["cron(0/15 * * * ? *)", "2026-01-30T23:00 2026-01-30T23:15 2026-01-30T23:30 2026-01-30T23:45"],
  ["cron(0/10 * ? * MON-FRI *)", "2026-01-30T22:50 2026-01-30T23:00 2026-01-30T23:10 2026-01-30T23:20"],
  ["cron(0/5 8-17 ? * MON-FRI *)", "2026-02-02T08:00 2026-02-02T08:05 2026-02-02T08:10 2026-02-02T08:15"],
  ["cron(5,35 14 * * ? *)", "2026-01-31T14:05 2026-01-31T14:35 2026-02-01T14:05 2026-02-01T14:35"],
  ["cron(15 10 ? * 6L 2026-2027)", "2026-02-27T10:15 2026-03-27T10:15 2026-04-24T10:15 2026-05-29T10:15"],
  ["cron(0 12 L * ? *)", "2026-01-31T12:00 2026-02-28T12:00 2026-03-31T12:00 2026-04-30T12:00"],
  ["cron(0 12 LW * ? *)", "2026-02-27T12:00 2026-03-31T12:00 2026-04-30T12:00 2026-05-29T12:00"],
  ["cron(0 9 15W * ? *)", "2026-02-16T09:00 2026-03-16T09:00 2026-04-15T09:00 2026-05-15T09:00"],
  ["cron(0 9 1W * ? *)", "2026-02-02T09:00 2026-03-02T09:00 2026-04-01T09:00 2026-05-01T09:00"],
  ["cron(0 9 31W * ? *)", "2026-03-31T09:00 2026-05-29T09:00 2026-07-31T09:00 2026-08-31T09:00"],
  ["cron(0 12 ? * 3#2 *)", "2026-02-10T12:00 2026-03-10T12:00 2026-04-14T12:00 2026-05-12T12:00"],
  ["cron(0 12 ? * FRI#5 *)", "2026-05-29T12:00 2026-07-31T12:00 2026-10-30T12:00 2027-01-29T12:00"],
  ["cron(0 12 ? * L *)", "2026-01-31T12:00 2026-02-07T12:00 2026-02-14T12:00 2026-02-21T12:00"],
  ["cron(30 6 ? * 1 *)", "2026-02-01T06:30 2026-02-08T06:30 2026-02-15T06:30 2026-02-22T06:30"],
  ["cron(30 6 ? * 7 *)", "2026-01-31T06:30 2026-02-07T06:30 2026-02-14T06:30 2026-02-21T06:30"],
  ["cron(0 12 ? * SUN,sat *)", "2026-01-31T12:00 2026-02-01T12:00 2026-02-07T12:00 2026-02-08T12:00"],
  ["cron(1/10 5 * * ? *)", "2026-01-31T05:01 2026-01-31T05:11 2026-01-31T05:21 2026-01-31T05:31"],
  ["cron(0 0 29 2 ? *)", "2028-02-29T00:00 2032-02-29T00:00 2036-02-29T00:00 2040-02-29T00:00"],
  ["cron(0 0 31 * ? *)", "2026-01-31T00:00 2026-03-31T00:00 2026-05-31T00:00 2026-07-31T00:00"],
  ["cron(0 0 1 JAN,JUL ? *)", "2026-07-01T00:00 2027-01-01T00:00 2027-07-01T00:00 2028-01-01T00:00"],
  ["cron(0 0 1 1/3 ? *)", "2026-04-01T00:00 2026-07-01T00:00 2026-10-01T00:00 2027-01-01T00:00"],
  ["cron(59 23 31 DEC ? 2026,2028)", "2026-12-31T23:59 2028-12-31T23:59"],
  ["cron(0 */6 * * ? *)", "2026-01-31T00:00 2026-01-31T06:00 2026-01-31T12:00 2026-01-31T18:00"],
  ["cron(10-20/5 3 */10 * ? *)", "2026-01-31T03:10 2026-01-31T03:15 2026-01-31T03:20 2026-02-01T03:10"],
  ["cron(0 0 1 1 ? 2027/2)", "2027-01-01T00:00 2029-01-01T00:00 2031-01-01T00:00 2033-01-01T00:00"],
  ["cron(0 9 ? * MONL *)", "2026-02-23T09:00 2026-03-30T09:00 2026-04-27T09:00 2026-05-25T09:00"],
  ["cron(0 8 10,L FEB ? *)", "2026-02-10T08:00 2026-02-28T08:00 2027-02-10T08:00 2027-02-28T08:00"],
  ["cron(0 22 ? 3-5 TUE#1 *)", "2026-03-03T22:00 2026-04-07T22:00 2026-05-05T22:00 2027-03-02T22:00"],
  ["cron(45 22 30 1 ? *)", "2027-01-30T22:45 2028-01-30T22:45 2029-01-30T22:45 2030-01-30T22:45"],
  ["cron(47 22 30 1 ? *)", "2027-01-30T22:47 2028-01-30T22:47 2029-01-30T22:47 2030-01-30T22:47"],
])("%s is due at %s", (expression, times) => {
  expect(nextTimes(expression, "2026-01-30T22:47:00Z", 4)).toBe(times);
});

test.each([
  ["rate(1 minute)", "2026-01-30T22:48 2026-01-30T22:49"],
  ["rate(5 minutes)", "2026-01-30T22:50 2026-01-30T22:55"],
  ["rate(1 hour)", "2026-01-30T23:00 2026-01-31T00:00"],
  ["rate(12 hours)", "2026-01-31T00:00 2026-01-31T12:00"],
  ["rate(1 day)", "2026-01-31T00:00 2026-02-01T00:00"],
])("%s is due at %s", (expression, times) => {
  expect(nextTimes(expression, "2026-01-30T22:47:00Z", 2)).toBe(times);
});

test("a time that is exactly reached is past", () => {
  expect(nextTimes("rate(5 minutes)", "2026-01-30T22:45:00Z", 1)).toBe("2026-01-30T22:50");
});

test.each([
  [
    "is read in its time zone",
    "cron(0 9 * * ? *)",
    "America/New_York",
    "2026-03-07T00:00:00Z",
    "2026-03-07T14:00 2026-03-08T13:00",
  ],
  [
    "a time that does not exist is skipped",
    "cron(30 2 * * ? *)",
    "Europe/Berlin",
    "2026-03-28T12:00:00Z",
    "2026-03-30T00:30 2026-03-31T00:30",
  ],
  [
    "a time that exists twice is due once",
    "cron(30 2 * * ? *)",
    "Europe/Berlin",
    "2026-10-24T12:00:00Z",
    "2026-10-25T00:30 2026-10-26T01:30",
  ],
  [
    "also of many times a day",
    "cron(*/30 * * * ? *)",
    "Europe/Berlin",
    "2026-10-25T00:10:00Z",
    "2026-10-25T00:30 2026-10-25T02:00",
  ],
  [
    "also where the clock moves by half an hour",
    "cron(45 1 * * ? *)",
    "Australia/Lord_Howe",
    "2026-04-04T12:00:00Z",
    "2026-04-04T14:45 2026-04-05T15:15",
  ],
])("%s", (_name, expression, timeZone, from, times) => {
  expect(nextTimes(expression, from, 2, timeZone)).toBe(times);
});

test.each([
  ["cron(0 0 30 2 ? *)", "there is no 30th of February"],
  ["cron(0 0 1 1 ? 2025)", "the year is over"],
])("%s is never due: %s", (expression) => {
  expect(nextTimes(expression, "2026-01-30T22:47:00Z", 1)).toBe("");
});

test.each([
  ["cron(0 12 * * * *)", /exactly one of day-of-month and day-of-week must be \?/],
  ["cron(0 12 1 * MON *)", /exactly one of day-of-month and day-of-week must be \?/],
  ["cron(0 12 ? * ? *)", /exactly one of day-of-month and day-of-week must be \?/],
  ["cron(0 12 * * ?)", /has 5 fields: AWS wants minutes, hours/],
  ["cron(0 0 12 * * ? *)", /has 7 fields/],
  ["cron(60 * * * ? *)", /"60" in minutes is refused.*0-59/],
  ["cron(0 24 * * ? *)", /"24" in hours is refused/],
  ["cron(0 0 0 * ? *)", /"0" in day-of-month is refused/],
  ["cron(0 0 * 13 ? *)", /"13" in month is refused/],
  ["cron(0 0 * MAI ? *)", /"MAI" in month is refused/],
  ["cron(0 0 ? * 0 *)", /"0" in day-of-week is refused/],
  ["cron(0 0 ? * 8 *)", /"8" in day-of-week is refused/],
  ["cron(0 0 ? * 2/2 *)", /"2\/2" in day-of-week is refused: steps/],
  ["cron(0 0 * * ? 1969)", /"1969" in year is refused.*1970-2199/],
  ["cron(*/0 * * * ? *)", /a step of 0 does not fit/],
  ["cron(/5 * * * ? *)", /"\/5" is no value, range or step/],
  ["cron(30-10 * * * ? *)", /a range goes upwards/],
  ["cron(? * * * ? *)", /"\?" in minutes is refused/],
  ["cron(L * * * ? *)", /"L" in minutes is refused/],
  ["cron(0 0 ? * 3#6 *)", /"3#6" in day-of-week is refused/],
  ["cron(0 0 ? * 3#1,6#3 *)", /stand alone, not in a list/],
  ["cron(0 0 1,15W * ? *)", /stand alone, not in a list/],
  ["cron(0 0 1; * ? *)", /refused/],
  ["rate(1 minutes)", /the unit of 1 is minute$/],
  ["rate(5 minute)", /the unit of 5 is minutes$/],
  ["rate(0 minutes)", /positive number/],
  ["rate(-1 minutes)", /positive number/],
  ["rate(1.5 hours)", /positive number/],
  ["rate(30 seconds)", /positive number/],
  ["every day", /is no schedule/],
  ["*/5 * * * *", /is no schedule/],
])("%s is refused, with the reason", (expression, reason) => {
  expect(() => parseSchedule(expression)).toThrow(reason);
});

test("an unknown time zone is refused by name", () => {
  expect(() => parseSchedule("cron(0 9 * * ? *)", "Mars/Base")).toThrow(/"Mars\/Base" is no time zone/);
});
