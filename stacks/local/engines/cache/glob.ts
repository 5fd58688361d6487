/** Redis' glob (`*`, `?`, `[a-c]`, `[^x]`, `\` quotes) as a test of a whole key. */
export function globTest(pattern: string): (key: string) => boolean {
  if (pattern === "*") return () => true;
  const body = pattern.replaceAll(/\\(.)|\[(\^?)((?:\\.|[^\]])*)\]|[\s\S]/g, (part, quoted, not, members) => {
    if (quoted !== undefined) return literal(quoted);
    if (members !== undefined) return `[${not}${members.replaceAll("[", "\\[")}]`;
    if (part === "*") return "[\\s\\S]*";
    return part === "?" ? "[\\s\\S]" : literal(part);
  });
  const whole = new RegExp(`^${body}$`);
  return (key) => whole.test(key);
}

const literal = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
