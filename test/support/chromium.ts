import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";

const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const INSTALL = join(import.meta.dirname, "../../scripts/install-chromium.sh");
const INSTALL_TIMEOUT = 600_000;
/** A new profile for each browser, and nothing that goes to the network by itself. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * The browser of this machine. CI installs one when it runs as root on Debian, and fails when that fails; elsewhere
 * undefined says that there is none, and browser tests are skipped.
 */
export function findChromium(): string | undefined {
  const found = PATHS.find((path) => existsSync(path));
  if (found !== undefined || process.env["CI"] !== "true") return found;
  const { status, stderr } = spawnSync(INSTALL, { encoding: "utf8", timeout: INSTALL_TIMEOUT });
  if (status !== 0) throw new Error(`Chromium couldn't be installed:\n${stderr}`);
  return PATHS.find((path) => existsSync(path));
}

/** Opens an empty page in a headless browser of its own, and closes that in the end. */
export async function withPage<T>(executablePath: string, use: (page: Page) => Promise<T>): Promise<T> {
  const profile = await mkdtemp(join(tmpdir(), "headrace-chromium-"));
  try {
    const context = await chromium.launchPersistentContext(profile, { executablePath, args: FLAGS });
    try {
      return await use(await context.newPage());
    } finally {
      await context.close();
    }
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
