BEGIN TRANSACTION;
CREATE TABLE thread (
            id VARCHAR NOT NULL PRIMARY KEY, workspace_id VARCHAR NOT NULL REFERENCES workspace (id), title VARCHAR,
            thread_dir VARCHAR NOT NULL UNIQUE, created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL);
INSERT INTO "thread" VALUES('20260101-000000-aaaaaaaaaaaa','acme','Costs','acme/threads/20260101-000000-aaaaaaaaaaaa','2026-11-30 04:30:28.473874','2026-11-30 04:30:28.473896');
INSERT INTO "thread" VALUES('20260102-000000-bbbbbbbbbbbb','acme',NULL,'acme/threads/20260102-000000-bbbbbbbbbbbb','2026-11-30 04:30:28.486092','2026-11-30 04:30:28.486120');
INSERT INTO "thread" VALUES('20260103-000000-cccccccccccc','books','It''s "due"; when?','books/threads/20260103-000000-cccccccccccc','2026-11-30 04:30:28.499616','2026-11-30 04:30:28.499641');
CREATE TABLE workspace (
            id VARCHAR NOT NULL PRIMARY KEY, name VARCHAR NOT NULL UNIQUE, workspace_dir VARCHAR NOT NULL UNIQUE,
            created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL);
INSERT INTO "workspace" VALUES('acme','Acme','acme','2026-11-30 04:30:28.431301','2026-11-30 04:30:28.431315');
INSERT INTO "workspace" VALUES('books','Bücher & Söhne','books','2026-11-30 04:30:28.455909','2026-11-30 04:30:28.455928');
CREATE INDEX thread_newest ON thread (workspace_id, updated_at);
PRAGMA user_version = 1;
COMMIT;
