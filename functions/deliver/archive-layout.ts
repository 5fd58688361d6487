/** A record of the stream under its sequence number, as an archive object holds it. */
export type ArchivedRecord = { seq: string; record: Buffer };

const MAGIC = Buffer.from("MRA1");

/**
 * The bytes of an archive object: `MRA1`, then for each record, in the stream's order,
 *
 *   1 byte   digits of the sequence number
 *   n bytes  the sequence number, in ASCII
 *   4 bytes  length of the record, little-endian
 *   m bytes  the record, as it was on the stream
 *
 * The same records are always the same bytes.
 */
export function writeRecords(records: readonly ArchivedRecord[]): Buffer {
  const parts: Buffer[] = [MAGIC];
  for (const { seq, record } of records) {
    const head = Buffer.alloc(1 + seq.length + 4);
    head.writeUInt8(seq.length);
    head.write(seq, 1, "latin1");
    head.writeUInt32LE(record.length, 1 + seq.length);
    parts.push(head, record);
  }
  return Buffer.concat(parts);
}

/** The records of an archive object, one by one, not copied. Throws when it is no such object, or is cut. */
export function* readRecords(bytes: Buffer): Generator<ArchivedRecord> {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error("this is no archive object");
  let at = MAGIC.length;
  const take = (length: number): Buffer => {
    at += length;
    if (at > bytes.length) throw new Error("the archive object is cut");
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const seq = take(take(1).readUInt8()).toString("latin1");
    yield { seq, record: take(take(4).readUInt32LE()) };
  }
}
