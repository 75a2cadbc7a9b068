"""Reads Iceberg tables with pyiceberg and prints, as a JSON list, what the tests compare.

Cells are text, so that nothing is lost on the way: integers in decimal, floats as the hex of their bits, bytes in hex,
dates in days, times and timestamps in microseconds, null as null.

usage: inspect_table.py FOLDER NAMESPACE.TABLE...
"""

import json
import os
import struct
import sys
import uuid

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.conversions import from_bytes
from pyiceberg.types import UUIDType


def microseconds(column, unit_type):
    return column.cast(unit_type).cast(pa.int64())


def canonical(column, iceberg_type):
    """The cells of a pyarrow column as text."""
    name = str(iceberg_type)
    if name in ("int", "long"):
        return [None if v is None else str(v) for v in column.to_pylist()]
    if name == "float":
        return [None if v is None else struct.pack(">f", v).hex() for v in column.to_pylist()]
    if name == "double":
        return [None if v is None else struct.pack(">d", v).hex() for v in column.to_pylist()]
    if name == "boolean":
        return [None if v is None else str(v).lower() for v in column.to_pylist()]
    if name == "string":
        return column.to_pylist()
    if name == "binary" or name.startswith("fixed"):
        return [None if v is None else bytes(v).hex() for v in column.to_pylist()]
    if name == "uuid":
        values = column.to_pylist()
        return [None if v is None else str(v if isinstance(v, uuid.UUID) else uuid.UUID(bytes=v)) for v in values]
    if name == "date":
        return [None if v is None else str(v) for v in column.cast(pa.int32()).to_pylist()]
    if name == "time":
        return [None if v is None else str(v) for v in microseconds(column, pa.time64("us")).to_pylist()]
    if name == "timestamp":
        return [None if v is None else str(v) for v in microseconds(column, pa.timestamp("us")).to_pylist()]
    if name == "timestamptz":
        return [None if v is None else str(v) for v in microseconds(column, pa.timestamp("us", "UTC")).to_pylist()]
    if name.startswith("decimal"):
        return [None if v is None else str(v) for v in column.to_pylist()]
    raise SystemExit(f"no canonical form for {name}")


def native(column, iceberg_type):
    """The cells as pyiceberg's transforms and bounds take them."""
    name = str(iceberg_type)
    if name == "date":
        return column.cast(pa.int32()).to_pylist()
    if name == "time":
        return microseconds(column, pa.time64("us")).to_pylist()
    if name == "timestamp":
        return microseconds(column, pa.timestamp("us")).to_pylist()
    if name == "timestamptz":
        return microseconds(column, pa.timestamp("us", "UTC")).to_pylist()
    if name == "uuid":
        values = column.to_pylist()
        return [None if v is None else (v if isinstance(v, uuid.UUID) else uuid.UUID(bytes=v)) for v in values]
    return column.to_pylist()


def check_file(table, data_file):
    """What the manifest says about a file against what is in it."""
    path = data_file.file_path.removeprefix("file://")
    # Without dictionaries or extension types of the writer's Arrow schema in the way.
    content = pq.read_table(path, partitioning=None)
    metadata = pq.ParquetFile(path).metadata
    problems = []
    if content.num_rows != data_file.record_count:
        problems.append(f"{content.num_rows} rows, the manifest says {data_file.record_count}")
    if os.path.getsize(path) != data_file.file_size_in_bytes:
        problems.append("size differs")
    spec = table.specs()[data_file.spec_id]
    for position, field in enumerate(spec.fields):
        source = table.schema().find_field(field.source_id)
        transform = field.transform.transform(source.field_type)
        values = {transform(v) for v in native(content[source.name], source.field_type)}
        stated = data_file.partition[position]
        if values != {stated}:
            problems.append(f"partition {field.name} is {stated!r}, the rows give {values!r}")
    for field in table.schema().fields:
        column = content[field.name]
        if data_file.null_value_counts.get(field.field_id) != column.null_count:
            problems.append(f"nulls of {field.name}")
        if data_file.value_counts.get(field.field_id) != content.num_rows:
            problems.append(f"values of {field.name}")
        values = [v for v in native(column, field.field_type) if v is not None and v == v]
        if isinstance(field.field_type, UUIDType):
            values = [v.bytes for v in values]
        for bounds, best, wrong in (
            (data_file.lower_bounds, min, lambda bound, v: bound > v),
            (data_file.upper_bounds, max, lambda bound, v: bound < v),
        ):
            if field.field_id in bounds and values:
                raw = bounds[field.field_id]
                bound = raw if isinstance(field.field_type, UUIDType) else from_bytes(field.field_type, raw)
                if wrong(bound, best(values)):
                    problems.append(f"bound {bound!r} of {field.name} does not hold for {best(values)!r}")
    codecs = {
        metadata.row_group(g).column(c).compression
        for g in range(metadata.num_row_groups)
        for c in range(metadata.num_columns)
    }
    return {"path": path, "rows": content.num_rows, "codecs": sorted(codecs), "problems": problems}


def inspect(catalog, name):
    table = catalog.load_table(name)
    content = table.scan().to_arrow()
    columns = [canonical(content[f.name], f.field_type) for f in table.schema().fields]
    return {
        "columns": [[f.name, str(f.field_type), f.required] for f in table.schema().fields],
        "rows": [list(row) for row in zip(*columns)],
        "snapshots": len(table.snapshots()),
        "files": [check_file(table, task.file) for task in table.scan().plan_files()],
        "properties": dict(table.properties),
    }


def main():
    folder = sys.argv[1]
    catalog = SqlCatalog("iceberg", uri=f"sqlite:///{folder}/catalog.db", warehouse=f"file://{folder}/warehouse")
    print(json.dumps([inspect(catalog, name) for name in sys.argv[2:]]))


main()
