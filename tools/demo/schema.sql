-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
-- The data of the demo: 200 customers with 50 orders each, and reviews whose table lacks the index that its readers need.
CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL, placed date NOT NULL);
INSERT INTO orders SELECT id, 1 + id % 200, date '2024-01-01' + id % 365 FROM generate_series(1, 10000) AS id;
CREATE INDEX ON orders (customer);

CREATE TABLE items (order_id int NOT NULL, product int NOT NULL, quantity int NOT NULL, cents int NOT NULL);
INSERT INTO items SELECT 1 + id % 10000, 1 + id % 500, 1 + id % 3, 100 + id % 9000 FROM generate_series(1, 30000) AS id;
CREATE INDEX ON items (order_id);

CREATE TABLE reviews (id int PRIMARY KEY, product int NOT NULL, stars int NOT NULL, body text NOT NULL);
INSERT INTO reviews SELECT id, 1 + id % 500, 1 + id % 5, md5(id::text) FROM generate_series(1, 300000) AS id;

VACUUM ANALYZE;
