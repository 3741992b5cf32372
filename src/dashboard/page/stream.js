// Server-Sent Events over fetch (EventSource cannot send a key): read, watched for silence, and opened again.

import { Refusal, Unreachable, headers, refusal } from "./gate.js";

/** The gate says something at least every 15 s; longer silence means that nobody is there. */
const SILENCE = 20_000;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 15_000;

/**
 * Cuts a stream of text into events (WHATWG HTML, 9.2.6).
 * @param {(event: {type: string, data: string, id: string | null}) => void} hear
 */
export function parser(hear) {
  let rest = "";
  let event = { type: "message", data: [], id: null };
  const line = (text) => {
    if (text === "") {
      if (event.data.length > 0) hear({ ...event, data: event.data.join("\n") });
      event = { type: "message", data: [], id: null };
      return;
    }
    const colon = text.indexOf(":");
    if (colon === 0) return;
    const field = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (field === "event") event.type = value;
    else if (field === "data") event.data.push(value);
    else if (field === "id") event.id = value;
  };
  let wasReturn = false;
  return (chunk) => {
    if (chunk === "") return;
    // A line feed that begins a chunk may belong to the carriage return that ended the last one.
    const text = wasReturn ? chunk.replace(/^\n/, "") : chunk;
    wasReturn = chunk.endsWith("\r");
    const lines = (rest + text).split(/\r\n|\n|\r/);
    rest = lines.pop();
    lines.forEach(line);
  };
}

/**
 * A connection that comes back. `prepare` reads what is so far and returns the position to go on from.
 * States: connecting, live, lost (with the reason and when the next attempt is due), locked (a key is needed).
 */
export class Stream {
  /**
   * @param {{path: string, prepare: (signal: AbortSignal) => Promise<string>, hear: (event: {type: string, data: any}) => void,
   *   turn: (state: "connecting" | "live" | "lost" | "locked", because?: {reason: string, next: number}) => void}} options
   */
  constructor(options) {
    this.options = options;
    this.pause = FIRST_PAUSE;
    this.attempt = null;
    this.timer = 0;
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
    window.addEventListener("online", () => this.hurry());
    window.addEventListener("offline", () => this.attempt?.abort(new Unreachable()));
  }

  /** Opens it, or opens it anew. */
  open() {
    clearTimeout(this.timer);
    this.attempt?.abort(null);
    this.attempt = new AbortController();
    this.options.turn("connecting");
    this.run(this.attempt);
  }

  /** Tries at once, where it waits for the next attempt. */
  hurry() {
    if (!this.timer) return;
    this.pause = FIRST_PAUSE;
    this.open();
  }

  async run(attempt) {
    let watch = 0;
    const awake = () => {
      clearTimeout(watch);
      watch = setTimeout(() => attempt.abort(new Error("the gate has been silent for 20 s")), SILENCE);
    };
    try {
      this.timer = 0;
      awake();
      await this.listen(attempt, await this.options.prepare(attempt.signal), awake);
      throw new Unreachable();
    } catch (error) {
      if (attempt.signal.aborted && attempt.signal.reason === null) return;
      this.lose(attempt, attempt.signal.aborted ? attempt.signal.reason : error);
    } finally {
      clearTimeout(watch);
    }
  }

  async listen(attempt, position, awake) {
    const asked = { headers: { ...headers(), "Last-Event-ID": position }, cache: "no-store", signal: attempt.signal };
    const unreachable = (error) => {
      throw attempt.signal.aborted ? error : new Unreachable();
    };
    const response = await fetch(this.options.path, asked).catch(unreachable);
    if (!response.ok) throw await refusal(response);
    this.options.turn("live");
    this.pause = FIRST_PAUSE;
    const feed = parser((event) => this.hand(event));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read().catch(unreachable);
      if (done) return;
      awake();
      feed(value);
    }
  }

  /** What the page makes of an event is no matter of the connection, which goes on. */
  hand({ type, data }) {
    try {
      this.options.hear({ type, data: JSON.parse(data) });
    } catch (error) {
      console.error(error);
    }
  }

  lose(attempt, error) {
    if (this.attempt !== attempt) return;
    if (error instanceof Refusal && error.status === 401) {
      this.options.turn("locked");
      return;
    }
    const wait = this.pause;
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
    this.timer = setTimeout(() => this.open(), wait);
    this.options.turn("lost", { reason: error.message, next: Date.now() + wait });
  }
}
