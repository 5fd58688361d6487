import type { Range, Selected, StorePorts } from "../../deliver/store-once.ts";
import { FRAME_COLUMNS, JSON_COLUMNS } from "../../event/columns.ts";
import { uuidBytes } from "../../kit/id.ts";
import type { InsertNative } from "./insert-rows.ts";
import { jsonTexts, type NativeColumn, nativeBlock, repeated, text, uint32s } from "./native-block.ts";

/** Digits of a Kinesis sequence number; a shorter one, of another stream, is filled up with zero bytes. */
const SEQ_BYTES = 56;
/** Below the 60 s that an invocation has, so that the outcome is known while there is still somebody to know it. */
const INSERT_MS_MAX = 45_000;

/** The type of the JSON columns of `events` (`sql/clickhouse`), spelled as the engine prints it. */
export const EVENTS_JSON_TYPE = "JSON(max_dynamic_paths=0)";

/**
 * One insert of whole frame columns, put behind each other, and the position of each event. Nothing is decoded.
 * `query_id` starts with `writer:` and the place, so that an insert of a dead invocation can be found and killed.
 */
export const createInsertEvents =
  (insert: InsertNative, newId: () => string): StorePorts["insert"] =>
  async (range, selected, token, msMax) => {
    const columns = columnsOf(range, selected);
    const events = selected.reduce((sum, { subs }) => sum + subs.length, 0);
    const names = columns.map(({ name }) => name);
    const queryId = `writer:${range.stream}:${range.shard}:${newId()}`;
    await insert("events", names, nativeBlock(events, columns), token, {
      queryId,
      maxMs: Math.min(msMax, INSERT_MS_MAX),
    });
  };

function columnsOf({ shard }: Range, selected: readonly Selected[]): NativeColumn[] {
  const perPiece = (bytesOf: (piece: Selected) => Uint8Array) => selected.map(bytesOf);
  const shardText = text(shard);
  return [
    {
      name: "workspace_id",
      type: "UUID",
      bytes: perPiece(({ frame, subs }) => repeated(uuidBytes(frame.workspaceId), subs.length)),
    },
    ...FRAME_COLUMNS.map(({ name, wire }, at) => {
      const columns = selected.map(({ frame }) => frame.columns[at] ?? new Uint8Array());
      if (JSON_COLUMNS.includes(name)) return jsonTexts(name, EVENTS_JSON_TYPE, columns);
      if (!wire.startsWith("Nullable")) return { name, type: wire, bytes: columns };
      return {
        name,
        type: wire,
        nulls: columns.map((column, piece) => column.subarray(0, selected[piece]?.frame.events)),
        bytes: columns.map((column, piece) => column.subarray(selected[piece]?.frame.events)),
      };
    }),
    { name: "_shard", type: "String", bytes: perPiece(({ subs }) => repeated(shardText, subs.length)) },
    {
      name: "_seq",
      type: `FixedString(${SEQ_BYTES})`,
      bytes: perPiece(({ seq, subs }) => repeated(seqBytes(seq), subs.length)),
    },
    { name: "_sub", type: "UInt32", bytes: perPiece(({ subs }) => uint32s(subs)) },
  ];
}

function seqBytes(seq: string): Buffer {
  const bytes = Buffer.alloc(SEQ_BYTES);
  if (bytes.write(seq, "latin1") !== seq.length) throw new Error(`a sequence number of ${seq.length} characters`);
  return bytes;
}
