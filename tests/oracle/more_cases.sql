-- More statements, compared with what the server does when they run (there is no truth.json for them).
-- The directives are those of ddl_cases.sql; its fixtures can be used.

--@ fixture shop
CREATE TABLE customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email varchar(200) NOT NULL, name text);
CREATE UNIQUE INDEX customer_email_key ON customer (lower(email));
CREATE TABLE orders (id bigserial PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
                     status text DEFAULT 'new', total numeric(10,2), created_at timestamptz DEFAULT now(), note text);
CREATE INDEX orders_customer_idx ON orders (customer_id);
CREATE INDEX orders_open_idx ON orders (created_at) WHERE status = 'new';
CREATE TABLE item (order_id bigint REFERENCES orders (id), line int, sku text NOT NULL, qty int CHECK (qty > 0),
                   PRIMARY KEY (order_id, line));
CREATE VIEW open_orders AS SELECT o.id, o.total, c.email FROM orders o JOIN customer c ON c.id = o.customer_id WHERE o.status = 'new';
CREATE MATERIALIZED VIEW sales AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id;
INSERT INTO customer (email, name) SELECT 'c' || g || '@example.org', 'n' || g FROM generate_series(1, 30) g;
INSERT INTO orders (customer_id, total) SELECT g, g FROM generate_series(1, 30) g;
INSERT INTO item SELECT g, 1, 'sku' || g, 1 FROM generate_series(1, 30) g;

--@ fixture deep
CREATE TABLE ev (id bigint NOT NULL, at date NOT NULL, kind text, body text) PARTITION BY RANGE (at);
CREATE TABLE ev_2024 PARTITION OF ev FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (kind);
CREATE TABLE ev_2024_a PARTITION OF ev_2024 FOR VALUES IN ('a');
CREATE TABLE ev_2024_b PARTITION OF ev_2024 FOR VALUES IN ('b');
CREATE TABLE ev_2025 PARTITION OF ev FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE INDEX ev_kind_idx ON ev (kind);
INSERT INTO ev SELECT g, date '2024-03-01' + g, CASE WHEN g % 2 = 0 THEN 'a' ELSE 'b' END, 'x' FROM generate_series(1, 30) g;
INSERT INTO ev SELECT g, date '2025-03-01' + g, 'a', 'x' FROM generate_series(1, 30) g;

--@ case shop.@{n}
--@ use shop
--@ vary n,sql
--@ : drop_table ;; DROP TABLE item
--@ : drop_orders_cascade ;; DROP TABLE orders CASCADE
--@ : drop_customer_cascade ;; DROP TABLE customer CASCADE
--@ : drop_customer ;; DROP TABLE customer
--@ : drop_column_view ;; ALTER TABLE orders DROP COLUMN total
--@ : drop_column_view_cascade ;; ALTER TABLE orders DROP COLUMN total CASCADE
--@ : drop_column_key ;; ALTER TABLE orders DROP COLUMN id CASCADE
--@ : drop_column_partial_index ;; ALTER TABLE orders DROP COLUMN status CASCADE
--@ : drop_column_note ;; ALTER TABLE orders DROP COLUMN note
--@ : drop_column_email ;; ALTER TABLE customer DROP COLUMN email CASCADE
--@ : drop_column_identity ;; ALTER TABLE customer DROP COLUMN id CASCADE
--@ : drop_fk_column ;; ALTER TABLE item DROP COLUMN order_id
--@ : type_email ;; ALTER TABLE customer ALTER COLUMN name TYPE varchar(100)
--@ : type_status ;; ALTER TABLE orders ALTER COLUMN note TYPE varchar(100)
--@ : type_qty ;; ALTER TABLE item ALTER COLUMN qty TYPE bigint
--@ : type_sku ;; ALTER TABLE item ALTER COLUMN sku TYPE varchar
--@ : type_fk ;; ALTER TABLE item ALTER COLUMN order_id TYPE int
--@ : type_key ;; ALTER TABLE customer ALTER COLUMN id TYPE int
--@ : type_in_view ;; ALTER TABLE orders ALTER COLUMN total TYPE numeric(12,2)
--@ : rename_table ;; ALTER TABLE orders RENAME TO purchases
--@ : rename_column ;; ALTER TABLE orders RENAME COLUMN total TO amount
--@ : rename_index ;; ALTER INDEX orders_customer_idx RENAME TO oc
--@ : rename_sequence ;; ALTER SEQUENCE orders_id_seq RENAME TO os
--@ : rename_view ;; ALTER VIEW open_orders RENAME TO oo
--@ : rename_constraint ;; ALTER TABLE item RENAME CONSTRAINT item_qty_check TO q
--@ : rename_pk ;; ALTER TABLE item RENAME CONSTRAINT item_pkey TO q
--@ : set_schema ;; ALTER TABLE orders SET SCHEMA s2
--@ : set_schema_identity ;; ALTER TABLE customer SET SCHEMA s2
--@ : owner ;; ALTER TABLE orders OWNER TO r1
--@ : owner_identity ;; ALTER TABLE customer OWNER TO r1
--@ : owner_same ;; ALTER TABLE orders OWNER TO CURRENT_USER
--@ : owner_matview ;; ALTER MATERIALIZED VIEW sales OWNER TO r1
--@ : set_unlogged ;; ALTER TABLE item SET UNLOGGED
--@ : truncate ;; TRUNCATE orders
--@ : truncate_cascade ;; TRUNCATE customer CASCADE
--@ : truncate_restart ;; TRUNCATE item, orders RESTART IDENTITY
--@ : insert_item ;; INSERT INTO item VALUES (1, 2, 'x', 1)
--@ : insert_item_null ;; INSERT INTO item (order_id, line, sku) SELECT id, 7, 'y' FROM orders WHERE id = 3
--@ : insert_order ;; INSERT INTO orders (customer_id) VALUES (1)
--@ : insert_customer ;; INSERT INTO customer (email) VALUES ('x')
--@ : insert_returning ;; INSERT INTO customer (email) VALUES ('x') RETURNING id
--@ : update_status ;; UPDATE orders SET status = 'old'
--@ : update_status_where ;; UPDATE orders SET status = 'old' WHERE customer_id = 3
--@ : update_from ;; UPDATE orders o SET note = c.name FROM customer c WHERE c.id = o.customer_id
--@ : update_key ;; UPDATE customer SET name = 'x' WHERE email = 'a'
--@ : update_subselect ;; UPDATE orders SET total = (SELECT sum(qty) FROM item i WHERE i.order_id = orders.id)
--@ : update_cte ;; WITH x AS (SELECT id FROM orders LIMIT 5) UPDATE orders SET note = 'y' WHERE id IN (SELECT id FROM x)
--@ : delete_item ;; DELETE FROM item WHERE order_id = 3
--@ : delete_order ;; DELETE FROM item USING orders o WHERE o.id = item.order_id AND o.status = 'x'
--@ : delete_customer ;; DELETE FROM customer WHERE id = 30
--@ : select_view ;; SELECT * FROM open_orders
--@ : select_matview ;; SELECT * FROM sales WHERE customer_id = 1
--@ : select_join ;; SELECT count(*) FROM orders JOIN item ON item.order_id = orders.id
--@ : select_exists ;; SELECT 1 WHERE EXISTS (SELECT 1 FROM customer WHERE id = 1)
--@ : select_share ;; SELECT * FROM orders WHERE id = 1 FOR SHARE
--@ : select_setval ;; SELECT setval('orders_id_seq', (SELECT max(id) FROM orders))
--@ : refresh ;; REFRESH MATERIALIZED VIEW sales
--@ : create_view ;; CREATE VIEW v2 AS SELECT * FROM open_orders
--@ : replace_view ;; CREATE OR REPLACE VIEW open_orders AS SELECT o.id, o.total, c.email FROM orders o JOIN customer c ON c.id = o.customer_id
--@ : create_matview ;; CREATE MATERIALIZED VIEW m2 AS SELECT count(*) FROM open_orders
--@ : ctas ;; CREATE TABLE copy AS SELECT * FROM orders
--@ : drop_view ;; DROP VIEW open_orders
--@ : drop_matview ;; DROP MATERIALIZED VIEW sales
--@ : drop_pk ;; ALTER TABLE item DROP CONSTRAINT item_pkey
--@ : drop_pk_used ;; ALTER TABLE orders DROP CONSTRAINT orders_pkey
--@ : drop_check ;; ALTER TABLE item DROP CONSTRAINT item_qty_check
--@ : drop_fk ;; ALTER TABLE item DROP CONSTRAINT item_order_id_fkey
--@ : drop_unique_index ;; DROP INDEX customer_email_key
--@ : add_column_many ;; ALTER TABLE orders ADD COLUMN a int, ADD COLUMN b text DEFAULT 'x', DROP COLUMN note
--@ : add_identity_pk ;; ALTER TABLE item ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY
--@ : add_fk_column ;; ALTER TABLE item ADD COLUMN customer_id bigint REFERENCES customer (id) ON DELETE SET NULL
--@ : add_unique ;; ALTER TABLE item ADD UNIQUE (sku)
--@ : add_unique_using ;; ALTER TABLE customer ADD CONSTRAINT e UNIQUE USING INDEX customer_email_key
--@ : set_not_null ;; ALTER TABLE orders ALTER COLUMN customer_id SET NOT NULL
--@ : set_not_null_scan ;; ALTER TABLE orders ALTER COLUMN created_at SET NOT NULL
--@ : drop_not_null ;; ALTER TABLE customer ALTER COLUMN email DROP NOT NULL
--@ : drop_not_null_key ;; ALTER TABLE customer ALTER COLUMN id DROP NOT NULL
--@ : add_expression_index ;; CREATE INDEX ON customer ((lower(name)))
--@ : add_include_index ;; CREATE INDEX ON orders (status) INCLUDE (total)
--@ : add_index_if_not_exists ;; CREATE INDEX IF NOT EXISTS orders_customer_idx ON orders (customer_id)
--@ : add_index_exists ;; CREATE INDEX orders_customer_idx ON orders (customer_id)
--@ : drop_sequence ;; DROP SEQUENCE orders_id_seq
--@ : drop_sequence_cascade ;; DROP SEQUENCE orders_id_seq CASCADE
--@ : alter_sequence ;; ALTER SEQUENCE orders_id_seq RESTART WITH 1000
--@ : alter_sequence_owned ;; ALTER SEQUENCE orders_id_seq OWNED BY NONE
--@ : alter_sequence_owner ;; ALTER SEQUENCE orders_id_seq OWNER TO r1
--@ : comment_table ;; COMMENT ON TABLE orders IS 'x'
--@ : comment_column ;; COMMENT ON COLUMN orders.total IS 'x'
--@ : comment_index ;; COMMENT ON INDEX orders_customer_idx IS 'x'
--@ : comment_constraint ;; COMMENT ON CONSTRAINT item_pkey ON item IS 'x'
--@ : comment_view ;; COMMENT ON VIEW open_orders IS 'x'
--@ : comment_sequence ;; COMMENT ON SEQUENCE orders_id_seq IS 'x'
--@ : comment_schema ;; COMMENT ON SCHEMA s IS 'x'
--@ : grant_all ;; GRANT ALL ON ALL TABLES IN SCHEMA s TO r1
--@ : analyze ;; ANALYZE orders, item
--@ : analyze_columns ;; ANALYZE orders (status)
--@ : cluster ;; CLUSTER orders USING orders_pkey
--@ : reindex ;; REINDEX TABLE orders
--@ : lock_two ;; LOCK TABLE orders, item IN EXCLUSIVE MODE
--@ : lock_view ;; LOCK TABLE open_orders
--@ : like ;; CREATE TABLE o2 (LIKE orders INCLUDING ALL)
--@ : create_fk_two ;; CREATE TABLE x (o bigint REFERENCES orders, c bigint REFERENCES customer ON DELETE CASCADE)
--@ : create_fk_no_key ;; CREATE TABLE x (o bigint REFERENCES sales)
--@ : policy ;; CREATE POLICY p ON orders USING (customer_id IN (SELECT id FROM customer))
--@ : trigger_when ;; CREATE TRIGGER t BEFORE UPDATE ON orders FOR EACH ROW WHEN (OLD.total IS DISTINCT FROM NEW.total) EXECUTE FUNCTION suppress_redundant_updates_trigger()
--@ : explain ;; EXPLAIN SELECT * FROM orders
--@ : explain_analyze ;; EXPLAIN ANALYZE UPDATE orders SET note = 'x' WHERE id = 1
--@ : select_into ;; SELECT * INTO copy FROM orders
--@ : copy_to ;; COPY orders TO STDOUT
--@ : do_insert ;; DO $$ BEGIN INSERT INTO item VALUES (1, 9, 'x', 1); END $$
--@ : fk_composite ;; CREATE TABLE part (order_id bigint, line int, FOREIGN KEY (order_id, line) REFERENCES item)
--@ : alter_view_default ;; ALTER VIEW open_orders ALTER COLUMN total SET DEFAULT 0
--@ : alter_matview_set ;; ALTER MATERIALIZED VIEW sales SET (autovacuum_enabled = false)
--@ : statistics ;; CREATE STATISTICS st ON customer_id, status FROM orders
--@ : insert_into_view ;; UPDATE open_orders SET total = 1 WHERE id = 1
--@ test
@{sql};

--@ case shop.default_@{n}
--@ use shop
--@ vary n,sql
--@ : set ;; ALTER TABLE orders ALTER COLUMN total SET DEFAULT nextval('sq')
--@ : create ;; CREATE TABLE x (id int DEFAULT nextval('sq'))
--@ : add ;; ALTER TABLE item ADD COLUMN z int DEFAULT nextval('sq')
--@ : function ;; CREATE FUNCTION f() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM orders'
--@ : index_function ;; CREATE INDEX ON orders (abs(total))
--@ : view_seq ;; CREATE VIEW x AS SELECT last_value FROM sq
--@ : owned ;; ALTER SEQUENCE sq OWNED BY orders.total
--@ : like ;; CREATE TABLE o2 (LIKE orders)
--@ : rule ;; CREATE RULE r AS ON INSERT TO item DO ALSO UPDATE orders SET note = 'x'
--@ : type_of_table ;; CREATE TABLE x (o orders)
--@ setup
CREATE SEQUENCE sq;
--@ test
@{sql};

--@ case deep.@{n}
--@ use deep
--@ vary n,sql
--@ : add_column ;; ALTER TABLE ev ADD COLUMN z int
--@ : add_column_default ;; ALTER TABLE ev ADD COLUMN z int DEFAULT 3 NOT NULL
--@ : drop_column ;; ALTER TABLE ev DROP COLUMN body
--@ : drop_column_indexed ;; ALTER TABLE ev DROP COLUMN kind
--@ : type ;; ALTER TABLE ev ALTER COLUMN id TYPE numeric
--@ : type_no_rewrite ;; ALTER TABLE ev ALTER COLUMN body TYPE varchar
--@ : type_indexed ;; ALTER TABLE ev ALTER COLUMN kind TYPE varchar
--@ : set_not_null ;; ALTER TABLE ev ALTER COLUMN body SET NOT NULL
--@ : set_default ;; ALTER TABLE ev ALTER COLUMN body SET DEFAULT 'x'
--@ : set_default_only ;; ALTER TABLE ONLY ev ALTER COLUMN body SET DEFAULT 'x'
--@ : set_statistics ;; ALTER TABLE ev ALTER COLUMN body SET STATISTICS 100
--@ : set_storage ;; ALTER TABLE ev ALTER COLUMN body SET STORAGE EXTERNAL
--@ : add_check ;; ALTER TABLE ev ADD CONSTRAINT c CHECK (id > 0)
--@ : add_check_not_valid ;; ALTER TABLE ev ADD CONSTRAINT c CHECK (id > 0) NOT VALID
--@ : add_pk ;; ALTER TABLE ev ADD PRIMARY KEY (id, at, kind)
--@ : add_unique ;; ALTER TABLE ev ADD UNIQUE (id, at, kind)
--@ : create_index ;; CREATE INDEX ev_id_idx ON ev (id)
--@ : create_index_sub ;; CREATE INDEX ON ev_2024 (id)
--@ : drop_index ;; DROP INDEX ev_kind_idx
--@ : drop_partition_index ;; DROP INDEX ev_2025_kind_idx
--@ : rename ;; ALTER TABLE ev RENAME TO events
--@ : rename_column ;; ALTER TABLE ev RENAME COLUMN body TO payload
--@ : rename_index ;; ALTER INDEX ev_kind_idx RENAME TO x
--@ : owner ;; ALTER TABLE ev OWNER TO r1
--@ : set_schema ;; ALTER TABLE ev SET SCHEMA s2
--@ : drop ;; DROP TABLE ev
--@ : drop_sub ;; DROP TABLE ev_2024
--@ : drop_leaf ;; DROP TABLE ev_2024_a
--@ : truncate ;; TRUNCATE ev
--@ : truncate_sub ;; TRUNCATE ev_2024
--@ : detach_sub ;; ALTER TABLE ev DETACH PARTITION ev_2024
--@ : detach_leaf ;; ALTER TABLE ev_2024 DETACH PARTITION ev_2024_a
--@ : new_partition ;; CREATE TABLE ev_2026 PARTITION OF ev FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')
--@ : new_leaf ;; CREATE TABLE ev_2024_c PARTITION OF ev_2024 FOR VALUES IN ('c')
--@ : new_default ;; CREATE TABLE ev_rest PARTITION OF ev DEFAULT
--@ : select ;; SELECT count(*) FROM ev
--@ : select_sub ;; SELECT count(*) FROM ev_2024
--@ : insert ;; INSERT INTO ev VALUES (1, '2025-06-01', 'a', 'x')
--@ : update ;; UPDATE ev SET body = 'y'
--@ : delete ;; DELETE FROM ev
--@ : lock ;; LOCK TABLE ev IN SHARE MODE
--@ : analyze ;; ANALYZE ev
--@ : row_security ;; ALTER TABLE ev ENABLE ROW LEVEL SECURITY
--@ : replica_identity ;; ALTER TABLE ev REPLICA IDENTITY FULL
--@ : publication ;; CREATE PUBLICATION pub FOR TABLE ev
--@ : comment ;; COMMENT ON TABLE ev IS 'x'
--@ : reindex_leaf ;; REINDEX TABLE ev_2025
--@ : statistics ;; CREATE STATISTICS st ON id, kind FROM ev
--@ test
@{sql};

--@ case deep.attach_sub
--@ use deep
--@ setup
CREATE TABLE e26 (id bigint NOT NULL, at date NOT NULL, kind text, body text) PARTITION BY LIST (kind);
CREATE TABLE e26_a PARTITION OF e26 FOR VALUES IN ('a');
INSERT INTO e26 VALUES (1, '2026-02-01', 'a', 'x');
--@ test
ALTER TABLE ev ATTACH PARTITION e26 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');

--@ case deep.fk_between
--@ use deep
--@ setup
CREATE TABLE kinds (kind text PRIMARY KEY);
INSERT INTO kinds VALUES ('a'), ('b');
--@ test
ALTER TABLE ev ADD CONSTRAINT f FOREIGN KEY (kind) REFERENCES kinds;

--@ case deep.fk_@{n}
--@ use deep
--@ vary n,sql
--@ : drop ;; ALTER TABLE ev DROP CONSTRAINT f
--@ : drop_table ;; DROP TABLE ev
--@ : drop_leaf ;; DROP TABLE ev_2025
--@ : detach ;; ALTER TABLE ev DETACH PARTITION ev_2025
--@ : new ;; CREATE TABLE ev_2026 PARTITION OF ev FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')
--@ : insert ;; INSERT INTO ev VALUES (1, '2025-06-01', 'a', 'x')
--@ : delete_kind ;; DELETE FROM kinds WHERE kind = 'c'
--@ : drop_target ;; DROP TABLE kinds CASCADE
--@ : truncate_target ;; TRUNCATE kinds CASCADE
--@ : rename_target_column ;; ALTER TABLE kinds RENAME COLUMN kind TO name
--@ : type ;; ALTER TABLE kinds ALTER COLUMN kind TYPE varchar
--@ setup
CREATE TABLE kinds (kind text PRIMARY KEY);
INSERT INTO kinds VALUES ('a'), ('b'), ('c');
ALTER TABLE ev ADD CONSTRAINT f FOREIGN KEY (kind) REFERENCES kinds;
--@ test
@{sql};

--@ case inherit.@{n}
--@ use inh
--@ vary n,sql
--@ : add_check ;; ALTER TABLE ip ADD CONSTRAINT c CHECK (id > 0)
--@ : add_check_only ;; ALTER TABLE ONLY ip ADD CONSTRAINT c CHECK (id > 0) NO INHERIT
--@ : set_default ;; ALTER TABLE ip ALTER COLUMN a SET DEFAULT 1
--@ : type ;; ALTER TABLE ip ALTER COLUMN a TYPE bigint
--@ : not_null ;; ALTER TABLE ip ALTER COLUMN a SET NOT NULL
--@ : rename_column ;; ALTER TABLE ip RENAME COLUMN a TO b
--@ : drop ;; DROP TABLE ip CASCADE
--@ : drop_restrict ;; DROP TABLE ip
--@ : truncate ;; TRUNCATE ip
--@ : truncate_only ;; TRUNCATE ONLY ip
--@ : select ;; SELECT * FROM ip
--@ : select_only ;; SELECT * FROM ONLY ip
--@ : update ;; UPDATE ip SET a = 1
--@ : lock ;; LOCK TABLE ip
--@ : index ;; CREATE INDEX ON ip (a)
--@ : trigger ;; ALTER TABLE ip DISABLE TRIGGER ALL
--@ : owner ;; ALTER TABLE ip OWNER TO r1
--@ : publication ;; CREATE PUBLICATION pub FOR TABLE ip
--@ : column_child ;; ALTER TABLE ic ADD COLUMN z int
--@ : drop_column_child ;; ALTER TABLE ic DROP COLUMN a
--@ test
@{sql};
