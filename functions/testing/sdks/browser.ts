import puppeteer, { type Browser, type BrowserContext, type Page } from "puppeteer-core";
import { afterAll, beforeAll } from "vitest";
import { type Site, startSite } from "./site.ts";

export type Tab = {
  /** Calls what the page's script offers: `sdk.start`, `sdk.every`, `sdk.one`. */
  sdk: (call: "start" | "every" | "one", argument?: unknown) => Promise<void>;
  /** Waits until no request has been under way for `quietMs`. */
  quiet: (quietMs: number) => Promise<void>;
  /** Goes to an empty page at once, as a visitor who leaves, and comes back to a page of the same website. */
  leave: () => Promise<void>;
  comeBack: () => Promise<void>;
};

export type Browsing = {
  /** With a visitor of its own (no cookies, no storage) on the page of that name under that domain. */
  visit: <T>(page: string, domain: string, run: (tab: Tab) => Promise<T>) => Promise<T>;
};

/** One headless Chromium (`CHROMIUM`) for a test file, its web security as everybody has it, and a website that it visits. */
export function useBrowser(): Browsing {
  let browser: Browser;
  let site: Site;
  beforeAll(async () => {
    site = await startSite();
    browser = await puppeteer.launch({
      executablePath: process.env.CHROMIUM ?? "chromium",
      // Chromium's sandbox cannot start as root, as whom containers run; it has nothing to do with what pages may do.
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    });
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });
  return {
    visit: async (name, domain, run) => {
      const context: BrowserContext = await browser.createBrowserContext();
      try {
        const page: Page = await context.newPage();
        const address = site.pageOf(name, domain);
        await page.goto(address);
        return await run({
          sdk: async (call, argument) => {
            await page.evaluate(
              `Promise.resolve(sdk.${call}(${JSON.stringify(argument) ?? ""})).then(() => undefined)`,
            );
          },
          quiet: (quietMs) => page.waitForNetworkIdle({ idleTime: quietMs, timeout: 110_000 }),
          leave: async () => void (await page.goto("about:blank")),
          comeBack: async () => void (await page.goto(address)),
        });
      } finally {
        await context.close();
      }
    },
  };
}
