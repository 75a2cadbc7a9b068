-- The proof that nothing was lost, added or changed on the way: rows of one table that the other has not, both ways.
-- EXCEPT compares all columns. Every number of rows is to be the same, every difference 0.

SELECT 'rows of input' AS what, count(*) AS rows FROM cassandra.eshop.input
UNION ALL
SELECT 'rows of iceberg', count(*) FROM iceberg.eshop.clicks
UNION ALL
SELECT 'rows of restored', count(*) FROM cassandra.eshop.restored
UNION ALL
SELECT 'rows of output', count(*) FROM cassandra.eshop.output
UNION ALL
SELECT 'in input, not in restored', count(*)
FROM (SELECT * FROM cassandra.eshop.input EXCEPT SELECT * FROM cassandra.eshop.restored)
UNION ALL
SELECT 'in restored, not in input', count(*)
FROM (SELECT * FROM cassandra.eshop.restored EXCEPT SELECT * FROM cassandra.eshop.input)
UNION ALL
SELECT 'in input, not in output', count(*)
FROM (
    SELECT so_key, year, month, day, order_seq, session, category, model, price, price_ind, event_time
    FROM cassandra.eshop.input
    EXCEPT
    SELECT so_key, year, month, day, order_seq, session, category, model, price, price_ind, event_time
    FROM cassandra.eshop.output
)
UNION ALL
SELECT 'in output, not in input', count(*)
FROM (
    SELECT so_key, year, month, day, order_seq, session, category, model, price, price_ind, event_time
    FROM cassandra.eshop.output
    EXCEPT
    SELECT so_key, year, month, day, order_seq, session, category, model, price, price_ind, event_time
    FROM cassandra.eshop.input
);
