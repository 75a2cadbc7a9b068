-- What the Iceberg table holds.

SELECT count(*) AS rows, sum(price) AS sum_of_prices, min(event_time) AS first_click, max(event_time) AS last_click
FROM iceberg.eshop.clicks;

SELECT country, count(*) AS clicks
FROM iceberg.eshop.clicks
GROUP BY country
ORDER BY clicks DESC, country
LIMIT 5;

-- Each statement that wrote to the table is a snapshot.
SELECT snapshot_id, committed_at, operation FROM iceberg.eshop."clicks$snapshots" ORDER BY committed_at;
