PRAGMA application_id = 1229740370;
PRAGMA user_version = 6;
BEGIN TRANSACTION;
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
, retry TEXT, directions TEXT, thread INTEGER, superseded_by TEXT, rate INTEGER) STRICT;
INSERT INTO "deliveries" VALUES(1,'dlv_01M8KM3HRWWN49B63CSHG7PT8S',1,1,'alert','slack','#alerts',1,'{"channel":"#alerts","text":"usage","blocks":[{"type":"header","text":{"type":"plain_text","text":"usage","emoji":true}},{"type":"section","fields":[{"type":"mrkdwn","text":"*customer*\nacme","verbatim":true},{"type":"mrkdwn","text":"*used*\n1","verbatim":true}]},{"type":"context","elements":[{"type":"mrkdwn","text":"alert · <!date^1795954951^{date_num} {time}|2026-11-29 12:22 UTC> · evt_01M8KM3HRWFMQXN3Y5N1WA0BAC","verbatim":true}]}],"metadata":{"event_type":"usage","event_payload":{"event_id":"evt_01M8KM3HRWFMQXN3Y5N1WA0BAC","event_type":"usage","delivery_id":"dlv_01M8KM3HRWWN49B63CSHG7PT8S"}}}','pending',1795954951964,1795954951964,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES(2,'dlv_01M8KM3J00S562ZDAT3W5FQA44',2,1,'alert','slack','#alerts',1,'{"channel":"#alerts","text":"usage","blocks":[{"type":"header","text":{"type":"plain_text","text":"usage","emoji":true}},{"type":"section","fields":[{"type":"mrkdwn","text":"*customer*\nglobex","verbatim":true},{"type":"mrkdwn","text":"*used*\n1","verbatim":true}]},{"type":"context","elements":[{"type":"mrkdwn","text":"alert · <!date^1795954952^{date_num} {time}|2026-11-29 12:22 UTC> · evt_01M8KM3J00A4NP18QKFC921V6H","verbatim":true}]}],"metadata":{"event_type":"usage","event_payload":{"event_id":"evt_01M8KM3J00A4NP18QKFC921V6H","event_type":"usage","delivery_id":"dlv_01M8KM3J00S562ZDAT3W5FQA44"}}}','pending',1795954952192,1795954952192,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE entities (                 -- traits beside those of the entity files
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    traits TEXT NOT NULL,               -- JSON: {name: value}
    origins TEXT NOT NULL,              -- JSON: {name: [event id or words, at]}
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,            -- the order of acceptance
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    received_at INTEGER NOT NULL,       -- the event's own time, maybe backdated
    accepted_at INTEGER NOT NULL,       -- the wall clock
    source TEXT NOT NULL,
    key TEXT,                           -- idempotency key
    payload TEXT NOT NULL               -- JSON, whole
, line_up INTEGER, duplicates INTEGER NOT NULL DEFAULT 0, last_duplicate_at INTEGER, key_hash INTEGER) STRICT;
INSERT INTO "events" VALUES(1,'evt_01M8KM3HRWFMQXN3Y5N1WA0BAC','usage',1795954951964,1795954951964,'cli','acme','{"customer":"acme","used":1}',1,0,NULL,-2050704834);
INSERT INTO "events" VALUES(2,'evt_01M8KM3J00A4NP18QKFC921V6H','usage',1795954952192,1795954952192,'cli','globex','{"customer":"globex","used":1}',1,0,NULL,380869370);
CREATE TABLE given (                    -- what runs were given of entities, and of what steps remember
    seq INTEGER PRIMARY KEY,
    hash INTEGER NOT NULL,              -- `key_hash` of the content: many runs are given the same
    content TEXT NOT NULL               -- JSON, as the engine writes it
) STRICT;
CREATE TABLE lanes (                    -- one per channel: its pace, for all processes
    seq INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,          -- destination target
    free_at INTEGER NOT NULL DEFAULT 0, -- when the next message may go
    busy_until INTEGER                  -- lease of the message in hand
, channel TEXT) STRICT;
INSERT INTO "lanes" VALUES(1,'slack #alerts',0,NULL,NULL);
CREATE TABLE line_ups (                 -- the pipelines that there were when an event was accepted
    seq INTEGER PRIMARY KEY,
    pipelines TEXT NOT NULL UNIQUE      -- JSON: [{name, version, status, match}]
) STRICT;
INSERT INTO "line_ups" VALUES(1,'[{"name": "alert", "version": "55cc7f5d6ed9", "status": "active", "match": ["usage"]}]');
CREATE TABLE memory (                   -- what dedupe and its like remember
    scope TEXT NOT NULL,                -- pipeline/step
    key TEXT NOT NULL,
    at INTEGER NOT NULL,                -- received_at of the event that left it
    event_id TEXT NOT NULL,
    PRIMARY KEY (scope, key, at)
) STRICT, WITHOUT ROWID;
INSERT INTO "memory" VALUES('alert/dedupe/1','acme',1795954951964,'evt_01M8KM3HRWFMQXN3Y5N1WA0BAC');
INSERT INTO "memory" VALUES('alert/dedupe/1','globex',1795954952192,'evt_01M8KM3J00A4NP18QKFC921V6H');
CREATE TABLE people (                   -- what Slack said of an e-mail address
    workspace TEXT NOT NULL,            -- empty: the default one
    email TEXT NOT NULL,
    user TEXT,                          -- its id; null: there is none
    why TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (workspace, email)
) STRICT, WITHOUT ROWID;
CREATE TABLE pipeline_versions (
    seq INTEGER PRIMARY KEY,
    pipeline TEXT NOT NULL,
    version TEXT NOT NULL,              -- a hash of the text
    text TEXT NOT NULL,
    first_used INTEGER NOT NULL,
    UNIQUE (pipeline, version)
) STRICT;
INSERT INTO "pipeline_versions" VALUES(1,'alert','55cc7f5d6ed9','match = ["usage"]
[[steps]]
use = "dedupe"
key = "$event.customer"
window = "3650d"
[[destinations]]
use = "slack"
channel = "#alerts"
',1795954951964);
CREATE TABLE rates (                    -- how fast the messages of a replay may go, for all processes
    seq INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    pace INTEGER NOT NULL,              -- milliseconds between two of them
    free_at INTEGER NOT NULL DEFAULT 0, -- when the next of them may go
    busy_until INTEGER                  -- lease of the one in hand
) STRICT;
CREATE TABLE runs (                     -- one pipeline on one event
    event INTEGER NOT NULL,
    number INTEGER NOT NULL,
    version INTEGER NOT NULL,           -- pipeline_versions.seq
    outcome TEXT NOT NULL,              -- queued dropped failed
    dropped_by TEXT,
    reason TEXT,
    trace TEXT NOT NULL, replayed_at INTEGER, given INTEGER,                -- JSON: [{step, verdict, note}]
    PRIMARY KEY (event, number)
) STRICT, WITHOUT ROWID;
INSERT INTO "runs" VALUES(1,1,1,'queued',NULL,NULL,'[{"step":"dedupe","verdict":"continue","note":"acme is new in 3650d"},{"destination":"slack","target":"#alerts","note":""}]',NULL,0);
INSERT INTO "runs" VALUES(2,1,1,'queued',NULL,NULL,'[{"step":"dedupe","verdict":"continue","note":"globex is new in 3650d"},{"destination":"slack","target":"#alerts","note":""}]',NULL,0);
CREATE TABLE states (                   -- what crossing, throttle and their like know of a key
    scope TEXT NOT NULL,                -- pipeline/step
    key TEXT NOT NULL,
    value TEXT NOT NULL,                -- JSON
    event_id TEXT NOT NULL,             -- that left it
    at INTEGER NOT NULL,                -- received_at of that event
    PRIMARY KEY (scope, key)
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
CREATE TABLE unfinished (               -- runs that failed, and are run again
    event INTEGER NOT NULL,
    run INTEGER NOT NULL,               -- runs.number
    cause TEXT NOT NULL,                -- what they failed by, as the engine writes it: once that changes, at once
    tries INTEGER NOT NULL,
    retry_at INTEGER,                   -- null: only when their cause has changed
    PRIMARY KEY (event, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_by_event ON deliveries (event);
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX deliveries_open ON deliveries (status, seq) WHERE status <> 'delivered';
CREATE INDEX deliveries_waiting ON deliveries (lane, seq, due_at)
    WHERE status IN ('pending', 'retrying') AND lease_until IS NULL;
CREATE INDEX events_by_time ON events (received_at);
CREATE INDEX events_by_type ON events (type, received_at);
CREATE INDEX threads_by_key ON threads (scope, key, opened_at);
CREATE INDEX deliveries_in_thread ON deliveries (thread, seq)
    WHERE thread IS NOT NULL AND status IN ('pending', 'retrying', 'unknown');
CREATE INDEX events_by_key ON events (key_hash) WHERE key_hash IS NOT NULL;
CREATE INDEX unfinished_by_cause ON unfinished (cause, retry_at);
CREATE INDEX given_by_hash ON given (hash);
COMMIT;
