import assert from "node:assert/strict";
import { until } from "../support/until.ts";

/** Every row of a stream, once all of it is loaded. */
export async function rows(url: string, stream: string): Promise<Record<string, unknown>[]> {
  await until(async () => (await counts(url, stream)).lag === 0, { timeout: 60_000 });
  const response = await fetch(`${url}/v1/endpoints/${stream}_rows?format=ndjson`);
  assert.equal(response.status, 200);
  const text = await response.text();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** The raw texts of all rejected events of a stream. */
export async function rejected(url: string, stream: string): Promise<string[]> {
  const texts: string[] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const query: string = cursor === "" ? "?limit=1000" : `?limit=1000&cursor=${encodeURIComponent(cursor)}`;
    const response = await fetch(`${url}/v1/streams/${stream}/rejected${query}`);
    assert.equal(response.status, 200);
    const page = (await response.json()) as { data: { event: unknown }[]; next: string | null };
    texts.push(...page.data.map(({ event }) => JSON.stringify(event)));
    cursor = page.next;
  }
  return texts;
}

/** What the server itself says of a stream. */
export async function counts(
  url: string,
  stream: string,
): Promise<{ events: number; rejected: number; lag: number }> {
  const response = await fetch(`${url}/v1/streams/${stream}`);
  const body = (await response.json()) as { events: number; rejected: number; lag: { events: number } };
  return { events: body.events, rejected: body.rejected, lag: body.lag.events };
}

/** The value of a metric that has these labels; 0 when it was never counted. */
export async function metric(
  url: string,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const line = text
    .split("\n")
    .find((one) => one.startsWith(`${name}{`) && wanted.every((label) => one.includes(label)));
  return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(" ")));
}
