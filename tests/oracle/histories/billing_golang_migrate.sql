--# runner: golang-migrate
--# about: subscriptions and invoices of a service in Go; one Exec per file, downs beside ups
--# file: 000001_accounts.up.sql
CREATE FUNCTION new_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$ SELECT md5(random()::text || clock_timestamp()::text)::uuid $$;
CREATE TABLE IF NOT EXISTS accounts (
    id uuid PRIMARY KEY DEFAULT new_id(),
    email text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS accounts_email_idx ON accounts (email);
--# file: 000001_accounts.down.sql
DROP TABLE accounts;
--# file: 000002_plans.up.sql
CREATE TABLE plans (
    id text PRIMARY KEY,
    name text NOT NULL,
    cents integer NOT NULL,
    currency char(3) NOT NULL DEFAULT 'EUR',
    interval interval NOT NULL DEFAULT '1 month',
    limits jsonb NOT NULL DEFAULT '{}'
);
INSERT INTO plans (id, name, cents) VALUES ('free', 'Free', 0), ('team', 'Team', 1900), ('corp', 'Corporate', 9900);
--# file: 000002_plans.down.sql
DROP TABLE plans;
--# file: 000003_subscriptions.up.sql
CREATE TABLE subscriptions (
    id uuid PRIMARY KEY DEFAULT new_id(),
    account_id uuid NOT NULL REFERENCES accounts (id),
    plan_id text NOT NULL REFERENCES plans (id),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    seats integer NOT NULL DEFAULT 1
);
CREATE INDEX subscriptions_account_id_idx ON subscriptions (account_id);
CREATE INDEX subscriptions_plan_id_idx ON subscriptions (plan_id);
--# file: 000003_subscriptions.down.sql
DROP TABLE subscriptions;
--# file: 000004_invoices.up.sql
CREATE TABLE invoices (
    id bigserial PRIMARY KEY,
    subscription_id uuid NOT NULL,
    number text NOT NULL,
    issued_on date NOT NULL DEFAULT CURRENT_DATE,
    cents bigint NOT NULL,
    paid boolean NOT NULL DEFAULT false,
    CONSTRAINT invoices_subscription_fk FOREIGN KEY (subscription_id) REFERENCES subscriptions (id) ON DELETE RESTRICT
);
CREATE TABLE invoice_items (
    id bigserial PRIMARY KEY,
    invoice_id bigint NOT NULL REFERENCES invoices (id) ON DELETE CASCADE,
    label text NOT NULL,
    cents integer NOT NULL
);
CREATE INDEX invoice_items_invoice_id_idx ON invoice_items (invoice_id);
--# file: 000004_invoices.down.sql
DROP TABLE invoice_items; DROP TABLE invoices;
--# file: 000005_updated_at.up.sql
CREATE OR REPLACE FUNCTION touch_updated_at() RETURNS trigger AS $$
BEGIN
  NEW.updated_at = now();
  RETURN NEW;
END;
$$ LANGUAGE plpgsql;
CREATE TRIGGER accounts_touch BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE PROCEDURE touch_updated_at();
--# file: 000005_updated_at.down.sql
DROP TRIGGER accounts_touch ON accounts;
--# file: 000006_sample_rows.up.sql
INSERT INTO accounts (email) SELECT 'a' || i || '@example.com' FROM generate_series(1, 50) AS i;
INSERT INTO subscriptions (account_id, plan_id, starts_at) SELECT id, 'team', now() FROM accounts;
INSERT INTO invoices (subscription_id, number, cents) SELECT id, left(id::text, 8), 1900 FROM subscriptions;
INSERT INTO invoice_items (invoice_id, label, cents) SELECT id, 'seat', 1900 FROM invoices;
--# file: 000007_invoice_number_unique.up.sql
ALTER TABLE invoices ADD CONSTRAINT invoices_number_key UNIQUE (number);
--# file: 000007_invoice_number_unique.down.sql
ALTER TABLE invoices DROP CONSTRAINT invoices_number_key;
--# file: 000008_payments.up.sql
BEGIN;
CREATE TYPE payment_kind AS ENUM ('card', 'sepa');
CREATE TABLE payments (
    id bigserial PRIMARY KEY,
    invoice_id bigint NOT NULL REFERENCES invoices (id),
    kind payment_kind NOT NULL,
    provider_ref varchar(64),
    cents bigint NOT NULL CHECK (cents > 0),
    received_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX payments_invoice_id_idx ON payments (invoice_id);
COMMIT;
--# file: 000008_payments.down.sql
DROP TABLE payments;
--# file: 000009_payment_kind_paypal.up.sql
ALTER TYPE payment_kind ADD VALUE IF NOT EXISTS 'paypal';
--# file: 000010_invoice_due.up.sql
ALTER TABLE invoices ADD COLUMN due_on date;
UPDATE invoices SET due_on = issued_on + 14;
ALTER TABLE invoices ALTER COLUMN due_on SET NOT NULL;
ALTER TABLE invoices ALTER COLUMN due_on SET DEFAULT (CURRENT_DATE + 14);
--# file: 000011_invoices_unpaid_idx.up.sql
CREATE INDEX CONCURRENTLY IF NOT EXISTS invoices_unpaid_idx ON invoices (due_on) WHERE NOT paid;
--# file: 000012_seats.up.sql
ALTER TABLE subscriptions ADD CONSTRAINT subscriptions_seats_check CHECK (seats > 0) NOT VALID;
ALTER TABLE subscriptions VALIDATE CONSTRAINT subscriptions_seats_check;
ALTER TABLE plans ADD COLUMN max_seats integer, ADD COLUMN archived_at timestamptz;
UPDATE plans SET max_seats = 5 WHERE id = 'free';
--# file: 000013_cents_bigint.up.sql
ALTER TABLE invoice_items ALTER COLUMN cents TYPE bigint;
ALTER TABLE plans ALTER COLUMN cents TYPE bigint USING cents::bigint;
--# file: 000014_no_overlap.up.sql
CREATE EXTENSION IF NOT EXISTS btree_gist;
ALTER TABLE subscriptions ADD CONSTRAINT subscriptions_no_overlap
  EXCLUDE USING gist (account_id WITH =, tstzrange(starts_at, ends_at) WITH &&);
--# file: 000015_credit_notes.up.sql
ALTER TABLE invoices ADD COLUMN credit_for bigint REFERENCES invoices (id);
CREATE INDEX invoices_credit_for_idx ON invoices (credit_for) WHERE credit_for IS NOT NULL;
ALTER TABLE payments DROP CONSTRAINT payments_cents_check;
--# file: 000016_tax.up.sql
CREATE DOMAIN tax_rate AS numeric(5,4) CHECK (VALUE >= 0 AND VALUE < 1);
ALTER TABLE invoice_items ADD COLUMN tax tax_rate;
ALTER TABLE invoice_items ADD COLUMN tax_cents bigint GENERATED ALWAYS AS (round(cents * 0.19)) STORED;
ALTER DOMAIN tax_rate ADD CONSTRAINT tax_rate_small CHECK (VALUE < 0.5);
--# file: 000017_ledger.up.sql
CREATE TABLE ledger (
    id bigint GENERATED BY DEFAULT AS IDENTITY,
    account_id uuid NOT NULL,
    booked_at timestamptz NOT NULL DEFAULT now(),
    cents bigint NOT NULL,
    memo text,
    PRIMARY KEY (id, booked_at)
) PARTITION BY RANGE (booked_at);
CREATE TABLE ledger_2023 PARTITION OF ledger FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE ledger_2024 PARTITION OF ledger FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE ledger_rest PARTITION OF ledger DEFAULT;
CREATE INDEX ledger_account_idx ON ledger (account_id, booked_at);
INSERT INTO ledger (account_id, booked_at, cents) SELECT id, '2023-06-01', 5 FROM accounts;
--# file: 000018_ledger_fk.up.sql
ALTER TABLE ledger ADD CONSTRAINT ledger_account_fk FOREIGN KEY (account_id) REFERENCES accounts (id);
--# file: 000019_ledger_2025.up.sql
CREATE TABLE ledger_2025 PARTITION OF ledger FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
--# file: 000020_ledger_column.up.sql
ALTER TABLE ledger ADD COLUMN source text NOT NULL DEFAULT 'invoice';
ALTER TABLE ledger ALTER COLUMN memo TYPE varchar(500);
--# file: 000021_detach_2023.up.sql
ALTER TABLE ledger DETACH PARTITION ledger_2023;
ALTER TABLE ledger_2023 RENAME TO ledger_archive_2023;
--# file: 000022_drop_archive.up.sql
DROP TABLE ledger_archive_2023;
--# file: 000023_email_ci.up.sql
CREATE EXTENSION IF NOT EXISTS citext;
ALTER TABLE accounts ALTER COLUMN email TYPE citext;
--# file: 000024_account_fk_cascade.up.sql
ALTER TABLE subscriptions DROP CONSTRAINT subscriptions_account_id_fkey;
ALTER TABLE subscriptions ADD CONSTRAINT subscriptions_account_id_fkey FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE;
--# file: 000025_soft_delete.up.sql
ALTER TABLE accounts ADD COLUMN deleted_at timestamptz;
DROP INDEX accounts_email_idx;
CREATE UNIQUE INDEX accounts_email_idx ON accounts (email) WHERE deleted_at IS NULL;
DELETE FROM invoice_items WHERE cents = 0;
--# file: 000026_stats.up.sql
CREATE STATISTICS invoices_stats (dependencies) ON subscription_id, paid FROM invoices;
ANALYZE invoices;
CREATE MATERIALIZED VIEW revenue AS SELECT issued_on, sum(cents) AS cents FROM invoices GROUP BY issued_on;
CREATE UNIQUE INDEX revenue_key ON revenue (issued_on);
--# file: 000027_refresh.up.sql
REFRESH MATERIALIZED VIEW CONCURRENTLY revenue;
