BEGIN TRANSACTION;
CREATE TABLE "thread" (
            workspace_id VARCHAR NOT NULL REFERENCES workspace (id), id VARCHAR NOT NULL, title VARCHAR,
            thread_dir VARCHAR NOT NULL UNIQUE, created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL,
            PRIMARY KEY (workspace_id, id));
INSERT INTO "thread" VALUES('acme','20260101-000000-aaaaaaaaaaaa','Costs','acme/threads/20260101-000000-aaaaaaaaaaaa','2026-11-30 04:30:35.435115','2026-11-30 04:30:35.435126');
INSERT INTO "thread" VALUES('acme','20260102-000000-bbbbbbbbbbbb',NULL,'acme/threads/20260102-000000-bbbbbbbbbbbb','2026-11-30 04:30:35.436033','2026-11-30 04:30:35.436044');
INSERT INTO "thread" VALUES('books','20260103-000000-cccccccccccc','It''s "due"; when?','books/threads/20260103-000000-cccccccccccc','2026-11-30 04:30:35.436386','2026-11-30 04:30:35.436395');
CREATE TABLE workspace (
            id VARCHAR NOT NULL PRIMARY KEY, name VARCHAR NOT NULL UNIQUE, workspace_dir VARCHAR NOT NULL UNIQUE,
            created_at DATETIME NOT NULL, updated_at DATETIME NOT NULL);
INSERT INTO "workspace" VALUES('acme','Acme','acme','2026-11-30 04:30:35.402696','2026-11-30 04:30:35.402711');
INSERT INTO "workspace" VALUES('books','Bücher & Söhne','books','2026-11-30 04:30:35.433872','2026-11-30 04:30:35.433887');
CREATE INDEX thread_newest ON thread (workspace_id, updated_at);
PRAGMA user_version = 2;
COMMIT;
