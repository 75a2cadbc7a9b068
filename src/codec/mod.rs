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
//! | varint | Utf8, or Decimal128 by choice | decimal digits: no Arrow integer is wide enough |
//! | decimal | Utf8, or Decimal128 by choice | as `java.math.BigDecimal` prints it, so that `1.50` keeps its scale, `1E+3` too |
//! | duration | Interval(MonthDayNano), or Utf8 by choice | |
//! | list, set | List | the field's [`CQL_TYPE_KEY`] tells them apart |
//! | map | Map | keys not null, in Cassandra's order |
//! | tuple | Struct | fields `_1`, `_2`, … |
//! | user-defined type | Struct | its own fields |
//! | vector | `FixedSizeList` | |
//! | a Java class, `empty` | Binary | the bytes as they are |
//!
//! What is read by choice is [`ReadAs`]. All of them nest, and `frozen` makes no difference. The page `docs/types.md` has the whole table, made from this code.
//!
//! Each field, also within a nested type, keeps its CQL type under [`CQL_TYPE_KEY`]. Columns of the primary key are not nullable, with one exception
//! that [`ReadAs::schema`] explains.
//!
//! A cell can be absent (null, or never written) or present. Cassandra also lets most fixed-width types be present with
//! zero bytes; no Arrow type has such a value, so reading one is an error, unless the session's option
//! [`EMPTY_VALUES`](crate::options::EMPTY_VALUES) says that it shall be null.

mod cell_bytes;
mod column_type;
mod decimal;
pub mod decode;
mod driver_type;
mod duration;
pub mod encode;
pub mod far_time;
pub(crate) mod hex;
pub(crate) mod json;
pub(crate) mod key_bytes;
mod place;
mod read_as;
pub(crate) mod shown;
mod temporal;
pub mod token;

#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod types_page;

use arrow::datatypes::{DataType, Schema};

use crate::cluster::cql_type::CqlType;
use crate::cluster::schema::Column;
pub(crate) use column_type::{column_type, frozen};
pub(crate) use driver_type::{result_columns, result_table};
pub use read_as::ReadAs;
pub(crate) use read_as::with_cql_type;

/// The key in a field's metadata that holds the column's type in CQL, such as `timeuuid`.
pub const CQL_TYPE_KEY: &str = "cassandra.type";

/// Whether it is a Java class, whose values are bytes to us.
pub(crate) fn is_custom(cql_type: &CqlType) -> bool {
    matches!(cql_type, CqlType::Custom(_))
}

/// The Arrow type of a CQL type, where nothing else was chosen.
pub fn arrow_type(cql_type: &CqlType) -> DataType {
    ReadAs::default().arrow_type(cql_type)
}

/// The schema of a table, where nothing else was chosen: see [`ReadAs::schema`].
pub fn arrow_schema(columns: &[Column]) -> Schema {
    ReadAs::default().schema(columns)
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

#[cfg(test)]
mod tests;
