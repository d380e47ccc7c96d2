--# runner: plain
--# about: a bank's core with audit triggers, numbered plain SQL run statement by statement, hand-written transactions
--# file: 0001.sql
CREATE TABLE customer (id bigint PRIMARY KEY, name text NOT NULL, risk smallint NOT NULL DEFAULT 0, since date);
CREATE TABLE account (iban char(22) PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customer, opened date NOT NULL DEFAULT current_date, balance bigint NOT NULL DEFAULT 0);
CREATE TABLE booking (id bigserial PRIMARY KEY, iban char(22) NOT NULL REFERENCES account, cents bigint NOT NULL, text text, at timestamptz NOT NULL DEFAULT now());
CREATE INDEX ON booking (iban, at);
CREATE INDEX ON account (customer_id);
--# file: 0002.sql
INSERT INTO customer SELECT i, 'Customer ' || i FROM generate_series(1, 60) i;
INSERT INTO account SELECT 'DE' || lpad(i::text, 20, '0'), i FROM generate_series(1, 60) i;
INSERT INTO booking (iban, cents) SELECT iban, 100 FROM account, generate_series(1, 5);
UPDATE account a SET balance = (SELECT sum(cents) FROM booking b WHERE b.iban = a.iban);
--# file: 0003_audit.sql
CREATE SCHEMA audit;
CREATE TABLE audit.change (id bigserial PRIMARY KEY, tab regclass NOT NULL, op text NOT NULL, old jsonb, new jsonb, who text NOT NULL DEFAULT current_user, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE FUNCTION audit.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = audit, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO audit.change (tab, op, old) VALUES (TG_RELID, TG_OP, to_jsonb(OLD));
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO audit.change (tab, op, old, new) VALUES (TG_RELID, TG_OP, to_jsonb(OLD), to_jsonb(NEW));
    ELSE
        INSERT INTO audit.change (tab, op, new) VALUES (TG_RELID, TG_OP, to_jsonb(NEW));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON customer FOR EACH ROW EXECUTE FUNCTION audit.note();
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON account FOR EACH ROW EXECUTE FUNCTION audit.note();
REVOKE ALL ON audit.change FROM PUBLIC;
--# file: 0004_limits.sql
BEGIN;
SET LOCAL lock_timeout = '3s';
ALTER TABLE account ADD COLUMN limit_cents bigint;
ALTER TABLE account ALTER COLUMN limit_cents SET DEFAULT 0;
COMMIT;
ALTER TABLE account DISABLE TRIGGER audit;
UPDATE account SET limit_cents = 0 WHERE limit_cents IS NULL;
ALTER TABLE account ENABLE TRIGGER audit;
ALTER TABLE account ADD CONSTRAINT account_limit_set CHECK (limit_cents IS NOT NULL) NOT VALID;
ALTER TABLE account VALIDATE CONSTRAINT account_limit_set;
BEGIN;
ALTER TABLE account ALTER COLUMN limit_cents SET NOT NULL;
ALTER TABLE account DROP CONSTRAINT account_limit_set;
COMMIT;
--# file: 0005_audit_all.sql
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['booking'] LOOP
        EXECUTE format('CREATE TRIGGER audit AFTER UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION audit.note()', t);
    END LOOP;
END $$;
CREATE INDEX CONCURRENTLY change_tab_at ON audit.change (tab, at);
CREATE INDEX CONCURRENTLY change_new ON audit.change USING gin (new);
--# file: 0006_currencies.sql
CREATE TABLE currency (code char(3) PRIMARY KEY, digits smallint NOT NULL DEFAULT 2);
INSERT INTO currency VALUES ('EUR', 2), ('USD', 2), ('JPY', 0);
ALTER TABLE account ADD COLUMN currency char(3) NOT NULL DEFAULT 'EUR';
ALTER TABLE account ADD CONSTRAINT account_currency_fk FOREIGN KEY (currency) REFERENCES currency (code) NOT VALID;
ALTER TABLE account VALIDATE CONSTRAINT account_currency_fk;
ALTER TABLE booking ADD COLUMN currency char(3);
ALTER TABLE booking ALTER COLUMN currency SET DEFAULT 'EUR';
--# file: 0007_backfill.sql
UPDATE booking SET currency = 'EUR' WHERE id <= 150 AND currency IS NULL;
UPDATE booking SET currency = 'EUR' WHERE id > 150 AND currency IS NULL;
ALTER TABLE booking ADD CONSTRAINT booking_currency_set CHECK (currency IS NOT NULL) NOT VALID;
ALTER TABLE booking VALIDATE CONSTRAINT booking_currency_set;
ALTER TABLE booking ALTER COLUMN currency SET NOT NULL;
ALTER TABLE booking DROP CONSTRAINT booking_currency_set;
--# file: 0008_iban.sql
ALTER TABLE booking DROP CONSTRAINT booking_iban_fkey;
ALTER TABLE account ALTER COLUMN iban TYPE varchar(34);
ALTER TABLE booking ALTER COLUMN iban TYPE varchar(34);
ALTER TABLE booking ADD CONSTRAINT booking_iban_fkey FOREIGN KEY (iban) REFERENCES account (iban) NOT VALID;
ALTER TABLE booking VALIDATE CONSTRAINT booking_iban_fkey;
--# file: 0009_account_id.sql
CREATE SEQUENCE account_id_seq;
ALTER TABLE account ADD COLUMN id bigint NOT NULL DEFAULT nextval('account_id_seq');
ALTER SEQUENCE account_id_seq OWNED BY account.id;
CREATE UNIQUE INDEX CONCURRENTLY account_id_key ON account (id);
ALTER TABLE account ADD CONSTRAINT account_id_key UNIQUE USING INDEX account_id_key;
ALTER TABLE booking ADD COLUMN account_id bigint;
UPDATE booking b SET account_id = a.id FROM account a WHERE a.iban = b.iban;
ALTER TABLE booking ADD CONSTRAINT booking_account_fk FOREIGN KEY (account_id) REFERENCES account (id) NOT VALID;
ALTER TABLE booking VALIDATE CONSTRAINT booking_account_fk;
CREATE INDEX CONCURRENTLY booking_account_at ON booking (account_id, at);
--# file: 0010_primary_key.sql
BEGIN;
ALTER TABLE booking DROP CONSTRAINT booking_iban_fkey;
ALTER TABLE booking DROP COLUMN iban;
ALTER TABLE account DROP CONSTRAINT account_pkey;
ALTER TABLE account ADD CONSTRAINT account_iban_key UNIQUE (iban);
CREATE UNIQUE INDEX account_pkey ON account (id);
ALTER TABLE account ADD PRIMARY KEY USING INDEX account_pkey;
COMMIT;
--# file: 0011_cards.sql
CREATE TABLE card (
    pan_hash bytea PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES account (id),
    holder text NOT NULL,
    expires date NOT NULL,
    blocked_at timestamptz,
    CHECK (expires > '2000-01-01')
);
CREATE INDEX card_account ON card (account_id);
CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON card FOR EACH ROW EXECUTE FUNCTION audit.note();
ALTER TABLE card ADD COLUMN network text CHECK (network IN ('visa', 'mc'));
ALTER TABLE card DROP CONSTRAINT card_network_check;
--# file: 0012_truncate_guard.sql
CREATE FUNCTION audit.no_truncate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'never'; END $$;
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON booking FOR EACH STATEMENT EXECUTE FUNCTION audit.no_truncate();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit.change FOR EACH STATEMENT EXECUTE FUNCTION audit.no_truncate();
COMMENT ON FUNCTION audit.no_truncate() IS 'guards the books';
--# file: 0013_audit_to_partitions.sql
BEGIN;
ALTER TABLE audit.change RENAME TO change_old;
CREATE TABLE audit.change (id bigint NOT NULL DEFAULT nextval('audit.change_id_seq'), tab regclass NOT NULL, op text NOT NULL, old jsonb, new jsonb, who text NOT NULL DEFAULT current_user, at timestamptz NOT NULL DEFAULT clock_timestamp()) PARTITION BY RANGE (at);
CREATE TABLE audit.change_default PARTITION OF audit.change DEFAULT;
INSERT INTO audit.change SELECT * FROM audit.change_old;
COMMIT;
ALTER SEQUENCE audit.change_id_seq OWNED BY NONE;
DROP TABLE audit.change_old;
CREATE INDEX change_at ON audit.change (at);
--# file: 0014_roles.sql
CREATE ROLE teller;
CREATE ROLE auditor;
GRANT SELECT, INSERT ON booking TO teller;
GRANT USAGE ON SCHEMA audit TO auditor;
GRANT SELECT ON ALL TABLES IN SCHEMA audit TO auditor;
GRANT teller TO auditor;
REVOKE teller FROM auditor;
--# file: 0015_columns.sql
ALTER TABLE customer ADD COLUMN email text, ADD COLUMN phone text, ADD COLUMN kyc jsonb DEFAULT '{}';
ALTER TABLE customer ADD CONSTRAINT customer_email_key UNIQUE (email);
ALTER TABLE customer ALTER COLUMN risk TYPE integer;
ALTER TABLE customer ALTER COLUMN name SET DATA TYPE varchar(300);
ALTER TABLE customer RENAME COLUMN since TO customer_since;
--# file: 0016_savepoints.sql
BEGIN;
SAVEPOINT before_index;
CREATE INDEX customer_name ON customer (name);
ROLLBACK TO SAVEPOINT before_index;
CREATE INDEX customer_name_lower ON customer (lower(name));
RELEASE SAVEPOINT before_index;
COMMIT;
START TRANSACTION;
DROP INDEX customer_name_lower;
ROLLBACK;
--# file: 0017_drop_triggers.sql
DROP TRIGGER audit ON card;
DROP TRIGGER IF EXISTS audit ON currency;
ALTER TABLE customer ENABLE REPLICA TRIGGER audit;
ALTER TABLE customer ENABLE TRIGGER ALL;
ALTER FUNCTION audit.note() RESET ALL;
ALTER FUNCTION audit.note() COST 10;
--# file: 0018_vacuum.sql
VACUUM booking;
VACUUM (FREEZE, ANALYZE) account;
REINDEX INDEX booking_pkey;
REINDEX TABLE CONCURRENTLY customer;
CHECKPOINT;
--# file: 0019_statements.sql
PREPARE q AS SELECT 1;
DEALLOCATE q;
SHOW work_mem;
SET work_mem = '16MB';
RESET work_mem;
DISCARD PLANS;
LISTEN bookings;
UNLISTEN bookings;
--# file: 0020_mistakes.sql
CREATE TABLE sandbox (a int, b int);
ALTER TABLE sandbox ADD UNIQUE (a, b);
INSERT INTO sandbox VALUES (1, 1), (2, 2);
DROP TABLE IF EXISTS sandbox, sandbox2;
DROP TABLE IF EXISTS never_there;
DROP VIEW IF EXISTS never_there_either;
ALTER TABLE IF EXISTS never_there ADD COLUMN x int;
CREATE TABLE IF NOT EXISTS card (pan text);
CREATE INDEX IF NOT EXISTS card_account ON card (account_id);
ALTER TABLE card ADD COLUMN IF NOT EXISTS network text;
ALTER TABLE card DROP COLUMN IF EXISTS no_such_column;
