--# runner: sqlx
--# about: a job queue in Rust with SKIP LOCKED functions, advisory locks and NOTIFY
--# file: 20220101000000_jobs.sql
CREATE TYPE job_state AS ENUM ('ready', 'running', 'done', 'failed');
CREATE TABLE queue (name text PRIMARY KEY, max_attempts int NOT NULL DEFAULT 5);
CREATE TABLE job (
    id bigserial PRIMARY KEY,
    queue text NOT NULL DEFAULT 'default' REFERENCES queue (name),
    payload jsonb NOT NULL,
    state job_state NOT NULL DEFAULT 'ready',
    run_at timestamptz NOT NULL DEFAULT now(),
    attempts smallint NOT NULL DEFAULT 0
);
CREATE INDEX job_ready_idx ON job (queue, run_at) WHERE state = 'ready';
INSERT INTO queue VALUES ('default'), ('mail'), ('thumbnails');
--# file: 20220102000000_functions.sql
CREATE FUNCTION take_job(q text) RETURNS SETOF job LANGUAGE sql AS $$
    UPDATE job SET state = 'running', attempts = attempts + 1
     WHERE id = (SELECT id FROM job WHERE queue = q AND state = 'ready' AND run_at <= now() ORDER BY run_at FOR UPDATE SKIP LOCKED LIMIT 1)
    RETURNING *;
$$;
CREATE FUNCTION notify_job() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('jobs', NEW.queue); RETURN NULL; END $$;
CREATE TRIGGER job_notify AFTER INSERT ON job FOR EACH ROW EXECUTE FUNCTION notify_job();
--# file: 20220103000000_rows.sql
INSERT INTO job (payload) SELECT jsonb_build_object('n', i) FROM generate_series(1, 120) i;
UPDATE job SET state = 'done' WHERE id % 2 = 0;
--# file: 20220201000000_priority.sql
ALTER TABLE job ADD COLUMN priority smallint NOT NULL DEFAULT 0;
DROP INDEX job_ready_idx;
CREATE INDEX job_ready_idx ON job (queue, priority DESC, run_at) WHERE state = 'ready';
--# file: 20220301000000_finished_at.sql
-- no-transaction
CREATE INDEX CONCURRENTLY job_state_idx ON job (state);
--# file: 20220302000000_errors.sql
CREATE TABLE job_error (job_id bigint NOT NULL REFERENCES job ON DELETE CASCADE, attempt smallint NOT NULL, message text NOT NULL, at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (job_id, attempt));
ALTER TABLE job ADD COLUMN locked_by text, ADD COLUMN locked_at timestamptz;
ALTER TABLE job ADD CONSTRAINT job_locked CHECK ((locked_by IS NULL) = (locked_at IS NULL));
--# file: 20220401000000_cancelled.sql
ALTER TYPE job_state ADD VALUE 'cancelled';
ALTER TYPE job_state RENAME VALUE 'ready' TO 'queued';
--# file: 20220402000000_cancel.sql
UPDATE job SET state = 'cancelled' WHERE id = 7;
CREATE OR REPLACE FUNCTION take_job(q text) RETURNS SETOF job LANGUAGE sql AS $$
    UPDATE job SET state = 'running' WHERE id = (SELECT id FROM job WHERE queue = q AND state = 'queued' FOR UPDATE SKIP LOCKED LIMIT 1) RETURNING *;
$$;
--# file: 20220501000000_archive.sql
CREATE TABLE job_archive (LIKE job INCLUDING DEFAULTS, archived_at timestamptz NOT NULL DEFAULT now());
WITH moved AS (DELETE FROM job WHERE state = 'done' RETURNING *) INSERT INTO job_archive (id, queue, payload, state, run_at, attempts) SELECT id, queue, payload, state, run_at, attempts FROM moved;
ALTER TABLE job_archive ADD PRIMARY KEY (id);
ALTER TABLE job_archive SET (autovacuum_enabled = off);
--# file: 20220601000000_bigger_attempts.sql
ALTER TABLE job ALTER COLUMN attempts TYPE integer;
ALTER TABLE job_error ALTER COLUMN attempt TYPE integer;
--# file: 20220701000000_fillfactor.sql
ALTER TABLE job SET (fillfactor = 70);
ALTER INDEX job_ready_idx SET (fillfactor = 80);
ALTER INDEX job_state_idx RENAME TO job_by_state;
ALTER TABLE job ALTER COLUMN payload SET STORAGE MAIN;
--# file: 20220801000000_schedule.sql
CREATE TABLE schedule (id serial PRIMARY KEY, cron text NOT NULL, queue text NOT NULL REFERENCES queue, payload jsonb NOT NULL DEFAULT '{}', next_run timestamptz, enabled bool DEFAULT true);
INSERT INTO schedule (cron, queue) VALUES ('* * * * *', 'mail'), ('0 * * * *', 'default');
ALTER TABLE job ADD COLUMN schedule_id integer REFERENCES schedule ON DELETE SET NULL;
CREATE INDEX job_schedule_idx ON job (schedule_id) WHERE schedule_id IS NOT NULL;
--# file: 20220901000000_unique_key.sql
ALTER TABLE job ADD COLUMN dedup_key text;
CREATE UNIQUE INDEX job_dedup_idx ON job (queue, dedup_key) WHERE state IN ('queued', 'running');
ALTER TABLE schedule ALTER COLUMN enabled SET NOT NULL;
--# file: 20221001000000_queue_rename.sql
ALTER TABLE job DROP CONSTRAINT job_queue_fkey;
UPDATE queue SET name = 'images' WHERE name = 'thumbnails';
ALTER TABLE job ADD CONSTRAINT job_queue_fkey FOREIGN KEY (queue) REFERENCES queue (name) ON UPDATE CASCADE NOT VALID;
--# file: 20221002000000_queue_validate.sql
ALTER TABLE job VALIDATE CONSTRAINT job_queue_fkey;
--# file: 20221101000000_worker.sql
CREATE TABLE worker (id text PRIMARY KEY, seen timestamptz NOT NULL DEFAULT now(), host inet, load real);
COMMENT ON TABLE worker IS 'heartbeats';
CREATE FUNCTION reap() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    UPDATE job SET state = 'queued', locked_by = NULL, locked_at = NULL
     WHERE state = 'running' AND locked_by NOT IN (SELECT id FROM worker WHERE seen > now() - interval '1 minute');
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END $$;
--# file: 20221201000000_drop_notify.sql
DROP TRIGGER job_notify ON job;
DROP FUNCTION notify_job();
DROP FUNCTION take_job(text);
ALTER TABLE job DROP COLUMN locked_at;
--# file: 20230101000000_partial.sql
BEGIN;
ALTER TABLE job ALTER COLUMN dedup_key TYPE varchar(64);
SAVEPOINT a;
CREATE INDEX job_run_at ON job (run_at);
ROLLBACK TO a;
CREATE INDEX job_run_at ON job USING brin (run_at);
COMMIT;
