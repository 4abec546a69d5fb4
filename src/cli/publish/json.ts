import { HeadraceError } from "../../errors.ts";
import { EVENT_BYTES_MAX, tooLong } from "./ndjson.ts";

/**
 * Reads one JSON document, an array of events or a single event, without ever holding more than one event of it, and
 * gives each event's bytes on one line. Numbers and strings stay as they were written, so 64-bit integers are whole.
 * What is inside an event is left for the server to judge.
 * @throws HeadraceError `input_unreadable` when the document is neither, is cut off or goes on after its end.
 */
export async function* readJson(
  input: AsyncIterable<Buffer>,
  name: string,
): AsyncGenerator<readonly Buffer[]> {
  const scanner = new JsonScanner(name);
  for await (const chunk of input) {
    const events = scanner.scan(chunk);
    if (events.length > 0) yield events;
  }
  scanner.end();
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;

/** Where the scanner stands: before the document, between an array's elements, inside an event, after the document. */
type State = "start" | "element" | "separator" | "event" | "done";

class JsonScanner {
  private state: State = "start";
  private inArray = false;
  private depth = 0;
  private inString = false;
  private escaped = false;
  private position = 0;
  private elements = 0;
  private pieces: Buffer[] = [];
  private pieceBytes = 0;
  private readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** The events that end in this chunk. */
  scan(chunk: Buffer): Buffer[] {
    const events: Buffer[] = [];
    let start = 0;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index] ?? 0;
      if (this.state === "event") {
        // A bare element such as `1` ends at what follows it, which is then looked at again.
        const ends = this.endsEvent(byte, index);
        if (ends === "no") {
          if (!this.inString && byte < SPACE) chunk[index] = SPACE;
          continue;
        }
        const end = ends === "with" ? index + 1 : index;
        events.push(Buffer.concat([...this.pieces, chunk.subarray(start, end)]));
        this.forgetPieces();
        this.state = this.inArray ? "separator" : "done";
        if (ends === "with") continue;
      }
      if (this.betweenEvents(byte, index)) start = index;
    }
    if (this.state === "event") this.keepPiece(chunk.subarray(start));
    this.position += chunk.length;
    return events;
  }

  end(): void {
    if (this.state === "done") return;
    if (this.state === "start") throw this.problem(0, "is empty; expected an array of events or one event");
    throw this.problem(0, "ends in the middle of the document");
  }

  /** Whether this byte ends the event that is being read: with it, before it, or not. */
  private endsEvent(byte: number, index: number): "with" | "before" | "no" {
    if (this.inString) {
      if (byte < SPACE) throw this.problem(index, "has a bare control character in a string");
      if (this.escaped) this.escaped = false;
      else if (byte === BACKSLASH) this.escaped = true;
      else if (byte === QUOTE) this.inString = false;
      return "no";
    }
    if (byte === QUOTE) this.inString = true;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.depth++;
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (this.depth === 0) return "before";
      this.depth--;
      if (this.depth === 0) return "with";
    } else if (byte === COMMA && this.depth === 0) return "before";
    return "no";
  }

  /** Takes a byte outside events; true when an event begins with it. */
  private betweenEvents(byte: number, index: number): boolean {
    if (byte === SPACE || (byte >= 0x09 && byte <= 0x0d)) return false;
    switch (this.state) {
      case "start":
        if (byte === OPEN_BRACKET) {
          this.inArray = true;
          this.state = "element";
          return false;
        }
        if (byte !== OPEN_BRACE) throw this.problem(index, "is neither an array of events nor one event");
        return this.begin(byte);
      case "element":
        if (byte === CLOSE_BRACKET && this.elements === 0) {
          this.state = "done";
          return false;
        }
        if (byte === COMMA || byte === CLOSE_BRACKET) throw this.problem(index, "lacks an event here");
        return this.begin(byte);
      case "separator":
        if (byte !== COMMA && byte !== CLOSE_BRACKET) throw this.problem(index, "lacks a comma here");
        this.state = byte === COMMA ? "element" : "done";
        return false;
      case "done":
        throw this.problem(index, "goes on after its end; one event a line is --format ndjson");
      case "event":
        break;
    }
    return false;
  }

  private begin(byte: number): boolean {
    this.state = "event";
    this.elements++;
    this.inString = byte === QUOTE;
    this.depth = byte === OPEN_BRACE || byte === OPEN_BRACKET ? 1 : 0;
    return true;
  }

  private keepPiece(piece: Buffer): void {
    this.pieces.push(piece);
    this.pieceBytes += piece.length;
    if (this.pieceBytes > EVENT_BYTES_MAX) throw tooLong(this.name);
  }

  private forgetPieces(): void {
    this.pieces = [];
    this.pieceBytes = 0;
  }

  private problem(index: number, what: string): HeadraceError {
    return new HeadraceError(
      "input_unreadable",
      `${this.name}: the JSON document ${what} (byte ${this.position + index})`,
    );
  }
}
