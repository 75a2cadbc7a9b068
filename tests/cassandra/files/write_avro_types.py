"""write_avro_types.py FILE: an Avro file of many types, one of them named twice, written by fastavro."""

import datetime
import decimal
import sys
import uuid

import fastavro

schema = {
    "type": "record",
    "name": "row",
    "namespace": "a.b",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "m", "type": {"type": "map", "values": ["null", "int"]}},
        {"name": "e", "type": {"type": "enum", "name": "colour", "symbols": ["RED", "GREEN"]}},
        {"name": "f", "type": {"type": "fixed", "name": "four", "size": 4}},
        {"name": "d", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "p", "type": {"type": "record", "name": "point", "fields": [{"name": "x", "type": "double"}]}},
        {"name": "q", "type": ["null", "point"]},
        {"name": "l", "type": {"type": "long", "logicalType": "local-timestamp-millis"}},
        {"name": "u", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "t", "type": {"type": "long", "logicalType": "time-micros"}},
        {"name": "a", "type": {"type": "array", "items": ["null", "string"]}},
        {"name": "s", "type": ["string", "null"]},
    ],
}
row = {
    "id": 1,
    "m": {"a": 1, "b": None},
    "e": "GREEN",
    "f": b"\x00\xff\x01\x02",
    "d": decimal.Decimal("-1.50"),
    "p": {"x": 1.5},
    "q": {"x": 2.5},
    "l": datetime.datetime(2024, 2, 29, 12, 34, 56, 789000),
    "u": uuid.UUID("123e4567-e89b-12d3-a456-426614174000"),
    "t": datetime.time(12, 34, 56, 1),
    "a": ["x", None],
    "s": "text",
}
with open(sys.argv[1], "wb") as file:
    fastavro.writer(file, schema, [row, {**row, "id": 2, "q": None, "s": None, "m": {}, "a": []}])
