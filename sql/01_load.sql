-- CSV into Cassandra. The file is eshop.csv.gz in the working directory; scripts/eshop.py makes one.

-- Names come from the header line, types from the first rows; they can be given too: clicks (year INT, month INT, …).
CREATE EXTERNAL TABLE clicks
STORED AS CSV
LOCATION 'eshop.csv.gz'
OPTIONS ('format.has_header' 'true', 'format.compression' 'gzip');

-- Columns are matched by the list, types are cast; event_time is in milliseconds since 1970. The answer is the number of
-- rows that the cluster acknowledged.
INSERT INTO cassandra.eshop.input (
    year, month, day, order_seq, country, session, category, model, color, location, photography, price, price_ind, page,
    event_time, so_key
)
SELECT
    year, month, day, order_seq, country, session, category, model, color, location, photography, price, price_ind, page,
    to_timestamp_millis(event_time), so_key
FROM clicks;
