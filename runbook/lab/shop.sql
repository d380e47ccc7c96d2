-- The shop that every scenario plays in. {customers}, {orders} and {items} are row counts; each side has its own.
CREATE TABLE customers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL,
    name text NOT NULL,
    country text NOT NULL DEFAULT 'DE',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE products (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku text NOT NULL UNIQUE,
    name text NOT NULL,
    price numeric(10, 2) NOT NULL
);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id bigint NOT NULL,
    status text NOT NULL DEFAULT 'new',
    reference text NOT NULL,
    coupon text,
    total_net numeric(12, 2) NOT NULL,
    placed_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE order_items (
    order_id bigint NOT NULL,
    product_id bigint NOT NULL,
    quantity integer NOT NULL,
    price numeric(10, 2) NOT NULL
);

INSERT INTO customers (email, name, country, created_at)
SELECT format('customer%s@example.com', n), (ARRAY['Ada', 'Grace', 'Edsger', 'Barbara', 'Niklaus'])[n % 5 + 1] || ' ' || n,
       (ARRAY['DE', 'FR', 'NL', 'PL'])[n % 4 + 1], now() - n * interval '3 minutes'
FROM generate_series(1, {customers}) AS n;
INSERT INTO products (sku, name, price)
SELECT format('SKU-%s', 1000 + n), format('Product %s', n), 5 + n % 90 + 0.99 FROM generate_series(1, 500) AS n;
INSERT INTO orders (customer_id, status, reference, coupon, total_net, placed_at)
SELECT n % {customers} + 1, (ARRAY['new', 'paid', 'shipped', 'shipped', 'shipped'])[n % 5 + 1], 'R-' || (700000 + n),
       CASE WHEN n % 20 = 0 THEN 'SPRING' END, 10 + n % 400, now() - n * interval '20 seconds'
FROM generate_series(1, {orders}) AS n;
INSERT INTO order_items (order_id, product_id, quantity, price)
SELECT n % {orders} + 1, n % 500 + 1, n % 3 + 1, 5 + n % 90 FROM generate_series(1, {items}) AS n;

ALTER TABLE orders ADD CONSTRAINT orders_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES customers (id);
ALTER TABLE orders ADD CONSTRAINT orders_status_check CHECK (status IN ('new', 'paid', 'shipped', 'returned'));
CREATE INDEX order_items_order_id_idx ON order_items (order_id);
CREATE INDEX orders_customer_id_idx ON orders (customer_id);
CREATE VIEW open_orders AS SELECT id, customer_id, status, placed_at FROM orders WHERE status IN ('new', 'paid');

GRANT SELECT, INSERT, UPDATE, DELETE ON customers, products, orders, order_items TO web;
GRANT SELECT ON customers, products, orders, order_items, open_orders TO web, reporting;
