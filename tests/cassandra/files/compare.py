"""compare.py HOST KEYSPACE TABLE FILE: compares an exported file with the table, read by Cassandra's Python driver.

The file's format and compression are told by its name. Prints JSON: the number of rows on each side, and the rows that
only one side has. Nothing of cbulk takes part.
"""

import csv
import datetime
import decimal
import gzip
import io
import json
import re
import struct
import sys
import uuid

import fastavro
import pyarrow
import pyarrow.parquet
import zstandard
from cassandra.cluster import Cluster
from cassandra.query import dict_factory
from cassandra.util import Date, Duration, Time

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
csv.field_size_limit(1 << 30)


def normal(column, value):
    """One text for one value, whether it comes from the driver or from a file."""
    if value is None:
        return None
    kind = column.rstrip("_")
    if kind in ("float", "double"):
        return repr(float(value))
    if kind in ("uuid", "timeuuid"):
        return (value if isinstance(value, uuid.UUID) else uuid.UUID(value if isinstance(value, str) else value.hex())).hex
    if kind == "blob":
        return value if isinstance(value, str) else value.hex()
    if kind == "timestamp":
        if isinstance(value, str):
            value = datetime.datetime.fromisoformat(value)
        value = value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)
        return str((value - EPOCH) // datetime.timedelta(milliseconds=1))
    if kind == "time":
        if isinstance(value, str):
            value = Time(value)
        return str(value.nanosecond_time if isinstance(value, Time) else value)
    if kind == "duration":
        if isinstance(value, Duration):
            return str((value.months, value.days, value.nanoseconds))
        if isinstance(value, bytes):  # of Avro, as Arrow has it in memory
            return str(struct.unpack("<iiq", value))
        parts = {unit: decimal.Decimal(n) for n, unit in re.findall(r"(-?[\d.]+) (mons|days|hours|mins|secs)", value)}
        seconds = sum(parts.get(unit, 0) * n for unit, n in [("hours", 3600), ("mins", 60), ("secs", 1)])
        return str((int(parts.get("mons", 0)), int(parts.get("days", 0)), int(seconds * 10**9)))
    if kind == "boolean":
        return str(value).lower()
    return str(value.date() if isinstance(value, Date) else value)


def opened(path):
    if path.endswith(".gz"):
        return gzip.open(path)
    if path.endswith(".zst"):
        return zstandard.open(path, "rb")
    return open(path, "rb")


def rows_of_file(path):
    if ".parquet" in path:
        table = pyarrow.parquet.read_table(path)
        for i, field in enumerate(table.schema):
            if pyarrow.types.is_time(field.type):  # Python's own time has no nanoseconds
                table = table.set_column(i, field.name, table.column(i).cast(pyarrow.int64()))
        return table.to_pylist()
    with opened(path) as file:
        if ".avro" in path:
            return list(fastavro.reader(file))
        text = io.TextIOWrapper(file, "utf-8", newline="")
        if ".csv" in path:
            # An absent value and an empty text are the same in CSV.
            return [{k: v if v != "" else None for k, v in row.items()} for row in csv.DictReader(text)]
        return [json.loads(line) for line in text]


def main(host, keyspace, table, path):
    with Cluster([host]) as cluster:
        session = cluster.connect()
        session.row_factory = dict_factory
        there = list(session.execute(f'SELECT * FROM "{keyspace}"."{table}"'))
    exported = rows_of_file(path)
    columns = sorted(there[0])
    # JSON leaves out what is null, but no file may have a column that the table has not.
    strange = sorted({name for row in exported for name in row} - set(columns))

    def texts(rows):
        return [json.dumps([normal(name, row.get(name)) for name in columns]) for row in rows]

    left, right = texts(there), texts(exported)
    report = {
        "rows": [len(left), len(right)],
        "strange_columns": strange,
        "only_in_cassandra": sorted(set(left) - set(right))[:3],
        "only_in_file": sorted(set(right) - set(left))[:3],
    }
    print(json.dumps(report))


main(*sys.argv[1:])
