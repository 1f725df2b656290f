"""The store's schema. `MIGRATIONS[n]` brings a store of version n to version n + 1; all times in milliseconds."""

APPLICATION_ID = 0x494C5952  # "ILYR": tells our stores from any other SQLite file

_VERSION_1 = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,            -- the order of acceptance
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    received_at INTEGER NOT NULL,       -- the event's own time, maybe backdated
    accepted_at INTEGER NOT NULL,       -- the wall clock
    source TEXT NOT NULL,
    key TEXT,                           -- idempotency key
    payload TEXT NOT NULL               -- JSON, whole
) STRICT;
CREATE INDEX events_by_key ON events (key) WHERE key IS NOT NULL;

CREATE TABLE dead_letters (             -- what was refused, with the rule
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    type TEXT NOT NULL,
    source TEXT NOT NULL,
    line INTEGER,                       -- of a batch
    message TEXT NOT NULL,
    details TEXT NOT NULL,              -- JSON: [{path, problem}]
    raw TEXT NOT NULL                   -- what came
) STRICT;

CREATE TABLE pipeline_versions (
    seq INTEGER PRIMARY KEY,
    pipeline TEXT NOT NULL,
    version TEXT NOT NULL,              -- a hash of the text
    text TEXT NOT NULL,
    first_used INTEGER NOT NULL,
    UNIQUE (pipeline, version)
) STRICT;

CREATE TABLE runs (                     -- one pipeline on one event
    event INTEGER NOT NULL,
    number INTEGER NOT NULL,
    version INTEGER NOT NULL,           -- pipeline_versions.seq
    outcome TEXT NOT NULL,              -- queued dropped failed
    dropped_by TEXT,
    reason TEXT,
    trace TEXT NOT NULL,                -- JSON: [{step, verdict, note}]
    PRIMARY KEY (event, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE memory (                   -- what dedupe and its like remember
    scope TEXT NOT NULL,                -- pipeline/step
    key TEXT NOT NULL,
    at INTEGER NOT NULL,                -- received_at of the event that left it
    event_id TEXT NOT NULL,
    PRIMARY KEY (scope, key, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE lanes (                    -- one per channel: its pace, for all processes
    seq INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,          -- destination target
    free_at INTEGER NOT NULL DEFAULT 0, -- when the next message may go
    busy_until INTEGER                  -- lease of the message in hand
) STRICT;

CREATE TABLE deliveries (               -- the outbox: one per event, pipeline, destination
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    event INTEGER NOT NULL,
    run INTEGER NOT NULL,
    pipeline TEXT NOT NULL,
    destination TEXT NOT NULL,
    target TEXT NOT NULL,
    lane INTEGER NOT NULL,
    body TEXT NOT NULL,                 -- JSON, as it is sent
    status TEXT NOT NULL,               -- pending retrying delivered dead unknown
    queued_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    lease_by TEXT,
    lease_until INTEGER,
    error TEXT,
    hint TEXT,
    receipt TEXT,                       -- JSON: what the destination said
    settled_at INTEGER
) STRICT;
CREATE INDEX deliveries_by_event ON deliveries (event);
CREATE INDEX deliveries_waiting ON deliveries (lane, due_at, seq)
    WHERE status IN ('pending', 'retrying') AND lease_until IS NULL;
CREATE INDEX deliveries_unknown ON deliveries (due_at) WHERE status = 'unknown';
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE lease_until IS NOT NULL;

CREATE TABLE attempts (
    delivery INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at INTEGER NOT NULL,
    took INTEGER NOT NULL,
    outcome TEXT NOT NULL,              -- sent retry refused unknown
    error TEXT,
    process TEXT NOT NULL,
    PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;
"""

_VERSION_2 = """
ALTER TABLE deliveries ADD COLUMN retry TEXT;   -- JSON: its destination's own pauses, in milliseconds
ALTER TABLE lanes ADD COLUMN channel TEXT;      -- the id that the destination gave the channel
CREATE INDEX deliveries_open ON deliveries (status, seq) WHERE status <> 'delivered';
DROP INDEX deliveries_unknown;
DROP INDEX deliveries_waiting;                  -- of what is due, the oldest goes first: by seq, not by due_at
CREATE INDEX deliveries_waiting ON deliveries (lane, seq, due_at)
    WHERE status IN ('pending', 'retrying') AND lease_until IS NULL;
-- A step is called by its number among those of its kind, the first one too.
UPDATE memory SET scope = scope || '/1' WHERE scope NOT LIKE '%/%/%';
"""

_VERSION_3 = """
CREATE TABLE line_ups (                 -- the pipelines that there were when an event was accepted
    seq INTEGER PRIMARY KEY,
    pipelines TEXT NOT NULL UNIQUE      -- JSON: [{name, version, status, match}]
) STRICT;
ALTER TABLE events ADD COLUMN line_up INTEGER;
ALTER TABLE events ADD COLUMN duplicates INTEGER NOT NULL DEFAULT 0;    -- how often its key came again
ALTER TABLE events ADD COLUMN last_duplicate_at INTEGER;
CREATE INDEX events_by_time ON events (received_at);
CREATE INDEX events_by_type ON events (type, received_at);
ALTER TABLE runs ADD COLUMN replayed_at INTEGER;                        -- null: the run of its acceptance
"""

_VERSION_4 = """
CREATE TABLE states (                   -- what crossing, throttle and their like know of a key
    scope TEXT NOT NULL,                -- pipeline/step
    key TEXT NOT NULL,
    value TEXT NOT NULL,                -- JSON
    event_id TEXT NOT NULL,             -- that left it
    at INTEGER NOT NULL,                -- received_at of that event
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE entities (                 -- traits beside those of the entity files
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    traits TEXT NOT NULL,               -- JSON: {name: value}
    origins TEXT NOT NULL,              -- JSON: {name: [event id or words, at]}
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE threads (                  -- messages of one key that hang on the first of them
    seq INTEGER PRIMARY KEY,
    scope TEXT NOT NULL,                -- pipeline target
    key TEXT NOT NULL,
    opened_at INTEGER NOT NULL,         -- received_at of the event that began it
    channel TEXT,                       -- of the first message, once it is delivered
    ts TEXT,
    newest INTEGER                      -- deliveries.seq: of those that are delivered, that of the newest event
) STRICT;
CREATE INDEX threads_by_key ON threads (scope, key, opened_at);

CREATE TABLE people (                   -- what Slack said of an e-mail address
    workspace TEXT NOT NULL,            -- empty: the default one
    email TEXT NOT NULL,
    user TEXT,                          -- its id; null: there is none
    why TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (workspace, email)
) STRICT, WITHOUT ROWID;

ALTER TABLE deliveries ADD COLUMN directions TEXT;  -- JSON: what its sender needs beside the body
ALTER TABLE deliveries ADD COLUMN thread INTEGER;
CREATE INDEX deliveries_in_thread ON deliveries (thread, seq)
    WHERE thread IS NOT NULL AND status IN ('pending', 'retrying', 'unknown');
"""

# Keys come in any order, so that each new one changes a page of its index: of an index of short numbers there are a
# quarter as many pages as of one of texts.
_VERSION_5 = """
ALTER TABLE events ADD COLUMN key_hash INTEGER;     -- `key_hash` of the key
UPDATE events SET key_hash = key_hash(key) WHERE key IS NOT NULL;
DROP INDEX events_by_key;
CREATE INDEX events_by_key ON events (key_hash) WHERE key_hash IS NOT NULL;
"""

_VERSION_6 = """
CREATE TABLE unfinished (               -- runs that failed, and are run again
    event INTEGER NOT NULL,
    run INTEGER NOT NULL,               -- runs.number
    cause TEXT NOT NULL,                -- what they failed by, as the engine writes it: once that changes, at once
    tries INTEGER NOT NULL,
    retry_at INTEGER,                   -- null: only when their cause has changed
    PRIMARY KEY (event, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX unfinished_by_cause ON unfinished (cause, retry_at);
ALTER TABLE deliveries ADD COLUMN superseded_by TEXT;   -- id of the delivery that was queued in place of a dead one

CREATE TABLE rates (                    -- how fast the messages of a replay may go, for all processes
    seq INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    pace INTEGER NOT NULL,              -- milliseconds between two of them
    free_at INTEGER NOT NULL DEFAULT 0, -- when the next of them may go
    busy_until INTEGER                  -- lease of the one in hand
) STRICT;
ALTER TABLE deliveries ADD COLUMN rate INTEGER;     -- rates.seq

CREATE TABLE given (                    -- what runs were given of entities, and of what steps remember
    seq INTEGER PRIMARY KEY,
    hash INTEGER NOT NULL,              -- `key_hash` of the content: many runs are given the same
    content TEXT NOT NULL               -- JSON, as the engine writes it
) STRICT;
CREATE INDEX given_by_hash ON given (hash);
ALTER TABLE runs ADD COLUMN given INTEGER;          -- given.seq; 0: nothing; null: it was not kept
"""

_VERSION_7 = """
CREATE TABLE notes (                    -- what commands say of themselves, and their operator of them
    topic TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,                -- JSON
    at INTEGER NOT NULL,
    PRIMARY KEY (topic, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (                 -- who may send over HTTP
    name TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,          -- SHA-256 of the key, in hexadecimal
    types TEXT NOT NULL,                -- JSON: [patterns of event types]
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

-- What is counted is counted in short rows, and not in those with the traces and bodies.
CREATE INDEX runs_by_outcome ON runs (version, outcome);
CREATE INDEX deliveries_by_lane ON deliveries (lane, status);

CREATE INDEX events_by_source ON events (source, received_at);

-- Messages that wait to be one: of the same key they go together, when the first of them has waited for long enough.
ALTER TABLE deliveries ADD COLUMN digest TEXT;
ALTER TABLE deliveries ADD COLUMN carried_by TEXT;      -- id of the delivery whose message says what this one would
CREATE INDEX deliveries_of_digest ON deliveries (digest, seq)
    WHERE digest IS NOT NULL AND status IN ('pending', 'retrying');
CREATE INDEX deliveries_carried ON deliveries (carried_by) WHERE carried_by IS NOT NULL;
CREATE INDEX attempts_by_time ON attempts (at);         -- what was posted lately, for the budget of a channel
"""

MIGRATIONS = [_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4, _VERSION_5, _VERSION_6, _VERSION_7]
VERSION = len(MIGRATIONS)
NOTES_SINCE = 7  # an older store, which is read as it is, has none
