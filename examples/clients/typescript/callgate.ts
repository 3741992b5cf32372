// A small client of callgate: place a call once, wait for room, follow it, hang up.
// No dependencies; Node 18 or later. Copy it and make it yours.

import { createHmac } from "node:crypto";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";

export type Status =
  | "placing"
  | "uncertain"
  | "active"
  | "terminating"
  | "ended"
  | "failed"
  | "terminated_capacity";

export interface CallRequest {
  businessId: string;
  agentId: string;
  phoneNumberId: string;
  toNumber: string;
  clientData?: Record<string, unknown>;
  userId?: string;
  maxDurationSeconds?: number;
  ringingTimeoutSeconds?: number;
}

export interface Call {
  callId: string;
  providerCallId: string | null;
  businessId: string;
  status: Status;
  startedAt: string | null;
  endedAt: string | null;
  endReason: string | null;
}

export interface CallEvent {
  callId: string;
  sequence: number;
  type: string;
  occurredAt: string;
  data: Record<string, unknown>;
}

/** What callgate says when it does not do what it was asked (application/problem+json). */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    /** For programs: GLOBAL_CAPACITY_EXCEEDED, BUSINESS_LIMIT, … Empty where somebody else answered, a balancer for example. */
    readonly error: string,
    detail: string,
    /** Seconds; 0 where nobody said. */
    readonly retryAfter: number,
    readonly callId?: string,
  ) {
    super(detail);
  }

  /** Whether the same request, under the same key, may succeed later. */
  get mayPass(): boolean {
    return this.status >= 500 && this.error !== "CALL_INITIATION_FAILED";
  }
}

/** A placement may ring for a minute before it is answered. */
const PATIENCE_MS = 100_000;
/** The event stream says something every 15 seconds; silence of this length is a dead line. */
const SILENCE_MS = 45_000;
/** After one of these a call is over. */
const ENDINGS = ["CallEnded", "PlacementFailed", "AdmissionAbandoned"];

export class Callgate {
  constructor(
    private readonly url: string,
    private readonly key?: string,
  ) {}

  /**
   * Places a call. Asks again while there is no room, or no answer, until the budget is spent; the key makes that one call.
   * The call may still be `placing` or `uncertain`: see `settled`.
   */
  async place(request: CallRequest, idempotencyKey: string, budgetSeconds = 120): Promise<Call> {
    const deadline = performance.now() + budgetSeconds * 1000;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.ask<Call>("POST", "/api/calls", request, { "Idempotency-Key": idempotencyKey });
      } catch (error) {
        if (error instanceof Refusal && error.error === "CALL_OUTCOME_UNKNOWN" && error.callId) {
          return this.call(error.callId);
        }
        const wait = 1000 * secondsToWait(error, attempt);
        if (performance.now() + wait > deadline) throw error;
        await sleep(wait);
      }
    }
  }

  /** Asks until it is known whether the call was dialled. Its slot is kept meanwhile, and nobody dials again. */
  async settled(callId: string): Promise<Call> {
    for (;;) {
      const call = await this.call(callId);
      if (call.status !== "placing" && call.status !== "uncertain") return call;
      await sleep(1000 + 1000 * Math.random());
    }
  }

  /** The call as it is now. */
  call(callId: string): Promise<Call> {
    return this.ask<Call>("GET", `/api/calls/${callId}`);
  }

  /** Hangs up; a call that is over already is fine. */
  async hangUp(callId: string): Promise<void> {
    try {
      await this.ask("DELETE", `/api/calls/${callId}`);
    } catch (error) {
      if (!(error instanceof Refusal && error.error === "CALL_ALREADY_OVER")) throw error;
    }
  }

  /** Every event of a call from its first to its last, each once, over lost connections and restarts of the gate. */
  async *follow(callId: string): AsyncGenerator<CallEvent> {
    const seen: Seen = { sequence: 0 };
    for (;;) {
      const line = new Line();
      try {
        for await (const event of this.eventsSince(seen, callId, line)) {
          if (event.sequence <= seen.sequence) continue;
          seen.sequence = event.sequence;
          yield event;
          if (ENDINGS.includes(event.type)) return;
        }
      } catch (error) {
        if (error instanceof Refusal && !error.mayPass) throw error;
      } finally {
        line.close();
      }
      await sleep(1000 * Math.random());
    }
  }

  private async *eventsSince(seen: Seen, callId: string, line: Line): AsyncGenerator<CallEvent> {
    const resume: Record<string, string> = seen.position === undefined ? {} : { "Last-Event-ID": seen.position };
    const headers = { Accept: "text/event-stream", ...resume };
    const stream = await this.open("GET", "/api/events/stream", line.signal, undefined, headers);
    if (seen.position === undefined) {
      // A new stream begins now: what came before it is in the call's own list.
      yield* (await this.ask<{ events: CallEvent[] }>("GET", `/api/calls/${callId}/events`)).events;
    }
    for await (const message of line.messages(stream)) {
      seen.position = message.id;
      const event = JSON.parse(message.data) as CallEvent;
      if (event.callId === callId) yield event;
    }
  }

  /** Tells callgate what happened at the provider, for platforms that hear of it first. Sent again, it changes nothing. */
  async relay(webhook: Record<string, unknown>, secret: string): Promise<string> {
    const body = JSON.stringify(webhook);
    const signature = { "ElevenLabs-Signature": signatureOf(body, secret) };
    const answer = await this.ask<{ outcome: string }>("POST", "/api/webhooks/elevenlabs", body, signature);
    return answer.outcome;
  }

  private async ask<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
    const answer = await this.open(method, path, AbortSignal.timeout(PATIENCE_MS), body, headers);
    return (await answer.json()) as T;
  }

  private async open(
    method: string,
    path: string,
    signal: AbortSignal,
    body: unknown,
    headers: Record<string, string>,
  ): Promise<Response> {
    const answer = await fetch(this.url + path, {
      method,
      signal,
      headers: {
        ...(this.key === undefined ? {} : { Authorization: `Bearer ${this.key}` }),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    if (answer.ok) return answer;
    const problem = (await answer.json().catch(() => ({}))) as { error?: string; detail?: string; callId?: string };
    const retryAfter = Number(answer.headers.get("Retry-After") ?? 0) || 0;
    const detail = problem.detail ?? `${method} ${path} was answered with ${answer.status}`;
    throw new Refusal(answer.status, problem.error ?? "", detail, retryAfter, problem.callId);
  }
}

/** Not before Retry-After, and then not together with everybody else: the jitter grows from 1 to 30 seconds. */
function secondsToWait(error: unknown, attempt: number): number {
  if (error instanceof Refusal && !error.mayPass) throw error;
  const atLeast = error instanceof Refusal ? error.retryAfter : 0;
  return atLeast + Math.random() * Math.min(30, 2 ** attempt);
}

/** HMAC-SHA256 over the time in seconds, a dot and the body. */
function signatureOf(body: string, secret: string): string {
  const seconds = Math.floor(Date.now() / 1000);
  const hash = createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex");
  return `t=${seconds},v0=${hash}`;
}

/** How far a reader has come: in the events of its call, and in those of all calls. */
interface Seen {
  sequence: number;
  position?: string;
}

/** A connection to the event stream; it is given up when it has been silent for long. */
class Line {
  private readonly abort = new AbortController();
  private timer = this.silence();
  readonly signal = this.abort.signal;

  /** Server-Sent Events one by one; comments keep the connection open and are passed over. */
  async *messages(stream: Response): AsyncGenerator<{ id: string; data: string }> {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of stream.body ?? []) {
      clearTimeout(this.timer);
      this.timer = this.silence();
      text += decoder.decode(chunk, { stream: true });
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const fields = new Map(text.slice(0, end).split("\n").map(fieldOf));
        text = text.slice(end + 2);
        const [id, data] = [fields.get("id"), fields.get("data")];
        if (id !== undefined && data !== undefined) yield { id, data };
      }
    }
  }

  close(): void {
    clearTimeout(this.timer);
    this.abort.abort();
  }

  private silence(): NodeJS.Timeout {
    return setTimeout(() => this.abort.abort(), SILENCE_MS);
  }
}

function fieldOf(line: string): [string, string] {
  const colon = line.indexOf(":");
  return colon < 0 ? [line, ""] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
}
