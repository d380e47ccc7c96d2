--# runner: psql-1
--# about: a back office from 2009 that grew: table inheritance, rules, domains, composite types, CHECKs by year, sequences by hand
--# file: 001_base.sql
CREATE SCHEMA office;
CREATE DOMAIN office.money_amount AS numeric(14,2) NOT NULL DEFAULT 0;
CREATE DOMAIN office.iso_country AS char(2) CHECK (VALUE = upper(VALUE));
CREATE SEQUENCE office.document_seq;
CREATE TABLE office.document (
    id integer NOT NULL DEFAULT nextval('office.document_seq'),
    kind char(1) NOT NULL,
    number varchar(20) NOT NULL,
    issued date NOT NULL DEFAULT now(),
    total office.money_amount,
    country office.iso_country,
    CONSTRAINT document_pk PRIMARY KEY (id)
);
CREATE TABLE office.invoice (due date, CONSTRAINT invoice_pk PRIMARY KEY (id)) INHERITS (office.document);
CREATE TABLE office.offer (valid_until date) INHERITS (office.document);
CREATE INDEX document_number_idx ON office.document (number);
CREATE INDEX invoice_number_idx ON office.invoice (number);
--# file: 002_partners.sql
CREATE TYPE office.contact AS (phone text, fax text);
CREATE TABLE office.partner (
    id serial NOT NULL PRIMARY KEY,
    name varchar(60) NOT NULL,
    reach office.contact,
    credit office.money_amount,
    country office.iso_country DEFAULT 'DE'
);
COMMENT ON TABLE office.partner IS 'customers and suppliers';
COMMENT ON COLUMN office.partner.credit IS 'limit';
ALTER TABLE office.document ADD COLUMN partner_id integer;
ALTER TABLE office.invoice ADD CONSTRAINT invoice_partner_fk FOREIGN KEY (partner_id) REFERENCES office.partner (id);
ALTER TABLE office.offer ADD CONSTRAINT offer_partner_fk FOREIGN KEY (partner_id) REFERENCES office.partner (id);
--# file: 003_rows.sql
SET search_path = office;
INSERT INTO partner (name, reach) SELECT 'Partner ' || i, ROW('1', '2')::contact FROM generate_series(1, 20) i;
INSERT INTO invoice (kind, number, partner_id, total, country) SELECT 'I', 'I' || i, 1 + i % 20, i, 'DE' FROM generate_series(1, 50) i;
INSERT INTO offer (kind, number, partner_id, country) SELECT 'O', 'O' || i, 1 + i % 20, 'FR' FROM generate_series(1, 30) i;
UPDATE document SET issued = '2010-01-01';
--# file: 004_rules.sql
SET search_path = office, public;
CREATE RULE document_no_insert AS ON INSERT TO document DO INSTEAD NOTHING;
CREATE VIEW open_invoice AS SELECT id, number, total, due FROM invoice WHERE due IS NOT NULL;
CREATE RULE open_invoice_del AS ON DELETE TO open_invoice DO INSTEAD UPDATE invoice SET due = NULL WHERE id = old.id;
CREATE OR REPLACE FUNCTION next_number(k char) RETURNS text LANGUAGE sql AS $$ SELECT k || nextval('office.document_seq')::text $$;
GRANT USAGE ON SCHEMA office TO PUBLIC;
GRANT SELECT ON open_invoice TO PUBLIC;
--# file: 005_number_length.sql
ALTER TABLE office.document ALTER COLUMN kind TYPE varchar(2);
ALTER TABLE office.partner ALTER COLUMN name TYPE varchar(120);
ALTER TABLE office.partner ADD COLUMN vat_id varchar(14), ADD COLUMN blocked boolean NOT NULL DEFAULT false;
ALTER TABLE office.partner ADD CONSTRAINT partner_vat_format CHECK (vat_id ~ '^[A-Z]{2}');
--# file: 006_domain_changes.sql
ALTER DOMAIN office.iso_country ADD CONSTRAINT iso_country_length CHECK (length(VALUE) = 2) NOT VALID;
ALTER DOMAIN office.iso_country VALIDATE CONSTRAINT iso_country_length;
ALTER DOMAIN office.money_amount DROP NOT NULL;
ALTER DOMAIN office.money_amount SET DEFAULT 0.00;
ALTER DOMAIN office.iso_country RENAME TO country_code;
--# file: 007_archive_children.sql
CREATE TABLE office.invoice_2009 (CHECK (issued < '2010-01-01')) INHERITS (office.invoice);
CREATE TABLE office.invoice_2010 (CHECK (issued >= '2010-01-01' AND issued < '2011-01-01')) INHERITS (office.invoice);
INSERT INTO office.invoice_2010 SELECT * FROM ONLY office.invoice WHERE issued = '2010-01-01';
DELETE FROM ONLY office.invoice WHERE issued = '2010-01-01';
CREATE INDEX invoice_2010_number_idx ON office.invoice_2010 (number);
CREATE INDEX invoice_2009_number_idx ON office.invoice_2009 (number);
ALTER TABLE office.invoice_2010 ADD PRIMARY KEY (id);
--# file: 008_add_to_all.sql
ALTER TABLE office.document ADD COLUMN currency char(3) NOT NULL DEFAULT 'EUR';
ALTER TABLE office.document ADD CONSTRAINT document_total_positive CHECK (total >= 0);
ALTER TABLE office.document ALTER COLUMN number SET NOT NULL, ALTER COLUMN number SET STATISTICS 500;
ALTER TABLE office.document RENAME COLUMN issued TO issued_on;
--# file: 009_uninherit.sql
ALTER TABLE office.offer NO INHERIT office.document;
ALTER TABLE office.offer RENAME TO quote;
ALTER TABLE office.quote SET SCHEMA public;
CREATE TABLE office.credit_note (LIKE office.invoice INCLUDING ALL);
ALTER TABLE office.credit_note INHERIT office.document;
--# file: 010_composite.sql
ALTER TYPE office.contact ADD ATTRIBUTE email text;
ALTER TYPE office.contact RENAME ATTRIBUTE fax TO mobile;
ALTER TABLE office.partner ADD COLUMN phone text;
UPDATE office.partner SET phone = (reach).phone;
ALTER TABLE office.partner DROP COLUMN reach;
DROP TYPE office.contact;
--# file: 011_oid_sequence.sql
ALTER SEQUENCE office.document_seq AS bigint CACHE 20;
ALTER SEQUENCE office.partner_id_seq RESTART WITH 5000;
SELECT setval('office.document_seq', 100000);
ALTER TABLE office.partner ALTER COLUMN id TYPE bigint;
--# file: 012_tables_of_type.sql
CREATE TYPE office.tariff_t AS (code text, price numeric);
CREATE TABLE office.tariff OF office.tariff_t (PRIMARY KEY (code));
INSERT INTO office.tariff VALUES ('A', 1), ('B', 2);
ALTER TABLE office.tariff NOT OF;
--# file: 013_drop_rules.sql
DROP RULE document_no_insert ON office.document;
DROP RULE open_invoice_del ON office.open_invoice;
DROP VIEW office.open_invoice;
CREATE VIEW office.open_invoice WITH (security_barrier) AS SELECT i.id, i.number, p.name FROM office.invoice i JOIN office.partner p ON p.id = i.partner_id;
ALTER VIEW office.open_invoice ALTER COLUMN name SET DEFAULT 'nobody';
ALTER VIEW office.open_invoice RENAME TO invoice_list;
--# file: 014_constraint_triggers.sql
CREATE FUNCTION office.check_credit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER check_credit AFTER INSERT OR UPDATE ON office.invoice DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE PROCEDURE office.check_credit();
ALTER TABLE office.invoice DISABLE TRIGGER check_credit;
ALTER TABLE office.invoice ENABLE ALWAYS TRIGGER check_credit;
ALTER TRIGGER check_credit ON office.invoice RENAME TO invoice_check_credit;
--# file: 015_deferrable.sql
ALTER TABLE office.invoice ALTER CONSTRAINT invoice_partner_fk DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE office.partner ADD CONSTRAINT partner_name_key UNIQUE (name) DEFERRABLE;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE office.partner SET blocked = true WHERE id = 3;
--# file: 016_lock_and_move.sql
LOCK TABLE office.document IN ACCESS EXCLUSIVE MODE;
ALTER TABLE office.invoice_2009 NO INHERIT office.invoice;
DROP TABLE office.invoice_2009;
ALTER TABLE office.invoice_2010 DROP CONSTRAINT invoice_2010_issued_check;
--# file: 017_statistics.sql
CREATE STATISTICS office.partner_stats ON name, country FROM office.partner;
ALTER STATISTICS office.partner_stats RENAME TO partner_name_country;
ANALYZE office.partner, office.invoice;
DROP STATISTICS office.partner_name_country;
ALTER TABLE office.partner SET (fillfactor = 80);
ALTER TABLE office.partner RESET (fillfactor);
ALTER TABLE office.partner ALTER COLUMN name SET (n_distinct = -1);
--# file: 018_drop_column_everywhere.sql
ALTER TABLE office.document DROP COLUMN currency;
ALTER TABLE office.document DROP CONSTRAINT document_total_positive;
ALTER TABLE ONLY office.document ALTER COLUMN total SET DEFAULT 1;
DROP TABLE office.credit_note;
--# file: 019_ownership.sql
CREATE ROLE office_owner;
GRANT ALL ON SCHEMA office TO office_owner;
ALTER TABLE office.partner OWNER TO office_owner;
ALTER SEQUENCE office.document_seq OWNER TO office_owner;
ALTER DOMAIN office.money_amount OWNER TO office_owner;
GRANT SELECT, UPDATE ON office.partner TO PUBLIC;
REVOKE UPDATE ON office.partner FROM PUBLIC;
--# file: 020_drop_cascade.sql
DROP DOMAIN office.money_amount CASCADE;
DROP TABLE office.tariff;
DROP TYPE office.tariff_t;
DROP FUNCTION office.next_number(char);
