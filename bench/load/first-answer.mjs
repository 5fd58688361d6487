// A fresh process, as Lambda starts one: loads a bundle and answers one request. Prints the milliseconds of both.
import { pathToFileURL } from "node:url";

const [bundle, event] = process.argv.slice(2);
const started = performance.now();
const { handler } = await import(pathToFileURL(bundle).href);
const loaded = performance.now();
const answer = await handler(JSON.parse(event), {});
const answered = performance.now();
console.log(JSON.stringify({ load: loaded - started, total: answered - started, status: answer.statusCode }));
process.exit(0);
