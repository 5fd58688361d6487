import { demoCommand } from "../demo/command.ts";

const { stdout, stderr, env: environment } = process;
const interrupt = new AbortController();
// The first Ctrl-C lets what is under way arrive, a second one ends at once.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interrupt.abort());

process.exitCode = await demoCommand(process.argv.slice(2), { stdout, stderr, environment, signal: interrupt.signal });
