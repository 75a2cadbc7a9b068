-- Iceberg back into Cassandra: all columns into one table, those that processing keeps into another.

INSERT INTO cassandra.eshop.restored SELECT * FROM iceberg.eshop.clicks;

INSERT INTO cassandra.eshop.output (
    year, month, day, order_seq, session, category, model, price, price_ind, event_time, so_key
)
SELECT year, month, day, order_seq, session, category, model, price, price_ind, event_time, so_key
FROM iceberg.eshop.clicks;
