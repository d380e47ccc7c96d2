--# runner: flyway
--# about: an online shop over four years: catalogue, orders, stock, vouchers; versioned and repeatable scripts, script configuration
--# file: flyway.conf
flyway.locations=filesystem:.
--# file: V1__catalogue.sql
CREATE TABLE category (
    id serial PRIMARY KEY,
    parent_id integer REFERENCES category (id),
    name varchar(80) NOT NULL,
    slug varchar(80) NOT NULL UNIQUE
);
CREATE TABLE product (
    id bigserial PRIMARY KEY,
    category_id integer NOT NULL REFERENCES category (id),
    sku varchar(20) NOT NULL,
    title varchar(120) NOT NULL,
    description text,
    price numeric(10,2) NOT NULL CHECK (price >= 0),
    created timestamp NOT NULL DEFAULT now(),
    CONSTRAINT product_sku_key UNIQUE (sku)
);
CREATE INDEX product_category_idx ON product (category_id);
INSERT INTO category (name, slug) VALUES ('Books', 'books'), ('Toys', 'toys');
--# file: V2__customers.sql
CREATE TABLE customer (
    id bigserial PRIMARY KEY,
    email varchar(200) NOT NULL,
    name varchar(100),
    password_hash bytea,
    newsletter boolean DEFAULT false,
    created timestamp NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX customer_email_key ON customer (email);
CREATE TABLE address (
    id bigserial PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customer (id) ON DELETE CASCADE,
    line1 varchar(100), line2 varchar(100), city varchar(60), zip varchar(10), country char(2) NOT NULL
);
CREATE INDEX address_customer_idx ON address (customer_id);
--# file: V3__orders.sql
CREATE TYPE order_state AS ENUM ('cart', 'placed', 'paid', 'shipped', 'cancelled');
CREATE TABLE orders (
    id bigserial PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customer,
    address_id bigint REFERENCES address,
    state order_state NOT NULL DEFAULT 'cart',
    placed timestamp,
    total numeric(10,2)
);
CREATE TABLE order_line (
    order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    line smallint NOT NULL,
    product_id bigint NOT NULL REFERENCES product,
    quantity integer NOT NULL DEFAULT 1 CHECK (quantity > 0),
    price numeric(10,2) NOT NULL,
    PRIMARY KEY (order_id, line)
);
CREATE INDEX orders_customer_idx ON orders (customer_id);
CREATE INDEX orders_open_idx ON orders (placed) WHERE state IN ('placed', 'paid');
--# file: V3.1__order_line_product_idx.sql
CREATE INDEX CONCURRENTLY order_line_product_idx ON order_line (product_id);
--# file: V4__seed.sql
INSERT INTO product (category_id, sku, title, price)
SELECT 1 + i % 2, 'SKU-' || i, 'Product ' || i, i * 1.5 FROM generate_series(1, 60) i;
INSERT INTO customer (email, name) SELECT 'c' || i || '@example.org', 'Customer ' || i FROM generate_series(1, 40) i;
INSERT INTO orders (customer_id, state, placed, total) SELECT i, 'placed', now(), 10 FROM generate_series(1, 40) i;
INSERT INTO order_line (order_id, line, product_id, quantity, price) SELECT i, 1, i, 2, 5 FROM generate_series(1, 40) i;
UPDATE orders SET state = 'paid' WHERE id % 3 = 0;
--# file: V5__stock.sql
CREATE TABLE warehouse (id smallint PRIMARY KEY, name text NOT NULL);
CREATE TABLE stock (
    product_id bigint REFERENCES product ON DELETE CASCADE,
    warehouse_id smallint REFERENCES warehouse,
    quantity integer NOT NULL DEFAULT 0,
    PRIMARY KEY (product_id, warehouse_id)
);
INSERT INTO warehouse VALUES (1, 'North'), (2, 'South');
INSERT INTO stock SELECT id, 1, 100 FROM product;
ALTER TABLE product ADD COLUMN weight_g integer;
ALTER TABLE product ADD COLUMN active boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN product.weight_g IS 'net weight in grams';
--# file: V6__wider_columns.sql
ALTER TABLE product ALTER COLUMN title TYPE varchar(250);
ALTER TABLE customer ALTER COLUMN name TYPE text;
ALTER TABLE product ALTER COLUMN price TYPE numeric(12,2);
ALTER TABLE order_line ALTER COLUMN price TYPE numeric(12,2), ALTER COLUMN quantity TYPE bigint;
ALTER TABLE orders ALTER COLUMN total TYPE numeric(14,4);
ALTER TABLE address ALTER COLUMN zip TYPE varchar(12);
--# file: V7__timestamps_with_zone.sql
ALTER TABLE customer ALTER COLUMN created TYPE timestamptz;
ALTER TABLE product ALTER COLUMN created TYPE timestamptz USING created AT TIME ZONE 'UTC';
ALTER TABLE orders ALTER placed TYPE timestamptz;
--# file: V8__vouchers.sql
CREATE TABLE voucher (
    code varchar(16) PRIMARY KEY,
    percent numeric(4,1) CHECK (percent BETWEEN 0 AND 100),
    amount numeric(10,2),
    valid_from date NOT NULL DEFAULT current_date,
    valid_to date,
    CONSTRAINT voucher_one_kind CHECK ((percent IS NULL) <> (amount IS NULL))
);
ALTER TABLE orders ADD COLUMN voucher_code varchar(16) REFERENCES voucher;
CREATE INDEX orders_voucher_idx ON orders (voucher_code) WHERE voucher_code IS NOT NULL;
--# file: V9__order_state_refunded.sql
ALTER TYPE order_state ADD VALUE 'refunded' AFTER 'cancelled';
--# file: V9__order_state_refunded.sql.conf
executeInTransaction=false
--# file: V10__refunds.sql
CREATE TABLE refund (
    id bigserial PRIMARY KEY,
    order_id bigint NOT NULL,
    amount numeric(12,2) NOT NULL,
    reason text,
    created timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE refund ADD CONSTRAINT refund_order_fk FOREIGN KEY (order_id) REFERENCES orders (id) NOT VALID;
ALTER TABLE refund VALIDATE CONSTRAINT refund_order_fk;
ALTER TABLE orders ADD CONSTRAINT orders_total_positive CHECK (total >= 0);
UPDATE orders SET state = 'refunded' WHERE id = 1;
--# file: V11__email_case.sql
DROP INDEX customer_email_key;
CREATE UNIQUE INDEX customer_email_lower_key ON customer (lower(email));
ALTER TABLE customer ADD COLUMN email_verified timestamptz;
ALTER TABLE customer ALTER COLUMN newsletter SET NOT NULL;
--# file: V12__search.sql
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX product_title_trgm ON product USING gin (title gin_trgm_ops);
ALTER TABLE product ADD COLUMN search tsvector GENERATED ALWAYS AS (to_tsvector('english', title)) STORED;
CREATE INDEX product_search_idx ON product USING gin (search);
--# file: V13__drop_old_columns.sql
ALTER TABLE address DROP COLUMN line2;
ALTER TABLE customer DROP COLUMN password_hash;
ALTER TABLE product DROP CONSTRAINT product_price_check;
ALTER TABLE product ADD CONSTRAINT product_price_check CHECK (price > 0) NOT VALID;
ALTER TABLE product VALIDATE CONSTRAINT product_price_check;
--# file: V14__rename.sql
ALTER TABLE orders RENAME TO sales_order;
ALTER INDEX orders_customer_idx RENAME TO sales_order_customer_idx;
ALTER SEQUENCE orders_id_seq RENAME TO sales_order_id_seq;
ALTER TABLE sales_order RENAME CONSTRAINT orders_total_positive TO sales_order_total_positive;
ALTER TABLE sales_order RENAME COLUMN placed TO placed_at;
CREATE VIEW orders AS SELECT id, customer_id, state, placed_at AS placed, total FROM sales_order;
--# file: V15__reviews.sql
CREATE TABLE review (
    product_id bigint NOT NULL REFERENCES product,
    customer_id bigint NOT NULL REFERENCES customer,
    stars smallint NOT NULL CHECK (stars BETWEEN 1 AND 5),
    body text,
    created timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (product_id, customer_id)
);
CREATE INDEX ON review (customer_id);
ALTER TABLE product ADD COLUMN rating numeric(3,2), ADD COLUMN ratings integer NOT NULL DEFAULT 0;
CREATE FUNCTION review_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE product p SET ratings = ratings + 1 WHERE p.id = new.product_id;
    RETURN new;
END $$;
CREATE TRIGGER review_changed AFTER INSERT ON review FOR EACH ROW EXECUTE FUNCTION review_changed();
INSERT INTO review (product_id, customer_id, stars) VALUES (1, 1, 5), (2, 1, 3);
--# file: V16__brand.sql
CREATE TABLE brand (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
ALTER TABLE product ADD COLUMN brand_id int;
INSERT INTO brand (name) VALUES ('none');
UPDATE product SET brand_id = (SELECT id FROM brand WHERE name = 'none');
ALTER TABLE product ALTER COLUMN brand_id SET NOT NULL;
ALTER TABLE product ADD FOREIGN KEY (brand_id) REFERENCES brand (id);
--# file: V17__brand_idx.sql
-- flyway:executeInTransaction=false
CREATE INDEX CONCURRENTLY product_brand_idx ON product (brand_id);
--# file: V18__merge_stock.sql
LOCK TABLE stock IN SHARE ROW EXCLUSIVE MODE;
ALTER TABLE stock ADD COLUMN reserved integer NOT NULL DEFAULT 0;
UPDATE stock SET reserved = 1 WHERE quantity > 50;
ALTER TABLE stock ADD CONSTRAINT stock_reserved CHECK (reserved <= quantity);
ANALYZE stock;
--# file: V19__drop_vouchers.sql
ALTER TABLE sales_order DROP COLUMN voucher_code;
DROP TABLE voucher;
--# file: V20__order_numbers.sql
CREATE SEQUENCE order_number START 100000;
ALTER TABLE sales_order ADD COLUMN number bigint;
ALTER TABLE sales_order ALTER COLUMN number SET DEFAULT nextval('order_number');
UPDATE sales_order SET number = nextval('order_number') WHERE number IS NULL;
CREATE UNIQUE INDEX sales_order_number_key ON sales_order (number);
ALTER TABLE sales_order ADD CONSTRAINT sales_order_number_key UNIQUE USING INDEX sales_order_number_key;
ALTER SEQUENCE order_number OWNED BY sales_order.number;
--# file: V21__countries.sql
CREATE TABLE country (code char(2) PRIMARY KEY, name text NOT NULL);
INSERT INTO country VALUES ('DE', 'Germany'), ('FR', 'France');
ALTER TABLE address ADD CONSTRAINT address_country_fk FOREIGN KEY (country) REFERENCES country (code) NOT VALID;
--# file: V22__validate_country.sql
ALTER TABLE address VALIDATE CONSTRAINT address_country_fk;
--# file: V23__clean_up.sql
DROP VIEW orders;
DROP INDEX product_category_idx;
CREATE INDEX product_category_active_idx ON product (category_id, active) INCLUDE (price);
DROP TRIGGER review_changed ON review;
DROP FUNCTION review_changed();
ALTER TABLE product ALTER COLUMN description SET STATISTICS 200;
ALTER TABLE product SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
--# file: R__views.sql
CREATE OR REPLACE VIEW product_overview AS
SELECT p.id, p.title, c.name AS category, b.name AS brand FROM product p
JOIN category c ON c.id = p.category_id JOIN brand b ON b.id = p.brand_id;
COMMENT ON VIEW product_overview IS 'what the back office lists';
--# file: R__grants.sql
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'shop_app') THEN CREATE ROLE shop_app; END IF;
END $$;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO shop_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO shop_app;
