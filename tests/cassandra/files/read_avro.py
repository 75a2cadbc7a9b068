"""read_avro.py FILE: what fastavro reads of an Avro file, as JSON: its schema, its compression and its rows.

What JSON has not becomes text: bytes their hexadecimal digits, all else what Python prints.
"""

import json
import sys

import fastavro


def shown(value):
    return value.hex() if isinstance(value, bytes) else str(value)


with open(sys.argv[1], "rb") as file:
    reader = fastavro.reader(file)
    rows = list(reader)
print(json.dumps({"schema": reader.writer_schema, "codec": reader.codec, "rows": rows}, default=shown))
