//! The page `docs/types.md`, made from what the code does.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, IntervalUnit, Schema, TimeUnit};

use super::encode::RowEncoder;
use super::tests::{SCALARS, column, parse, user_type};
use super::{arrow_type, column_type};
use crate::cluster::cql_type::CqlType;

/// Set to anything, the test writes the page instead of comparing it.
const REWRITE: &str = "CBULK_WRITE_DOCS";

const HEAD: &str = "\
# Types

What each CQL type is in Arrow, and which Arrow types can be written to it. Made by a test from the code: change the code,
not this page.

| CQL | read as | can be written from |
|---|---|---|
";

const TAIL: &str = "
A dictionary of any of these types can be written like its values, and a column of type Null writes nothing.

## Reading

- All types nest, and `frozen` makes no difference. Every column, field of a struct, key and value of a map has its CQL type
  in its metadata as `cassandra.type`; that is how a set can be told from a list. UUIDs carry Arrow's extension `arrow.uuid`
  there as well. Elements of lists, sets and vectors have no metadata, since DataFusion loses it: the list tells their type.
- A collection, vector, tuple or user-defined type that is null is null. Cassandra does not store empty collections that are
  not frozen: what was written as an empty list, set or map is null when it is read again.
- Fields that a value of a tuple or user-defined type has not, because they were added to the type later, are null.
- Cassandra lets most types have *empty* values: present, but without bytes. Arrow has none, so that reading one is an
  error. With `SET cassandra.empty_values = 'null'` they are read as null, and then cannot be told from null.
- `decimal` and `varint` have any number of digits, and each `decimal` its own scale, so they are read as text, which keeps
  all of it; cbulk compares and sorts such columns as numbers, and such fields, elements and values of others too
  (`u['price'] > 9.5`, `l[1] < 10`, `array_has(l, 9.5)`). `SET cassandra.decimal_as = 'decimal(38, 10)'` reads decimals as
  `Decimal128(38, 10)`, `SET cassandra.varint_as = 'decimal(38, 0)'` does so with varints, also within other types. A
  number that such a type does not hold exactly is an error, or by `SET cassandra.decimal_overflow` the nearest number
  that fits (`'clamp'`) or null (`'null'`).
- Dates and timestamps have Cassandra's whole range, years -5877641 to 5881580 and -292275055 to 292278994. The shell shows all
  of it; DataFusion's own casts to text and files of text end with the years that its calendar has, 262,000 before and after us.
- Intervals of months, days and nanoseconds can be neither in Parquet nor in Iceberg, only in Avro: `SET cassandra.duration_as =
  'text'` reads durations as CQL writes them, such as `1y2mo3d4h5m6s7ms8us9ns`, and such text can be written to a `duration`.
- These choices count when a table is looked up for a statement. Views keep those of the time they were made, and external
  tables take them from their `OPTIONS` as well.
- Values of Java classes (`'org.apache.cassandra.db.marshal.…'`) and of the type `empty` are read as their bytes; so are
  those within other types.
- A user-defined type that is altered between planning and running a statement makes that statement fail.

## Writing

- Every value is written exactly or refused with an error that names it, and its place within a nested value.
- Null is sent as *unset*: it leaves the column as it is. Null fields of tuples and user-defined types are written as null.
  Null elements, keys and values are refused, as Cassandra does.
- Structs are written to user-defined types by the names of the fields: an unknown name is refused, fields that are missing
  are null. To tuples they are written by position.
- Lists with as many elements as the vector has can be written to it.
- A list of structs with the fields `key` and `value` can be written to a map.
- A collection that is not frozen is replaced as a whole, as by `INSERT` in CQL.
- Text is written to a `blob` as CQL writes it, `0xcafe`, and other text is refused. `CAST(… AS BYTEA)` makes a blob of the
  text itself, `decode(…, 'hex')` and `decode(…, 'base64')` of what stands in it.
- Values of Java classes cannot be written: the driver does not know how to bind them.

## In new tables

`CREATE TABLE cassandra.ks.t … AS SELECT` ([`create.md`](create.md)) gives a column the CQL type that stands in its metadata as
`cassandra.type`, and so a column that comes from Cassandra, by way of a file or an Iceberg table too, the type it had there.
A counter becomes a `bigint`, a Java class a `blob`. If there is no such type, or if a cast has made something else of the
values, the column gets the type that loses none of them:

{new}
A struct has no such type: say which tuple or user-defined type it is. What a type cannot hold is an error of the row, as in every
INSERT: timestamps keep whole milliseconds, dates no time of day.

## In Avro files

What cbulk writes to an Avro file it reads back as it was: values, types, names of columns and `cassandra.type`. Each field of the
schema in the file has the property `cassandra.type` too, for other programs. These see

- `uuid` and `timeuuid` as Avro's `uuid`, but 16 bytes where they are elements of a list, set or vector; `date` and `timestamp` as
  Avro's, `time` as a long of nanoseconds;
- `decimal`, `varint` and `inet` as text, like everywhere, unless read as decimals;
- `duration` as 16 bytes, which are months (4), days (4) and nanoseconds (8), the lowest byte first; after `SET
  cassandra.duration_as = 'text'` as text;
- maps with keys of text as maps, all others as arrays of records with `key` and `value`, because Avro's keys are text;
- lists, sets and vectors as arrays, tuples and user-defined types as records;
- names with letters, digits and `_` only: other characters become `_`.

The compression is `deflate`, the only one that every implementation of Avro can read without more packages, or by `OPTIONS
(compression '…')` `zstandard`, which takes a fraction of the time, `uncompressed`, `snappy`, `bzip2` or `xz`. A column that has no
type (`SELECT NULL`), a union or a decimal of negative scale is refused.
";

/// Arrow types that are accepted or refused together, for short: the name of all, then each.
fn groups(target: &CqlType) -> Vec<(String, Vec<DataType>)> {
    use DataType as D;
    let units = [TimeUnit::Second, TimeUnit::Millisecond, TimeUnit::Microsecond, TimeUnit::Nanosecond];
    let mut groups = vec![
        ("every integer", vec![D::Int8, D::Int16, D::Int32, D::Int64, D::UInt8, D::UInt16, D::UInt32, D::UInt64]),
        ("Float16, Float32, Float64", vec![D::Float16, D::Float32, D::Float64]),
        ("every Decimal", vec![D::Decimal32(9, 2), D::Decimal64(18, 2), D::Decimal128(38, 2), D::Decimal256(76, 2)]),
        (
            "Decimal without fraction",
            vec![D::Decimal32(9, 0), D::Decimal64(18, 0), D::Decimal128(38, 0), D::Decimal256(76, 0)],
        ),
        ("Boolean", vec![D::Boolean]),
        ("Utf8, LargeUtf8, Utf8View", vec![D::Utf8, D::LargeUtf8, D::Utf8View]),
        ("Binary, LargeBinary, BinaryView", vec![D::Binary, D::LargeBinary, D::BinaryView]),
        ("FixedSizeBinary", vec![D::FixedSizeBinary(3), D::FixedSizeBinary(4), D::FixedSizeBinary(16)]),
        ("FixedSizeBinary(4)", vec![D::FixedSizeBinary(4)]),
        ("FixedSizeBinary(16)", vec![D::FixedSizeBinary(16)]),
        ("Date32", vec![D::Date32]),
        ("Date64", vec![D::Date64]),
        (
            "Time32, Time64",
            units.map(|unit| if unit <= TimeUnit::Millisecond { D::Time32(unit) } else { D::Time64(unit) }).to_vec(),
        ),
        (
            "Timestamp",
            units.iter().flat_map(|u| [D::Timestamp(*u, None), D::Timestamp(*u, Some("+02:00".into()))]).collect(),
        ),
        (
            "Interval",
            [IntervalUnit::YearMonth, IntervalUnit::DayTime, IntervalUnit::MonthDayNano].map(D::Interval).to_vec(),
        ),
        ("Duration", units.map(D::Duration).to_vec()),
    ];
    let same = arrow_type(target);
    match &same {
        D::List(field) | D::FixedSizeList(field, _) => {
            let length = if let D::FixedSizeList(_, length) = same { length } else { 3 };
            let lists = vec![
                D::List(Arc::clone(field)),
                D::LargeList(Arc::clone(field)),
                D::ListView(Arc::clone(field)),
                D::LargeListView(Arc::clone(field)),
                D::FixedSizeList(Arc::clone(field), length),
            ];
            groups.push(("List, LargeList, ListView, LargeListView, FixedSizeList", lists));
        }
        D::Map(entries, _) => {
            groups.push(("Map", vec![same.clone()]));
            groups.push(("List of Struct (key, value)", vec![D::List(Arc::clone(entries))]));
        }
        D::Struct(_) => groups.push(("Struct", vec![same.clone()])),
        _ => {}
    }
    groups.into_iter().map(|(name, members)| (name.to_owned(), members)).collect()
}

fn is_accepted(target: &CqlType, source: &DataType) -> bool {
    let input = Schema::new(vec![Field::new("c", source.clone(), true)]);
    RowEncoder::try_new(&[column("c", target.clone())], &input).is_ok()
}

/// What is accepted, each Arrow type named once.
fn accepted(target: &CqlType) -> String {
    let mut named: Vec<String> = Vec::new();
    let mut covered: Vec<DataType> = Vec::new();
    if *target == CqlType::Counter {
        return "nothing: counters cannot be inserted".to_owned();
    }
    for (name, members) in groups(target) {
        if name == "Decimal without fraction" && named.iter().any(|name| name == "every Decimal") {
            continue;
        }
        let (fit, others): (Vec<_>, Vec<_>) = members.iter().cloned().partition(|member| is_accepted(target, member));
        if fit.is_empty() || fit.iter().all(|member| covered.contains(member)) {
            continue;
        }
        // A part of a group is left to a narrower group, if there is one, or named by itself.
        let is_one_kind = matches!(fit[0], DataType::FixedSizeBinary(_) | DataType::Decimal32(..));
        if others.is_empty() {
            named.push(name);
        } else if is_one_kind {
            continue;
        } else {
            named.extend(fit.iter().map(|member| format!("{member}")));
        }
        covered.extend(fit);
    }
    if named.is_empty() { "nothing".to_owned() } else { named.join(", ") }
}

/// An Arrow type without the metadata of its fields.
fn plain(data_type: &DataType) -> String {
    match data_type {
        DataType::List(field) => format!("List<{}>", plain(field.data_type())),
        DataType::FixedSizeList(field, n) => format!("FixedSizeList<{}, {n}>", plain(field.data_type())),
        DataType::Map(entries, _) => {
            let DataType::Struct(fields) = entries.data_type() else { panic!("{entries}") };
            format!("Map<{}, {}>", plain(fields[0].data_type()), plain(fields[1].data_type()))
        }
        DataType::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|field| format!("{}: {}", field.name(), plain(field.data_type()))).collect();
            format!("Struct<{}>", fields.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

/// What columns without metadata become.
fn new_columns() -> String {
    let mut table = "| Arrow | CQL |\n|---|---|\n".to_owned();
    let mut line = |arrow: &str, cql: &str| writeln!(table, "| {arrow} | `{cql}` |").unwrap();
    for (name, example) in column_type::examples() {
        line(name, &column_type::column_type(&Field::new("c", example, true)).unwrap().to_string());
    }
    line("FixedSizeBinary(16) with the extension arrow.uuid", "uuid");
    table
}

fn page() -> String {
    let address = user_type("address", &[("street", CqlType::Text), ("zip", CqlType::Int)]);
    let nested = ["list<int>", "set<int>", "map<text, int>", "tuple<int, text>"].map(parse);
    let last = ["vector<float, 3>", "vector<text, 3>", "empty", "'a.JavaClass'"].map(parse);
    let mut page = HEAD.to_owned();
    for cql_type in SCALARS.into_iter().chain(nested).chain([address]).chain(last) {
        let name = match &cql_type {
            CqlType::Udt(user_type) => {
                let fields: Vec<String> = user_type.fields.iter().map(|(name, t)| format!("{name} {t}")).collect();
                format!("{cql_type} ({})", fields.join(", "))
            }
            CqlType::Custom(class) if class.ends_with("EmptyType") => "empty".to_owned(),
            other => other.to_string(),
        };
        writeln!(page, "| `{name}` | `{}` | {} |", plain(&arrow_type(&cql_type)), accepted(&cql_type)).unwrap();
    }
    page + &TAIL.replace("{new}", &new_columns())
}

#[test]
fn the_page_tells_what_the_code_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/types.md");
    let page = page();
    if std::env::var_os(REWRITE).is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/types.md is not what the code does: run this test once with {REWRITE}=1 to rewrite it"
    );
}
