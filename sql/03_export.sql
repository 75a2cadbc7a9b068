-- Cassandra into Iceberg and into files. One statement is one snapshot, so a failed export leaves nothing behind.

CREATE TABLE iceberg.eshop.clicks
WITH (partitioning = 'country')
AS SELECT * FROM cassandra.eshop.input;

-- Any query can be exported to a file; the name's ending chooses the format.
COPY (SELECT * FROM cassandra.eshop.input) TO 'clicks.parquet';

COPY (
    SELECT session, count(*) AS clicks, sum(price) AS value, min(event_time) AS first_click
    FROM cassandra.eshop.input
    GROUP BY session
) TO 'sessions.csv' OPTIONS ('format.has_header' 'true');
