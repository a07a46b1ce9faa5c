SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA cfo_catalog;
CREATE TABLE cfo_catalog.thread (
    workspace_id character varying NOT NULL,
    id character varying NOT NULL,
    title character varying,
    thread_dir character varying NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
CREATE TABLE cfo_catalog.version (
    steps integer NOT NULL
);
CREATE TABLE cfo_catalog.workspace (
    id character varying NOT NULL,
    name character varying NOT NULL,
    workspace_dir character varying NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL
);
INSERT INTO cfo_catalog.thread VALUES ('acme', '20260101-000000-aaaaaaaaaaaa', 'Costs', 'acme/threads/20260101-000000-aaaaaaaaaaaa', '2026-11-30 04:31:02.425576+00', '2026-11-30 04:31:02.425591+00');
INSERT INTO cfo_catalog.thread VALUES ('acme', '20260102-000000-bbbbbbbbbbbb', NULL, 'acme/threads/20260102-000000-bbbbbbbbbbbb', '2026-11-30 04:31:02.441615+00', '2026-11-30 04:31:02.441631+00');
INSERT INTO cfo_catalog.thread VALUES ('books', '20260103-000000-cccccccccccc', 'It''s "due"; when?', 'books/threads/20260103-000000-cccccccccccc', '2026-11-30 04:31:02.453641+00', '2026-11-30 04:31:02.453657+00');
INSERT INTO cfo_catalog.version VALUES (2);
INSERT INTO cfo_catalog.workspace VALUES ('acme', 'Acme', 'acme', '2026-11-30 04:31:02.343978+00', '2026-11-30 04:31:02.343997+00');
INSERT INTO cfo_catalog.workspace VALUES ('books', 'Bücher & Söhne', 'books', '2026-11-30 04:31:02.410803+00', '2026-11-30 04:31:02.41082+00');
ALTER TABLE ONLY cfo_catalog.thread
    ADD CONSTRAINT thread_of_workspace_pkey PRIMARY KEY (workspace_id, id);
ALTER TABLE ONLY cfo_catalog.thread
    ADD CONSTRAINT thread_of_workspace_thread_dir_key UNIQUE (thread_dir);
ALTER TABLE ONLY cfo_catalog.workspace
    ADD CONSTRAINT workspace_name_key UNIQUE (name);
ALTER TABLE ONLY cfo_catalog.workspace
    ADD CONSTRAINT workspace_pkey PRIMARY KEY (id);
ALTER TABLE ONLY cfo_catalog.workspace
    ADD CONSTRAINT workspace_workspace_dir_key UNIQUE (workspace_dir);
CREATE INDEX thread_newest ON cfo_catalog.thread USING btree (workspace_id, updated_at);
ALTER TABLE ONLY cfo_catalog.thread
    ADD CONSTRAINT thread_of_workspace_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES cfo_catalog.workspace(id);
