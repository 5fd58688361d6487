/** The invocation's time was over before the rows were in: less of them may have enough of it (F17). */
export class OutOfTime extends Error {
  override readonly name = "OutOfTime";

  constructor(options: { cause?: unknown } = {}) {
    super("the invocation's time is over, the range is left to its retry", options);
  }
}
