import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { listen } from "../listen.ts";

export type Site = {
  /** The address of a page of that name, of whatever name under `localhost` the page shall have: browsers reach all of them here. */
  pageOf: (name: string, domain: string) => string;
  close: () => Promise<void>;
};

/** A customer's website: for each script in `pages/` one page that has nothing but it, with the SDK bundled into it. */
export async function startSite(): Promise<Site> {
  const scripts = new Map<string, Promise<string>>();
  const scriptOf = (name: string) => {
    const script = scripts.get(name) ?? bundled(name);
    scripts.set(name, script);
    return script;
  };
  const { port, close } = await listen(async ({ url = "" }, response) => {
    const [, name = "", ending] = /^\/([\w-]+)\.(js|html)/.exec(url) ?? [];
    if (ending === "js") response.setHeader("content-type", "text/javascript").end(await scriptOf(name));
    else response.setHeader("content-type", "text/html").end(pageWith(name));
  });
  return {
    pageOf: (name, domain) => `http://${domain}:${port}/${name}.html?utm_source=x&utm_medium=y`,
    close,
  };
}

async function bundled(name: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`pages/${name}.mjs`, import.meta.url))],
    bundle: true,
    write: false,
    format: "iife",
    platform: "browser",
    target: "es2022",
    define: { "process.env.NODE_ENV": '"production"', global: "globalThis" },
  });
  return outputFiles[0]?.text ?? "";
}

const pageWith = (name: string) =>
  `<!doctype html><html lang="en"><title>Shop</title><link rel="icon" href="data:,"><script src="/${name}.js"></script></html>`;
