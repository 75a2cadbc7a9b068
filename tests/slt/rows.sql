-- Rows of the tables, for the same queries on a real cluster.
INSERT INTO shop.customers (id, city, country, credit, email, name, points, rating, since, tags)
SELECT value, concat('city', value % 5),
       CASE value % 4 WHEN 0 THEN 'de' WHEN 1 THEN 'fr' WHEN 2 THEN 'it' END,
       concat(value, '.50'), concat('c', value, '@example.com'), concat('name', value),
       CASE WHEN value % 10 = 9 THEN NULL ELSE value * 5 END, value / 2.0, CAST(CAST(18262 + value AS INT) AS DATE),
       make_array(concat('t', value % 5), concat('u', value % 3))
FROM generate_series(0, 199);

INSERT INTO shop.orders (customer, year, placed, line, price, quantity, sku)
SELECT c.value, y.value,
       CAST(concat(y.value, '-', lpad(CAST(m.value AS VARCHAR), 2, '0'), '-01T00:00:00Z') AS TIMESTAMP), l.value,
       CASE WHEN m.value = 5 THEN NULL ELSE c.value + m.value / 2.0 END, (c.value + m.value + l.value) % 9,
       concat('sku', (c.value + m.value) % 50)
FROM generate_series(0, 39) c, generate_series(2022, 2024) y, generate_series(1, 12) m, generate_series(1, 2) l;

INSERT INTO shop.products (sku, price, stock, title)
SELECT concat('sku', value), value * 1.5, value * 100, concat('Product ', value) FROM generate_series(0, 49);

INSERT INTO shop.carts (id, item, owner, quantity, sku)
SELECT decode(concat('000000000000000000000000000000', lpad(CAST(c.value AS VARCHAR), 2, '0')), 'hex'), i.value,
       concat('owner', c.value), i.value * 2, concat('sku', c.value + i.value)
FROM generate_series(0, 19) c, generate_series(1, 5) i;

INSERT INTO shop.events (day, at, id, bytes, kind)
SELECT CAST(CAST(19783 + d.value AS INT) AS DATE),
       CAST(concat('2024-03-', lpad(CAST(d.value + 1 AS VARCHAR), 2, '0'), 'T', lpad(CAST(h.value AS VARCHAR), 2, '0'),
                   ':00:00Z') AS TIMESTAMP),
       decode(concat('0000000', i.value, '000010008000000000000000'), 'hex'), h.value * 100 + i.value,
       CASE i.value % 2 WHEN 0 THEN 'view' ELSE 'sale' END
FROM generate_series(0, 9) d, generate_series(0, 23) h, generate_series(1, 3) i;
