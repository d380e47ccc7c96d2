--# about: a content management system in Liquibase formatted SQL, changesets with runInTransaction:false and splitStatements:false
--# file: changelog-001.sql
--liquibase formatted sql

--changeset anna:1
CREATE TABLE site (id bigint PRIMARY KEY, host varchar(255) NOT NULL, title varchar(255));
CREATE TABLE page (
    id bigint PRIMARY KEY, site_id bigint NOT NULL, path varchar(500) NOT NULL, title varchar(255),
    body text, version int NOT NULL DEFAULT 1, published boolean DEFAULT false
);
--rollback DROP TABLE page; DROP TABLE site;

--changeset anna:2
ALTER TABLE page ADD CONSTRAINT fk_page_site FOREIGN KEY (site_id) REFERENCES site (id);
CREATE SEQUENCE page_seq INCREMENT BY 50;
CREATE INDEX idx_page_site ON page (site_id);
--rollback ALTER TABLE page DROP CONSTRAINT fk_page_site;

--changeset bert:3
INSERT INTO site SELECT i, 'host' || i FROM generate_series(1, 5) i;
INSERT INTO page (id, site_id, path, title) SELECT i, 1 + i % 5, '/p/' || i, 'Page ' || i FROM generate_series(1, 80) i;
--# file: changelog-002.sql
--liquibase formatted sql

--changeset anna:10
ALTER TABLE page ADD CONSTRAINT uq_page_path UNIQUE (site_id, path);
ALTER TABLE page ALTER COLUMN published SET NOT NULL;

--changeset anna:11 runInTransaction:false
CREATE INDEX CONCURRENTLY idx_page_title ON page (title);

--changeset carl:12 splitStatements:false
CREATE FUNCTION page_bump() RETURNS trigger AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END;
$$ LANGUAGE plpgsql;

--changeset carl:13
CREATE TRIGGER page_bump BEFORE UPDATE ON page FOR EACH ROW WHEN (OLD.body IS DISTINCT FROM NEW.body) EXECUTE PROCEDURE page_bump();

--changeset carl:14
CREATE TABLE page_version (page_id bigint NOT NULL REFERENCES page (id) ON DELETE CASCADE, version int NOT NULL, body text, saved_at timestamp NOT NULL DEFAULT current_timestamp, PRIMARY KEY (page_id, version));
INSERT INTO page_version (page_id, version, body) SELECT id, version, body FROM page;
--# file: changelog-003.sql
--liquibase formatted sql

--changeset anna:20
CREATE TABLE author (id bigint NOT NULL CONSTRAINT pk_author PRIMARY KEY, login varchar(50) NOT NULL, email varchar(255));
INSERT INTO author VALUES (1, 'root', NULL);
ALTER TABLE page ADD COLUMN author_id bigint;
UPDATE page SET author_id = 1;
ALTER TABLE page ALTER COLUMN author_id SET NOT NULL;
ALTER TABLE page ADD CONSTRAINT fk_page_author FOREIGN KEY (author_id) REFERENCES author (id);

--changeset anna:21
CREATE INDEX idx_page_author ON page (author_id);

--changeset bert:22
ALTER TABLE author ADD CONSTRAINT uq_author_login UNIQUE (login);
ALTER TABLE author ALTER COLUMN login TYPE varchar(100);
ALTER TABLE author ALTER COLUMN email TYPE varchar(320);

--changeset bert:23
ALTER TABLE site RENAME COLUMN host TO domain;
ALTER TABLE site ALTER COLUMN domain TYPE text;

--changeset dora:24
CREATE TABLE asset (id bigint PRIMARY KEY, site_id bigint NOT NULL REFERENCES site, mime varchar(80), bytes int, sha1 bytea, uploaded timestamp DEFAULT now());
CREATE INDEX idx_asset_site ON asset (site_id);
CREATE INDEX idx_asset_sha1 ON asset USING hash (sha1);
--# file: changelog-004.sql
--liquibase formatted sql

--changeset dora:30
ALTER TABLE asset ALTER COLUMN bytes TYPE bigint;
ALTER TABLE asset ADD COLUMN width int, ADD COLUMN height int, ADD COLUMN ratio numeric GENERATED ALWAYS AS (width::numeric / nullif(height, 0)) STORED;

--changeset dora:31
CREATE TABLE page_asset (page_id bigint, asset_id bigint, position smallint DEFAULT 0);
ALTER TABLE page_asset ADD PRIMARY KEY (page_id, asset_id);
ALTER TABLE page_asset ADD FOREIGN KEY (page_id) REFERENCES page ON DELETE CASCADE;
ALTER TABLE page_asset ADD FOREIGN KEY (asset_id) REFERENCES asset ON DELETE CASCADE;

--changeset emil:32
CREATE VIEW published_page AS SELECT p.id, p.path, p.title, s.domain FROM page p JOIN site s ON s.id = p.site_id WHERE p.published;
CREATE OR REPLACE VIEW published_page AS SELECT p.id, p.path, p.title, s.domain, p.author_id FROM page p JOIN site s ON s.id = p.site_id WHERE p.published;

--changeset emil:33
DROP VIEW published_page;
ALTER TABLE page ALTER COLUMN path TYPE text;
CREATE VIEW published_page AS SELECT p.id, p.path, p.title, s.domain FROM page p JOIN site s ON s.id = p.site_id WHERE p.published;

--changeset emil:34
ALTER TABLE page DROP CONSTRAINT uq_page_path;
CREATE UNIQUE INDEX uq_page_path_lower ON page (site_id, lower(path));
--# file: changelog-005.sql
--liquibase formatted sql

--changeset fred:40
CREATE TABLE menu (id bigint PRIMARY KEY, parent_id bigint, site_id bigint NOT NULL, label varchar(100), page_id bigint);
ALTER TABLE menu ADD CONSTRAINT fk_menu_parent FOREIGN KEY (parent_id) REFERENCES menu (id);
ALTER TABLE menu ADD CONSTRAINT fk_menu_site FOREIGN KEY (site_id) REFERENCES site (id);
ALTER TABLE menu ADD CONSTRAINT fk_menu_page FOREIGN KEY (page_id) REFERENCES page (id) ON DELETE SET NULL;
INSERT INTO menu SELECT id, NULL, site_id, title, id FROM page;

--changeset fred:41
ALTER TABLE menu DROP CONSTRAINT fk_menu_parent;
ALTER TABLE menu ADD CONSTRAINT fk_menu_parent FOREIGN KEY (parent_id) REFERENCES menu (id) ON DELETE CASCADE;

--changeset fred:42
ALTER TABLE page ADD COLUMN meta text;
UPDATE page SET meta = '{}';
ALTER TABLE page ALTER COLUMN meta TYPE jsonb USING meta::jsonb;
ALTER TABLE page ALTER COLUMN meta SET DEFAULT '{}';
CREATE INDEX idx_page_meta ON page USING gin (meta);

--changeset fred:43 runInTransaction:false
DROP INDEX CONCURRENTLY idx_page_title;
CREATE INDEX CONCURRENTLY idx_page_title_lower ON page (lower(title) text_pattern_ops);

--changeset gina:44
DELETE FROM page_version WHERE version < 0;
TRUNCATE page_asset;
ALTER TABLE page_version ADD COLUMN editor_id bigint REFERENCES author;

--changeset gina:45
DROP TABLE page_asset;
DROP TABLE asset;
--# file: changelog-006.sql
--liquibase formatted sql

--changeset gina:50
CREATE ROLE cms_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO cms_reader;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO cms_reader;

--changeset gina:51
ALTER TABLE page_version SET (autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_enabled = true);
ALTER TABLE page ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE site ADD COLUMN locale varchar(5) NOT NULL DEFAULT 'en';
ALTER TABLE site ADD COLUMN created_at timestamptz NOT NULL DEFAULT now();

--changeset hans:52
ALTER TABLE author RENAME TO cms_user;
ALTER TABLE cms_user RENAME CONSTRAINT pk_author TO pk_cms_user;
ALTER TABLE page RENAME COLUMN author_id TO user_id;
COMMENT ON TABLE cms_user IS 'people who write';

--changeset hans:53
ALTER TABLE page ALTER COLUMN title SET NOT NULL;
ALTER TABLE page ADD CONSTRAINT ck_page_path CHECK (path LIKE '/%');
ALTER TABLE page DROP COLUMN version CASCADE;
DROP TRIGGER page_bump ON page;
DROP FUNCTION page_bump();
