import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFlights } from "../cli/support/server.ts";
import { findChromium, withPage } from "../support/chromium.ts";

const chromium = findChromium();
const EVENTS = ["ATL", "BOS"].map((origin, n) => ({
  flight_id: `f${n}`,
  date: "2001-02-03T04:05:06Z",
  delay: n,
  distance: 100,
  origin,
  destination: "JFK",
}));

describe.skipIf(chromium === undefined)("the docs page in a browser", () => {
  let server: Awaited<ReturnType<typeof startFlights>>;

  beforeAll(async () => {
    server = await startFlights();
    const sent = await fetch(`${server.url}/v1/streams/flights/events?wait=stored`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(EVENTS),
    });
    if (sent.status !== 200) throw new Error(await sent.text());
  });
  afterAll(() => server.remove());

  const open = <T>(use: (page: Page) => Promise<T>): Promise<T> =>
    withPage(chromium ?? "", async (page) => {
      const complaints: string[] = [];
      page.on("pageerror", (error) => complaints.push(error.message));
      page.on("console", (message) => {
        if (message.type() === "error") complaints.push(message.text());
      });
      await page.goto(`${server.url}/docs`);
      await page.locator("#sql").waitFor();
      const result = await use(page);
      expect(complaints).toEqual([]);
      return result;
    });

  test("runs SQL, says how with curl, and shows the rows", async () => {
    await open(async (page) => {
      const article = page.locator("#sql");
      await article
        .locator("textarea")
        .fill("SELECT origin, delay + 1 AS later FROM flights ORDER BY origin");
      expect(await article.locator(".curl code").textContent()).toContain("/v1/sql");
      await article.getByRole("button", { name: "Run" }).click();
      await article.locator("tbody tr").first().waitFor();
      expect(await article.locator("tbody").innerText()).toBe("ATL\t1\nBOS\t2");
    });
  });

  test.each(["parquet", "arrow"])(
    "offers an answer in %s as a file, and prints no bytes of it",
    async (format) => {
      await open(async (page) => {
        for (const id of ["#sql", "#delays_by_origin"]) {
          const article = page.locator(id);
          await article.locator(".format select").selectOption(format);
          await article.getByRole("button", { name: "Run" }).click();
          const link = article.locator(".download a");
          await link.waitFor();
          expect(await article.locator(".answer pre, .answer table").count()).toBe(0);
          const downloading = page.waitForEvent("download");
          await link.click();
          const download = await downloading;
          const name = id === "#sql" ? "sql" : "delays_by_origin";
          expect(download.suggestedFilename()).toBe(`${name}.${format}`);
          const bytes = await readFile(await download.path());
          expect(bytes.length).toBeGreaterThan(200);
          // The first bytes of a Parquet file, and of a message of Arrow's stream.
          expect(bytes.subarray(0, 4).toString("latin1")).toBe(
            format === "parquet" ? "PAR1" : "\xff\xff\xff\xff",
          );
        }
      });
    },
  );
});
