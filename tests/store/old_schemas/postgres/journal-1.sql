SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA cfo_journal;
CREATE TABLE cfo_journal.cancel_requested (
    run text NOT NULL
);
CREATE TABLE cfo_journal.event (
    run text NOT NULL,
    number integer NOT NULL,
    data text NOT NULL
);
CREATE TABLE cfo_journal.owner (
    name text NOT NULL,
    beat timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE cfo_journal.record (
    run text NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    data text NOT NULL,
    event integer NOT NULL
);
CREATE TABLE cfo_journal.run (
    n bigint NOT NULL,
    id text NOT NULL,
    workspace_id text NOT NULL,
    thread_id text NOT NULL,
    message text NOT NULL,
    in_reply_to text,
    parent_run_id text,
    idempotency_key text,
    owner text NOT NULL,
    attempt integer DEFAULT 1 NOT NULL,
    deaths integer DEFAULT 0 NOT NULL,
    status text DEFAULT 'queued'::text NOT NULL,
    next_event integer DEFAULT 0 NOT NULL,
    accepted_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone
)
WITH (fillfactor='70');
ALTER TABLE cfo_journal.run ALTER COLUMN n ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME cfo_journal.run_n_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE cfo_journal.version (
    steps integer NOT NULL
);
INSERT INTO cfo_journal.cancel_requested VALUES ('r3');
INSERT INTO cfo_journal.event VALUES ('r1', 0, '{"type":"run_started","run_id":"r1","thread_id":"t"}');
INSERT INTO cfo_journal.event VALUES ('r1', 1, '{"type":"token","text":"4,400;"}');
INSERT INTO cfo_journal.event VALUES ('r1', 2, '{"type":"done","run_id":"r1","status":"succeeded","usage":{"requests":0,"tool_calls":0,"input_tokens":0,"cached_tokens":0,"output_tokens":0,"cost":null,"model":null}}');
INSERT INTO cfo_journal.event VALUES ('r2', 0, '{"type":"run_started","run_id":"r2","thread_id":"t"}');
INSERT INTO cfo_journal.record VALUES ('r2', 'tool', '"call-1"', '{"rows":[[1,"x;y"]]}', 1);
INSERT INTO cfo_journal.run OVERRIDING SYSTEM VALUE VALUES (1, 'r1', 'acme', 't', '"What''s it; \"cost\"?"', NULL, NULL, 'key-1', '77-dead', 1, 0, 'succeeded', 3, '2026-11-30 04:31:02.641419+00', '2026-11-30 04:31:02.668841+00');
INSERT INTO cfo_journal.run OVERRIDING SYSTEM VALUE VALUES (2, 'r2', 'acme', 't', '"What''s it; \"cost\"?"', 'r1', NULL, NULL, '78-dead', 2, 1, 'queued', 1, '2026-11-30 04:31:02.685291+00', NULL);
INSERT INTO cfo_journal.run OVERRIDING SYSTEM VALUE VALUES (3, 'r2-child', 'acme', 't', '"What''s it; \"cost\"?"', NULL, 'r2', 'r2/child', '77-dead', 1, 0, 'queued', 0, '2026-11-30 04:31:02.712636+00', NULL);
INSERT INTO cfo_journal.run OVERRIDING SYSTEM VALUE VALUES (4, 'r3', 'acme', 't', '"What''s it; \"cost\"?"', NULL, NULL, NULL, '77-dead', 1, 0, 'queued', 0, '2026-11-30 04:31:02.715766+00', NULL);
INSERT INTO cfo_journal.version VALUES (1);
SELECT pg_catalog.setval('cfo_journal.run_n_seq', 4, true);
ALTER TABLE ONLY cfo_journal.cancel_requested
    ADD CONSTRAINT cancel_requested_pkey PRIMARY KEY (run);
ALTER TABLE ONLY cfo_journal.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (run, number);
ALTER TABLE ONLY cfo_journal.owner
    ADD CONSTRAINT owner_pkey PRIMARY KEY (name);
ALTER TABLE ONLY cfo_journal.record
    ADD CONSTRAINT record_pkey PRIMARY KEY (run, kind, key);
ALTER TABLE ONLY cfo_journal.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (id);
ALTER TABLE ONLY cfo_journal.run
    ADD CONSTRAINT run_thread_id_idempotency_key_key UNIQUE (thread_id, idempotency_key);
CREATE INDEX run_ended ON cfo_journal.run USING btree (ended_at) WHERE (ended_at IS NOT NULL);
CREATE INDEX run_open ON cfo_journal.run USING btree (thread_id, n) WHERE (ended_at IS NULL);
