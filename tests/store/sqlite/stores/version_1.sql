PRAGMA application_id = 1229740370;
PRAGMA user_version = 1;
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
) STRICT;
INSERT INTO "deliveries" VALUES(1,'dlv_01M8K9YMTRAQ34TRTJEE8XQB48',1,1,'alert','slack','#alerts',1,'{"channel":"#alerts","text":"usage","blocks":[{"type":"header","text":{"type":"plain_text","text":"usage","emoji":true}},{"type":"section","fields":[{"type":"mrkdwn","text":"*customer*\nacme"},{"type":"mrkdwn","text":"*used*\n1"}]},{"type":"context","elements":[{"type":"mrkdwn","text":"alert · 2026-11-29 09:25 UTC · evt_01M8K9YMTRSPGG4X7V2Y4G1T6X"}]}],"metadata":{"event_type":"usage","event_payload":{"event_id":"evt_01M8K9YMTRSPGG4X7V2Y4G1T6X","event_type":"usage","delivery_id":"dlv_01M8K9YMTRAQ34TRTJEE8XQB48"}}}','pending',1795944305496,1795944305496,0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "deliveries" VALUES(2,'dlv_01M8K9YNDYQS42Z0E4CN2YXBAA',2,1,'alert','slack','#alerts',1,'{"channel":"#alerts","text":"usage","blocks":[{"type":"header","text":{"type":"plain_text","text":"usage","emoji":true}},{"type":"section","fields":[{"type":"mrkdwn","text":"*customer*\nglobex"},{"type":"mrkdwn","text":"*used*\n2"}]},{"type":"context","elements":[{"type":"mrkdwn","text":"alert · 2026-11-29 09:25 UTC · evt_01M8K9YNDY4RQP15KD05EKBT8Z"}]}],"metadata":{"event_type":"usage","event_payload":{"event_id":"evt_01M8K9YNDY4RQP15KD05EKBT8Z","event_type":"usage","delivery_id":"dlv_01M8K9YNDYQS42Z0E4CN2YXBAA"}}}','pending',1795944306110,1795944306110,0,NULL,NULL,NULL,NULL,NULL,NULL);
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
INSERT INTO "events" VALUES(1,'evt_01M8K9YMTRSPGG4X7V2Y4G1T6X','usage',1795944305496,1795944305496,'cli','acme','{"customer":"acme","used":1}');
INSERT INTO "events" VALUES(2,'evt_01M8K9YNDY4RQP15KD05EKBT8Z','usage',1795944306110,1795944306110,'cli','globex','{"customer":"globex","used":2}');
CREATE TABLE lanes (                    -- one per channel: its pace, for all processes
    seq INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,          -- destination target
    free_at INTEGER NOT NULL DEFAULT 0, -- when the next message may go
    busy_until INTEGER                  -- lease of the message in hand
) STRICT;
INSERT INTO "lanes" VALUES(1,'slack #alerts',0,NULL);
CREATE TABLE memory (                   -- what dedupe and its like remember
    scope TEXT NOT NULL,                -- pipeline/step
    key TEXT NOT NULL,
    at INTEGER NOT NULL,                -- received_at of the event that left it
    event_id TEXT NOT NULL,
    PRIMARY KEY (scope, key, at)
) STRICT, WITHOUT ROWID;
INSERT INTO "memory" VALUES('alert/dedupe','acme',1795944305496,'evt_01M8K9YMTRSPGG4X7V2Y4G1T6X');
INSERT INTO "memory" VALUES('alert/dedupe','globex',1795944306110,'evt_01M8K9YNDY4RQP15KD05EKBT8Z');
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
',1795944305496);
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
INSERT INTO "runs" VALUES(1,1,1,'queued',NULL,NULL,'[{"step":"dedupe","verdict":"continue","note":"acme is new in 3650d"},{"destination":"slack","target":"#alerts","note":""}]');
INSERT INTO "runs" VALUES(2,1,1,'queued',NULL,NULL,'[{"step":"dedupe","verdict":"continue","note":"globex is new in 3650d"},{"destination":"slack","target":"#alerts","note":""}]');
CREATE INDEX events_by_key ON events (key) WHERE key IS NOT NULL;
CREATE INDEX deliveries_by_event ON deliveries (event);
CREATE INDEX deliveries_waiting ON deliveries (lane, due_at, seq)
    WHERE status IN ('pending', 'retrying') AND lease_until IS NULL;
CREATE INDEX deliveries_unknown ON deliveries (due_at) WHERE status = 'unknown';
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE lease_until IS NOT NULL;
COMMIT;
