BEGIN TRANSACTION;
CREATE TABLE capsule (
	run_id VARCHAR NOT NULL, 
	workspace_id VARCHAR NOT NULL, 
	thread_id VARCHAR NOT NULL, 
	parent_run_id VARCHAR, 
	status VARCHAR NOT NULL, 
	error_code VARCHAR, 
	model VARCHAR, 
	accepted_at DATETIME, 
	ended_at DATETIME NOT NULL, 
	requests INTEGER NOT NULL, 
	tool_calls INTEGER NOT NULL, 
	input_tokens BIGINT NOT NULL, 
	cached_tokens BIGINT NOT NULL, 
	output_tokens BIGINT NOT NULL, 
	cost_nano BIGINT, 
	PRIMARY KEY (run_id)
);
INSERT INTO "capsule" VALUES('r1','acme','t',NULL,'succeeded',NULL,'openai:m','2026-01-01 00:00:00.000000','2026-11-30 04:30:35.481522',2,1,5000000000,40,7,100000000);
INSERT INTO "capsule" VALUES('r2','acme','t','r1','failed','run_timeout',NULL,NULL,'2026-11-30 04:30:35.497727',1,0,0,0,0,NULL);
CREATE INDEX capsule_thread ON capsule (workspace_id, thread_id);
CREATE TRIGGER capsule_no_update BEFORE UPDATE ON capsule BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER capsule_no_delete BEFORE DELETE ON capsule BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
PRAGMA user_version = 0;
COMMIT;
