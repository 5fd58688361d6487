import { RowsRefused } from "../../deliver/rows-refused.ts";
import type { Range, Selected, StorePorts } from "../../deliver/store-once.ts";
import { FRAME_COLUMNS, JSON_COLUMNS } from "../../event/columns.ts";
import { valuesOf } from "../../event/frame-reader.ts";
import { uuidBytes } from "../../kit/id.ts";
import type { InsertNative } from "./insert-rows.ts";
import { jsonTexts, type NativeColumn, nativeBlock, repeated, text, uint32s } from "./native-block.ts";

/** Digits of a Kinesis sequence number; a shorter one, of another stream, is filled up with zero bytes. */
const SEQ_BYTES = 56;
/** Below the 60 s that an invocation has, so that the outcome is known while there is still somebody to know it. */
const INSERT_MS_MAX = 45_000;

/** The type of the JSON columns of `events` (`sql/clickhouse`), spelled as the engine prints it. */
export const EVENTS_JSON_TYPE = "JSON(max_dynamic_paths=0)";

/** What the table says to a column that it does not have: a migration dropped it, or is still to come. */
const NO_SUCH_COLUMN = "16";

/**
 * One insert of whole frame columns, put behind each other, and the position of each event. Nothing is decoded.
 * `query_id` starts with `writer:` and the place, so that an insert of a dead invocation can be found and killed.
 * Where the table lacks some of them, as it may while a migration and its writer's deployment are under way, events that
 * have nothing in those columns are inserted without, and the others are refused: nothing of an event is dropped (F25).
 */
export const createInsertEvents =
  (insert: InsertNative, newId: () => string, columnsNow?: () => Promise<ReadonlySet<string>>): StorePorts["insert"] =>
  async (range, selected, token, msMax) => {
    const endsAt = performance.now() + Math.min(msMax, INSERT_MS_MAX);
    const events = selected.reduce((sum, { subs }) => sum + subs.length, 0);
    const send = (columns: readonly NativeColumn[]) =>
      insert(
        "events",
        columns.map(({ name }) => name),
        nativeBlock(events, columns),
        token,
        {
          queryId: `writer:${range.stream}:${range.shard}:${newId()}`,
          maxMs: Math.max(1, Math.floor(endsAt - performance.now())),
        },
      );
    const columns = columnsOf(range, selected);
    try {
      await send(columns);
    } catch (error) {
      if (!columnsNow || codeOf(error) !== NO_SUCH_COLUMN) throw error;
      const there = await columnsNow();
      const lost = columns.filter(({ name }) => !there.has(name)).map(({ name }) => name);
      const used = lost.find((name) => selected.some(({ frame }) => !isEmpty(frame, name)));
      if (used !== undefined) throw new RowsRefused(`The table has no column ${used} for it.`, { cause: error });
      await send(columns.filter(({ name }) => there.has(name)));
    }
  };

const codeOf = (error: unknown): unknown =>
  ((error as Error | undefined)?.cause as { code?: unknown } | undefined)?.code;

/** Whether no event of the frame has anything in the column. What every event has is never empty. */
function isEmpty(frame: Selected["frame"], name: string): boolean {
  if (!FRAME_COLUMNS.some((column) => column.name === name)) return false;
  return valuesOf(frame, name).every((value) => value === "" || value === "{}" || value === null);
}

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
