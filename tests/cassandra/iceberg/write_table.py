"""Writes Iceberg tables with pyiceberg, for the tests to read.

usage: write_table.py FOLDER NAMESPACE.TABLE PARTITIONING WITHOUT_TYPE_COLUMN
PARTITIONING is none or country; WITHOUT_TYPE_COLUMN is yes for a catalog file as older versions of pyiceberg make it.
"""

import datetime
import sqlite3
import sys
import uuid

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import (
    BinaryType, BooleanType, DateType, DoubleType, FloatType, IntegerType, LongType, NestedField, StringType, TimestamptzType,
    TimeType, UUIDType,
)

folder, name, partitioning, without_type_column = sys.argv[1:5]
catalog = SqlCatalog("iceberg", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/warehouse")
catalog.create_namespace_if_not_exists(name.split(".")[0])
schema = Schema(
    NestedField(1, "id", LongType(), required=False),
    NestedField(2, "country", StringType(), required=False),
    NestedField(3, "i", IntegerType(), required=False),
    NestedField(4, "f", FloatType(), required=False),
    NestedField(5, "g", DoubleType(), required=False),
    NestedField(6, "b", BooleanType(), required=False),
    NestedField(7, "bin", BinaryType(), required=False),
    NestedField(8, "u", UUIDType(), required=False),
    NestedField(9, "d", DateType(), required=False),
    NestedField(10, "t", TimeType(), required=False),
    NestedField(11, "ts", TimestamptzType(), required=False),
)
spec = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "country")) if partitioning == "country" else PartitionSpec()
table = catalog.create_table(name, schema, partition_spec=spec)
rows = 5
utc = datetime.timezone.utc
content = pa.table(
    {
        "id": pa.array(range(rows), pa.int64()),
        "country": pa.array(["Chile", None, "Peru", "Chile", "Peru"], pa.string()),
        "i": pa.array([1, -2, None, 4, 5], pa.int32()),
        "f": pa.array([1.5, None, -0.25, 3.0, 4.0], pa.float32()),
        "g": pa.array([1.5, None, -0.25, 3.0, 4.0], pa.float64()),
        "b": pa.array([True, False, None, True, False]),
        "bin": pa.array([b"", b"\x00\xff", None, b"abc", b"d"], pa.binary()),
        "u": pa.array([uuid.UUID(int=n).bytes if n else None for n in range(rows)], pa.binary(16)),
        "d": pa.array([datetime.date(1969, 12, 31), None, datetime.date(2024, 2, 29), datetime.date(1, 1, 1), datetime.date(9999, 12, 31)]),
        "t": pa.array([datetime.time(0, 0), None, datetime.time(23, 59, 59, 999999), datetime.time(1), datetime.time(2)], pa.time64("us")),
        "ts": pa.array(
            [datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, utc), None]
            + [datetime.datetime(2024, 2, 29, n, tzinfo=utc) for n in range(3)],
            pa.timestamp("us", "UTC"),
        ),
    },
)
table.append(content.cast(table.schema().as_arrow()))
if without_type_column == "yes":
    with sqlite3.connect(f"{folder}/catalog.db") as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(iceberg_tables)")]
        if "iceberg_type" in columns:
            connection.execute("ALTER TABLE iceberg_tables DROP COLUMN iceberg_type")
