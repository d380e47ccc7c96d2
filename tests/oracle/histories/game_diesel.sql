--# runner: diesel
--# about: a multiplayer game's backend by Diesel: up.sql and down.sql in a folder per migration, leaderboards, inventories, seasons
--# file: 00000000000000_diesel_initial_setup/up.sql
CREATE OR REPLACE FUNCTION diesel_set_updated_at() RETURNS trigger AS $$
BEGIN
    IF (NEW IS DISTINCT FROM OLD AND NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at) THEN
        NEW.updated_at := current_timestamp;
    END IF;
    RETURN NEW;
END;
$$ LANGUAGE plpgsql;
--# file: 00000000000000_diesel_initial_setup/down.sql
DROP FUNCTION IF EXISTS diesel_set_updated_at();
--# file: 2021-02-01-100000_players/up.sql
CREATE TABLE players (id SERIAL PRIMARY KEY, nick VARCHAR(24) NOT NULL UNIQUE, level INT NOT NULL DEFAULT 1, updated_at TIMESTAMP NOT NULL DEFAULT now());
CREATE TABLE items (id SERIAL PRIMARY KEY, name VARCHAR NOT NULL, rarity SMALLINT NOT NULL DEFAULT 0, stats JSON);
CREATE TABLE inventory (player_id INT NOT NULL REFERENCES players (id) ON DELETE CASCADE, item_id INT NOT NULL REFERENCES items (id), amount INT NOT NULL DEFAULT 1, PRIMARY KEY (player_id, item_id));
CREATE TRIGGER set_updated_at BEFORE UPDATE ON players FOR EACH ROW EXECUTE PROCEDURE diesel_set_updated_at();
--# file: 2021-02-01-100000_players/down.sql
DROP TABLE inventory;
DROP TABLE items;
DROP TABLE players;
--# file: 2021-02-02-100000_seed/up.sql
INSERT INTO players (nick) SELECT 'p' || i FROM generate_series(1, 50) i;
INSERT INTO items (name) SELECT 'Sword ' || i FROM generate_series(1, 10) i;
INSERT INTO inventory (player_id, item_id) SELECT p.id, i.id FROM players p, items i;
UPDATE players SET level = 2 WHERE id < 10;
--# file: 2021-02-02-100000_seed/down.sql
DELETE FROM inventory;
--# file: 2021-03-01-100000_guilds/up.sql
CREATE TABLE guilds (id SERIAL PRIMARY KEY, tag CHAR(4) NOT NULL, leader_id INT REFERENCES players (id));
ALTER TABLE players ADD COLUMN guild_id INT REFERENCES guilds (id) ON DELETE SET NULL;
CREATE INDEX players_guild ON players (guild_id);
CREATE UNIQUE INDEX guilds_tag ON guilds (upper(tag));
--# file: 2021-03-01-100000_guilds/down.sql
ALTER TABLE players DROP COLUMN guild_id;
DROP TABLE guilds;
--# file: 2021-04-01-100000_seasons/up.sql
CREATE TABLE seasons (id SMALLINT PRIMARY KEY, starts DATE NOT NULL, ends DATE, CHECK (ends > starts));
CREATE TABLE scores (season_id SMALLINT NOT NULL REFERENCES seasons (id), player_id INT NOT NULL REFERENCES players (id), points BIGINT NOT NULL DEFAULT 0, PRIMARY KEY (season_id, player_id));
INSERT INTO seasons VALUES (1, '2021-01-01', '2021-06-30'), (2, '2021-07-01', NULL);
INSERT INTO scores SELECT 1, id, id * 10 FROM players;
CREATE INDEX scores_rank ON scores (season_id, points DESC);
--# file: 2021-04-01-100000_seasons/down.sql
DROP TABLE scores;
DROP TABLE seasons;
--# file: 2021-05-01-100000_stats_jsonb/up.sql
ALTER TABLE items ALTER COLUMN stats TYPE JSONB USING stats::jsonb;
ALTER TABLE items ALTER COLUMN stats SET DEFAULT '{}'::jsonb;
UPDATE items SET stats = '{}';
ALTER TABLE items ALTER COLUMN stats SET NOT NULL;
--# file: 2021-06-01-100000_nick_length/up.sql
ALTER TABLE players ALTER COLUMN nick TYPE VARCHAR(32);
ALTER TABLE players ADD CONSTRAINT nick_not_empty CHECK (nick <> '') NOT VALID;
ALTER TABLE guilds ALTER COLUMN tag TYPE VARCHAR(6);
ALTER TABLE players ALTER COLUMN updated_at TYPE TIMESTAMPTZ;
--# file: 2021-06-02-100000_validate/up.sql
ALTER TABLE players VALIDATE CONSTRAINT nick_not_empty;
--# file: 2021-07-01-100000_matches/up.sql
CREATE TYPE match_result AS ENUM ('win', 'loss', 'draw');
CREATE TABLE matches (id BIGSERIAL PRIMARY KEY, season_id SMALLINT NOT NULL REFERENCES seasons (id), started TIMESTAMPTZ NOT NULL DEFAULT now(), seconds INT);
CREATE TABLE match_players (match_id BIGINT NOT NULL REFERENCES matches (id) ON DELETE CASCADE, player_id INT NOT NULL REFERENCES players (id), result match_result NOT NULL, PRIMARY KEY (match_id, player_id));
CREATE INDEX match_players_player ON match_players (player_id);
INSERT INTO matches (season_id) SELECT 1 FROM generate_series(1, 20);
INSERT INTO match_players SELECT m.id, 1, 'win' FROM matches m;
--# file: 2021-08-01-100000_bigint_players/up.sql
ALTER TABLE match_players ALTER COLUMN player_id TYPE BIGINT;
ALTER TABLE inventory ALTER COLUMN amount TYPE BIGINT;
ALTER TABLE matches ADD COLUMN map VARCHAR(30) NOT NULL DEFAULT 'arena', ADD COLUMN replay BYTEA;
ALTER TABLE matches ALTER COLUMN replay SET STORAGE EXTERNAL;
--# file: 2021-09-01-100000_ranking/up.sql
CREATE MATERIALIZED VIEW ranking AS SELECT season_id, player_id, rank() OVER (PARTITION BY season_id ORDER BY points DESC) AS place FROM scores;
CREATE UNIQUE INDEX ranking_key ON ranking (season_id, player_id);
REFRESH MATERIALIZED VIEW CONCURRENTLY ranking;
CREATE VIEW top AS SELECT r.place, p.nick FROM ranking r JOIN players p ON p.id = r.player_id WHERE r.place <= 10;
--# file: 2021-10-01-100000_score_index/up.sql
CREATE INDEX CONCURRENTLY scores_player ON scores (player_id);
--# file: 2021-10-01-100000_score_index/metadata.toml
run_in_transaction = false
--# file: 2021-11-01-100000_trades/up.sql
CREATE TABLE trades (id BIGSERIAL PRIMARY KEY, seller INT NOT NULL REFERENCES players (id), buyer INT NOT NULL REFERENCES players (id), item_id INT NOT NULL, gold INT NOT NULL CHECK (gold >= 0), CHECK (seller <> buyer));
ALTER TABLE trades ADD CONSTRAINT trades_item FOREIGN KEY (item_id) REFERENCES items (id) DEFERRABLE INITIALLY DEFERRED;
CREATE INDEX trades_seller ON trades (seller);
CREATE INDEX trades_item ON trades (item_id);
INSERT INTO trades (seller, buyer, item_id, gold) SELECT 1, i, 1, 5 FROM generate_series(2, 20) i;
--# file: 2021-12-01-100000_drop_ranking/up.sql
DROP VIEW top;
DROP MATERIALIZED VIEW ranking;
ALTER TABLE trades DROP CONSTRAINT trades_item;
DROP INDEX scores_rank;
CREATE INDEX scores_rank ON scores (season_id, points DESC, player_id);
ALTER TABLE players DROP CONSTRAINT nick_not_empty;
ALTER TABLE players RENAME COLUMN nick TO name;
