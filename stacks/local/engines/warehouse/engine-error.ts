/** What the engine refused, or what this door refuses in its place: one of ClickHouse's codes and its name. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  readonly code: number;
  readonly type: string;

  constructor(code: number, type: string, message: string) {
    super(message);
    this.code = code;
    this.type = type;
  }
}

/** `Code: 27. DB::Exception: Code: 27. DB::Exception: … (CANNOT_PARSE_INPUT) (version 26.7). (CANNOT_PARSE_INPUT)` */
const ENGINE_TEXT =
  /^(?:Query failed: )?(?:Code: (\d+)\. DB::(?:Net|Err|)*Exception: )+([\s\S]*?)\s*\(([A-Z][A-Z0-9_]{2,})\)(?:[\s.]|\(version [^)]*\)|\(\3\))*$/;

/** Anything thrown while a query ran, as an EngineError without the paths and wrappers that only this process knows. */
export function engineErrorOf(thrown: unknown): EngineError {
  if (thrown instanceof EngineError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const [, code, message = "", type = ""] = ENGINE_TEXT.exec(text) ?? [];
  if (code === undefined) return new EngineError(1002, "UNKNOWN_EXCEPTION", text);
  const plain = message
    .replaceAll(/\s*\(in file\/uri [^)]*\)/g, "")
    .replaceAll(": data for INSERT was parsed from file", "")
    .replaceAll(/: While executing File$/g, "");
  return new EngineError(Number(code), type, plain);
}

/** The body of a refusal, as a ClickHouse server writes it; clients parse code and name out of it. */
export const errorText = (error: EngineError, version: string): string =>
  `Code: ${error.code}. DB::Exception: ${error.message} (${error.type}) (version ${version} (official build))\n`;

/** The HTTP status that ClickHouse gives a code: 400 what cannot be parsed, 404 an unknown name, else mostly 500. */
export const statusOf = (error: EngineError): number => STATUS.get(error.type) ?? 500;

const STATUS = new Map<string, number>(
  (
    [
      [
        400,
        "BAD_ARGUMENTS CANNOT_COMPILE_REGEXP CANNOT_PARSE_TEXT CANNOT_PARSE_ESCAPE_SEQUENCE CANNOT_PARSE_QUOTED_STRING CANNOT_PARSE_DATE CANNOT_PARSE_DATETIME CANNOT_PARSE_NUMBER CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING CANNOT_PARSE_IPV4 CANNOT_PARSE_IPV6 CANNOT_PARSE_UUID CANNOT_PARSE_INPUT_ASSERTION_FAILED CANNOT_PARSE_BOOL ARGUMENT_OUT_OF_BOUND ILLEGAL_COLUMN ILLEGAL_TYPE_OF_ARGUMENT NUMBER_OF_ARGUMENTS_DOESNT_MATCH TOO_FEW_ARGUMENTS_FOR_FUNCTION UNKNOWN_ELEMENT_IN_AST TOO_DEEP_AST TOO_BIG_AST UNEXPECTED_AST_STRUCTURE VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE SYNTAX_ERROR INCORRECT_DATA TYPE_MISMATCH BAD_QUERY_PARAMETER UNKNOWN_QUERY_PARAMETER",
      ],
      [
        404,
        "UNKNOWN_TABLE UNKNOWN_FUNCTION UNKNOWN_IDENTIFIER UNKNOWN_TYPE UNKNOWN_STORAGE UNKNOWN_DATABASE UNKNOWN_SETTING UNKNOWN_DIRECTION_OF_SORTING UNKNOWN_AGGREGATE_FUNCTION UNKNOWN_FORMAT UNKNOWN_DATABASE_ENGINE UNKNOWN_TYPE_OF_QUERY NO_ELEMENTS_IN_CONFIG",
      ],
      [408, "TIMEOUT_EXCEEDED"],
      [413, "QUERY_IS_TOO_LARGE"],
      [501, "NOT_IMPLEMENTED"],
      [503, "SOCKET_TIMEOUT CANNOT_OPEN_FILE"],
    ] as const
  ).flatMap(([status, names]) => names.split(" ").map((name) => [name, status] as const)),
);
