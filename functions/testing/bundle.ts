import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Metafile } from "esbuild";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A function as a deployment bundles it: its files, and what it loads when it starts. Sizes in bytes. */
export type Bundle = { files: string[]; bytesAtStart: number; bytes: number; packages: string[] };

/** Bundles one entry (`ingest`) with esbuild, minified and split, into `outdir`; the entry becomes `<entry>.mjs` there. */
export async function bundleOf(entry: string, outdir: string): Promise<Bundle> {
  const entryPoint = `functions/entry/${entry}.ts`;
  const { metafile } = await build({
    entryPoints: [join(ROOT, entryPoint)],
    outdir,
    bundle: true,
    splitting: true,
    minify: true,
    metafile: true,
    platform: "node",
    target: "node24",
    format: "esm",
    outExtension: { ".js": ".mjs" },
    // Some packages are CommonJS and ask for Node's own modules by `require`.
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    logLevel: "error",
    absWorkingDir: ROOT,
  });
  const { outputs, inputs } = metafile;
  return {
    files: Object.keys(outputs).map((path) => join(ROOT, path)),
    bytesAtStart: bytesAtStart(metafile, entryPoint),
    bytes: Object.values(outputs).reduce((sum, output) => sum + output.bytes, 0),
    packages: [...new Set(Object.keys(inputs).flatMap(packageOf))].toSorted(),
  };
}

/** The entry and all that it imports, and what those import: everything but what is imported on demand. */
function bytesAtStart({ outputs }: Metafile, entryPoint: string): number {
  const entry = Object.keys(outputs).find((path) => outputs[path]?.entryPoint === entryPoint);
  const wanted = new Set(entry === undefined ? [] : [entry]);
  for (const path of wanted)
    for (const { path: imported, kind } of outputs[path]?.imports ?? [])
      if (kind === "import-statement" && outputs[imported]) wanted.add(imported);
  return [...wanted].reduce((sum, path) => sum + (outputs[path]?.bytes ?? 0), 0);
}

const packageOf = (path: string): string[] => {
  const name = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1];
  return name === undefined ? [] : [name];
};
