// __HEAD__

/** The declared events: their names, and what their payloads hold. */
__EVENTS__

__TYPES__

/** A moment: a Date, or RFC 3339 like "2026-11-03T09:30:00Z". */
export type Moment = Date | string;

/** A JSON object. */
export interface JsonObject {
  [name: string]: any;
  /** No array is one, and no text; nor what is written as something else, such as a Date. */
  [Symbol.iterator]?: never;
  toJSON?: never;
}

export interface EventOptions {
  /**
   * The event happens once under it: the same key again is a duplicate. Without one the key of the declaration counts;
   * where that has none, each call is an event of its own, however often the request is sent again.
   */
  idempotencyKey?: string | null | undefined;
  /** When it happened; else when it arrives. */
  timestamp?: Moment | null | undefined;
}

export interface CallOptions {
  /** Gives up: whether the event was accepted is not known then. */
  signal?: Signal | null | undefined;
}

export type IngestOptions = EventOptions & CallOptions;

export interface Result {
  /** A duplicate was there before, and nothing is sent for it; also what was accepted though its answer was lost. */
  status: "accepted" | "duplicate";
  /** The event's; of a duplicate the first one's. */
  id: string;
}

export interface Rejection {
  status: "rejected";
  error: { kind: string; message: string; details?: Detail[] };
}

export interface BatchResult {
  /** One for each event, in their order. */
  results: (Result | Rejection)[];
  accepted: number;
  duplicates: number;
  rejected: number;
}

export interface Detail {
  /** The field. */
  path: string;
  problem: string;
}

/** Why an event was not accepted. */
export declare class IngestError extends Error {
  /**
   * Of the server: json, size, type, undeclared, schema, key, timestamp, conflict, … ; of this client: network, timeout,
   * aborted, answer, redirect, http, config, buffer.
   */
  readonly kind: string;
  readonly details: Detail[];
  /** The status of the server's answer, if one came. */
  readonly status: number | undefined;
  /** Seconds that the server asks to wait. */
  readonly retryAfter: number | undefined;
  /** Of a batch: what came of the events before the request that failed. */
  readonly results: (Result | Rejection)[] | undefined;
  readonly cause?: any;
}

export interface Client {
  /**
   * Send an event; it is durable once this resolves, and rejected with an IngestError otherwise. Network errors, 429 and
   * 5xx are tried again under the same key: a lost answer makes no second event. Not awaited, a failure goes unheard.
   */
  ingest<T extends EventType>(type: T, payload: Payload<T>, options?: IngestOptions): Promise<Result>;
  /** Send many, 500 or 5 MB a request; a refused one stops no other. */
  ingestBatch<T extends readonly EventType[]>(
    events: readonly [...BatchEvents<T>],
    options?: CallOptions,
  ): Promise<BatchResult>;
  /**
   * Put an event, of this moment unless a timestamp is given, into a small buffer, which is sent within a second; nothing
   * is awaited and nothing thrown, what fails goes to `onError`. Before a process is ended by hand: `await flush()`.
   */
  enqueue<T extends EventType>(type: T, payload: Payload<T>, options?: EventOptions): void;
  /** Send what is in the buffer now. What could not be sent stays in it. */
  flush(options?: CallOptions): Promise<BatchResult>;
}

export interface ClientOptions {
  /** The address of `ingestlayer serve`; else INGESTLAYER_URL. */
  url?: string | undefined;
  /** What `ingestlayer keys create` printed; else INGESTLAYER_KEY. */
  key?: string | undefined;
  /** How long a call may take, with all its attempts: 60,000 ms. */
  timeout?: number | undefined;
  /** How long one attempt may take: 10,000 ms. */
  attemptTimeout?: number | undefined;
  /** How often a request is sent again: 10 times. */
  retries?: number | undefined;
  /** How long an event may wait in the buffer: 1,000 ms. */
  bufferTime?: number | undefined;
  /** How many events the buffer holds: 10,000. */
  bufferSize?: number | undefined;
  /** Told what became of no event of `enqueue`; else the console is. */
  onError?: ((error: IngestError) => void) | undefined;
  /** In place of the global fetch. */
  fetch?: Fetch | undefined;
}

/** A client of its own; the functions below are those of one that the environment configures. */
export declare function createClient(options?: ClientOptions): Client;
export declare const ingest: Client["ingest"];
export declare const ingestBatch: Client["ingestBatch"];
export declare const enqueue: Client["enqueue"];
export declare const flush: Client["flush"];
/** Of ingestlayer, which made this package. */
export declare const VERSION: string;

/** What is used of an AbortSignal. */
export interface Signal {
  readonly aborted: boolean;
  readonly reason?: any;
  addEventListener(type: "abort", listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** What is used of fetch. */
export type Fetch = (
  url: string,
  init: { method: string; headers: Record<string, string>; body: string; redirect: "manual"; signal: any },
) => Promise<{
  readonly status: number;
  readonly type?: string;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}>;
