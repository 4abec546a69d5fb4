/** The least that a server in Node can do: reads the body and answers. Nothing is looked at, nothing is kept. */
import { createServer } from "node:http";

const ACCEPTED = JSON.stringify({ accepted: 1, rejected: 0, errors: [] });
/** As long as the endpoint's answer with 50 rows. */
const ROWS = JSON.stringify({
  data: Array.from({ length: 50 }, () => ({ origin: "SEA", flights: 12_345, mean_delay: 7.123_456_789 })),
});

const server = createServer((request, response) => {
  let bytes = 0;
  request.on("data", (chunk: Buffer) => (bytes += chunk.length));
  request.on("end", () => {
    const body = bytes === 0 ? ROWS : ACCEPTED;
    response.writeHead(bytes === 0 ? 200 : 202, {
      "content-type": "application/json; charset=utf-8",
      "content-length": Buffer.byteLength(body),
    });
    response.end(body);
  });
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  console.log(`ready ${typeof address === "object" ? address?.port : ""}`);
});
process.once("SIGTERM", () => process.exit(0));
