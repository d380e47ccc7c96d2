--# runner: flyway
--# about: deliveries on a map without PostGIS: points, boxes, GiST, BRIN, exclusion, cube-free distance functions
--# file: V001__places.sql
CREATE TABLE place (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, at point NOT NULL, area polygon, kind text);
CREATE TABLE courier (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, vehicle text NOT NULL DEFAULT 'bike');
CREATE TABLE tour (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, courier_id int REFERENCES courier, day date NOT NULL, stops int[] NOT NULL DEFAULT '{}');
CREATE TABLE track (courier_id int NOT NULL, at timestamptz NOT NULL, pos point NOT NULL, speed real);
CREATE INDEX place_at ON place USING gist (at);
--# file: V002__rows.sql
INSERT INTO place (name, at) SELECT 'Place ' || i, point(i, i) FROM generate_series(1, 90) i;
INSERT INTO courier (name) VALUES ('Ada'), ('Bea'), ('Cem');
INSERT INTO tour (courier_id, day) SELECT 1 + i % 3, date '2024-01-01' + i FROM generate_series(1, 30) i;
INSERT INTO track SELECT 1 + i % 3, timestamptz '2024-01-01' + i * interval '1 minute', point(i, i) FROM generate_series(1, 200) i;
--# file: V003__track_indexes.sql
CREATE INDEX track_at ON track USING brin (at);
CREATE INDEX track_courier_at ON track (courier_id, at DESC);
CREATE INDEX track_pos ON track USING spgist (pos);
ALTER TABLE track ADD CONSTRAINT track_courier_fk FOREIGN KEY (courier_id) REFERENCES courier (id);
--# file: V004__orders.sql
CREATE TYPE parcel_size AS ENUM ('s', 'm', 'l');
CREATE TABLE delivery (id bigserial PRIMARY KEY, place_id int NOT NULL REFERENCES place, tour_id bigint REFERENCES tour ON DELETE SET NULL, size parcel_size NOT NULL DEFAULT 's', window_from timestamptz, window_to timestamptz, cents int NOT NULL DEFAULT 0);
CREATE INDEX delivery_place ON delivery (place_id);
CREATE INDEX delivery_tour ON delivery (tour_id);
INSERT INTO delivery (place_id, tour_id) SELECT id, 1 + id % 30 FROM place;
--# file: V005__window.sql
ALTER TABLE delivery ADD COLUMN window_ tstzrange;
UPDATE delivery SET window_ = tstzrange(window_from, window_to);
ALTER TABLE delivery DROP COLUMN window_from, DROP COLUMN window_to;
ALTER TABLE delivery RENAME COLUMN window_ TO delivery_window;
CREATE INDEX delivery_window_idx ON delivery USING gist (delivery_window);
ALTER TABLE delivery ALTER COLUMN delivery_window SET DEFAULT tstzrange(now(), now() + interval '1 day');
--# file: V006__zones.sql
CREATE TABLE zone (id smallint PRIMARY KEY, name varchar(40) NOT NULL UNIQUE, border box NOT NULL, EXCLUDE USING gist (border WITH &&));
INSERT INTO zone VALUES (1, 'west', box(point(0, 0), point(49, 99))), (2, 'east', box(point(50, 0), point(99, 99)));
ALTER TABLE place ADD COLUMN zone_id smallint;
UPDATE place SET zone_id = CASE WHEN at[0] < 50 THEN 1 ELSE 2 END;
ALTER TABLE place ADD CONSTRAINT place_zone_fk FOREIGN KEY (zone_id) REFERENCES zone (id);
ALTER TABLE place ALTER COLUMN zone_id SET NOT NULL;
--# file: V007__distance.sql
CREATE FUNCTION km(a point, b point) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT (a <-> b) * 111.3 $$;
CREATE VIEW near AS SELECT a.id, b.id AS other, km(a.at, b.at) AS km FROM place a JOIN place b ON a.zone_id = b.zone_id;
CREATE INDEX place_km ON place (km(at, point(0, 0)));
--# file: V008__names.sql
ALTER TABLE place ADD COLUMN name_key text GENERATED ALWAYS AS (lower(name)) STORED;
CREATE INDEX place_name_key ON place (name_key text_pattern_ops);
ALTER TABLE courier ADD COLUMN phone varchar(20), ADD COLUMN active boolean NOT NULL DEFAULT true;
ALTER TABLE courier ADD CONSTRAINT courier_vehicle CHECK (vehicle IN ('bike', 'van', 'foot'));
--# file: V009__bigger_ids.sql
ALTER TABLE tour ALTER COLUMN courier_id TYPE bigint;
ALTER TABLE courier ALTER COLUMN id TYPE bigint;
ALTER TABLE track ALTER COLUMN courier_id TYPE bigint;
ALTER TABLE track ALTER COLUMN speed TYPE double precision;
--# file: V010__drop_near.sql
DROP VIEW near;
DROP INDEX place_km;
DROP FUNCTION km(point, point);
--# file: V011__matview.sql
CREATE MATERIALIZED VIEW zone_load AS SELECT p.zone_id, count(*) AS deliveries FROM delivery d JOIN place p ON p.id = d.place_id GROUP BY 1;
CREATE UNIQUE INDEX zone_load_key ON zone_load (zone_id);
REFRESH MATERIALIZED VIEW CONCURRENTLY zone_load;
ALTER TABLE delivery ADD COLUMN weight_g int CHECK (weight_g > 0);
--# file: V012__alter_under_matview.sql
DROP MATERIALIZED VIEW zone_load;
ALTER TABLE place ALTER COLUMN zone_id TYPE int;
ALTER TABLE zone ALTER COLUMN id TYPE int;
CREATE MATERIALIZED VIEW zone_load AS SELECT p.zone_id, count(*) AS deliveries FROM delivery d JOIN place p ON p.id = d.place_id GROUP BY 1;
--# file: V013__concurrent.sql
CREATE INDEX CONCURRENTLY delivery_size ON delivery (size) WHERE size = 'l';
--# file: V014__drop_concurrent.sql
DROP INDEX CONCURRENTLY delivery_size;
--# file: V015__signatures.sql
CREATE TABLE signature (delivery_id bigint PRIMARY KEY REFERENCES delivery ON DELETE CASCADE, image bytea NOT NULL, signed timestamptz NOT NULL DEFAULT now(), name text);
ALTER TABLE signature ALTER COLUMN image SET STORAGE EXTERNAL;
INSERT INTO signature (delivery_id, image) SELECT id, '\x00' FROM delivery WHERE id % 2 = 0;
ALTER TABLE signature ADD COLUMN ip inet, ADD COLUMN agent text DEFAULT '';
ALTER TABLE signature ALTER COLUMN name SET DEFAULT 'unknown', ALTER COLUMN agent DROP DEFAULT;
--# file: V016__track_partitioned.sql
ALTER TABLE track RENAME TO track_old;
ALTER INDEX track_at RENAME TO track_old_at;
ALTER INDEX track_courier_at RENAME TO track_old_courier_at;
CREATE TABLE track (courier_id bigint NOT NULL REFERENCES courier, at timestamptz NOT NULL, pos point NOT NULL, speed double precision) PARTITION BY RANGE (at);
CREATE TABLE track_2025 PARTITION OF track FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
ALTER TABLE track_old ADD CONSTRAINT track_old_at_check CHECK (at < '2025-01-01') NOT VALID;
ALTER TABLE track_old VALIDATE CONSTRAINT track_old_at_check;
ALTER TABLE track ATTACH PARTITION track_old FOR VALUES FROM (MINVALUE) TO ('2025-01-01');
CREATE INDEX track_courier_at ON track (courier_id, at DESC);
--# file: V017__grants.sql
CREATE ROLE dispatcher;
GRANT SELECT ON place, courier, tour, delivery TO dispatcher;
GRANT UPDATE (tour_id) ON delivery TO dispatcher;
COMMENT ON ROLE dispatcher IS 'plans tours';
ALTER TABLE tour ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_tours ON tour TO dispatcher USING (day >= current_date);
--# file: V018__clean.sql
TRUNCATE track_old;
ALTER TABLE track DETACH PARTITION track_old;
DROP TABLE track_old;
DELETE FROM tour WHERE day < '2024-01-05';
ALTER TABLE delivery DROP CONSTRAINT delivery_weight_g_check;
ALTER TABLE place DROP COLUMN area, DROP COLUMN kind;
