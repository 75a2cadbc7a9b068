//! The CQL type that a column of Arrow gets in a new table.
//!
//! A column that was read from Cassandra, also by way of a file or an Iceberg table that cbulk has written, has its CQL type
//! in the field's metadata and gets it again, if its values still look like that type; after a cast they need not. All
//! others get the type that holds every value of theirs.

use arrow::datatypes::{DataType, Field, IntervalUnit};

use super::{CQL_TYPE_KEY, arrow_type, is_custom};
use crate::cluster::cql_type::CqlType;

/// The key under which Arrow keeps the name of an extension type, and that of UUIDs.
const EXTENSION: (&str, &str) = ("ARROW:extension:name", "arrow.uuid");

/// The type of a column that keeps all values of this one.
///
/// # Errors
/// There is none: why, and what to do, as the end of a sentence about the column.
pub(crate) fn column_type(field: &Field) -> Result<CqlType, String> {
    let data_type = match field.data_type() {
        DataType::Dictionary(_, values) => values.as_ref(),
        other => other,
    };
    match kept(field, data_type) {
        // Counters cannot be inserted; their values are numbers like any others.
        Some(CqlType::Counter) | None => natural(field, data_type),
        Some(cql_type) => Ok(cql_type),
    }
}

/// What the metadata says, if values of this Arrow type are read from, or kept in files for, that CQL type.
fn kept(field: &Field, data_type: &DataType) -> Option<CqlType> {
    let cql_type: CqlType = field.metadata().get(CQL_TYPE_KEY)?.parse().ok()?;
    (!cql_type.contains(is_custom) && looks_like(&cql_type, data_type)).then_some(cql_type)
}

/// Whether values of the CQL type come as this Arrow type: from Cassandra by whatever choice of the session, or from a
/// file, whose formats have fewer types.
fn looks_like(cql_type: &CqlType, data_type: &DataType) -> bool {
    let is_text = matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    match cql_type.strip_frozen() {
        CqlType::Ascii | CqlType::Text | CqlType::Inet => is_text,
        CqlType::Varint => is_text || matches!(data_type, DataType::Decimal128(_, 0)),
        CqlType::Decimal => is_text || matches!(data_type, DataType::Decimal128(..)),
        CqlType::Duration => is_text || *data_type == DataType::Interval(IntervalUnit::MonthDayNano),
        // Iceberg has no smaller integers.
        CqlType::TinyInt => matches!(data_type, DataType::Int8 | DataType::Int32),
        CqlType::SmallInt => matches!(data_type, DataType::Int16 | DataType::Int32),
        CqlType::Blob => matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView),
        CqlType::Time => matches!(data_type, DataType::Time64(_)),
        // Iceberg has no milliseconds.
        CqlType::Timestamp => matches!(data_type, DataType::Timestamp(_, Some(_))),
        CqlType::List(element) | CqlType::Set(element) => {
            elements(data_type).is_some_and(|field| looks_like(element, field.data_type()))
        }
        CqlType::Vector(element, dimension) => match data_type {
            DataType::FixedSizeList(_, length) if usize::try_from(*length) != Ok(*dimension) => false,
            _ => elements(data_type).is_some_and(|field| looks_like(element, field.data_type())),
        },
        CqlType::Map(key, value) => entry(data_type).is_some_and(|[key_field, value_field]| {
            looks_like(key, key_field.data_type()) && looks_like(value, value_field.data_type())
        }),
        CqlType::Tuple(parts) => match data_type {
            DataType::Struct(fields) => {
                fields.len() == parts.len()
                    && parts.iter().zip(fields).all(|(part, field)| looks_like(part, field.data_type()))
            }
            _ => false,
        },
        // Its fields are known to the target's keyspace.
        CqlType::Udt(_) => matches!(data_type, DataType::Struct(_)),
        scalar => *data_type == arrow_type(scalar),
    }
}

/// The type that holds all values of an Arrow type.
fn natural(field: &Field, data_type: &DataType) -> Result<CqlType, String> {
    Ok(match data_type {
        DataType::Boolean => CqlType::Boolean,
        DataType::Int8 => CqlType::TinyInt,
        DataType::Int16 | DataType::UInt8 => CqlType::SmallInt,
        DataType::Int32 | DataType::UInt16 => CqlType::Int,
        DataType::Int64 | DataType::UInt32 => CqlType::BigInt,
        DataType::UInt64 => CqlType::Varint,
        DataType::Float16 | DataType::Float32 => CqlType::Float,
        DataType::Float64 => CqlType::Double,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            CqlType::Decimal
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => CqlType::Text,
        DataType::FixedSizeBinary(16) if field.metadata().get(EXTENSION.0).is_some_and(|name| name == EXTENSION.1) => {
            CqlType::Uuid
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => CqlType::Blob,
        DataType::Date32 | DataType::Date64 => CqlType::Date,
        DataType::Time32(_) | DataType::Time64(_) => CqlType::Time,
        DataType::Timestamp(..) => CqlType::Timestamp,
        DataType::Interval(_) | DataType::Duration(_) => CqlType::Duration,
        DataType::FixedSizeList(element, length) if *length > 0 => {
            CqlType::Vector(part(element)?, usize::try_from(*length).unwrap_or(0))
        }
        DataType::Map(..) => match entry(data_type) {
            Some([key, value]) => CqlType::Map(part(key)?, part(value)?),
            None => return Err(format!("{data_type} is no map of keys and values")),
        },
        DataType::Null => {
            return Err("it has no type: write the one it should have, as in CAST(NULL AS INT)".to_owned());
        }
        DataType::Struct(_) => {
            return Err(format!(
                "a struct becomes a tuple or a user-defined type: say which, as in types = '{} tuple<int, text>', or \
                 take it apart",
                crate::cluster::quote::quote_if_needed(field.name())
            ));
        }
        other => match elements(other) {
            Some(element) => CqlType::List(part(element)?),
            None => return Err(format!("there is no CQL type for {other}: cast it to another one")),
        },
    })
}

/// The type of a part of a collection, which Cassandra wants frozen.
fn part(field: &Field) -> Result<Box<CqlType>, String> {
    Ok(Box::new(frozen(column_type(field)?)))
}

/// The same type in the form that keys and parts of collections have.
pub(crate) fn frozen(cql_type: CqlType) -> CqlType {
    match cql_type {
        CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..) | CqlType::Tuple(_) | CqlType::Udt(_) => {
            CqlType::Frozen(Box::new(cql_type))
        }
        other => other,
    }
}

/// The elements of a list of any layout.
fn elements(data_type: &DataType) -> Option<&Field> {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => Some(field),
        _ => None,
    }
}

/// The key and the value of a map.
fn entry(data_type: &DataType) -> Option<[&Field; 2]> {
    let DataType::Map(entries, _) = data_type else { return None };
    let DataType::Struct(fields) = entries.data_type() else { return None };
    match fields.as_ref() {
        [key, value] => Some([key, value]),
        _ => None,
    }
}

/// Arrow types without metadata, for the page of types: one of each that a column can have, and its name there.
#[cfg(test)]
pub(super) fn examples() -> Vec<(&'static str, DataType)> {
    use DataType as D;
    use arrow::datatypes::TimeUnit;

    let element = |t| std::sync::Arc::new(Field::new_list_field(t, true));
    vec![
        ("Boolean", D::Boolean),
        ("Int8", D::Int8),
        ("Int16", D::Int16),
        ("UInt8", D::UInt8),
        ("Int32", D::Int32),
        ("UInt16", D::UInt16),
        ("Int64", D::Int64),
        ("UInt32", D::UInt32),
        ("UInt64", D::UInt64),
        ("Float16", D::Float16),
        ("Float32", D::Float32),
        ("Float64", D::Float64),
        ("every Decimal", D::Decimal256(40, 2)),
        ("Utf8, LargeUtf8, Utf8View", D::Utf8View),
        ("Binary, LargeBinary, BinaryView, FixedSizeBinary", D::FixedSizeBinary(3)),
        ("Date32, Date64", D::Date32),
        ("Time32, Time64", D::Time64(TimeUnit::Nanosecond)),
        ("Timestamp", D::Timestamp(TimeUnit::Nanosecond, None)),
        ("Interval, Duration", D::Duration(TimeUnit::Nanosecond)),
        ("List, LargeList, ListView, LargeListView", D::List(element(D::Int32))),
        ("FixedSizeList", D::FixedSizeList(element(D::Float32), 3)),
        (
            "Map",
            D::Map(
                std::sync::Arc::new(Field::new(
                    "entries",
                    D::Struct(vec![Field::new("key", D::Utf8, false), Field::new("value", D::Int32, true)].into()),
                    false,
                )),
                false,
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use arrow::datatypes::{Schema, TimeUnit};

    use super::*;
    use crate::codec::ReadAs;
    use crate::codec::encode::RowEncoder;
    use crate::codec::tests::{SCALARS, column, parse};
    use crate::options::{DurationAs, NumberAs};

    fn with_type(data_type: DataType, cql_type: &str) -> Field {
        let metadata = HashMap::from([(CQL_TYPE_KEY.to_owned(), cql_type.to_owned())]);
        Field::new("c", data_type, true).with_metadata(metadata)
    }

    fn shown(field: &Field) -> String {
        column_type(field).map_or_else(|why| why, |cql_type| cql_type.to_string())
    }

    const NESTED: [&str; 8] = [
        "list<int>",
        "set<frozen<set<uuid>>>",
        "map<text, frozen<map<inet, varint>>>",
        "frozen<tuple<int, text>>",
        "vector<float, 3>",
        "list<timeuuid>",
        "frozen<list<decimal>>",
        "map<date, frozen<tuple<time, duration, tinyint>>>",
    ];

    #[test]
    fn what_is_read_becomes_what_it_was() {
        let decimals = ReadAs {
            varint: NumberAs::Decimal { precision: 38, scale: 0 },
            decimal: NumberAs::Decimal { precision: 38, scale: 10 },
            duration: DurationAs::Text,
        };
        let all = SCALARS.into_iter().chain(NESTED.map(parse)).filter(|t| *t != CqlType::Counter);
        for cql_type in all {
            for read_as in [ReadAs::default(), decimals] {
                let field = read_as.field(&column("c", cql_type.clone()));
                assert_eq!(column_type(&field), Ok(cql_type.clone()), "{field}");
            }
        }
        let counter = ReadAs::default().field(&column("c", CqlType::Counter));
        assert_eq!(column_type(&counter), Ok(CqlType::BigInt));
        let address = DataType::Struct(vec![Field::new("street", DataType::Utf8, true)].into());
        assert_eq!(shown(&with_type(address, "frozen<address>")), "frozen<address>");
    }

    #[test]
    fn a_cast_takes_the_type_with_it() {
        for (data_type, was, becomes) in [
            (DataType::Utf8, "uuid", "text"),
            (DataType::Int64, "tinyint", "bigint"),
            (DataType::Float64, "decimal", "double"),
            (DataType::Date32, "timestamp", "date"),
            (DataType::Utf8, "list<int>", "text"),
            (DataType::Binary, "uuid", "blob"),
            (DataType::Int32, "'org.apache.cassandra.db.marshal.X'", "int"),
            (DataType::Binary, "'org.apache.cassandra.db.marshal.X'", "blob"),
            (DataType::Int32, "no <type", "int"),
            // As files keep them.
            (DataType::Int32, "tinyint", "tinyint"),
            (DataType::Utf8View, "inet", "inet"),
            (DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())), "timestamp", "timestamp"),
            (DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)), "ascii", "ascii"),
        ] {
            assert_eq!(shown(&with_type(data_type.clone(), was)), becomes, "{data_type} of {was}");
        }
    }

    #[test]
    fn every_arrow_type_has_a_column_that_takes_it() {
        for (name, data_type) in examples() {
            let field = Field::new("c", data_type, true);
            let cql_type = column_type(&field).unwrap();
            let taken = RowEncoder::try_new(&[column("c", cql_type)], &Schema::new(vec![field]));
            assert!(taken.is_ok(), "{name}: {taken:?}");
        }
        let uuid = Field::new("c", DataType::FixedSizeBinary(16), true)
            .with_metadata(HashMap::from([(EXTENSION.0.to_owned(), EXTENSION.1.to_owned())]));
        assert_eq!(shown(&uuid), "uuid");
        let inner = Arc::new(Field::new_list_field(DataType::Int32, true));
        let lists = DataType::List(Arc::new(Field::new_list_field(DataType::List(inner), true)));
        assert_eq!(shown(&Field::new("c", lists, true)), "list<frozen<list<int>>>");
    }

    #[test]
    fn what_has_no_type_is_told_with_advice() {
        let empty = DataType::Struct(vec![Field::new("a", DataType::Int32, true)].into());
        for (data_type, expected) in [
            (DataType::Null, "CAST(NULL AS INT)"),
            (empty.clone(), "types = '\"C d\" tuple<int, text>'"),
            (DataType::List(Arc::new(Field::new_list_field(empty, true))), "a tuple or a user-defined type"),
        ] {
            let why = column_type(&Field::new("C d", data_type, true)).unwrap_err();
            assert!(why.contains(expected), "{why}");
        }
    }
}
