SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA cfo_ledger;
CREATE FUNCTION cfo_ledger.capsule_is_sealed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$;
CREATE TABLE cfo_ledger.capsule (
    run_id character varying NOT NULL,
    workspace_id character varying NOT NULL,
    thread_id character varying NOT NULL,
    parent_run_id character varying,
    status character varying NOT NULL,
    error_code character varying,
    model character varying,
    accepted_at timestamp with time zone,
    ended_at timestamp with time zone NOT NULL,
    requests integer NOT NULL,
    tool_calls integer NOT NULL,
    input_tokens bigint NOT NULL,
    cached_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    cost_nano bigint
);
INSERT INTO cfo_ledger.capsule VALUES ('r1', 'acme', 't', NULL, 'succeeded', NULL, 'openai:m', '2026-01-01 00:00:00+00', '2026-11-30 04:31:02.462041+00', 2, 1, 5000000000, 40, 7, 100000000);
INSERT INTO cfo_ledger.capsule VALUES ('r2', 'acme', 't', 'r1', 'failed', 'run_timeout', NULL, NULL, '2026-11-30 04:31:02.477545+00', 1, 0, 0, 0, 0, NULL);
ALTER TABLE ONLY cfo_ledger.capsule
    ADD CONSTRAINT capsule_pkey PRIMARY KEY (run_id);
CREATE INDEX capsule_thread ON cfo_ledger.capsule USING btree (workspace_id, thread_id);
CREATE TRIGGER capsule_is_sealed BEFORE DELETE OR UPDATE OR TRUNCATE ON cfo_ledger.capsule FOR EACH STATEMENT EXECUTE FUNCTION cfo_ledger.capsule_is_sealed();
