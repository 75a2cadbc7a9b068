"""Random tables: `make` creates and fills them, `compare` reads two of each and compares cell by cell, as bytes.

    tables.py make HOST KEYSPACE SEED TABLES ROWS VERSION     prints a list of {table, columns, iceberg_columns}
    tables.py compare HOST KEYSPACE TABLE=COPY:COLUMN,… …     prints a list of differences

The Python driver writes the values; cells are compared before it decodes them, so that nothing is lost in between. For
each table there are four empty ones of the same columns, its name with `_copy`, `_file`, `_avro` and `_iceberg` behind it.

Edge values, by name: the least and greatest integers of all widths, varints of 800 bits, decimals of scale 2147483647 and
-2147483647, -0.0, infinities, NaN with a payload, the smallest and largest floats, empty text and blobs, text with NUL,
newlines and the word null, dates -5877641-06-23 and 5881580-07-11, the last nanosecond of a day, timestamps beyond the range
of microseconds, durations whose parts are 0 or the limit, lists, sets and maps of 1,000 elements, null fields.
"""

import decimal
import json
import random
import struct
import sys
import uuid

from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import RoundRobinPolicy
from cassandra.protocol import ProtocolHandler, ResultMessage, read_int
from cassandra.query import tuple_factory
from cassandra.util import Date, Duration, Time

MAX_DEPTH = 3
NO_KEYS = {"duration"}
# A type, and the kind of its values if there are several. Iceberg keeps microseconds.
NOT_IN_ICEBERG = ["time of nanoseconds", "timestamp far away"]
NAMES = [*NOT_IN_ICEBERG, "ascii", "text", "tinyint", "smallint", "int", "bigint", "varint", "decimal", "float", "double", "boolean", "blob",
         "uuid", "timeuuid", "inet", "date", "time", "timestamp", "duration"]
TEXTS = ["", " ", "null", "NULL", "\\N", "a,b\"c'd\n\r\t", "\x00", "Grüße, 日本 🙂", "x" * 3000]


class Pairs:
    """A map whose keys need not be hashable."""

    def __init__(self, pairs):
        self.pairs = pairs

    def items(self):
        return self.pairs

    def __len__(self):
        return len(self.pairs)


class Scalar:
    def __init__(self, kind):
        self.kind, self.name = kind, kind.split()[0]
        self.inner = self.name

    def has(self, kinds):
        return self.kind in kinds

    def value(self, rnd):
        return getattr(self, "_" + self.kind.replace(" ", "_"))(rnd)

    def _ascii(self, rnd):
        return rnd.choice(["", "a", "\x00", "null", "~" * 50, "line\nline"])

    def _text(self, rnd):
        return rnd.choice(TEXTS)

    def _integer(self, rnd, bits):
        low, high = -(1 << bits - 1), (1 << bits - 1) - 1
        return rnd.choice([low, high, 0, -1, 1, rnd.randint(low, high)])

    def _tinyint(self, rnd):
        return self._integer(rnd, 8)

    def _smallint(self, rnd):
        return self._integer(rnd, 16)

    def _int(self, rnd):
        return self._integer(rnd, 32)

    def _bigint(self, rnd):
        return self._integer(rnd, 64)

    def _varint(self, rnd):
        return rnd.choice([0, -1, 127, 128, -128, -129, 255, 256, self._integer(rnd, 64), self._integer(rnd, 800)])

    def _decimal(self, rnd):
        scale = rnd.choice([0, 1, 2, -1, 38, 2147483647, -2147483647, rnd.randint(-400, 400)])
        unscaled = self._varint(rnd)
        return decimal.Decimal((int(unscaled < 0), tuple(map(int, str(abs(unscaled)))), -scale))

    def _float(self, rnd):
        edges = [0.0, -0.0, 1.5, float("inf"), float("-inf"), float("nan"), 1.401298464324817e-45, 3.4028234663852886e38]
        return rnd.choice([*edges, struct.unpack(">f", rnd.randbytes(4))[0]])

    def _double(self, rnd):
        edges = [0.0, -0.0, 0.1, float("inf"), float("nan"), 5e-324, 1.7976931348623157e308]
        return rnd.choice([*edges, *struct.unpack(">d", rnd.randbytes(8)), *struct.unpack(">d", b"\x7f\xf8\0\0\0\0\0\x2a")])

    def _boolean(self, rnd):
        return rnd.random() < 0.5

    def _blob(self, rnd):
        return rnd.choice([b"", b"\x00", rnd.randbytes(rnd.randint(1, 300))])

    def _uuid(self, rnd):
        return uuid.UUID(bytes=rnd.randbytes(16))

    def _timeuuid(self, rnd):
        return uuid.UUID(bytes=rnd.randbytes(16), version=1)

    def _inet(self, rnd):
        return rnd.choice(["0.0.0.0", "255.255.255.255", "192.0.2.7", "::", "2001:db8::1", "::ffff:192.0.2.7", "fe80::1:2"])

    def _date(self, rnd):
        return Date(rnd.choice([-(1 << 31), (1 << 31) - 1, 0, -1, rnd.randint(-800_000, 800_000)]))

    def _time(self, rnd):
        return Time(1_000 * rnd.choice([0, 86_399_999_999, rnd.randrange(86_400_000_000)]))

    def _time_of_nanoseconds(self, rnd):
        return Time(rnd.choice([0, 86_399_999_999_999, rnd.randrange(86_400_000_000_000)]))

    def _timestamp_far_away(self, rnd):
        return rnd.choice([-(1 << 63), (1 << 63) - 1, 1 << 54])

    def _timestamp(self, rnd):
        # In the driver's own form, beyond what its datetime can be.
        return rnd.choice([0, -1, (1 << 53), -(1 << 53), 1_700_000_000_123, rnd.randint(-(1 << 52), 1 << 52)])

    def _duration(self, rnd):
        sign = rnd.choice([1, -1])
        limits = [(1 << 31) - 1, (1 << 31) - 1, (1 << 63) - 1]
        parts = [sign * rnd.choice([0, 1, limit, rnd.randint(0, limit)]) for limit in limits]
        return Duration(*parts)


class Nested:
    """A type made of others. `inner` is how it is written inside another type."""

    def __init__(self, name, children, make):
        self.name, self.children, self.make = name, children, make
        self.inner = name if name.startswith(("vector", "tuple")) else f"frozen<{name}>"

    def has(self, kinds):
        return any(child.has(kinds) for child in self.children)

    def value(self, rnd):
        return self.make(rnd)


def unique(values):
    return list({repr(value): value for value in values}.values())


class Types:
    def __init__(self, rnd, session, version):
        self.rnd, self.session, self.version, self.made = rnd, session, version, 0

    def scalar(self, key=False):
        return Scalar(self.rnd.choice([name for name in NAMES if not (key and name in NO_KEYS)]))

    def any(self, depth, key=False):
        rnd = self.rnd
        kinds = ["scalar"] if depth == 0 else ["scalar", "list", "set", "map", "tuple", "udt", "vector"]
        kind = rnd.choice(kinds)
        if kind == "vector" and not self.version.startswith("4"):
            child, size = self.any(depth - 1, key), rnd.randint(1, 4)
            return Nested(f"vector<{child.inner}, {size}>", [child], lambda r: [child.value(r) for _ in range(size)])
        if kind in ("list", "set"):
            child = self.any(depth - 1, key or kind == "set")
            sizes = [0, 1, 2, 5, 1000 if isinstance(child, Scalar) else 40]
            many = lambda r: [child.value(r) for _ in range(r.choice(sizes))]
            return Nested(f"{kind}<{child.inner}>", [child], many if kind == "list" else lambda r: unique(many(r)))
        if kind == "map":
            keys, values = self.any(depth - 1, True), self.any(depth - 1, key)
            are_small = isinstance(keys, Scalar) and isinstance(values, Scalar)
            sizes = [0, 1, 1, 6, 6, 1000 if are_small else 20]
            make = lambda r: Pairs([(k, values.value(r)) for k in unique(keys.value(r) for _ in range(r.choice(sizes)))])
            return Nested(f"map<{keys.inner}, {values.inner}>", [keys, values], make)
        if kind in ("tuple", "udt"):
            children = [self.any(depth - 1, key) for _ in range(rnd.randint(1, 4))]
            make = lambda r: tuple(None if r.random() < 0.2 else child.value(r) for child in children)
            if kind == "tuple":
                return Nested(f"tuple<{', '.join(child.inner for child in children)}>", children, make)
            self.made += 1
            # Not all hexadecimal digits of its name may be decimal: the driver takes it for a number then.
            name = f"udt_{self.made}" if self.made % 3 else f'"Zoo {self.made}"'
            fields = [f"f{i}" if i % 3 else f'"F {i}"' for i in range(len(children))]
            columns = ", ".join(f"{field} {child.inner}" for field, child in zip(fields, children))
            self.session.execute(f"CREATE TYPE {name} ({columns})")
            return Nested(name, children, make)
        return self.scalar(key)


def connect(host, keyspace, raw=False):
    host, _, port = host.partition(":")
    profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), row_factory=tuple_factory, request_timeout=120)
    cluster = Cluster([host], port=int(port or 9042), execution_profiles={EXEC_PROFILE_DEFAULT: profile})
    session = cluster.connect(keyspace)
    if raw:
        session.client_protocol_handler = RawHandler
    return session


def make(host, keyspace, seed, tables, rows, version):
    session, rnd = connect(host, keyspace), random.Random(int(seed))
    types, result = Types(rnd, session, version), []
    for number in range(int(tables)):
        columns = [(f"c{i}", types.any(rnd.randint(0, MAX_DEPTH))) for i in range(rnd.randint(2, 6))]
        clustering, second = types.scalar(key=True), types.scalar(key=True)
        # Some tables have a partition key of two columns, and a static column, which is never null.
        static, more = types.scalar(), rnd.random() < 0.5
        text = "".join(f", {name} {of.inner if rnd.random() < 0.5 else of.name}" for name, of in columns)
        order = rnd.choice(["ASC", "DESC"])
        for name in (f"t{number}", f"t{number}_copy", f"t{number}_file", f"t{number}_avro", f"t{number}_iceberg"):
            key, extra = ("(k, k2)", f", k2 {second.name}, s {static.name} STATIC") if more else ("k", "")
            session.execute(f"CREATE TABLE {name} (k int, c {clustering.name}{extra}{text}, PRIMARY KEY ({key}, c)) "
                            f"WITH CLUSTERING ORDER BY (c {order})")
        names = ["k", "c", *(["k2", "s"] if more else []), *(n for n, _ in columns)]
        insert = session.prepare(f"INSERT INTO t{number} ({', '.join(names)}) VALUES (?{', ?' * (len(names) - 1)})")
        values = [[k, clustering.value(rnd), *([second.value(rnd), static.value(rnd)] if more else []),
                   *(None if rnd.random() < 0.1 else of.value(rnd) for _, of in columns)]
                  for k in range(int(rows))]
        # One by one: with more, the driver refuses to send while its socket is full, which large maps bring about.
        for row in values:
            try:
                session.execute(insert, row)
            except Exception as error:
                raise SystemExit(f"t{number} {text}: {error}") from error
        key = [clustering, second] if more else [clustering]
        in_iceberg = [("s", static), *columns] if more else columns
        iceberg = [] if any(of.has(NOT_IN_ICEBERG) for of in key) else \
            [name for name, of in in_iceberg if not of.has(NOT_IN_ICEBERG)]
        key_names = ["k", "k2", "c"] if more else ["k", "c"]
        result.append({"table": f"t{number}", "columns": names,
                       "iceberg_columns": [*key_names, *iceberg] if iceberg else []})
    print(json.dumps(result))


class RawRows(ResultMessage):
    """Rows whose cells are bytes."""

    def recv_results_rows(self, f, protocol_version, user_type_map, result_metadata, column_encryption_policy):
        self.recv_results_metadata(f, user_type_map)
        columns = self.column_metadata or result_metadata
        self.column_names, self.column_types = [c[2] for c in columns], [c[3] for c in columns]
        self.parsed_rows = [tuple(self.recv_row(f, len(columns))) for _ in range(read_int(f))]


class RawHandler(ProtocolHandler):
    message_types_by_opcode = {**ProtocolHandler.message_types_by_opcode, ResultMessage.opcode: RawRows}


def compare(host, keyspace, *pairs):
    session, differences = connect(host, keyspace, raw=True), []
    for pair in pairs:
        tables, columns = pair.split(":")
        left, right = (sorted(session.execute(f"SELECT {columns} FROM {name}"), key=repr) for name in tables.split("="))
        if len(left) != len(right) or not left:
            differences.append(f"{tables}: {len(left)} and {len(right)} rows")
        for a, b in zip(left, right):
            for column, x, y in zip(columns.split(","), a, b):
                if x != y:
                    differences.append(f"{tables} {column}: {x!r:.300} became {y!r:.300}")
    print(json.dumps(differences[:10]))


{"make": make, "compare": compare}[sys.argv[1]](*sys.argv[2:])
