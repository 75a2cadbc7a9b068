-- Counting. The first is done by the nodes, each counting its own splits; no row is sent.

SELECT count(*) AS rows FROM cassandra.eshop.input;

-- The plan says so: the statement, the splits, the replicas.
EXPLAIN SELECT count(*) FROM cassandra.eshop.input;

-- With groups the rows are read, but only the columns that are named.
SELECT category, count(*) AS clicks, count(DISTINCT model) AS models, round(avg(price), 2) AS mean_price
FROM cassandra.eshop.input
GROUP BY category
ORDER BY category;

SELECT country, count(*) AS clicks, count(DISTINCT session) AS sessions
FROM cassandra.eshop.input
GROUP BY country
ORDER BY clicks DESC, country
LIMIT 5;
