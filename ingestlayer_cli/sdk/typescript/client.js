// __HEAD__
// @ts-self-types="./index.d.ts"

const VERSION = "__VERSION__";
// Declared events whose idempotency key reads when they happened: sent again, they must have the time of the call.
const KEYED_BY_TIME = new Set(__KEYED_BY_TIME__);

const MOST_EVENTS = 500; // a request
const MOST_BYTES = 5_000_000;
const ENVELOPE = 16; // bytes around the events: {"events":[…]}
const SMALLEST_PAUSE = 200; // ms; twice as long for each further try
const LONGEST_PAUSE = 4_000;
const DEFAULTS = { timeout: 60_000, attemptTimeout: 10_000, retries: 10, bufferTime: 1_000, bufferSize: 10_000 };
const BUFFERED_REQUEST = 100; // events that are worth a request before `bufferTime` is over

/** Why an event was not accepted: `kind` for programs, the message for people, `details` for single fields. */
class IngestError extends Error {
  constructor(kind, message, { details = [], status, retryAfter, results, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "IngestError";
    this.kind = kind;
    this.details = details;
    this.status = status;
    this.retryAfter = retryAfter;
    this.results = results;
  }
}

// Clients -------------------------------------------------------------------------------------------------

class Client {
  #options;
  #waiting = []; // events of `enqueue`, as they are sent
  #timer;
  #draining = Promise.resolve();

  constructor(options = {}) {
    this.#options = { ...DEFAULTS, ...withoutUndefined(options) };
  }

  ingest(type, payload, options = {}) {
    return harmless(this.#ingest(type, payload, options));
  }

  ingestBatch(events, options = {}) {
    return harmless(this.#ingestBatch(events, options));
  }

  enqueue(type, payload, options = {}) {
    try {
      if (this.#waiting.length >= this.#options.bufferSize) {
        throw new IngestError("buffer", `${type} is lost: ${this.#waiting.length} events wait already`);
      }
      this.#waiting.push(written({ ...options, timestamp: options.timestamp ?? new Date(), type, payload }));
    } catch (error) {
      this.#tell(error);
      return;
    }
    if (this.#waiting.length === BUFFERED_REQUEST) this.#drainLater(0);
    else this.#drainLater(this.#options.bufferTime);
  }

  flush(options = {}) {
    const drained = this.#draining.then(() => this.#drain(options.signal));
    this.#draining = drained.then(nothing, nothing);
    return harmless(drained);
  }

  async #ingest(type, payload, { signal, ...options }) {
    const [result] = await this.#send([written({ ...options, type, payload })], signal);
    if (result.status === "rejected") throw refusal(result.error);
    return { status: result.status, id: result.id };
  }

  async #ingestBatch(events, { signal }) {
    const results = [];
    for (const chunk of chunks(Array.from(events, writtenOrRefused))) {
      try {
        const taken = (await this.#sendMany(chunk.filter(isText), signal)).values();
        results.push(...chunk.map((item) => (isText(item) ? taken.next().value : rejection(item))));
      } catch (error) {
        error.results = results; // of the events before: the others may be sent again, these need not
        throw error;
      }
    }
    return counted(results);
  }

  // The buffer ----------------------------------------------------------------

  #drainLater(pause) {
    if (this.#timer !== undefined && pause > 0) return;
    clearTimeout(this.#timer);
    // It keeps the process alive: what waits is sent before it ends by itself.
    this.#timer = setTimeout(() => this.flush().catch((error) => this.#tell(error)), pause);
  }

  async #drain(signal) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const results = [];
    while (this.#waiting.length > 0) {
      const chunk = first(this.#waiting);
      const taken = await this.#sendMany(chunk, signal); // what cannot be sent stays
      this.#waiting.splice(0, chunk.length);
      results.push(...taken);
      for (const result of taken) if (result.status === "rejected") this.#tell(refusal(result.error));
    }
    return counted(results);
  }

  #tell(error) {
    try {
      const { onError } = this.#options;
      if (onError) onError(error);
      else console.error(`ingestlayer: ${error.message}`);
    } catch {
      // The caller's own function failed: an event is no reason to end a process.
    }
  }

  // Requests ------------------------------------------------------------------

  /** Send events of one request; where all of them are refused, say so of each. */
  async #sendMany(texts, signal) {
    if (texts.length === 0) return [];
    try {
      return await this.#send(texts, signal);
    } catch (error) {
      const isTooLarge = error.status === 413;
      if (error.status === 400 || (isTooLarge && texts.length === 1) || error.details.some(isOfEvent)) {
        return error.results ?? texts.map((_, index) => rejectionOf(error, index, texts.length));
      }
      if (!isTooLarge) throw error;
      // Something on the way takes less than the server does.
      const half = texts.length >> 1;
      const taken = await this.#sendMany(texts.slice(0, half), signal);
      return [...taken, ...(await this.#sendMany(texts.slice(half), signal))];
    }
  }

  /** Send a request until it is answered; return the result of each event. */
  async #send(texts, signal) {
    const { timeout, attemptTimeout, retries } = this.#options;
    const { url, key, fetch } = this.#place();
    if (signal?.aborted) throw aborted(signal, "it was aborted before it was sent");
    const body = `{"events":[${texts.join(",")}]}`;
    const ends = performance.now() + timeout;
    for (let tries = 1; ; tries++) {
      const left = Math.min(attemptTimeout, ends - performance.now());
      const { results, error, again } = await attempt({
        url,
        key,
        fetch,
        body,
        signal,
        timeout: left,
        count: texts.length,
      });
      if (error === undefined) return results;
      const pause = pauseBefore(tries, error.retryAfter);
      if (!again || tries > retries || performance.now() + pause >= ends) {
        if (tries > 1) error.message += ` (after ${tries} attempts)`;
        throw error;
      }
      await sleep(pause, signal);
    }
  }

  /** Return where to send to; read at each call, so that it may be set after the import. */
  #place() {
    const {
      url = environment("INGESTLAYER_URL"),
      key = environment("INGESTLAYER_KEY"),
      fetch = globalThis.fetch,
    } = this.#options;
    if (!url) {
      throw new IngestError(
        "config",
        "where to? Set INGESTLAYER_URL to the address of `ingestlayer serve`, or give createClient a url",
      );
    }
    if (!/^https?:\/\/[^\s@?#]+$/i.test(url.trim())) {
      throw new IngestError("config", "INGESTLAYER_URL is not an address like https://events.example.com");
    }
    if (key && !/^[\x21-\x7e]+$/.test(key.trim())) {
      throw new IngestError("config", "INGESTLAYER_KEY has characters that no key has");
    }
    return { url: `${url.trim().replace(/\/+$/, "")}/v1/ingest`, key: key?.trim(), fetch };
  }
}

/** Make one attempt: the results, or an error and whether the same request may be sent again. */
async function attempt({ url, key, fetch, body, signal, timeout, count }) {
  if (signal?.aborted) throw aborted(signal);
  const controller = new AbortController();
  const stop = () => controller.abort();
  let isLate = false;
  const timer = setTimeout(() => ((isLate = true), stop()), timeout);
  signal?.addEventListener("abort", stop, { once: true });
  const headers = { "content-type": "application/json", accept: "application/json" };
  if (key) headers.authorization = `Bearer ${key}`;
  try {
    const response = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal: controller.signal });
    return read(response, await response.text(), url, count);
  } catch (cause) {
    if (signal?.aborted) throw aborted(signal);
    const error = isLate
      ? new IngestError("timeout", `${url} did not answer within ${Math.round(timeout)} ms`, { cause })
      : new IngestError("network", `${url} cannot be reached: ${cause?.cause?.message || cause?.message || cause}`, {
          cause,
        });
    return { error, again: true };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

function read(response, text, url, count) {
  const { status } = response;
  const answer = parsed(text);
  if (status >= 200 && status < 300) {
    const results = answer?.data?.results;
    if (Array.isArray(results) && results.length === count) return { results };
    return {
      error: new IngestError("answer", `${url} answered ${status} with something else than results`, { status }),
      again: true,
    };
  }
  if ((status >= 300 && status < 400) || response.type === "opaqueredirect") {
    return {
      error: new IngestError("redirect", `${url} redirects elsewhere: set INGESTLAYER_URL to the address itself`, {
        status,
      }),
    };
  }
  const { kind = "http", message = `${url} answered ${status}`, details = [] } = answer?.error ?? {};
  const more = {
    status,
    details: count === 1 ? details.map(withoutEvent) : details,
    retryAfter: secondsOf(response.headers.get("retry-after")),
    results: answer?.data?.results,
  };
  return { error: new IngestError(kind, message, more), again: status === 408 || status === 429 || status >= 500 };
}

// Events --------------------------------------------------------------------------------------------------

/** Return an event as the JSON that is sent, however often: its key, and where that matters its time, are made once. */
function written({ type, payload, idempotencyKey, timestamp }) {
  const isMade = idempotencyKey === undefined || idempotencyKey === null;
  let at = timestamp ?? undefined;
  if (at === undefined && isMade && KEYED_BY_TIME.has(type)) at = new Date();
  if (at instanceof Date) {
    if (Number.isNaN(at.getTime())) throw new IngestError("timestamp", `${type}: the timestamp is an invalid Date`);
    at = at.toISOString();
  }
  const event = { type, payload, idempotencyKey: isMade ? newKey() : idempotencyKey, timestamp: at };
  try {
    return JSON.stringify(event, sound);
  } catch (error) {
    if (error instanceof UnsoundError) {
      throw new IngestError("schema", `${type}: ${error.path} ${error.message}`, {
        details: [{ path: error.path, problem: error.message }],
      });
    }
    throw new IngestError("schema", `${type}: the payload cannot be written as JSON`, { cause: error });
  }
}

function writtenOrRefused(event) {
  try {
    return written(event);
  } catch (error) {
    return error;
  }
}

const isText = (item) => typeof item === "string";
const rejection = ({ kind, message, details }) => ({ status: "rejected", error: { kind, message, details } });

class UnsoundError extends Error {
  constructor(path, problem) {
    super(problem);
    this.path = path;
  }
}

/** Refuse what JSON.stringify would leave out or turn into null without a word. */
function sound(name, value) {
  const given = this[name];
  if (typeof value === "number" && !Number.isFinite(value))
    throw new UnsoundError(name, `is ${value}, which JSON does not have`);
  if (typeof value === "bigint" || typeof value === "function" || typeof value === "symbol") {
    throw new UnsoundError(name, `is a ${typeof value}, which JSON does not have`);
  }
  if (value === null && given !== null) throw new UnsoundError(name, "is an invalid Date");
  return value;
}

/** Return a key of this call alone. The server knows it by its form: where the declaration has a key, that counts. */
function newKey() {
  const random = () => Math.floor(Math.random() * 16).toString(16);
  return `once_${globalThis.crypto?.randomUUID?.() ?? "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx".replace(/x/g, random)}`;
}

function* chunks(texts) {
  for (let start = 0; start < texts.length;) {
    const chunk = first(texts, start);
    yield chunk;
    start += chunk.length;
  }
}

/** Return as many events, from `start` on, as one request takes; at least one. */
function first(texts, start = 0) {
  let end = start;
  for (let bytes = ENVELOPE; end < texts.length && end - start < MOST_EVENTS; end++) {
    bytes += isText(texts[end]) ? utf8.encode(texts[end]).length + 1 : 0;
    if (bytes > MOST_BYTES && end > start) break;
  }
  return texts.slice(start, end);
}

const utf8 = new TextEncoder();

function counted(results) {
  const count = (status) => results.filter((result) => result.status === status).length;
  return { results, accepted: count("accepted"), duplicates: count("duplicate"), rejected: count("rejected") };
}

function refusal({ kind, message, details = [] }) {
  return new IngestError(kind, message, { details });
}

const OF_EVENT = /^events\[\d+\]\.?/;
const isOfEvent = ({ path = "" }) => OF_EVENT.test(path);

/** Return what an error about a whole request says of one of its events. */
function rejectionOf({ kind, message, details }, index, count) {
  if (count === 1) return rejection({ kind, message, details });
  const own = `events[${index}]`;
  const mine = details.filter(({ path = "" }) => path === own || path.startsWith(`${own}.`)).map(withoutEvent);
  const words = mine.map(({ path, problem }) => `${path} ${problem}`.trim()).join("; ");
  return rejection({ kind, message: words || message, details: mine });
}

/** Return a detail with the path inside its event. */
function withoutEvent({ path = "", problem }) {
  return { path: path.replace(OF_EVENT, ""), problem };
}

// Time and surroundings -----------------------------------------------------------------------------------

/** Return how long to wait: any time up to a bound that doubles, and never less than the server asks for. */
function pauseBefore(tries, retryAfter = 0) {
  const bound = Math.min(LONGEST_PAUSE, SMALLEST_PAUSE * 2 ** (tries - 1));
  return retryAfter * 1_000 + Math.random() * bound;
}

function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => (clearTimeout(timer), reject(aborted(signal)));
    const timer = setTimeout(() => (signal?.removeEventListener("abort", stop), resolve()), ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  });
}

function aborted({ reason }, words = "it was aborted: whether it was accepted is not known") {
  return new IngestError("aborted", words, { cause: reason });
}

/** Read Retry-After: seconds, or a date. */
function secondsOf(text) {
  if (!text) return undefined;
  const seconds = /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1_000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function environment(name) {
  try {
    return globalThis.process?.env?.[name] ?? globalThis.Deno?.env.get(name);
  } catch {
    return undefined; // Deno, without the permission to read it
  }
}

function withoutUndefined(options) {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function nothing() {}

/** Return the promise: awaited it fails as any other; where nobody looks, its failure ends no process. */
function harmless(promise) {
  promise.catch(nothing);
  return promise;
}

// The client of INGESTLAYER_URL and INGESTLAYER_KEY -------------------------------------------------------

const client = new Client();
const createClient = (options) => new Client(options);
const ingest = (type, payload, options) => client.ingest(type, payload, options);
const ingestBatch = (events, options) => client.ingestBatch(events, options);
const enqueue = (type, payload, options) => client.enqueue(type, payload, options);
const flush = (options) => client.flush(options);

export { IngestError, VERSION, createClient, enqueue, flush, ingest, ingestBatch };
