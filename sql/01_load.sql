-- CSV into Cassandra. The file is eshop.csv.gz in the working directory; scripts/eshop.py makes one.

CREATE EXTERNAL TABLE clicks (
    year INT, month INT, day INT, order_seq INT, country INT, session INT, category INT, model VARCHAR, color INT,
    location INT, photography INT, price INT, price_ind INT, page INT,
    event_time BIGINT,  -- milliseconds since 1970
    so_key INT
)
STORED AS CSV
LOCATION 'eshop.csv.gz'
OPTIONS ('format.has_header' 'true', 'format.compression' 'gzip');

-- Columns are matched by the list, types are cast. The answer is the number of rows that the cluster acknowledged.
INSERT INTO cassandra.eshop.input (
    year, month, day, order_seq, country, session, category, model, color, location, photography, price, price_ind, page,
    event_time, so_key
)
SELECT
    year, month, day, order_seq, country, session, category, model, color, location, photography, price, price_ind, page,
    to_timestamp_millis(event_time), so_key
FROM clicks;
