import { gzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { bytesOf, LIMITS } from "../testing/builders.ts";
import { inflate } from "./inflate.ts";

// Many random cases: on a busy machine they take their time.
vi.setConfig({ testTimeout: 120_000 });

const KB = 1_024;
/** Text as compressible as events are, and not more. */
const text = (bytes: number) => {
  const lines = Array.from(
    { length: Math.ceil(bytes / 40) },
    (_, line) => `{"event":"Order Completed","n":${line * 7919}}`,
  );
  return Buffer.from(lines.join(",").slice(0, bytes).padEnd(bytes, "x"));
};
const refused = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe("a body", () => {
  test.each([
    ["track", 100 * KB],
    ["batch", KB * KB],
  ] as const)("of a %s call may have %i bytes, plain or gzip, and not one more", (kind, max) => {
    expect(inflate({ dialect: undefined, kind, body: text(max), gzip: false }, LIMITS)).toHaveLength(max);
    expect(inflate({ dialect: undefined, kind, body: gzipSync(text(max)), gzip: true }, LIMITS)).toHaveLength(max);
    expect(() => inflate({ dialect: undefined, kind, body: text(max + 1), gzip: false }, LIMITS)).toThrow(
      refused("payload_too_large", /PAYLOAD_LIMIT_KB/),
    );
    expect(() => inflate({ dialect: undefined, kind, body: gzipSync(text(max + 1)), gzip: true }, LIMITS)).toThrow(
      refused("payload_too_large", /PAYLOAD_LIMIT_KB/),
    );
  });

  test("that is smaller than any events can be compressed to is refused as a bomb, although it would fit", () => {
    const bomb = gzipSync(Buffer.alloc(900 * KB, "x"));
    expect(() => inflate({ dialect: undefined, kind: "batch", body: bomb, gzip: true }, LIMITS)).toThrow(
      refused("payload_too_large", /batch/),
    );
    const equal = Buffer.from(Array(700).fill(text(1_000).toString()).join(","));
    expect(inflate({ dialect: undefined, kind: "batch", body: gzipSync(equal), gzip: true }, LIMITS)).toHaveLength(
      equal.length,
    );
  });

  test("that is a bomb costs no more memory than the limit", () => {
    const bomb = gzipSync(text(48 * KB * KB));
    const before = process.memoryUsage().arrayBuffers;
    expect(() => inflate({ dialect: undefined, kind: "batch", body: bomb, gzip: true }, LIMITS)).toThrow(
      refused("payload_too_large", /1024 KB/),
    );
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * KB * KB);
  });

  test.each([
    ["plain text", bytesOf("{}")],
    ["nothing", Buffer.alloc(0)],
    ["a cut stream", gzipSync(text(5_000)).subarray(0, 20)],
  ])("that says gzip and is %s is refused as unreadable", (_, body) => {
    expect(() => inflate({ dialect: undefined, kind: "track", body, gzip: true }, LIMITS)).toThrow(
      refused("invalid_json", /gzip/),
    );
  });

  test("too large is told by how much, and which variable moves the limit", () => {
    expect(() => inflate({ dialect: undefined, kind: "page", body: text(150 * KB), gzip: false }, LIMITS)).toThrow(
      /150 KB.*100 KB \(PAYLOAD_LIMIT_KB\)/,
    );
    expect(() => inflate({ dialect: undefined, kind: "batch", body: text(2_048 * KB), gzip: false }, LIMITS)).toThrow(
      /batch is 2048 KB.*1024 KB \(BATCH_PAYLOAD_LIMIT_KB\)/,
    );
  });
});
