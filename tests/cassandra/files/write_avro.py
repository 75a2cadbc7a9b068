"""write_avro.py FILE CODEC: an Avro file of 100 countries' worth of prices, written by fastavro."""

import sys

import fastavro

path, codec = sys.argv[1:]
schema = {
    "type": "record",
    "name": "price",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "country", "type": ["null", "string"]},
        {"name": "price", "type": "double"},
        {"name": "raw", "type": "bytes"},
    ],
}
rows = [
    {"id": i, "country": None if i % 10 == 0 else f"c{i}", "price": i / 4, "raw": bytes([i, 255 - i])} for i in range(100)
]
with open(path, "wb") as file:
    fastavro.writer(file, schema, rows, codec=codec)
