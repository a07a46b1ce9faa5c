BEGIN TRANSACTION;
CREATE TABLE cancel_requested (run TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "cancel_requested" VALUES('r3');
CREATE TABLE event (
    run TEXT NOT NULL, number INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (run, number)) WITHOUT ROWID;
INSERT INTO "event" VALUES('r1',0,'{"type":"run_started","run_id":"r1","thread_id":"t"}');
INSERT INTO "event" VALUES('r1',1,'{"type":"token","text":"4,400;"}');
INSERT INTO "event" VALUES('r1',2,'{"type":"done","run_id":"r1","status":"succeeded","usage":{"requests":0,"tool_calls":0,"input_tokens":0,"output_tokens":0}}');
INSERT INTO "event" VALUES('r2',0,'{"type":"run_started","run_id":"r2","thread_id":"t"}');
CREATE TABLE run (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, workspace_id TEXT NOT NULL, thread_id TEXT NOT NULL,
    message TEXT NOT NULL, in_reply_to TEXT, idempotency_key TEXT, owner TEXT NOT NULL, status TEXT NOT NULL,
    accepted_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, ended_at TEXT, UNIQUE (thread_id, idempotency_key));
INSERT INTO "run" VALUES(1,'r1','acme','t','What''s it; "cost"?',NULL,'key-1','77-dead','succeeded','2026-11-30 04:30:30','2026-11-30 04:30:30');
INSERT INTO "run" VALUES(2,'r2','acme','t','What''s it; "cost"?','r1',NULL,'77-dead','running','2026-11-30 04:30:30',NULL);
INSERT INTO "run" VALUES(3,'r3','acme','t','What''s it; "cost"?',NULL,NULL,'77-dead','queued','2026-11-30 04:30:30',NULL);
CREATE INDEX run_open ON run (thread_id, n) WHERE ended_at IS NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('run',3);
PRAGMA user_version = 0;
COMMIT;
