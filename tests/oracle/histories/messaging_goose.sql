--# about: a chat service; goose annotations, StatementBegin around functions, NO TRANSACTION for concurrent indexes
--# file: 00001_init.sql
-- +goose Up
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    handle text NOT NULL UNIQUE,
    display_name text,
    avatar_url text,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE channels (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    is_private boolean NOT NULL DEFAULT false,
    created_by bigint REFERENCES users (id) ON DELETE SET NULL
);
CREATE TABLE channel_members (
    channel_id bigint NOT NULL REFERENCES channels (id) ON DELETE CASCADE,
    user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    joined_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel_id, user_id)
);
-- +goose Down
DROP TABLE channel_members;
DROP TABLE channels;
DROP TABLE users;
--# file: 00002_messages.sql
-- +goose Up
CREATE TABLE messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel_id bigint NOT NULL REFERENCES channels (id),
    author_id bigint NOT NULL REFERENCES users (id),
    body text NOT NULL,
    sent_at timestamptz NOT NULL DEFAULT now(),
    edited_at timestamptz
);
CREATE INDEX messages_channel_sent_idx ON messages (channel_id, sent_at DESC);
-- +goose Down
DROP TABLE messages;
--# file: 00003_seed.sql
-- +goose Up
INSERT INTO users (handle) SELECT 'user' || g FROM generate_series(1, 30) g;
INSERT INTO channels (name, created_by) SELECT 'channel' || g, g FROM generate_series(1, 10) g;
INSERT INTO channel_members SELECT c.id, u.id FROM channels c CROSS JOIN users u;
INSERT INTO messages (channel_id, author_id, body) SELECT c.id, u.id, repeat('hello ', 20) FROM channels c, users u;
-- +goose Down
DELETE FROM messages;
--# file: 00004_reactions.sql
-- +goose Up
CREATE TABLE reactions (
    message_id bigint NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    user_id bigint NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    emoji varchar(32) NOT NULL,
    PRIMARY KEY (message_id, user_id, emoji)
);
ALTER TABLE messages ADD COLUMN reaction_count integer NOT NULL DEFAULT 0;
-- +goose StatementBegin
CREATE FUNCTION count_reaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        UPDATE messages SET reaction_count = reaction_count + 1 WHERE id = NEW.message_id;
    ELSE
        UPDATE messages SET reaction_count = reaction_count - 1 WHERE id = OLD.message_id;
    END IF;
    RETURN NULL;
END;
$$;
-- +goose StatementEnd
CREATE TRIGGER reactions_count AFTER INSERT OR DELETE ON reactions FOR EACH ROW EXECUTE FUNCTION count_reaction();
-- +goose Down
DROP TRIGGER reactions_count ON reactions;
--# file: 00005_author_idx.sql
-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY IF NOT EXISTS messages_author_idx ON messages (author_id);
-- +goose Down
DROP INDEX CONCURRENTLY messages_author_idx;
--# file: 00006_threads.sql
-- +goose Up
ALTER TABLE messages ADD COLUMN parent_id bigint REFERENCES messages (id) ON DELETE CASCADE;
ALTER TABLE messages ADD COLUMN reply_count int DEFAULT 0 NOT NULL;
CREATE INDEX messages_parent_idx ON messages (parent_id) WHERE parent_id IS NOT NULL;
-- +goose Down
ALTER TABLE messages DROP COLUMN parent_id;
--# file: 00007_presence.sql
-- +goose Up
CREATE UNLOGGED TABLE presence (user_id bigint PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE, seen_at timestamptz NOT NULL);
INSERT INTO presence SELECT id, now() FROM users;
-- +goose Down
DROP TABLE presence;
--# file: 00008_attachments.sql
-- +goose Up
-- +goose StatementBegin
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'attachment_kind') THEN
        CREATE TYPE attachment_kind AS ENUM ('image', 'video', 'file');
    END IF;
END
$$;
-- +goose StatementEnd
CREATE TABLE attachments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id bigint NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    kind attachment_kind NOT NULL,
    bytes bigint NOT NULL,
    url text NOT NULL
);
CREATE INDEX attachments_message_idx ON attachments (message_id);
-- +goose Down
DROP TABLE attachments;
--# file: 00009_muted.sql
-- +goose Up
ALTER TABLE channel_members ADD COLUMN muted boolean;
UPDATE channel_members SET muted = false;
ALTER TABLE channel_members ALTER COLUMN muted SET DEFAULT false, ALTER COLUMN muted SET NOT NULL;
-- +goose Down
ALTER TABLE channel_members DROP COLUMN muted;
--# file: 00010_handle_format.sql
-- +goose Up
ALTER TABLE users ADD CONSTRAINT users_handle_format CHECK (handle ~ '^[a-z0-9_]+$') NOT VALID;
-- +goose Down
ALTER TABLE users DROP CONSTRAINT users_handle_format;
--# file: 00011_handle_format_validate.sql
-- +goose Up
ALTER TABLE users VALIDATE CONSTRAINT users_handle_format;
-- +goose Down
SELECT 1;
--# file: 00012_not_null_by_check.sql
-- +goose Up
UPDATE users SET display_name = handle WHERE display_name IS NULL;
ALTER TABLE users ADD CONSTRAINT users_display_name_set CHECK (display_name IS NOT NULL) NOT VALID;
ALTER TABLE users VALIDATE CONSTRAINT users_display_name_set;
ALTER TABLE users ALTER COLUMN display_name SET NOT NULL;
ALTER TABLE users DROP CONSTRAINT users_display_name_set;
-- +goose Down
ALTER TABLE users ALTER COLUMN display_name DROP NOT NULL;
--# file: 00013_emoji_text.sql
-- +goose Up
ALTER TABLE reactions ALTER COLUMN emoji TYPE text;
-- +goose Down
ALTER TABLE reactions ALTER COLUMN emoji TYPE varchar(32);
--# file: 00014_fts.sql
-- +goose Up
ALTER TABLE messages ADD COLUMN body_tsv tsvector;
UPDATE messages SET body_tsv = to_tsvector('simple', body);
CREATE INDEX messages_body_tsv_idx ON messages USING gin (body_tsv);
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION messages_tsv() RETURNS trigger AS $f$
BEGIN
    NEW.body_tsv := to_tsvector('simple', NEW.body);
    RETURN NEW;
END;
$f$ LANGUAGE plpgsql;
-- +goose StatementEnd
CREATE TRIGGER messages_tsv BEFORE INSERT OR UPDATE OF body ON messages FOR EACH ROW EXECUTE FUNCTION messages_tsv();
-- +goose Down
DROP TRIGGER messages_tsv ON messages;
--# file: 00015_swap_index.sql
-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY messages_channel_sent_id_idx ON messages (channel_id, sent_at DESC, id DESC);
DROP INDEX CONCURRENTLY messages_channel_sent_idx;
ALTER INDEX messages_channel_sent_id_idx RENAME TO messages_channel_sent_idx;
-- +goose Down
SELECT 1;
--# file: 00016_receipts.sql
-- +goose Up
CREATE TABLE read_receipts (
    channel_id bigint NOT NULL,
    user_id bigint NOT NULL,
    last_read bigint,
    PRIMARY KEY (channel_id, user_id),
    FOREIGN KEY (channel_id, user_id) REFERENCES channel_members (channel_id, user_id) ON DELETE CASCADE
);
INSERT INTO read_receipts (channel_id, user_id) SELECT channel_id, user_id FROM channel_members ON CONFLICT DO NOTHING;
ALTER TABLE read_receipts ADD CONSTRAINT read_receipts_message_fk FOREIGN KEY (last_read) REFERENCES messages (id);
-- +goose Down
DROP TABLE read_receipts;
--# file: 00017_disable_trigger_backfill.sql
-- +goose Up
ALTER TABLE messages DISABLE TRIGGER messages_tsv;
UPDATE messages SET reply_count = 0 WHERE reply_count IS DISTINCT FROM 0;
ALTER TABLE messages ENABLE TRIGGER messages_tsv;
-- +goose Down
SELECT 1;
--# file: 00018_drop_presence.sql
-- +goose Up
DROP TABLE presence;
ALTER TABLE users ADD COLUMN last_seen_at timestamptz, ADD COLUMN status_text varchar(140) DEFAULT '';
-- +goose Down
ALTER TABLE users DROP COLUMN last_seen_at;
--# file: 00019_logged.sql
-- +goose Up
CREATE UNLOGGED TABLE typing (channel_id bigint, user_id bigint, at timestamptz);
ALTER TABLE typing SET LOGGED;
ALTER TABLE typing SET UNLOGGED;
CREATE INDEX typing_brin ON typing USING brin (at);
-- +goose Down
DROP TABLE typing;
--# file: 00020_vacuum.sql
-- +goose NO TRANSACTION
-- +goose Up
VACUUM (ANALYZE) messages;
REINDEX INDEX CONCURRENTLY messages_author_idx;
REINDEX TABLE CONCURRENTLY reactions;
-- +goose Down
SELECT 1;
--# file: 00021_replica_identity.sql
-- +goose Up
CREATE PUBLICATION chat_events FOR TABLE messages, reactions;
ALTER TABLE reactions REPLICA IDENTITY FULL;
ALTER PUBLICATION chat_events ADD TABLE attachments;
ALTER PUBLICATION chat_events SET (publish = 'insert, update');
-- +goose Down
DROP PUBLICATION chat_events;
