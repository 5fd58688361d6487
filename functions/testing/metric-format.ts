import { Ajv } from "ajv";

const text = { type: "string", minLength: 1, maxLength: 255, pattern: "^[\\x20-\\x7e]+$" };
const UNITS = ["Seconds", "Bytes", "Count", "Percent", "None"];
/** Rules of CloudWatch's Embedded Metric Format that a schema can say: user guide, "Specification: Embedded metric format". */
const matches = new Ajv().compile({
  type: "object",
  required: ["_aws"],
  properties: {
    _aws: {
      type: "object",
      required: ["Timestamp", "CloudWatchMetrics"],
      properties: {
        Timestamp: { type: "integer", minimum: 1 },
        CloudWatchMetrics: {
          type: "array",
          minItems: 1,
          items: {
            type: "object",
            required: ["Namespace", "Dimensions", "Metrics"],
            additionalProperties: false,
            properties: {
              Namespace: text,
              Dimensions: { type: "array", minItems: 1, items: { type: "array", maxItems: 30, items: text } },
              Metrics: {
                type: "array",
                minItems: 1,
                maxItems: 100,
                items: {
                  type: "object",
                  required: ["Name", "Unit"],
                  additionalProperties: false,
                  properties: { Name: text, Unit: { enum: UNITS } },
                },
              },
            },
          },
        },
      },
    },
  },
});

const BYTES_MAX = 256 * 1_024;

export type MetricDocument = Record<string, unknown> & {
  _aws: {
    Timestamp: number;
    CloudWatchMetrics: { Namespace: string; Dimensions: string[][]; Metrics: { Name: string; Unit: string }[] }[];
  };
};

/** A line as the document that it is; throws with what the format forbids. What is referred to must stand at the root. */
export function metricDocument(line: string): MetricDocument {
  const root = JSON.parse(line) as MetricDocument;
  if (line.includes("\n") || Buffer.byteLength(line) > BYTES_MAX) throw new Error("more than a line of 256 KB");
  if (!matches(root)) throw new Error(JSON.stringify(matches.errors));
  for (const { Dimensions, Metrics } of root._aws.CloudWatchMetrics) {
    for (const name of Dimensions.flat())
      if (typeof root[name] !== "string" || root[name] === "") throw new Error(`dimension ${name} is no text`);
    for (const { Name } of Metrics) {
      const values = [root[Name]].flat();
      if (values.length === 0 || values.length > 100) throw new Error(`${Name} has ${values.length} values`);
      if (!values.every(Number.isFinite)) throw new Error(`${Name} is no number`);
    }
  }
  return root;
}
