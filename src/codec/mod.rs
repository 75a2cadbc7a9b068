//! Cells of Cassandra to columns of Arrow, and back.
//!
//! THE table. Reading gives exactly these Arrow types; writing takes these and more ([`encode`]).
//!
//! | CQL | Arrow | note |
//! |---|---|---|
//! | ascii, text | Utf8 | |
//! | tinyint, smallint, int | Int8, Int16, Int32 | |
//! | bigint, counter | Int64 | |
//! | float, double | Float32, Float64 | bit for bit, NaNs too |
//! | boolean | Boolean | |
//! | blob | Binary | |
//! | uuid, timeuuid | FixedSizeBinary(16) | with the canonical extension `arrow.uuid` |
//! | date | Date32 | the whole range |
//! | time | Time64(ns) | |
//! | timestamp | Timestamp(ms, UTC) | the whole range |
//! | inet | Utf8 | `192.0.2.1`, `2001:db8::1` |
//! | varint | Utf8 | decimal digits: no Arrow integer is wide enough |
//! | decimal | Utf8 | as `java.math.BigDecimal` prints it, so that `1.50` keeps its scale, `1E+3` too |
//! | duration | Interval(MonthDayNano) | |
//! | list, set | List | the field's [`CQL_TYPE_KEY`] tells them apart |
//! | map | Map | keys not null, in Cassandra's order |
//! | tuple | Struct | fields `_1`, `_2`, … |
//! | user-defined type | Struct | its own fields |
//! | vector | `FixedSizeList` | |
//! | a Java class, `empty` | Binary | the bytes as they are |
//!
//! All of them nest, and `frozen` makes no difference. The page `docs/types.md` has the whole table, made from this code.
//!
//! Each field, also within a nested type, keeps its CQL type under [`CQL_TYPE_KEY`]. Columns of the primary key are not nullable, with one exception
//! that [`arrow_schema`] explains.
//!
//! A cell can be absent (null, or never written) or present. Cassandra also lets most fixed-width types be present with
//! zero bytes; no Arrow type has such a value, so reading one is an error, unless the session's option
//! [`EMPTY_VALUES`](crate::options::EMPTY_VALUES) says that it shall be null.

mod cell_bytes;
mod decimal;
pub mod decode;
mod driver_type;
pub mod encode;
mod place;
mod temporal;

#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod types_page;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, IntervalUnit, Schema, TimeUnit};

use crate::cluster::cql_type::CqlType;
use crate::cluster::schema::{Column, ColumnKind};

/// The key in a field's metadata that holds the column's type in CQL, such as `timeuuid`.
pub const CQL_TYPE_KEY: &str = "cassandra.type";

/// The key under which Arrow keeps the name of an extension type.
const EXTENSION_NAME_KEY: &str = "ARROW:extension:name";

/// Arrow's canonical extension for UUIDs. It takes no metadata: arrow-rs refuses even an empty one.
const UUID_EXTENSION: &str = "arrow.uuid";

/// The time zone of all timestamps read.
const UTC: &str = "UTC";

/// Whether it is a Java class, whose values are bytes to us.
pub(crate) fn is_custom(cql_type: &CqlType) -> bool {
    matches!(cql_type, CqlType::Custom(_))
}

/// The Arrow type of a CQL type.
pub fn arrow_type(cql_type: &CqlType) -> DataType {
    match cql_type {
        CqlType::Ascii | CqlType::Text | CqlType::Inet | CqlType::Varint | CqlType::Decimal => DataType::Utf8,
        CqlType::TinyInt => DataType::Int8,
        CqlType::SmallInt => DataType::Int16,
        CqlType::Int => DataType::Int32,
        CqlType::BigInt | CqlType::Counter => DataType::Int64,
        CqlType::Float => DataType::Float32,
        CqlType::Double => DataType::Float64,
        CqlType::Boolean => DataType::Boolean,
        CqlType::Blob | CqlType::Custom(_) => DataType::Binary,
        CqlType::Uuid | CqlType::TimeUuid => DataType::FixedSizeBinary(16),
        CqlType::Date => DataType::Date32,
        CqlType::Time => DataType::Time64(TimeUnit::Nanosecond),
        CqlType::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, Some(UTC.into())),
        CqlType::Duration => DataType::Interval(IntervalUnit::MonthDayNano),
        CqlType::List(element) | CqlType::Set(element) => DataType::List(element_field(element)),
        CqlType::Map(key, value) => DataType::Map(entries_field(key, value), false),
        CqlType::Tuple(_) | CqlType::Udt(_) => DataType::Struct(struct_fields(cql_type)),
        CqlType::Vector(element, dimension) => DataType::FixedSizeList(element_field(element), width(*dimension)),
        CqlType::Frozen(inner) => arrow_type(inner),
    }
}

/// A vector's dimension as Arrow has it. Cassandra's are far smaller.
fn width(dimension: usize) -> i32 {
    i32::try_from(dimension).unwrap_or(i32::MAX)
}

/// The bytes of an element of this type in a vector, if all have the same: they then stand one after the other. Types that
/// Cassandra takes for variable there although they are not: tinyint, smallint, date and time.
fn vector_width(element: &CqlType) -> Option<usize> {
    match element {
        CqlType::Boolean => Some(1),
        CqlType::Int | CqlType::Float => Some(4),
        CqlType::BigInt | CqlType::Double | CqlType::Timestamp => Some(8),
        CqlType::Uuid | CqlType::TimeUuid => Some(16),
        CqlType::Vector(inner, dimension) => vector_width(inner)?.checked_mul(*dimension),
        CqlType::Frozen(inner) => vector_width(inner),
        _ => None,
    }
}

/// The elements of a list, set or vector. Nullable, as everybody's lists are; Cassandra has no nulls there. Their CQL type
/// stands only in the list's own: DataFusion drops the metadata of elements from constants, so that a list of `VALUES`
/// would be of another type than the table's.
fn element_field(element: &CqlType) -> FieldRef {
    Arc::new(Field::new_list_field(arrow_type(element), true))
}

/// The entries of a map, named as Arrow and DataFusion do.
fn entries_field(key: &CqlType, value: &CqlType) -> FieldRef {
    let fields = [typed_field("key", key, false), typed_field("value", value, true)];
    Arc::new(Field::new("entries", DataType::Struct(fields.into_iter().collect()), false))
}

/// The fields of a tuple or user-defined type; none of any other type.
fn struct_fields(cql_type: &CqlType) -> Fields {
    match cql_type {
        CqlType::Tuple(elements) => {
            elements.iter().enumerate().map(|(i, t)| typed_field(format!("_{}", i + 1), t, true)).collect()
        }
        CqlType::Udt(user_type) => user_type.fields.iter().map(|(name, t)| typed_field(name, t, true)).collect(),
        _ => Fields::empty(),
    }
}

/// A field that keeps its CQL type.
fn typed_field(name: impl Into<String>, cql_type: &CqlType, nullable: bool) -> Field {
    let mut metadata = HashMap::from([(CQL_TYPE_KEY.to_owned(), cql_type.to_string())]);
    if matches!(cql_type.strip_frozen(), CqlType::Uuid | CqlType::TimeUuid) {
        metadata.insert(EXTENSION_NAME_KEY.to_owned(), UUID_EXTENSION.to_owned());
    }
    Field::new(name, arrow_type(cql_type), nullable).with_metadata(metadata)
}

/// The field of one column. A column of the primary key is not nullable; see [`arrow_schema`] for the exception, which
/// one column alone does not show.
pub fn arrow_field(column: &Column) -> Field {
    typed_field(&column.name, &column.cql_type, !column.kind.is_key())
}

/// The schema of a table, given all its columns.
///
/// Clustering columns of a table with static columns are nullable: a Cassandra partition that has static values and no
/// rows is read as one row whose clustering columns are null.
pub fn arrow_schema(columns: &[Column]) -> Schema {
    let has_static = columns.iter().any(|c| c.kind == ColumnKind::Static);
    let field = |column: &Column| {
        let clustering = matches!(column.kind, ColumnKind::Clustering { .. });
        let field = arrow_field(column);
        if clustering && has_static { field.with_nullable(true) } else { field }
    };
    Schema::new(columns.iter().map(field).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests;
