import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

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
  const server = createServer(async ({ url = "" }, response) => {
    const [, name = "", ending] = /^\/([\w-]+)\.(js|html)/.exec(url) ?? [];
    if (ending === "js") response.setHeader("content-type", "text/javascript").end(await scriptOf(name));
    else response.setHeader("content-type", "text/html").end(pageWith(name));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    pageOf: (name, domain) => `http://${domain}:${port}/${name}.html?utm_source=x&utm_medium=y`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
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
