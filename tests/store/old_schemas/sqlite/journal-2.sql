BEGIN TRANSACTION;
CREATE TABLE cancel_requested (run TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID;
INSERT INTO "cancel_requested" VALUES('r3');
CREATE TABLE event (
    run TEXT NOT NULL, number INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (run, number)) WITHOUT ROWID;
INSERT INTO "event" VALUES('r1',0,'{"type":"run_started","run_id":"r1","thread_id":"t"}');
INSERT INTO "event" VALUES('r1',1,'{"type":"token","text":"4,400;"}');
INSERT INTO "event" VALUES('r1',2,'{"type":"done","run_id":"r1","status":"succeeded","usage":{"requests":0,"tool_calls":0,"input_tokens":0,"cached_tokens":0,"output_tokens":0,"cost":null,"model":null}}');
INSERT INTO "event" VALUES('r2',0,'{"type":"run_started","run_id":"r2","thread_id":"t"}');
CREATE TABLE record (
    run TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL, data TEXT NOT NULL, event INTEGER NOT NULL,
    PRIMARY KEY (run, kind, key)) WITHOUT ROWID;
INSERT INTO "record" VALUES('r2','tool','call-1','{"data":{"rows":[[1,"x;y"]]}}',1);
CREATE TABLE run (
    n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, workspace_id TEXT NOT NULL, thread_id TEXT NOT NULL,
    message TEXT NOT NULL, in_reply_to TEXT, idempotency_key TEXT, owner TEXT NOT NULL, status TEXT NOT NULL,
    accepted_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, ended_at TEXT, parent_run_id TEXT, attempt INTEGER NOT NULL DEFAULT 1, deaths INTEGER NOT NULL DEFAULT 0, UNIQUE (thread_id, idempotency_key));
INSERT INTO "run" VALUES(1,'r1','acme','t','What''s it; "cost"?',NULL,'key-1','77-dead','succeeded','2026-11-30 04:30:35.605+00:00','2026-11-30 04:30:35.606+00:00',NULL,1,0);
INSERT INTO "run" VALUES(2,'r2','acme','t','What''s it; "cost"?','r1',NULL,'78-dead','queued','2026-11-30 04:30:35.606+00:00',NULL,NULL,2,1);
INSERT INTO "run" VALUES(3,'r2-child','acme','t','What''s it; "cost"?',NULL,'r2/child','77-dead','queued','2026-11-30 04:30:35.607+00:00',NULL,'r2',1,0);
INSERT INTO "run" VALUES(4,'r3','acme','t','What''s it; "cost"?',NULL,NULL,'77-dead','queued','2026-11-30 04:30:35.607+00:00',NULL,NULL,1,0);
CREATE INDEX run_open ON run (thread_id, n) WHERE ended_at IS NULL;
CREATE INDEX run_ended ON run (ended_at) WHERE ended_at IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('run',4);
PRAGMA user_version = 2;
COMMIT;
