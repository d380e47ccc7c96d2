"""A small schema with one of everything that a catalog must tell of, for PostgreSQL 12 and newer."""

from __future__ import annotations

SHOP = """
CREATE SCHEMA sales;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS integer CONSTRAINT positive_check CHECK (VALUE > 0);
CREATE TYPE point3 AS (x integer, y integer, z integer);
CREATE TABLE customers (
    id serial PRIMARY KEY,
    email varchar(40) NOT NULL,
    name text COLLATE "C" DEFAULT 'nobody',
    feeling mood,
    CONSTRAINT email_has_at CHECK (position('@' in email) > 0)
);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers (id) ON DELETE CASCADE DEFERRABLE,
    total numeric(10,2),
    doubled numeric GENERATED ALWAYS AS (total * 2) STORED,
    quantity positive,
    placed_at timestamptz DEFAULT now()
);
ALTER TABLE orders ADD CONSTRAINT total_positive CHECK (total >= 0) NOT VALID;
CREATE INDEX orders_mixed ON orders (customer_id, (total + 1)) INCLUDE (placed_at) WHERE quantity > 3;
CREATE UNIQUE INDEX customers_lower ON customers (lower(email) text_pattern_ops);
CREATE VIEW big_orders AS SELECT id, total FROM orders WHERE total > 100;
CREATE MATERIALIZED VIEW totals AS SELECT customer_id, sum(total) FROM orders GROUP BY 1;
CREATE TABLE sales.events (id integer, day date) PARTITION BY RANGE (day);
CREATE TABLE sales.events_2024 PARTITION OF sales.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE sales.events_rest PARTITION OF sales.events DEFAULT;
CREATE INDEX events_day ON sales.events (day);
CREATE FUNCTION plus_one(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1 + 1';
CREATE FUNCTION moment() RETURNS timestamptz LANGUAGE sql AS 'SELECT now()';
CREATE FUNCTION dice() RETURNS double precision LANGUAGE sql AS 'SELECT random()';
CREATE FUNCTION plus_one(text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touch BEFORE UPDATE OF total ON orders FOR EACH ROW EXECUTE FUNCTION noop();
CREATE PUBLICATION everything_sold FOR TABLE orders;
CREATE STATISTICS together ON customer_id, total FROM orders;
ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON customers USING (email = current_user);
CREATE TABLE alembic_version (version_num varchar(32) NOT NULL);
INSERT INTO alembic_version VALUES ('ae1027a6acf');
INSERT INTO customers (email) SELECT 'c' || n || '@example.com' FROM generate_series(1, 300) AS n;
INSERT INTO orders (customer_id, total, quantity) SELECT 1 + n % 300, n, 1 + n FROM generate_series(1, 3000) AS n;
ANALYZE customers;
ANALYZE orders;
"""

LOCK_EVERYTHING = """
DO $$
DECLARE r record;
BEGIN
    FOR r IN SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('public', 'sales') LOOP
        EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', r.name);
    END LOOP;
    FOR r IN SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE c.relkind = 'S' AND n.nspname IN ('public', 'sales') LOOP
        EXECUTE format('ALTER SEQUENCE %s CACHE 2', r.name);
    END LOOP;
END $$
"""
