--# about: a multi-tenant CRM with row level security; dbmate up and down in one file
--# file: 20190401120000_tenants.sql
-- migrate:up
CREATE TABLE tenants (id serial PRIMARY KEY, name text NOT NULL, plan text DEFAULT 'free');
CREATE TABLE contacts (
    id serial PRIMARY KEY,
    tenant_id integer NOT NULL REFERENCES tenants (id),
    email text,
    phone varchar(20),
    notes text
);
CREATE INDEX contacts_tenant_idx ON contacts (tenant_id);
-- migrate:down
DROP TABLE contacts;
DROP TABLE tenants;
--# file: 20190402120000_rows.sql
-- migrate:up
INSERT INTO tenants (name) SELECT 'Tenant ' || i FROM generate_series(1, 8) i;
INSERT INTO contacts (tenant_id, email) SELECT 1 + i % 8, 'p' || i || '@corp.test' FROM generate_series(1, 90) i;
-- migrate:down
DELETE FROM contacts;
--# file: 20190601090000_roles.sql
-- migrate:up
DO $do$
BEGIN
    CREATE ROLE crm_app NOLOGIN;
    CREATE ROLE crm_admin NOLOGIN;
EXCEPTION WHEN duplicate_object THEN NULL;
END
$do$;
GRANT SELECT, INSERT, UPDATE, DELETE ON contacts TO crm_app;
GRANT SELECT ON tenants TO crm_app;
GRANT USAGE, SELECT ON SEQUENCE contacts_id_seq TO crm_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO crm_app;
-- migrate:down
DROP ROLE crm_app;
--# file: 20190715100000_rls.sql
-- migrate:up
ALTER TABLE contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE contacts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON contacts USING (tenant_id = current_setting('app.tenant', true)::integer);
CREATE POLICY admin_all ON contacts TO crm_admin USING (true) WITH CHECK (true);
-- migrate:down
ALTER TABLE contacts DISABLE ROW LEVEL SECURITY;
--# file: 20190801100000_deals.sql
-- migrate:up
CREATE TABLE deals (
    id serial PRIMARY KEY,
    tenant_id integer NOT NULL REFERENCES tenants (id),
    contact_id integer REFERENCES contacts (id) ON DELETE SET NULL,
    amount money,
    stage text NOT NULL DEFAULT 'new' CHECK (stage IN ('new', 'won', 'lost')),
    closed_on date
);
ALTER TABLE deals ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_isolation ON deals USING (tenant_id = current_setting('app.tenant', true)::integer);
INSERT INTO deals (tenant_id, amount) SELECT id, 100 FROM tenants;
-- migrate:down
DROP TABLE deals;
--# file: 20190915100000_amount.sql
-- migrate:up
ALTER TABLE deals ALTER COLUMN amount TYPE numeric(12,2) USING amount::numeric;
ALTER TABLE deals ADD COLUMN currency char(3) DEFAULT 'USD' NOT NULL;
-- migrate:down
ALTER TABLE deals DROP COLUMN currency;
--# file: 20191001100000_stage_check.sql
-- migrate:up
ALTER TABLE deals DROP CONSTRAINT deals_stage_check;
ALTER TABLE deals ADD CONSTRAINT deals_stage_check CHECK (stage IN ('new', 'open', 'won', 'lost'));
-- migrate:down
SELECT 1;
--# file: 20191101100000_email_idx.sql
-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY contacts_email_idx ON contacts (tenant_id, lower(email));
-- migrate:down transaction:false
DROP INDEX CONCURRENTLY contacts_email_idx;
--# file: 20191201100000_activity.sql
-- migrate:up
CREATE TABLE activity (
    id bigserial PRIMARY KEY,
    tenant_id integer NOT NULL,
    subject_type text NOT NULL,
    subject_id integer NOT NULL,
    payload json,
    created_at timestamp without time zone DEFAULT now()
);
CREATE INDEX activity_subject_idx ON activity (subject_type, subject_id);
INSERT INTO activity (tenant_id, subject_type, subject_id) SELECT tenant_id, 'contact', id FROM contacts;
-- migrate:down
DROP TABLE activity;
--# file: 20200110100000_activity_jsonb.sql
-- migrate:up
ALTER TABLE activity ALTER COLUMN payload TYPE jsonb;
ALTER TABLE activity ALTER COLUMN payload SET DEFAULT '{}'::jsonb;
UPDATE activity SET payload = '{}' WHERE payload IS NULL;
ALTER TABLE activity ALTER COLUMN payload SET NOT NULL;
-- migrate:down
SELECT 1;
--# file: 20200215100000_tenant_uuid.sql
-- migrate:up
ALTER TABLE tenants ADD COLUMN public_id text;
UPDATE tenants SET public_id = md5(id::text);
ALTER TABLE tenants ADD CONSTRAINT tenants_public_id_key UNIQUE (public_id);
ALTER TABLE tenants ALTER public_id SET NOT NULL;
-- migrate:down
ALTER TABLE tenants DROP COLUMN public_id;
--# file: 20200301100000_tenant_fk_activity.sql
-- migrate:up
ALTER TABLE activity ADD CONSTRAINT activity_tenant_fk FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE NOT VALID;
-- migrate:down
ALTER TABLE activity DROP CONSTRAINT activity_tenant_fk;
--# file: 20200302100000_validate.sql
-- migrate:up transaction:false
ALTER TABLE activity VALIDATE CONSTRAINT activity_tenant_fk;
-- migrate:down
SELECT 1;
--# file: 20200410100000_phones.sql
-- migrate:up
CREATE TABLE phones (contact_id integer NOT NULL REFERENCES contacts ON DELETE CASCADE, number varchar(20) NOT NULL, PRIMARY KEY (contact_id, number));
INSERT INTO phones SELECT id, phone FROM contacts WHERE phone IS NOT NULL;
ALTER TABLE contacts DROP COLUMN phone;
-- migrate:down
DROP TABLE phones;
--# file: 20200601100000_policy_rewrite.sql
-- migrate:up
CREATE FUNCTION current_tenant() RETURNS integer LANGUAGE sql STABLE AS $$ SELECT nullif(current_setting('app.tenant', true), '')::integer $$;
DROP POLICY tenant_isolation ON contacts;
CREATE POLICY tenant_isolation ON contacts USING (tenant_id = current_tenant());
ALTER POLICY tenant_isolation ON deals USING (tenant_id = current_tenant());
-- migrate:down
SELECT 1;
--# file: 20200701100000_owner.sql
-- migrate:up
ALTER TABLE tenants OWNER TO crm_admin;
ALTER TABLE contacts OWNER TO crm_admin;
ALTER FUNCTION current_tenant() OWNER TO crm_admin;
REVOKE ALL ON tenants FROM PUBLIC;
-- migrate:down
SELECT 1;
--# file: 20200801100000_view.sql
-- migrate:up
CREATE VIEW contact_summary AS SELECT c.id, c.tenant_id, c.email, count(d.id) AS deals FROM contacts c LEFT JOIN deals d ON d.contact_id = c.id GROUP BY c.id;
ALTER VIEW contact_summary OWNER TO crm_admin;
-- migrate:down
DROP VIEW contact_summary;
--# file: 20200901100000_view_again.sql
-- migrate:up
DROP VIEW contact_summary;
ALTER TABLE contacts ALTER COLUMN email TYPE varchar(320);
CREATE VIEW contact_summary AS SELECT c.id, c.tenant_id, c.email, count(d.id) AS deals, max(d.closed_on) AS last_deal FROM contacts c LEFT JOIN deals d ON d.contact_id = c.id GROUP BY c.id;
-- migrate:down
SELECT 1;
--# file: 20201001100000_exclude_default.sql
-- migrate:up
ALTER TABLE tenants ALTER COLUMN plan SET NOT NULL, ALTER COLUMN plan SET DEFAULT 'trial', ADD CONSTRAINT tenants_plan CHECK (plan <> '');
COMMENT ON CONSTRAINT tenants_plan ON tenants IS 'never empty';
-- migrate:down
SELECT 1;
--# file: 20201101100000_tags_array.sql
-- migrate:up
ALTER TABLE contacts ADD COLUMN tags text[] NOT NULL DEFAULT '{}';
CREATE INDEX contacts_tags_idx ON contacts USING gin (tags);
-- migrate:down
ALTER TABLE contacts DROP COLUMN tags;
--# file: 20210101100000_drop_policy.sql
-- migrate:up
DROP POLICY admin_all ON contacts;
ALTER TABLE contacts NO FORCE ROW LEVEL SECURITY;
REVOKE DELETE ON contacts FROM crm_app;
ALTER ROLE crm_admin BYPASSRLS;
-- migrate:down
SELECT 1;
