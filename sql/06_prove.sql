-- The proof that nothing was lost, added or changed on the way: the rows of one side that the other has not, both ways.
-- EXCEPT compares all columns. Every number of rows is to be the same, every difference 0.

CREATE EXTERNAL TABLE clicks
STORED AS CSV
LOCATION 'eshop.csv.gz'
OPTIONS ('format.has_header' 'true', 'format.compression' 'gzip');

-- The file in the form of the table.
CREATE VIEW file AS
SELECT so_key, category, color, country, day, to_timestamp_millis(event_time) AS event_time, location, model, month,
       order_seq, page, photography, price, price_ind, session, year
FROM clicks;

-- The table in the form of the output.
CREATE VIEW kept AS
SELECT so_key, category, day, event_time, model, month, order_seq, price, price_ind, session, year
FROM cassandra.eshop.input;

SELECT 1 AS step, 'rows of the file' AS what, count(*) AS rows FROM file
UNION ALL
SELECT 2, 'rows of input', count(*) FROM cassandra.eshop.input
UNION ALL
SELECT 3, 'rows of iceberg', count(*) FROM iceberg.eshop.clicks
UNION ALL
SELECT 4, 'rows of restored', count(*) FROM cassandra.eshop.restored
UNION ALL
SELECT 5, 'rows of output', count(*) FROM cassandra.eshop.output
UNION ALL
SELECT 6, 'in the file, not in input', count(*)
FROM (SELECT * FROM file EXCEPT SELECT * FROM cassandra.eshop.input)
UNION ALL
SELECT 7, 'in input, not in the file', count(*)
FROM (SELECT * FROM cassandra.eshop.input EXCEPT SELECT * FROM file)
UNION ALL
SELECT 8, 'in input, not in restored', count(*)
FROM (SELECT * FROM cassandra.eshop.input EXCEPT SELECT * FROM cassandra.eshop.restored)
UNION ALL
SELECT 9, 'in restored, not in input', count(*)
FROM (SELECT * FROM cassandra.eshop.restored EXCEPT SELECT * FROM cassandra.eshop.input)
UNION ALL
SELECT 10, 'in input, not in output', count(*)
FROM (SELECT * FROM kept EXCEPT SELECT * FROM cassandra.eshop.output)
UNION ALL
SELECT 11, 'in output, not in input', count(*)
FROM (SELECT * FROM cassandra.eshop.output EXCEPT SELECT * FROM kept)
ORDER BY step;
