--# runner: psql
--# about: sensor readings: declarative partitions, BRIN, a runner of psql scripts with \set, \i and \if
--# file: 000_settings.sql
\set ON_ERROR_STOP on
SET client_min_messages = warning;
--# file: 001_devices.sql
\set schema iot
\echo creating :schema
CREATE SCHEMA :schema;
SET search_path = :schema, public;
CREATE TABLE device (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    serial text NOT NULL UNIQUE,
    model text,
    installed date DEFAULT CURRENT_DATE
);
CREATE TABLE reading (
    device_id int NOT NULL,
    at timestamptz NOT NULL,
    kind smallint NOT NULL,
    value double precision
) PARTITION BY RANGE (at);
--# file: 002_first_partitions.sql
SET search_path TO iot, public;
CREATE TABLE reading_2021 PARTITION OF reading FOR VALUES FROM ('2021-01-01') TO ('2022-01-01');
CREATE TABLE reading_2022 PARTITION OF reading FOR VALUES FROM ('2022-01-01') TO ('2023-01-01');
CREATE INDEX reading_at_brin ON reading USING brin (at) WITH (pages_per_range = 32);
CREATE INDEX reading_device_at ON reading (device_id, at DESC);
--# file: 003_rows.sql
INSERT INTO iot.device (serial, model) SELECT 'S' || i, 'M1' FROM generate_series(1, 20) i;
INSERT INTO iot.reading SELECT d.id, timestamptz '2021-06-01' + h * interval '1 hour', 1, random() FROM iot.device d, generate_series(1, 24) h;
--# file: 004_fk.sql
BEGIN;
SET LOCAL lock_timeout = '2s';
ALTER TABLE iot.reading ADD CONSTRAINT reading_device_fk FOREIGN KEY (device_id) REFERENCES iot.device (id);
COMMIT;
--# file: 005_default.sql
CREATE TABLE iot.reading_other PARTITION OF iot.reading DEFAULT;
--# file: 006_partition_2023.sql
CREATE TABLE iot.reading_2023 PARTITION OF iot.reading FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
--# file: 007_attach_2024.sql
CREATE TABLE iot.reading_2024 (LIKE iot.reading INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
ALTER TABLE iot.reading_2024 ADD CONSTRAINT reading_2024_at CHECK (at >= '2024-01-01' AND at < '2025-01-01');
ALTER TABLE iot.reading ATTACH PARTITION iot.reading_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
ALTER TABLE iot.reading_2024 DROP CONSTRAINT reading_2024_at;
--# file: 008_columns.sql
ALTER TABLE iot.reading ADD COLUMN quality smallint DEFAULT 100;
ALTER TABLE iot.reading ADD COLUMN received_at timestamptz DEFAULT clock_timestamp();
ALTER TABLE iot.reading ALTER COLUMN kind TYPE integer;
--# file: 009_kinds.sql
CREATE TABLE iot.kind (id integer PRIMARY KEY, unit text NOT NULL);
INSERT INTO iot.kind VALUES (1, '°C'), (2, 'hPa');
ALTER TABLE iot.reading ADD FOREIGN KEY (kind) REFERENCES iot.kind (id);
--# file: 010_detach.sql
ALTER TABLE iot.reading DETACH PARTITION iot.reading_2021;
CREATE TABLE iot.archive_2021 AS SELECT device_id, date_trunc('day', at) AS day, avg(value) AS value FROM iot.reading_2021 GROUP BY 1, 2;
DROP TABLE iot.reading_2021;
--# file: 011_partition_index.sql
CREATE INDEX reading_kind ON ONLY iot.reading (kind);
CREATE INDEX CONCURRENTLY reading_2022_kind ON iot.reading_2022 (kind);
CREATE INDEX CONCURRENTLY reading_2023_kind ON iot.reading_2023 (kind);
CREATE INDEX CONCURRENTLY reading_2024_kind ON iot.reading_2024 (kind);
CREATE INDEX CONCURRENTLY reading_other_kind ON iot.reading_other (kind);
ALTER INDEX iot.reading_kind ATTACH PARTITION iot.reading_2022_kind;
ALTER INDEX iot.reading_kind ATTACH PARTITION iot.reading_2023_kind;
ALTER INDEX iot.reading_kind ATTACH PARTITION iot.reading_2024_kind;
ALTER INDEX iot.reading_kind ATTACH PARTITION iot.reading_other_kind;
--# file: 012_alerts.sql
CREATE TABLE iot.alert (
    id bigserial, device_id int NOT NULL REFERENCES iot.device, raised timestamptz NOT NULL DEFAULT now(), level int NOT NULL
) PARTITION BY LIST (level);
CREATE TABLE iot.alert_low PARTITION OF iot.alert FOR VALUES IN (1, 2);
CREATE TABLE iot.alert_high PARTITION OF iot.alert FOR VALUES IN (3, 4, 5);
ALTER TABLE iot.alert ADD PRIMARY KEY (id, level);
INSERT INTO iot.alert (device_id, level) SELECT id, 1 + id % 5 FROM iot.device;
--# file: 013_trigger.sql
CREATE FUNCTION iot.check_value() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF new.value > 1000 THEN RETURN NULL; END IF; RETURN new; END $$;
CREATE TRIGGER check_value AFTER INSERT ON iot.alert FOR EACH ROW EXECUTE FUNCTION iot.check_value();
DROP TRIGGER check_value ON iot.alert;
--# file: 014_maintenance.sql
VACUUM iot.device;
ANALYZE iot.reading;
CLUSTER iot.device USING device_pkey;
--# file: 015_hash.sql
CREATE TABLE iot.state (device_id int NOT NULL, key text NOT NULL, value jsonb, PRIMARY KEY (device_id, key)) PARTITION BY HASH (device_id);
CREATE TABLE iot.state_0 PARTITION OF iot.state FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE iot.state_1 PARTITION OF iot.state FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO iot.state SELECT id, 'firmware', '"1.0"' FROM iot.device;
--# file: 016_storage.sql
ALTER TABLE iot.state_0 ALTER COLUMN value SET STORAGE EXTERNAL;
ALTER TABLE iot.reading_2022 SET (autovacuum_enabled = false);
ALTER TABLE iot.device ALTER COLUMN serial TYPE varchar(40);
ALTER TABLE iot.device CLUSTER ON device_pkey;
ALTER TABLE iot.device SET WITHOUT CLUSTER;
--# file: 017_drop_column.sql
ALTER TABLE iot.reading DROP COLUMN received_at;
ALTER TABLE iot.reading RENAME COLUMN quality TO confidence;
ALTER TABLE iot.reading ALTER confidence SET NOT NULL;
--# file: 018_drop_fk.sql
ALTER TABLE iot.reading DROP CONSTRAINT reading_device_fk;
TRUNCATE iot.reading_other;
DROP TABLE iot.alert;
--# file: 019_conditional.sql
\set wanted true
\if :wanted
COMMENT ON TABLE iot.device IS 'one row per box';
\else
DROP TABLE iot.device;
\endif
REINDEX TABLE iot.device;
--# file: 020_rollup.sql
CREATE MATERIALIZED VIEW iot.per_day AS SELECT device_id, at::date AS day, avg(value) FROM iot.reading GROUP BY 1, 2 WITH NO DATA;
REFRESH MATERIALIZED VIEW iot.per_day;
CREATE UNIQUE INDEX per_day_key ON iot.per_day (device_id, day);
REFRESH MATERIALIZED VIEW CONCURRENTLY iot.per_day;
--# file: 021_truncate_years.sql
TRUNCATE iot.reading_2022, iot.reading_2023;
DROP TABLE iot.reading_2022;
DELETE FROM iot.reading WHERE at < '2024-01-01';
