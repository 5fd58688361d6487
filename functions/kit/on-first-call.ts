/** A function that is made when it is first called, and kept: what a Lambda opens belongs to its first request, not to loading it. */
export function onFirstCall<Args extends unknown[], Answer>(
  make: () => (...args: Args) => Answer,
): (...args: Args) => Answer {
  let made: ((...args: Args) => Answer) | undefined;
  return (...args) => {
    made ??= make();
    return made(...args);
  };
}
