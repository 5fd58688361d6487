import { adminCommand } from "../admin/command.ts";

const { stdout, stderr, env: environment } = process;
process.exitCode = await adminCommand(process.argv.slice(2), { stdout, stderr, environment });
