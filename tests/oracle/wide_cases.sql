-- Statements written from PostgreSQL's documentation of each command, not from our rules; compared with what the server does.
-- The directives are those of ddl_cases.sql; its fixtures and those of more_cases.sql can be used.

--@ fixture wide
CREATE TYPE color AS ENUM ('red', 'green');
CREATE TYPE pair AS (x int, y text);
CREATE DOMAIN posint AS int CHECK (VALUE > 0);
CREATE DOMAIN smallpos AS posint CHECK (VALUE < 1000000);
CREATE DOMAIN ints AS int[];
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION slow(int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE node (id int PRIMARY KEY, parent int REFERENCES node, tag text DEFAULT 'x', c color, q smallpos, qs posint[],
                   pr pair, n2 int GENERATED ALWAYS AS (id * 2) STORED);
CREATE INDEX node_tag_idx ON node (tag);
CREATE INDEX node_twice_idx ON node (twice(id));
INSERT INTO node (id, parent, tag, c, q) SELECT g, nullif(g - 1, 0), 't' || g, 'red', g FROM generate_series(1, @{N}) g;
CREATE TABLE leaf (node_id int NOT NULL REFERENCES node ON DELETE CASCADE ON UPDATE CASCADE, v int DEFAULT twice(4), w int CHECK (slow(w) > 0));
INSERT INTO leaf SELECT g, g, g FROM generate_series(1, @{N}) g;
CREATE UNIQUE INDEX leaf_v_idx ON leaf (v);
CREATE TRIGGER leaf_touch BEFORE UPDATE ON leaf FOR EACH ROW EXECUTE FUNCTION touch();
CREATE VIEW node_v AS SELECT id, tag, twice(id) AS d FROM node;
CREATE VIEW node_vv AS SELECT v.id, l.v FROM node_v v JOIN leaf l ON l.node_id = v.id;
CREATE MATERIALIZED VIEW node_m AS SELECT id, tag FROM node_v;
CREATE UNIQUE INDEX node_m_idx ON node_m (id);
CREATE SEQUENCE wseq;
CREATE TABLE uses_seq (id int DEFAULT nextval('wseq'));
CREATE TABLE bare (id int, t text, v varchar(10), n numeric(8,2), arr int[], ts timestamp);
INSERT INTO bare SELECT g, 't' || g, 'v' || g, g, ARRAY[g], timestamp '2020-01-01' FROM generate_series(1, @{N}) g;
CREATE RULE bare_rule AS ON DELETE TO bare DO ALSO NOTHING;
CREATE FUNCTION count_leaf() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT count(*) FROM s.leaf';
CREATE FUNCTION fill_bare(n int) RETURNS void LANGUAGE plpgsql AS $$BEGIN INSERT INTO s.bare (id) VALUES (n); END$$;
CREATE PROCEDURE clean_bare() LANGUAGE plpgsql AS $$BEGIN DELETE FROM s.bare WHERE id < 0; END$$;
CREATE PROCEDURE clean_sql() LANGUAGE sql AS 'DELETE FROM s.bare WHERE id < 0';

--@ fixture wdeep
CREATE TABLE ref (id int PRIMARY KEY, name text);
INSERT INTO ref SELECT g, 'n' FROM generate_series(1, 30) g;
CREATE TABLE m (id int NOT NULL, r int REFERENCES ref, k int NOT NULL, txt text, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE m1 PARTITION OF m FOR VALUES IN (1) PARTITION BY RANGE (id);
CREATE TABLE m1a PARTITION OF m1 FOR VALUES FROM (0) TO (1000);
CREATE TABLE m1d PARTITION OF m1 DEFAULT;
CREATE TABLE m2 PARTITION OF m FOR VALUES IN (2);
CREATE TABLE md PARTITION OF m DEFAULT;
CREATE INDEX m_txt_idx ON m (txt);
INSERT INTO m SELECT g, g, 1, 'x' FROM generate_series(1, 30) g;
INSERT INTO m SELECT g, g, 2, 'x' FROM generate_series(1, 30) g;
CREATE TABLE uses_m (id int PRIMARY KEY, mid int, mk int, FOREIGN KEY (mid, mk) REFERENCES m);
INSERT INTO uses_m SELECT g, g, 1 FROM generate_series(1, 30) g;
CREATE TABLE extra (id int NOT NULL, r int, k int NOT NULL, txt text);
INSERT INTO extra SELECT g, g, 5, 'x' FROM generate_series(1, 30) g;

--@ case wide.@{n}
--@ use wide
--@ vary n,sql
--@ : drop_self_fk ;; ALTER TABLE node DROP CONSTRAINT node_parent_fkey
--@ : add_self_fk ;; ALTER TABLE node ADD FOREIGN KEY (q) REFERENCES node
--@ : add_self_fk_nv ;; ALTER TABLE node ADD FOREIGN KEY (q) REFERENCES node NOT VALID
--@ : drop_node ;; DROP TABLE node
--@ : drop_node_cascade ;; DROP TABLE node CASCADE
--@ : drop_node_leaf ;; DROP TABLE leaf, node CASCADE
--@ : drop_leaf ;; DROP TABLE IF EXISTS leaf
--@ : drop_leaf_cascade ;; DROP TABLE leaf CASCADE
--@ : drop_view_cascade ;; DROP VIEW node_v CASCADE
--@ : drop_view_restrict ;; DROP VIEW node_v
--@ : drop_function_index ;; DROP FUNCTION twice(int)
--@ : drop_function_cascade ;; DROP FUNCTION twice(int) CASCADE
--@ : drop_function_check ;; DROP FUNCTION slow CASCADE
--@ : drop_trigger_function ;; DROP FUNCTION touch() CASCADE
--@ : drop_type_cascade ;; DROP TYPE color CASCADE
--@ : drop_type_composite ;; DROP TYPE pair CASCADE
--@ : drop_type_restrict ;; DROP TYPE color
--@ : drop_domain_cascade ;; DROP DOMAIN posint CASCADE
--@ : drop_domain_inner ;; DROP DOMAIN smallpos CASCADE
--@ : drop_domain_unused ;; DROP DOMAIN ints
--@ : drop_sequence_used ;; DROP SEQUENCE wseq
--@ : drop_sequence_used_cascade ;; DROP SEQUENCE wseq CASCADE
--@ : drop_rule ;; DROP RULE bare_rule ON bare
--@ : drop_rule_missing ;; DROP RULE IF EXISTS nope ON bare
--@ : drop_rule_table_missing ;; DROP RULE IF EXISTS nope ON nothere
--@ : drop_trigger ;; DROP TRIGGER leaf_touch ON leaf
--@ : drop_trigger_missing ;; DROP TRIGGER IF EXISTS nope ON leaf
--@ : drop_trigger_error ;; DROP TRIGGER nope ON leaf
--@ : drop_policy_missing ;; DROP POLICY IF EXISTS nope ON leaf
--@ : drop_statistics_missing ;; DROP STATISTICS IF EXISTS nope
--@ : drop_procedure ;; DROP PROCEDURE clean_bare()
--@ : drop_routine ;; DROP ROUTINE fill_bare
--@ : drop_matview_cascade ;; DROP MATERIALIZED VIEW node_m CASCADE
--@ : drop_index_matview ;; DROP INDEX node_m_idx
--@ : drop_index_missing ;; DROP INDEX nope
--@ : drop_schema_restrict ;; DROP SCHEMA s
--@ : drop_schema_empty ;; DROP SCHEMA s2
--@ : drop_wrong_kind ;; DROP VIEW node
--@ : drop_wrong_kind_index ;; DROP INDEX node
--@ : truncate_node ;; TRUNCATE node
--@ : truncate_node_cascade ;; TRUNCATE node CASCADE
--@ : truncate_both ;; TRUNCATE leaf, node
--@ : truncate_view ;; TRUNCATE node_v
--@ : truncate_restart ;; TRUNCATE uses_seq RESTART IDENTITY
--@ : like_plain ;; CREATE TABLE z (LIKE node)
--@ : like_all ;; CREATE TABLE z (LIKE leaf INCLUDING ALL)
--@ : like_defaults ;; CREATE TABLE z (LIKE uses_seq INCLUDING DEFAULTS)
--@ : like_view ;; CREATE TABLE z (LIKE node_v)
--@ : like_composite ;; CREATE TABLE z (LIKE pair)
--@ : table_of ;; CREATE TABLE z OF pair
--@ : table_of_key ;; CREATE TABLE z OF pair (PRIMARY KEY (x))
--@ : table_inherits ;; CREATE TABLE z (extra int) INHERITS (bare)
--@ : table_inherits_two ;; CREATE TABLE z () INHERITS (bare, leaf)
--@ : table_exists ;; CREATE TABLE node (id int)
--@ : table_if_not_exists ;; CREATE TABLE IF NOT EXISTS node (id int REFERENCES leaf)
--@ : table_temp_fk ;; CREATE TEMP TABLE z (n int REFERENCES node)
--@ : table_unlogged_fk ;; CREATE UNLOGGED TABLE z (n int REFERENCES node)
--@ : table_domain ;; CREATE TABLE z (d smallpos DEFAULT 5, e posint[])
--@ : table_default_function ;; CREATE TABLE z (d int DEFAULT twice(3), CHECK (twice(d) > 0))
--@ : table_column_type_table ;; CREATE TABLE z (n node, ns leaf[])
--@ : ctas_view ;; CREATE TABLE z AS SELECT * FROM node_vv
--@ : ctas_no_data ;; CREATE TABLE z AS SELECT * FROM node_vv WITH NO DATA
--@ : ctas_matview ;; CREATE TABLE z AS TABLE node_m
--@ : ctas_if_not_exists ;; CREATE TABLE IF NOT EXISTS node AS SELECT * FROM leaf
--@ : matview_if_not_exists ;; CREATE MATERIALIZED VIEW IF NOT EXISTS node_m AS SELECT * FROM leaf
--@ : matview_no_data ;; CREATE MATERIALIZED VIEW z AS SELECT * FROM node_m WITH NO DATA
--@ : refresh_conc ;; REFRESH MATERIALIZED VIEW CONCURRENTLY node_m
--@ : view_recursive ;; CREATE RECURSIVE VIEW z (n) AS SELECT 1 UNION ALL SELECT n + 1 FROM z, node WHERE n < node.id
--@ : view_temp ;; CREATE TEMP VIEW z AS SELECT * FROM leaf
--@ : view_drop_column ;; CREATE OR REPLACE VIEW node_v AS SELECT id FROM node
--@ : view_same ;; CREATE OR REPLACE VIEW node_v AS SELECT id, tag, twice(id) AS d FROM node
--@ : view_more ;; CREATE OR REPLACE VIEW node_v AS SELECT id, tag, twice(id) AS d, c FROM node
--@ : domain_add_check ;; ALTER DOMAIN posint ADD CONSTRAINT big CHECK (VALUE < 100000000)
--@ : domain_add_check_nv ;; ALTER DOMAIN posint ADD CONSTRAINT big CHECK (VALUE < 100000000) NOT VALID
--@ : domain_inner_check ;; ALTER DOMAIN smallpos ADD CHECK (VALUE < 100000000)
--@ : domain_not_null ;; ALTER DOMAIN smallpos SET NOT NULL
--@ : domain_drop_not_null ;; ALTER DOMAIN smallpos DROP NOT NULL
--@ : domain_default ;; ALTER DOMAIN posint SET DEFAULT 1
--@ : domain_drop_constraint ;; ALTER DOMAIN posint DROP CONSTRAINT posint_check
--@ : domain_drop_constraint_missing ;; ALTER DOMAIN posint DROP CONSTRAINT IF EXISTS nope
--@ : domain_validate ;; ALTER DOMAIN posint VALIDATE CONSTRAINT posint_check
--@ : domain_rename_constraint ;; ALTER DOMAIN posint RENAME CONSTRAINT posint_check TO z
--@ : domain_owner ;; ALTER DOMAIN posint OWNER TO r1
--@ : domain_schema ;; ALTER DOMAIN posint SET SCHEMA s2
--@ : domain_array_check ;; ALTER DOMAIN ints ADD CHECK (array_length(VALUE, 1) < 5)
--@ : enum_add ;; ALTER TYPE color ADD VALUE 'blue'
--@ : enum_add_before ;; ALTER TYPE color ADD VALUE IF NOT EXISTS 'red' BEFORE 'green'
--@ : enum_add_exists ;; ALTER TYPE color ADD VALUE 'red'
--@ : enum_rename_value ;; ALTER TYPE color RENAME VALUE 'red' TO 'crimson'
--@ : type_rename ;; ALTER TYPE color RENAME TO colour
--@ : type_schema ;; ALTER TYPE color SET SCHEMA s2
--@ : type_owner ;; ALTER TYPE pair OWNER TO r1
--@ : composite_add ;; ALTER TYPE pair ADD ATTRIBUTE z int
--@ : composite_drop ;; ALTER TYPE pair DROP ATTRIBUTE y
--@ : composite_drop_missing ;; ALTER TYPE pair DROP ATTRIBUTE IF EXISTS nope
--@ : composite_type ;; ALTER TYPE pair ALTER ATTRIBUTE x TYPE bigint
--@ : composite_rename ;; ALTER TYPE pair RENAME ATTRIBUTE x TO xx
--@ : add_column_domain ;; ALTER TABLE bare ADD COLUMN d smallpos
--@ : add_column_domain_default ;; ALTER TABLE bare ADD COLUMN d smallpos DEFAULT 7
--@ : add_column_domain_array ;; ALTER TABLE bare ADD COLUMN d posint[] DEFAULT '{1}'
--@ : add_column_generated_function ;; ALTER TABLE bare ADD COLUMN g int GENERATED ALWAYS AS (twice(id)) STORED
--@ : add_column_twice_default ;; ALTER TABLE bare ADD COLUMN g int DEFAULT twice(21)
--@ : add_column_slow_default ;; ALTER TABLE bare ADD COLUMN g int DEFAULT slow(21)
--@ : add_column_count_default ;; ALTER TABLE bare ADD COLUMN g bigint DEFAULT count_leaf()
--@ : add_column_case_default ;; ALTER TABLE bare ADD COLUMN g float8 DEFAULT CASE WHEN random() > 2 THEN 1 ELSE 0 END
--@ : add_column_interval_default ;; ALTER TABLE bare ADD COLUMN g timestamptz DEFAULT now() + interval '1 day'
--@ : add_column_timeofday ;; ALTER TABLE bare ADD COLUMN g text DEFAULT timeofday()
--@ : add_column_md5_random ;; ALTER TABLE bare ADD COLUMN g text DEFAULT md5(random()::text)
--@ : add_column_unique_default ;; ALTER TABLE bare ADD COLUMN g int DEFAULT NULL UNIQUE
--@ : add_column_pk ;; ALTER TABLE bare ADD COLUMN g bigserial PRIMARY KEY
--@ : add_column_not_null ;; ALTER TABLE bare ADD COLUMN g int NOT NULL
--@ : add_column_exists ;; ALTER TABLE bare ADD COLUMN t int
--@ : add_column_collate ;; ALTER TABLE bare ADD COLUMN g text COLLATE "C" DEFAULT 'x' NOT NULL
--@ : add_columns_three ;; ALTER TABLE bare ADD g1 int, ADD g2 int DEFAULT 1, ADD g3 int CHECK (g3 > id)
--@ : alter_missing_if_exists ;; ALTER TABLE IF EXISTS nothere ADD COLUMN a int
--@ : alter_missing ;; ALTER TABLE nothere ADD COLUMN a int
--@ : drop_column_missing ;; ALTER TABLE bare DROP COLUMN IF EXISTS nope
--@ : drop_column_error ;; ALTER TABLE bare DROP COLUMN nope
--@ : drop_column_generated_source ;; ALTER TABLE node DROP COLUMN id CASCADE
--@ : drop_column_tag ;; ALTER TABLE node DROP COLUMN tag
--@ : drop_column_tag_cascade ;; ALTER TABLE node DROP COLUMN tag CASCADE
--@ : drop_column_checked ;; ALTER TABLE leaf DROP COLUMN w
--@ : drop_two_columns ;; ALTER TABLE bare DROP COLUMN t, DROP COLUMN v
--@ : type_text_collate ;; ALTER TABLE bare ALTER t TYPE text COLLATE "C"
--@ : type_same ;; ALTER TABLE bare ALTER t TYPE text
--@ : type_using_same ;; ALTER TABLE bare ALTER t TYPE text USING t
--@ : type_using_expr ;; ALTER TABLE bare ALTER t TYPE text USING lower(t)
--@ : type_array ;; ALTER TABLE bare ALTER arr TYPE bigint[]
--@ : type_array_same ;; ALTER TABLE bare ALTER arr TYPE int[]
--@ : type_to_domain ;; ALTER TABLE bare ALTER id TYPE posint
--@ : type_from_domain ;; ALTER TABLE node ALTER q TYPE int
--@ : type_domain_outer ;; ALTER TABLE node ALTER q TYPE posint
--@ : type_enum_text ;; ALTER TABLE node ALTER c TYPE text
--@ : type_text_enum ;; ALTER TABLE bare ALTER t TYPE color USING NULL::color
--@ : type_numeric_grow ;; ALTER TABLE bare ALTER n TYPE numeric(12,2)
--@ : type_numeric_free ;; ALTER TABLE bare ALTER n TYPE numeric
--@ : type_referenced ;; ALTER TABLE node ALTER id TYPE bigint
--@ : type_referencing ;; ALTER TABLE leaf ALTER node_id TYPE bigint
--@ : type_checked ;; ALTER TABLE leaf ALTER w TYPE bigint
--@ : type_indexed ;; ALTER TABLE leaf ALTER v TYPE bigint
--@ : type_no_cast ;; ALTER TABLE bare ALTER t TYPE int
--@ : type_view ;; ALTER TABLE node ALTER tag TYPE varchar(100)
--@ : type_generated ;; ALTER TABLE node ALTER n2 TYPE bigint
--@ : set_expression_error ;; ALTER TABLE bare ALTER id DROP EXPRESSION
--@ : drop_expression_if ;; ALTER TABLE bare ALTER id DROP EXPRESSION IF EXISTS
--@ : drop_identity_if ;; ALTER TABLE bare ALTER id DROP IDENTITY IF EXISTS
--@ : add_identity_null ;; ALTER TABLE bare ALTER id ADD GENERATED ALWAYS AS IDENTITY
--@ : set_not_null_pk ;; ALTER TABLE node ALTER id SET NOT NULL
--@ : set_nn_two ;; ALTER TABLE bare ALTER id SET NOT NULL, ALTER t SET NOT NULL
--@ : set_nn_with_add_check ;; ALTER TABLE bare ADD CHECK (id IS NOT NULL), ALTER id SET NOT NULL
--@ : nn_then_pk ;; ALTER TABLE bare ALTER id SET NOT NULL, ADD PRIMARY KEY (id)
--@ : add_pk_nullable ;; ALTER TABLE bare ADD PRIMARY KEY (id)
--@ : add_pk_second ;; ALTER TABLE node ADD PRIMARY KEY (q)
--@ : add_unique_two ;; ALTER TABLE bare ADD UNIQUE (id), ADD UNIQUE (v) DEFERRABLE
--@ : unique_using_partial ;; ALTER TABLE leaf ADD CONSTRAINT lv UNIQUE USING INDEX leaf_v_idx DEFERRABLE
--@ : pk_using ;; ALTER TABLE leaf ADD PRIMARY KEY USING INDEX leaf_v_idx
--@ : check_function ;; ALTER TABLE bare ADD CHECK (twice(id) > 0)
--@ : check_column_whole ;; ALTER TABLE bare ADD CONSTRAINT z CHECK (id > 0) NOT VALID, VALIDATE CONSTRAINT z
--@ : exclude ;; ALTER TABLE bare ADD EXCLUDE USING btree (id WITH =)
--@ : drop_constraint_missing ;; ALTER TABLE bare DROP CONSTRAINT nope
--@ : alter_constraint_self ;; ALTER TABLE node ALTER CONSTRAINT node_parent_fkey DEFERRABLE INITIALLY DEFERRED
--@ : alter_constraint_leaf ;; ALTER TABLE leaf ALTER CONSTRAINT leaf_node_id_fkey NOT DEFERRABLE
--@ : validate_self ;; ALTER TABLE node VALIDATE CONSTRAINT node_parent_fkey
--@ : rename_constraint_pk ;; ALTER TABLE node RENAME CONSTRAINT node_pkey TO z
--@ : rename_view_as_table ;; ALTER TABLE node_v RENAME TO z
--@ : rename_matview_column ;; ALTER MATERIALIZED VIEW node_m RENAME COLUMN tag TO z
--@ : rename_view_column ;; ALTER TABLE node_v RENAME COLUMN tag TO z
--@ : rename_type_attribute ;; ALTER TYPE pair RENAME ATTRIBUTE y TO yy CASCADE
--@ : rename_missing ;; ALTER TABLE IF EXISTS nothere RENAME TO z
--@ : rename_exists ;; ALTER TABLE bare RENAME TO leaf
--@ : rename_column_exists ;; ALTER TABLE bare RENAME t TO v
--@ : rename_index_exists ;; ALTER INDEX leaf_v_idx RENAME TO node_pkey
--@ : rename_trigger ;; ALTER TRIGGER leaf_touch ON leaf RENAME TO z
--@ : rename_rule ;; ALTER RULE bare_rule ON bare RENAME TO z
--@ : rename_function ;; ALTER FUNCTION twice(int) RENAME TO zwei
--@ : function_volatility ;; ALTER FUNCTION twice(int) VOLATILE
--@ : function_owner ;; ALTER FUNCTION slow(int) OWNER TO r1
--@ : replace_function ;; CREATE OR REPLACE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 3'
--@ : set_schema_view ;; ALTER VIEW node_v SET SCHEMA s2
--@ : set_schema_seq ;; ALTER SEQUENCE wseq SET SCHEMA s2
--@ : set_schema_index ;; ALTER TABLE leaf SET SCHEMA s2
--@ : owner_view ;; ALTER VIEW node_v OWNER TO r1
--@ : owner_node ;; ALTER TABLE node OWNER TO r1
--@ : owner_index ;; ALTER INDEX leaf_v_idx OWNER TO r1
--@ : seq_as ;; ALTER SEQUENCE wseq AS bigint MAXVALUE 5000000000
--@ : seq_missing ;; ALTER SEQUENCE IF EXISTS nothere RESTART
--@ : seq_owned ;; ALTER SEQUENCE wseq OWNED BY uses_seq.id
--@ : seq_create_owned ;; CREATE SEQUENCE z OWNED BY bare.id
--@ : set_storage ;; ALTER TABLE bare ALTER t SET STORAGE MAIN
--@ : set_storage_bad ;; ALTER TABLE bare ALTER id SET STORAGE EXTERNAL
--@ : set_statistics_index ;; ALTER INDEX node_twice_idx ALTER COLUMN 1 SET STATISTICS 500
--@ : set_toast ;; ALTER TABLE bare SET (toast.autovacuum_enabled = false, fillfactor = 70)
--@ : reset_toast ;; ALTER TABLE bare RESET (toast.autovacuum_enabled)
--@ : set_bad_option ;; ALTER TABLE bare SET (nope = 1)
--@ : set_without_oids ;; ALTER TABLE bare SET WITHOUT OIDS
--@ : set_without_cluster ;; ALTER TABLE node SET WITHOUT CLUSTER
--@ : cluster_on ;; ALTER TABLE node CLUSTER ON node_tag_idx
--@ : set_unlogged_leaf ;; ALTER TABLE leaf SET UNLOGGED
--@ : set_unlogged_node ;; ALTER TABLE node SET UNLOGGED
--@ : set_logged_noop ;; ALTER TABLE leaf SET LOGGED
--@ : replica_full ;; ALTER TABLE leaf REPLICA IDENTITY FULL
--@ : replica_index_null ;; ALTER TABLE leaf REPLICA IDENTITY USING INDEX leaf_v_idx
--@ : inherit_add ;; ALTER TABLE leaf INHERIT bare
--@ : no_inherit ;; ALTER TABLE leaf NO INHERIT bare
--@ : of_type ;; ALTER TABLE bare OF pair
--@ : disable_trigger ;; ALTER TABLE leaf DISABLE TRIGGER leaf_touch
--@ : disable_trigger_missing ;; ALTER TABLE leaf DISABLE TRIGGER nope
--@ : enable_rule ;; ALTER TABLE bare ENABLE ALWAYS RULE bare_rule
--@ : force_rls ;; ALTER TABLE bare FORCE ROW LEVEL SECURITY
--@ : trigger_constraint_from ;; CREATE CONSTRAINT TRIGGER z AFTER INSERT ON leaf FROM node DEFERRABLE FOR EACH ROW EXECUTE FUNCTION touch()
--@ : trigger_transition ;; CREATE TRIGGER z AFTER UPDATE ON leaf REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION touch()
--@ : trigger_replace ;; CREATE OR REPLACE TRIGGER leaf_touch BEFORE UPDATE ON leaf FOR EACH ROW EXECUTE FUNCTION touch()
--@ : trigger_exists ;; CREATE TRIGGER leaf_touch BEFORE UPDATE ON leaf FOR EACH ROW EXECUTE FUNCTION touch()
--@ : rule_where ;; CREATE RULE z AS ON UPDATE TO bare WHERE NEW.id IN (SELECT node_id FROM leaf) DO INSTEAD NOTHING
--@ : policy_select ;; CREATE POLICY z ON leaf FOR UPDATE USING (true) WITH CHECK (EXISTS (SELECT 1 FROM node_v))
--@ : statistics_expr ;; CREATE STATISTICS z (dependencies) ON id, v FROM bare
--@ : statistics_exists_no ;; CREATE STATISTICS IF NOT EXISTS z ON id, t FROM bare
--@ : publication_two ;; CREATE PUBLICATION pub FOR TABLE node, leaf WITH (publish = 'insert')
--@ : publication_view ;; CREATE PUBLICATION pub FOR TABLE node_v
--@ : publication_empty ;; CREATE PUBLICATION pub
--@ : index_unique ;; CREATE UNIQUE INDEX ON bare (id) WHERE id > 3
--@ : index_function ;; CREATE INDEX ON bare (twice(id))
--@ : index_stable ;; CREATE INDEX ON bare (slow(id))
--@ : index_gin ;; CREATE INDEX ON bare USING gin (arr)
--@ : index_hash ;; CREATE INDEX ON bare USING hash (t)
--@ : index_brin ;; CREATE INDEX ON bare USING brin (id)
--@ : index_view ;; CREATE INDEX ON node_v (id)
--@ : index_missing_column ;; CREATE INDEX ON bare (nope)
--@ : index_matview ;; CREATE INDEX ON node_m (tag)
--@ : reindex_index ;; REINDEX INDEX node_twice_idx
--@ : reindex_table_matview ;; REINDEX TABLE node_m
--@ : reindex_view ;; REINDEX TABLE node_v
--@ : reindex_schema ;; REINDEX SCHEMA s
--@ : cluster_unmarked ;; CLUSTER bare
--@ : cluster_node ;; CLUSTER node USING node_tag_idx
--@ : analyze_view ;; ANALYZE node_v
--@ : analyze_all ;; ANALYZE node, leaf, bare
--@ : lock_view_nested ;; LOCK TABLE node_vv IN ROW SHARE MODE
--@ : lock_nowait ;; LOCK TABLE ONLY node IN SHARE ROW EXCLUSIVE MODE NOWAIT
--@ : lock_matview ;; LOCK TABLE node_m
--@ : lock_sequence ;; LOCK TABLE wseq
--@ : grant_column ;; GRANT SELECT (id) ON node TO r1
--@ : grant_sequence ;; GRANT USAGE ON SEQUENCE wseq TO r1
--@ : revoke ;; REVOKE ALL ON node FROM r1 CASCADE
--@ : grant_function ;; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA s TO r1
--@ : grant_missing ;; GRANT SELECT ON nothere TO r1
--@ : default_privileges ;; ALTER DEFAULT PRIVILEGES IN SCHEMA s GRANT SELECT ON TABLES TO r1
--@ : comment_domain ;; COMMENT ON CONSTRAINT posint_check ON DOMAIN posint IS 'x'
--@ : comment_matview ;; COMMENT ON MATERIALIZED VIEW node_m IS 'x'
--@ : comment_rule ;; COMMENT ON RULE bare_rule ON bare IS 'x'
--@ : comment_type_column ;; COMMENT ON COLUMN pair.x IS 'x'
--@ : comment_wrong ;; COMMENT ON TABLE node_v IS 'x'
--@ : comment_function ;; COMMENT ON FUNCTION twice(int) IS 'x'
--@ : role_setting ;; ALTER ROLE r1 SET statement_timeout = '5s'
--@ : database_setting ;; ALTER DATABASE oracle SET work_mem = '8MB'
--@ : large_object ;; SELECT lo_create(0) > 0
--@ : set_constraints ;; SET CONSTRAINTS ALL DEFERRED
--@ : set_constraints_name ;; SET CONSTRAINTS leaf_node_id_fkey IMMEDIATE
--@ : move_all ;; ALTER TABLE ALL IN TABLESPACE ts SET TABLESPACE pg_default
--@ : tablespace_same ;; ALTER TABLE bare SET TABLESPACE pg_default
--@ : tablespace_matview ;; ALTER MATERIALIZED VIEW node_m SET TABLESPACE ts
--@ : event_trigger ;; ALTER EVENT TRIGGER nope DISABLE
--@ test
@{sql};

--@ case wquery.@{n}
--@ use wide
--@ vary n,sql
--@ : join_update ;; SELECT * FROM node n JOIN leaf l ON l.node_id = n.id FOR UPDATE OF l
--@ : join_both ;; SELECT * FROM node n JOIN leaf l ON l.node_id = n.id FOR NO KEY UPDATE
--@ : view_update ;; SELECT * FROM node_vv FOR UPDATE
--@ : view_update_of ;; SELECT * FROM node_vv v, bare b FOR SHARE OF v
--@ : subquery_update ;; SELECT * FROM (SELECT * FROM leaf) x FOR UPDATE
--@ : cte_update ;; WITH w AS (SELECT * FROM leaf FOR UPDATE) SELECT * FROM w
--@ : cte_outer ;; WITH w AS (SELECT * FROM leaf) SELECT * FROM w, bare FOR UPDATE OF bare
--@ : skip_locked ;; SELECT id FROM bare ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
--@ : exists_sub ;; SELECT * FROM bare WHERE EXISTS (SELECT 1 FROM leaf WHERE v = bare.id FOR KEY SHARE)
--@ : sql_function ;; SELECT count_leaf()
--@ : plpgsql_function ;; SELECT fill_bare(3)
--@ : plpgsql_perform ;; DO $$ BEGIN PERFORM fill_bare(3); END $$
--@ : call ;; CALL clean_bare()
--@ : call_sql ;; CALL clean_sql()
--@ : do_execute ;; DO $$ BEGIN EXECUTE 'ALTER TABLE bare ADD COLUMN zz int'; END $$
--@ : do_format ;; DO $$ BEGIN EXECUTE format('ALTER TABLE %I ADD COLUMN %I int', 'bare', 'zz'); END $$
--@ : do_concat ;; DO $$ BEGIN EXECUTE 'DROP TABLE ' || 'uses_seq'; END $$
--@ : do_variable ;; DO $$ DECLARE n int; BEGIN SELECT count(*) INTO n FROM leaf; IF n >= 0 THEN UPDATE bare SET t = 'z'; END IF; END $$
--@ : do_loop ;; DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM leaf LIMIT 1 LOOP INSERT INTO bare (id) VALUES (r.v); END LOOP; END $$
--@ : do_foreach ;; DO $$ DECLARE x text; BEGIN FOREACH x IN ARRAY ARRAY['bare', 'leaf'] LOOP EXECUTE format('ALTER TABLE %I ADD COLUMN zz int', x); END LOOP; END $$
--@ : do_const ;; DO $$ DECLARE q text := 'LOCK TABLE bare IN SHARE MODE'; BEGIN EXECUTE q; END $$
--@ : do_exception ;; DO $$ BEGIN ALTER TABLE bare ADD COLUMN t int; EXCEPTION WHEN duplicate_column THEN NULL; END $$
--@ : do_if_not_exists ;; DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'color') THEN CREATE TYPE color AS ENUM ('a'); END IF; END $$
--@ : insert_conflict_nothing ;; INSERT INTO bare (id) VALUES (1) ON CONFLICT DO NOTHING
--@ : insert_default ;; INSERT INTO uses_seq DEFAULT VALUES
--@ : insert_leaf ;; INSERT INTO leaf VALUES (1, 5001, 1)
--@ : insert_node_self ;; INSERT INTO node (id, parent) VALUES (1000, 1)
--@ : insert_cte ;; WITH w AS (DELETE FROM bare WHERE id = 1 RETURNING id) INSERT INTO uses_seq SELECT id FROM w
--@ : update_key ;; UPDATE node SET id = 5000 WHERE id = 40
--@ : update_tag ;; UPDATE node SET tag = 'x' WHERE id = 4
--@ : update_view ;; UPDATE node_v SET tag = 'q' WHERE id = 1
--@ : delete_rule ;; DELETE FROM bare WHERE id = 2
--@ : delete_node ;; DELETE FROM node WHERE id = 40
--@ : delete_using ;; DELETE FROM leaf USING node_m WHERE node_m.id = leaf.node_id AND false
--@ : merge ;; MERGE INTO bare b USING leaf l ON l.v = b.id WHEN MATCHED THEN UPDATE SET t = 'm' WHEN NOT MATCHED THEN DO NOTHING
--@ : merge_insert ;; MERGE INTO leaf USING (SELECT id FROM bare LIMIT 0) b ON leaf.v = b.id WHEN NOT MATCHED THEN INSERT VALUES (1, 99, 1)
--@ : cursor ;; DECLARE z CURSOR FOR SELECT * FROM leaf
--@ : cursor_hold ;; DECLARE z CURSOR WITH HOLD FOR SELECT * FROM node_vv
--@ : cursor_update ;; DECLARE z CURSOR FOR SELECT * FROM leaf FOR UPDATE
--@ : prepare ;; PREPARE z AS UPDATE bare SET t = 'x'
--@ : explain_ddl ;; EXPLAIN CREATE TABLE z AS SELECT * FROM leaf
--@ : explain_delete ;; EXPLAIN DELETE FROM node
--@ : copy_query ;; COPY (SELECT * FROM node_vv) TO STDOUT
--@ : copy_returning ;; COPY (DELETE FROM bare WHERE id = 1 RETURNING *) TO STDOUT
--@ : copy_columns ;; COPY bare (id, t) TO STDOUT WITH (FORMAT csv)
--@ : copy_view ;; COPY node_v TO STDOUT
--@ : values ;; VALUES (1), (2)
--@ : table_cmd ;; TABLE ONLY bare
--@ : lateral ;; SELECT * FROM bare b, LATERAL (SELECT v FROM leaf WHERE v = b.id) x
--@ : union ;; SELECT id FROM bare UNION SELECT v FROM leaf
--@ : scalar_nextval ;; SELECT nextval('wseq')
--@ : currval_unused ;; SELECT last_value FROM wseq
--@ : regclass ;; SELECT 'leaf'::regclass::text
--@ : relation_size ;; SELECT pg_relation_size('leaf') >= 0
--@ : indexdef ;; SELECT pg_get_indexdef('leaf_v_idx'::regclass)
--@ : analyze_explain_select ;; EXPLAIN (ANALYZE) SELECT * FROM leaf FOR UPDATE
--@ : missing_table ;; SELECT * FROM nothere
--@ : missing_column ;; UPDATE bare SET nope = 1
--@ test
@{sql};

--@ case wexecute.update
--@ use wide
--@ session
PREPARE w_upd AS UPDATE bare SET t = 'x' WHERE id = 1;
--@ test
EXECUTE w_upd;

--@ case wdeep.@{n}
--@ use wdeep
--@ vary n,sql
--@ : drop_fk ;; ALTER TABLE m DROP CONSTRAINT m_r_fkey
--@ : drop_fk_partition ;; ALTER TABLE m2 DROP CONSTRAINT m_r_fkey
--@ : drop_fk_referencing ;; ALTER TABLE uses_m DROP CONSTRAINT uses_m_mid_mk_fkey
--@ : drop_ref ;; DROP TABLE ref CASCADE
--@ : drop_m ;; DROP TABLE m
--@ : drop_m_cascade ;; DROP TABLE m CASCADE
--@ : drop_m1 ;; DROP TABLE m1
--@ : drop_m1_cascade ;; DROP TABLE m1 CASCADE
--@ : drop_md ;; DROP TABLE md CASCADE
--@ : drop_m1d ;; DROP TABLE m1d CASCADE
--@ : drop_uses ;; DROP TABLE uses_m
--@ : drop_pk ;; ALTER TABLE m DROP CONSTRAINT m_pkey
--@ : drop_pk_cascade ;; ALTER TABLE m DROP CONSTRAINT m_pkey CASCADE
--@ : new ;; CREATE TABLE m3 PARTITION OF m FOR VALUES IN (3)
--@ : new_sub ;; CREATE TABLE m3 PARTITION OF m FOR VALUES IN (3) PARTITION BY RANGE (id)
--@ : new_leaf ;; CREATE TABLE m1b PARTITION OF m1 FOR VALUES FROM (1000) TO (2000)
--@ : new_overlap ;; CREATE TABLE m1b PARTITION OF m1 FOR VALUES FROM (500) TO (2000)
--@ : new_default_again ;; CREATE TABLE mdd PARTITION OF m DEFAULT
--@ : attach ;; ALTER TABLE m ATTACH PARTITION extra FOR VALUES IN (5)
--@ : attach_default ;; ALTER TABLE m ATTACH PARTITION extra DEFAULT
--@ : attach_leaf ;; ALTER TABLE m1 ATTACH PARTITION extra FOR VALUES FROM (5000) TO (6000)
--@ : detach_m2 ;; ALTER TABLE m DETACH PARTITION m2
--@ : detach_m1 ;; ALTER TABLE m DETACH PARTITION m1
--@ : detach_md ;; ALTER TABLE m DETACH PARTITION md
--@ : detach_conc ;; ALTER TABLE m DETACH PARTITION m2 CONCURRENTLY
--@ : add_fk ;; ALTER TABLE m ADD FOREIGN KEY (id) REFERENCES ref
--@ : add_fk_nv ;; ALTER TABLE m ADD FOREIGN KEY (id) REFERENCES ref NOT VALID
--@ : add_fk_only ;; ALTER TABLE ONLY m ADD FOREIGN KEY (id) REFERENCES ref
--@ : add_fk_leaf ;; ALTER TABLE m2 ADD FOREIGN KEY (id) REFERENCES ref
--@ : add_fk_to ;; ALTER TABLE extra ADD FOREIGN KEY (id, k) REFERENCES m NOT VALID
--@ : create_fk_to ;; CREATE TABLE z (a int, b int, FOREIGN KEY (a, b) REFERENCES m)
--@ : create_fk_to_leaf ;; CREATE TABLE z (a int, b int, FOREIGN KEY (a, b) REFERENCES m2)
--@ : truncate ;; TRUNCATE m
--@ : truncate_cascade ;; TRUNCATE m CASCADE
--@ : truncate_leaf ;; TRUNCATE m2
--@ : truncate_leaf_cascade ;; TRUNCATE m2 CASCADE
--@ : truncate_ref ;; TRUNCATE ref CASCADE
--@ : index ;; CREATE INDEX ON m (r)
--@ : index_only ;; CREATE INDEX ON ONLY m (r)
--@ : index_conc ;; CREATE INDEX CONCURRENTLY ON m (r)
--@ : index_unique_bad ;; CREATE UNIQUE INDEX ON m (id)
--@ : index_sub ;; CREATE INDEX ON m1 (r)
--@ : index_same ;; CREATE INDEX ON m1 (txt)
--@ : reindex ;; REINDEX TABLE m
--@ : reindex_index ;; REINDEX INDEX m_txt_idx
--@ : cluster ;; CLUSTER m USING m_txt_idx
--@ : type_k ;; ALTER TABLE m ALTER k TYPE bigint
--@ : type_r ;; ALTER TABLE m ALTER r TYPE bigint
--@ : type_txt ;; ALTER TABLE m ALTER txt TYPE varchar(10)
--@ : type_leaf ;; ALTER TABLE m2 ALTER txt TYPE varchar(10)
--@ : add_column_leaf ;; ALTER TABLE m2 ADD COLUMN z int
--@ : add_column_only ;; ALTER TABLE ONLY m ADD COLUMN z int
--@ : add_column_serial ;; ALTER TABLE m ADD COLUMN z serial
--@ : add_column_identity ;; ALTER TABLE m ADD COLUMN z int GENERATED ALWAYS AS IDENTITY
--@ : add_column_ref ;; ALTER TABLE m ADD COLUMN z int REFERENCES ref
--@ : drop_column_key ;; ALTER TABLE m DROP COLUMN k
--@ : drop_column_r ;; ALTER TABLE m DROP COLUMN r
--@ : not_null_leaf ;; ALTER TABLE m2 ALTER r SET NOT NULL
--@ : drop_not_null_leaf ;; ALTER TABLE m2 ALTER id DROP NOT NULL
--@ : check_sub ;; ALTER TABLE m1 ADD CHECK (id > 0)
--@ : check_no_inherit ;; ALTER TABLE m ADD CHECK (id > 0) NO INHERIT
--@ : default_leaf ;; ALTER TABLE m2 ALTER r SET DEFAULT 1
--@ : rename_sub ;; ALTER TABLE m1 RENAME TO mm1
--@ : rename_column_leaf ;; ALTER TABLE m2 RENAME r TO rr
--@ : set_schema_leaf ;; ALTER TABLE m2 SET SCHEMA s2
--@ : owner_sub ;; ALTER TABLE m1 OWNER TO r1
--@ : unlogged_parent ;; ALTER TABLE m SET UNLOGGED
--@ : fillfactor ;; ALTER TABLE m2 SET (fillfactor = 50)
--@ : storage_parent ;; ALTER TABLE m ALTER txt SET STORAGE EXTERNAL
--@ : tablespace_parent ;; ALTER TABLE m SET TABLESPACE ts
--@ : tablespace_leaf ;; ALTER TABLE m2 SET TABLESPACE ts
--@ : rls ;; ALTER TABLE m1 ENABLE ROW LEVEL SECURITY
--@ : trigger_disable ;; ALTER TABLE m DISABLE TRIGGER ALL
--@ : analyze_sub ;; ANALYZE m1
--@ : lock_only ;; LOCK TABLE ONLY m IN SHARE MODE
--@ : select_only ;; SELECT * FROM ONLY m
--@ : select_update ;; SELECT * FROM m FOR UPDATE
--@ : insert_leaf ;; INSERT INTO m2 VALUES (500, 1, 2, 'z')
--@ : insert_ref ;; INSERT INTO ref VALUES (5000, 'x')
--@ : update_all ;; UPDATE m SET txt = 'y'
--@ : update_leaf ;; UPDATE m2 SET txt = 'y'
--@ : delete_uses ;; DELETE FROM uses_m
--@ : inherit_from ;; CREATE TABLE z () INHERITS (m)
--@ : like ;; CREATE TABLE z (LIKE m INCLUDING ALL)
--@ : publication_leaf ;; CREATE PUBLICATION pub FOR TABLE m2
--@ : drop_index ;; DROP INDEX m_txt_idx
--@ : drop_index_leaf ;; DROP INDEX m2_txt_idx
--@ : attach_index_self ;; ALTER INDEX m_txt_idx ATTACH PARTITION m2_txt_idx
--@ : validate ;; ALTER TABLE m VALIDATE CONSTRAINT m_r_fkey
--@ : alter_fk ;; ALTER TABLE m ALTER CONSTRAINT m_r_fkey DEFERRABLE
--@ : alter_fk_to ;; ALTER TABLE uses_m ALTER CONSTRAINT uses_m_mid_mk_fkey DEFERRABLE
--@ : create_trigger ;; CREATE TRIGGER z BEFORE UPDATE ON m1 FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()
--@ : grant ;; GRANT SELECT ON m TO r1
--@ test
@{sql};

--@ fixture wseqs
CREATE SEQUENCE numbers;
CREATE TABLE doc (id int DEFAULT nextval('numbers'), own serial, title text);
CREATE TABLE bill () INHERITS (doc);
CREATE TABLE numbered (id int DEFAULT nextval('numbers'), k int) PARTITION BY LIST (k);
CREATE TABLE numbered_1 PARTITION OF numbered FOR VALUES IN (1);
INSERT INTO doc (title) SELECT 'd' FROM generate_series(1, @{N});

--@ case wseqs.@{n}
--@ use wseqs
--@ vary n,sql
--@ : insert ;; INSERT INTO doc (title) VALUES ('a')
--@ : insert_child ;; INSERT INTO bill (title) VALUES ('a')
--@ : insert_given ;; INSERT INTO doc VALUES (1, 2, 'a')
--@ : insert_keyword ;; INSERT INTO doc VALUES (1, DEFAULT, 'a')
--@ : inherits ;; CREATE TABLE z () INHERITS (doc)
--@ : partition_of ;; CREATE TABLE z PARTITION OF numbered FOR VALUES IN (2)
--@ : like_child ;; CREATE TABLE z (LIKE bill INCLUDING ALL)
--@ : like_plain ;; CREATE TABLE z (LIKE doc)
--@ : type ;; ALTER TABLE doc ALTER id TYPE bigint
--@ : type_serial ;; ALTER TABLE doc ALTER own TYPE bigint
--@ : type_child ;; ALTER TABLE bill ALTER id TYPE bigint
--@ : drop_default ;; DO $$BEGIN ALTER TABLE doc ALTER id DROP DEFAULT; INSERT INTO doc (own) VALUES (1); END$$
--@ : set_default ;; ALTER TABLE bill ALTER id SET DEFAULT 5
--@ test
@{sql};

--@ fixture wcalls
CREATE TABLE acct (id int PRIMARY KEY, total int DEFAULT 0, note text);
CREATE TABLE entry (id int PRIMARY KEY, acct int, amount int);
CREATE TABLE log (id serial, what text);
CREATE TABLE rare (id int);
INSERT INTO acct SELECT g, 0, 'n' FROM generate_series(1, @{N}) g;
INSERT INTO entry SELECT g, g, 1 FROM generate_series(1, @{N}) g;
INSERT INTO rare VALUES (1);
CREATE FUNCTION add_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE d int := 1; -- a comment
BEGIN UPDATE s.acct SET total = total + NEW.amount WHERE id = NEW.acct; NEW.amount := NEW.amount + d; RETURN NEW; END $$;
CREATE FUNCTION note_it() RETURNS trigger LANGUAGE plpgsql SET search_path = s AS
$$ BEGIN INSERT INTO log (what) VALUES (TG_OP || TG_TABLE_NAME); RETURN NULL; END; $$;
CREATE TRIGGER entry_add BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION add_up();
CREATE TRIGGER acct_note AFTER UPDATE OF total OR DELETE ON acct FOR EACH STATEMENT EXECUTE FUNCTION note_it();
CREATE FUNCTION latest(n int) RETURNS int LANGUAGE plpgsql AS
$$ DECLARE r record; x int; BEGIN x := (SELECT max(id) FROM s.entry); SELECT * INTO STRICT r FROM s.rare; RETURN x + n; END $$;
CREATE FUNCTION outer_one() RETURNS int LANGUAGE sql AS 'SELECT s.latest(1) + 1';
CREATE FUNCTION rows_of() RETURNS SETOF rare LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY SELECT * FROM s.rare; END $$;
CREATE FUNCTION fixed_sql() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'UPDATE s.rare SET id = 2'; END $$;
CREATE PROCEDURE twice_it(INOUT n int, t text DEFAULT 'a') LANGUAGE plpgsql AS
$$ BEGIN PERFORM s.latest(n); CALL s.clear_rare(); n := n * 2; END $$;
CREATE PROCEDURE clear_rare() LANGUAGE sql AS 'DELETE FROM s.rare; INSERT INTO s.rare VALUES (3)';
CREATE FUNCTION again(n int) RETURNS int LANGUAGE plpgsql AS
$$ BEGIN IF n < 1 THEN RETURN 0; END IF; INSERT INTO s.rare VALUES (n); RETURN s.again(n - 1); END $$;

--@ case wcalls.@{n}
--@ use wcalls
--@ vary n,sql
--@ : trigger_insert ;; INSERT INTO entry VALUES (100000, 1, 5)
--@ : trigger_update ;; UPDATE acct SET total = 1 WHERE id = 1
--@ : trigger_other_column ;; UPDATE acct SET note = 'x' WHERE id = 1
--@ : trigger_delete ;; DELETE FROM acct WHERE id = 1
--@ : trigger_none ;; UPDATE entry SET amount = 3 WHERE id = 1
--@ : select ;; SELECT latest(1)
--@ : select_outer ;; SELECT outer_one()
--@ : select_from ;; SELECT * FROM rows_of()
--@ : select_fixed ;; SELECT fixed_sql()
--@ : call ;; CALL twice_it(1, 'b')
--@ : call_sql ;; CALL clear_rare()
--@ : recursive ;; SELECT again(2)
--@ : update_value ;; UPDATE rare SET id = latest(2)
--@ : do_assigns ;; DO $$ DECLARE x int; BEGIN x := (SELECT count(*) FROM rare); END $$
--@ : do_performs ;; DO $$ BEGIN PERFORM latest(1); END $$
--@ : made_here ;; DO $$ BEGIN CREATE FUNCTION s.fresh() RETURNS int LANGUAGE sql AS 'SELECT id FROM s.rare'; PERFORM s.fresh(); END $$
--@ : trigger_made_here ;; DO $$ BEGIN CREATE TRIGGER z AFTER INSERT ON rare FOR EACH ROW EXECUTE FUNCTION note_it(); INSERT INTO rare VALUES (4); END $$
--@ test
@{sql};

--@ fixture wmore
CREATE TABLE party (id int PRIMARY KEY);
CREATE TABLE invoice (id int, party int REFERENCES party, number int NOT NULL DEFAULT 1);
CREATE UNIQUE INDEX invoice_id_idx ON invoice (id);
CREATE TABLE invoice_old (UNIQUE (id)) INHERITS (invoice);
CREATE TABLE party_old (UNIQUE (id)) INHERITS (party);
CREATE TABLE party_not_null (id int NOT NULL);
CREATE TABLE party_not_null_old () INHERITS (party_not_null);
INSERT INTO party SELECT g FROM generate_series(1, @{N}) g;
INSERT INTO invoice SELECT g, g FROM generate_series(1, @{N}) g;
INSERT INTO invoice_old SELECT g, g FROM generate_series(1, @{N}) g;

--@ case wmore.@{n}
--@ use wmore
--@ vary n,sql
--@ : type_under_inherited_fk ;; ALTER TABLE party ALTER id TYPE bigint
--@ : type_of_inherited_fk ;; ALTER TABLE invoice ALTER party TYPE bigint
--@ : add_unique_to_parent ;; ALTER TABLE invoice ADD UNIQUE (id)
--@ : add_exclude_to_parent ;; ALTER TABLE invoice ADD EXCLUDE (id WITH =)
--@ : add_primary_to_parent ;; ALTER TABLE invoice ADD PRIMARY KEY (id)
--@ : add_primary_not_null ;; ALTER TABLE party_not_null ADD PRIMARY KEY (id)
--@ : add_primary_index ;; ALTER TABLE invoice ADD PRIMARY KEY USING INDEX invoice_id_idx
--@ : add_fk_only_to_parent ;; ALTER TABLE ONLY invoice ADD FOREIGN KEY (id) REFERENCES party
--@ : drop_fk_to_parent ;; ALTER TABLE invoice DROP CONSTRAINT invoice_party_fkey
--@ : add_fk_to_parent ;; ALTER TABLE invoice ADD FOREIGN KEY (id) REFERENCES party
--@ : add_fk_nv_to_parent ;; ALTER TABLE invoice ADD FOREIGN KEY (id) REFERENCES party NOT VALID
--@ : drop_party ;; DROP TABLE party CASCADE
--@ : look_up_parent ;; INSERT INTO invoice VALUES (100001, 1)
--@ : update_pointing ;; UPDATE invoice SET party = 2
--@ : values_lengths ;; INSERT INTO invoice VALUES (1), (2, 3)
--@ : values_lengths_from ;; SELECT * FROM (VALUES (1, 2), (3)) v
--@ : of_type_made_here ;; DO $$ BEGIN CREATE TYPE s.fresh_t AS (a int); CREATE TABLE s.z OF s.fresh_t; END $$
--@ test
@{sql};
