import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Installs what is missing of Debian's PostgreSQL and NATS server, where that is possible; else their rows say that they are missing. */
export function installPeers(): void {
  if (existsSync("/usr/lib/postgresql") && existsSync("/usr/sbin/nats-server")) return;
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) return;
  console.log("installing PostgreSQL and the NATS server with apt-get…");
  try {
    execFileSync(join(import.meta.dirname, "install-peers.sh"), { stdio: ["ignore", "ignore", "inherit"] });
  } catch {
    console.log("that failed: the run goes on without those that are missing");
  }
}
