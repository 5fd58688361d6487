/**
 * CityHash128 of version 1.0.2, the one that ClickHouse puts before each block of its compressed format (later versions
 * of CityHash give other values). Sixteen bytes: the low word first, little-endian.
 */
export function cityHash128(bytes: Buffer): Buffer {
  const [low, high] = hash128(bytes);
  const out = Buffer.alloc(16);
  out.writeBigUInt64LE(low, 0);
  out.writeBigUInt64LE(high, 8);
  return out;
}

type Words = [bigint, bigint];

const K0 = 0xc3a5c85c97cb3127n;
const K1 = 0xb492b66fbe98f273n;
const K2 = 0x9ae16a3b2f90404fn;
const K3 = 0xc949d7c7509e6557n;
const MULTIPLIER = 0x9ddfea08eb382d69n;

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const rotate = (value: bigint, bits: bigint): bigint => u64((value >> bits) | (value << (64n - bits)));
const shiftMix = (value: bigint): bigint => value ^ (value >> 47n);

function hash128(bytes: Buffer): Words {
  const size = BigInt(bytes.length);
  if (bytes.length >= 16) return seeded(bytes.subarray(16), [bytes.readBigUInt64LE(0) ^ K3, bytes.readBigUInt64LE(8)]);
  if (bytes.length >= 8) {
    const last = bytes.readBigUInt64LE(bytes.length - 8);
    return seeded(bytes.subarray(0, 0), [bytes.readBigUInt64LE(0) ^ u64(size * K0), last ^ K1]);
  }
  return seeded(bytes, [K0, K1]);
}

function seeded(bytes: Buffer, [seedLow, seedHigh]: Words): Words {
  if (bytes.length < 128) return murmur(bytes, [seedLow, seedHigh]);
  const at = (offset: number) => bytes.readBigUInt64LE(offset);
  let [x, y, z] = [seedLow, seedHigh, u64(BigInt(bytes.length) * K1)];
  const v1 = u64(rotate(y ^ K1, 49n) * K1 + at(0));
  let v: Words = [v1, u64(rotate(v1, 42n) * K1 + at(8))];
  let w: Words = [u64(rotate(u64(y + z), 35n) * K1 + x), u64(rotate(u64(x + at(88)), 53n) * K1)];
  let from = 0;
  for (; bytes.length - from >= 128; from += 128) {
    for (const half of [from, from + 64]) {
      x = u64(rotate(u64(x + y + v[0] + at(half + 16)), 37n) * K1) ^ w[1];
      y = u64(rotate(u64(y + v[1] + at(half + 48)), 42n) * K1) ^ v[0];
      z = rotate(z ^ w[0], 33n);
      v = weakHash(bytes, half, v[1] * K1, x + w[0]);
      w = weakHash(bytes, half + 32, z + w[1], y);
      [z, x] = [x, z];
    }
  }
  y = u64(y + rotate(w[0], 37n) * K0 + z);
  x = u64(x + rotate(u64(v[0] + z), 49n) * K0);
  const rest = bytes.length - from;
  // Up to four chunks of 32 bytes, from the end; the first may reach back into what was hashed already.
  for (let done = 32; done - 32 < rest; done += 32) {
    const chunk = bytes.length - done;
    y = u64(rotate(u64(y - x), 42n) * K0 + v[1]);
    w = [u64(w[0] + at(chunk + 16)), w[1]];
    x = u64(rotate(x, 49n) * K0 + w[0]);
    w = [u64(w[0] + v[0]), w[1]];
    v = weakHash(bytes, chunk, v[0], v[1]);
  }
  x = mix(x, v[0]);
  y = mix(y, w[0]);
  return [u64(mix(u64(x + v[1]), w[1]) + y), mix(u64(x + w[1]), u64(y + v[1]))];
}

function murmur(bytes: Buffer, [seedLow, seedHigh]: Words): Words {
  const size = bytes.length;
  let [a, b, c, d] = [seedLow, seedHigh, 0n, 0n];
  if (size <= 16) {
    a = u64(shiftMix(u64(a * K1)) * K1);
    c = u64(b * K1 + upTo16(bytes));
    d = shiftMix(u64(a + (size >= 8 ? bytes.readBigUInt64LE(0) : c)));
  } else {
    c = mix(u64(bytes.readBigUInt64LE(size - 8) + K1), a);
    d = mix(u64(b + BigInt(size)), u64(c + bytes.readBigUInt64LE(size - 16)));
    a = u64(a + d);
    for (let from = 0; from < size - 16; from += 16) {
      a = u64((a ^ u64(shiftMix(u64(bytes.readBigUInt64LE(from) * K1)) * K1)) * K1);
      b ^= a;
      c = u64((c ^ u64(shiftMix(u64(bytes.readBigUInt64LE(from + 8) * K1)) * K1)) * K1);
      d ^= c;
    }
  }
  a = mix(a, c);
  b = mix(d, b);
  return [a ^ b, mix(b, a)];
}

function upTo16(bytes: Buffer): bigint {
  const size = bytes.length;
  if (size > 8) {
    const [a, b] = [bytes.readBigUInt64LE(0), bytes.readBigUInt64LE(size - 8)];
    return mix(a, rotate(u64(b + BigInt(size)), BigInt(size))) ^ b;
  }
  if (size >= 4) return mix(BigInt(size) + (BigInt(bytes.readUInt32LE(0)) << 3n), BigInt(bytes.readUInt32LE(size - 4)));
  if (size === 0) return K2;
  const [a = 0, b = 0, c = 0] = [bytes[0], bytes[size >> 1], bytes[size - 1]];
  const [y, z] = [BigInt(a + b * 256), BigInt(size + c * 4)];
  return u64(shiftMix(u64(y * K2) ^ u64(z * K3)) * K2);
}

/** 128 bits to 64, as Murmur does. */
function mix(low: bigint, high: bigint): bigint {
  const a = shiftMix(u64((low ^ high) * MULTIPLIER));
  return u64(shiftMix(u64((high ^ a) * MULTIPLIER)) * MULTIPLIER);
}

function weakHash(bytes: Buffer, from: number, seedA: bigint, seedB: bigint): Words {
  const [w, x] = [bytes.readBigUInt64LE(from), bytes.readBigUInt64LE(from + 8)];
  const [y, z] = [bytes.readBigUInt64LE(from + 16), bytes.readBigUInt64LE(from + 24)];
  const first = u64(seedA + w);
  const b = rotate(u64(seedB + first + z), 21n);
  const a = u64(first + x + y);
  return [u64(a + z), u64(b + rotate(a, 44n) + first)];
}
