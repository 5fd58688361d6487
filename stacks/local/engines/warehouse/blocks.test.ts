import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromBlocks, toBlocks } from "./blocks.ts";
import { cityHash128 } from "./city-hash.ts";
import { fromFrames, unpackBlock } from "./lz4.ts";

const packed = async (...parts: Buffer[]) => buffer(Readable.from(parts).pipe(toBlocks()));
const unpacked = async (...parts: Buffer[]) => buffer(fromBlocks(Readable.from(parts)));

describe("ClickHouse's compressed blocks", () => {
  test("bytes of any length come back as they went in, however the stream is cut", async () => {
    const bytes = fc.uint8Array({ maxLength: 2_000 });
    await fc.assert(
      fc.asyncProperty(fc.array(bytes, { maxLength: 5 }), fc.integer({ min: 1, max: 3_000 }), async (parts, cut) => {
        const whole = Buffer.concat(parts);
        const blocks = await packed(...parts.map((part) => Buffer.from(part)));
        const pieces = Array.from({ length: Math.ceil(blocks.length / cut) }, (_, n) =>
          blocks.subarray(n * cut, (n + 1) * cut),
        );
        expect(await unpacked(...pieces)).toEqual(whole);
      }),
    );
  });

  test("a chunk beyond the size of a block becomes several", async () => {
    const large = Buffer.alloc(300_005, "abc");
    expect((await unpacked(await packed(large))).equals(large)).toBe(true);
  });

  test("a flipped bit, a cut end, and sizes out of reason are refused", async () => {
    const block = await packed(Buffer.from("some rows of some table"));
    for (let at = 0; at < block.length; at += 1) {
      const broken = Buffer.from(block);
      broken.writeUInt8(broken.readUInt8(at) ^ 1, at);
      await expect(unpacked(broken)).rejects.toThrow();
    }
    await expect(unpacked(block.subarray(0, -1))).rejects.toThrow(/Cannot read all data/);
  });

  test("LZ4 with matches, overlapping ones too, is unpacked", () => {
    // "ab", then a match of 8 bytes 2 back, then the literal "c"
    const block = Buffer.from([0x24, 0x61, 0x62, 0x02, 0x00, 0x10, 0x63]);
    expect(unpackBlock(block, 11).toString()).toBe("ababababab" + "c");
    expect(() => unpackBlock(block, 12)).toThrow();
    expect(() => unpackBlock(Buffer.from([0x04, 0x01, 0x00]), 8)).toThrow();
  });

  test.each([
    [0, "2b9ac064fc9df03d291ee592c340b53c"],
    [3, "8669a11d6bfa08312d6150c2f01b3032"],
    [7, "e32446bce155694dd09b4c5f018c2e25"],
    [15, "ffc7a10a47b64314594c685a8398f970"],
    [16, "3d930c8990287e4ec7770444d611659b"],
    [17, "4ef4c7b104ede9f0ae31544dd0c6178a"],
    [33, "11ffe63b615e068a46a80c8146255435"],
    [64, "f60c6b00b281e83743081741414e8bab"],
    [128, "901c915690f7bf519f1b9cbcf997a828"],
    [144, "227fbc9d0276a19b08a16461a4ae9ca9"],
    [272, "0933d0de8406b248c29112ef6d3f1610"],
    [1000, "24448d65900ddd99c08c302cd54ef570"],
  ])("the checksum of %i bytes is the one of ClickHouse's own library", (size, hash) => {
    const bytes = Buffer.from(Array.from({ length: size }, (_, n) => (n * 7 + size) % 256));
    expect(cityHash128(bytes).toString("hex")).toBe(hash);
  });

  test("a frame as Python's lz4 writes it is unpacked, and a cut one refused", async () => {
    const hex = "04224d1868404803000000000000af130000006f68656c6c6f200600ffffff2d50656c6c6f2000000000";
    const frame = Buffer.from(hex, "hex");
    const cuts = [frame.subarray(0, 3), frame.subarray(3, 20), frame.subarray(20), frame];
    expect((await buffer(fromFrames(Readable.from(cuts)))).toString()).toBe("hello ".repeat(280));
    await expect(buffer(fromFrames(Readable.from([frame.subarray(0, -1)])))).rejects.toThrow(/corrupted/);
  });
});
