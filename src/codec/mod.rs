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
//! | all others | none yet | declared as Binary, refused when selected: [`unsupported`] |
//!
//! Each field keeps its CQL type under [`CQL_TYPE_KEY`]. Columns of the primary key are not nullable, with one exception
//! that [`arrow_schema`] explains.
//!
//! A cell can be absent (null, or never written) or present. Cassandra also lets most fixed-width types be present with
//! zero bytes; no Arrow type has such a value, so reading one is an error, never a null or a zero.

mod cell_bytes;
mod decimal;
pub mod decode;
mod driver_type;
pub mod encode;
mod temporal;

#[cfg(test)]
mod round_trip;

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, IntervalUnit, Schema, TimeUnit};

use crate::cluster::cql_type::CqlType;
use crate::cluster::schema::{Column, ColumnKind, TableName};
use crate::error::Error;

/// The key in a field's metadata that holds the column's type in CQL, such as `timeuuid`.
pub const CQL_TYPE_KEY: &str = "cassandra.type";

/// The key under which Arrow keeps the name of an extension type.
const EXTENSION_NAME_KEY: &str = "ARROW:extension:name";

/// Arrow's canonical extension for UUIDs. It takes no metadata: arrow-rs refuses even an empty one.
const UUID_EXTENSION: &str = "arrow.uuid";

/// The time zone of all timestamps read.
const UTC: &str = "UTC";

/// The Arrow type of a CQL type, or `None` where there is none yet.
pub fn arrow_type(cql_type: &CqlType) -> Option<DataType> {
    Some(match cql_type {
        CqlType::Ascii | CqlType::Text | CqlType::Inet | CqlType::Varint | CqlType::Decimal => DataType::Utf8,
        CqlType::TinyInt => DataType::Int8,
        CqlType::SmallInt => DataType::Int16,
        CqlType::Int => DataType::Int32,
        CqlType::BigInt | CqlType::Counter => DataType::Int64,
        CqlType::Float => DataType::Float32,
        CqlType::Double => DataType::Float64,
        CqlType::Boolean => DataType::Boolean,
        CqlType::Blob => DataType::Binary,
        CqlType::Uuid | CqlType::TimeUuid => DataType::FixedSizeBinary(16),
        CqlType::Date => DataType::Date32,
        CqlType::Time => DataType::Time64(TimeUnit::Nanosecond),
        CqlType::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, Some(UTC.into())),
        CqlType::Duration => DataType::Interval(IntervalUnit::MonthDayNano),
        CqlType::List(_)
        | CqlType::Set(_)
        | CqlType::Map(_, _)
        | CqlType::Tuple(_)
        | CqlType::Udt(_)
        | CqlType::Vector(_, _)
        | CqlType::Frozen(_)
        | CqlType::Custom(_) => return None,
    })
}

/// The field of one column. A column of the primary key is not nullable; see [`arrow_schema`] for the exception, which
/// one column alone does not show.
pub fn arrow_field(column: &Column) -> Field {
    let data_type = arrow_type(&column.cql_type).unwrap_or(DataType::Binary);
    let mut metadata = HashMap::from([(CQL_TYPE_KEY.to_owned(), column.cql_type.to_string())]);
    if matches!(column.cql_type, CqlType::Uuid | CqlType::TimeUuid) {
        metadata.insert(EXTENSION_NAME_KEY.to_owned(), UUID_EXTENSION.to_owned());
    }
    Field::new(&column.name, data_type, !column.kind.is_key()).with_metadata(metadata)
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

/// Why this column cannot be read, if it cannot: its type has no Arrow form yet. To be raised only when it is selected.
pub fn unsupported(table: &TableName, column: &Column) -> Option<Error> {
    if arrow_type(&column.cql_type).is_some() {
        return None;
    }
    Some(Error::schema(format!(
        "column {table}.{} has type {}, which cbulk cannot read yet; select the other columns by name",
        column.name, column.cql_type
    )))
}

#[cfg(test)]
mod tests;
