//! Literals of SQL as values of a column, and which columns compare in Cassandra as they do in Arrow.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use bytes::Bytes;
use datafusion::common::ScalarValue;

use crate::cluster::schema::{Column, ColumnKind, CqlType};
use crate::codec::encode::RowEncoder;
use crate::codec::key_bytes::MAX_KEY_BYTES;
use crate::scan::restriction::Value;

/// What comparing values of a type means the same for on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Comparable {
    /// Nothing that can be relied on: 1.0 and 1.00 are one clustering key and two texts.
    No,
    /// Equality. UUIDs and addresses have an order of their own in Cassandra, floats have NaNs.
    Equality,
    /// Equality and order.
    Order,
}

impl Comparable {
    pub(super) fn of(cql_type: &CqlType) -> Self {
        use CqlType::{
            Ascii, BigInt, Blob, Boolean, Date, Double, Float, Inet, Int, SmallInt, Text, Time, TimeUuid, Timestamp,
            TinyInt, Uuid,
        };
        match cql_type {
            Ascii | Text | TinyInt | SmallInt | Int | BigInt | Blob | Boolean | Date | Time | Timestamp => Self::Order,
            Uuid | TimeUuid | Inet | Float | Double => Self::Equality,
            _ => Self::No,
        }
    }
}

/// The literal as a value of exactly the column's Arrow type; `None` if it has another type, or is one of those that
/// compare in a way of their own (a NaN, a zero with or without sign).
pub(super) fn literal(value: &ScalarValue, data_type: &DataType) -> Option<ScalarValue> {
    let is_text = |t: &DataType| matches!(t, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let is_bytes = |t: &DataType| matches!(t, DataType::Binary | DataType::LargeBinary | DataType::BinaryView);
    let found = value.data_type();
    let same_kind = (is_text(&found) && is_text(data_type)) || (is_bytes(&found) && is_bytes(data_type));
    let value = if found == *data_type {
        value.clone()
    } else if same_kind {
        value.cast_to(data_type).ok()?
    } else {
        return None;
    };
    let is_special = match value {
        ScalarValue::Float32(Some(v)) => v.is_nan() || v == 0.0,
        ScalarValue::Float64(Some(v)) => v.is_nan() || v == 0.0,
        _ => value.is_null(),
    };
    (!is_special).then_some(value)
}

/// Whether each value of the one type is one of the other, in the same order and equal to no other.
pub(super) fn widens(from: &DataType, to: &DataType) -> bool {
    use DataType::{Int8, Int16, Int32, Int64, Timestamp, Utf8, Utf8View};
    use TimeUnit::{Microsecond, Millisecond, Nanosecond};
    match (from, to) {
        (Int8, Int16 | Int32 | Int64) | (Int16, Int32 | Int64) | (Int32, Int64) | (Utf8, Utf8View) => true,
        (Timestamp(Millisecond, zone), Timestamp(Microsecond | Nanosecond, other)) => zone == other,
        _ => false,
    }
}

/// A value of a type that [`widens`] this one, as one of this. `None` if it is none of them.
pub(super) fn narrowed(value: &ScalarValue, data_type: &DataType) -> Option<ScalarValue> {
    let narrow = value.cast_to(data_type).ok().filter(|narrow| !narrow.is_null())?;
    (narrow.cast_to(&value.data_type()).ok()? == *value).then_some(narrow)
}

/// The value as Cassandra has it. `None` if no row can have it in this column: text that is not ASCII, a key without a
/// byte or with too many.
pub(super) fn encode(column: &Column, value: &ScalarValue, is_only_key: bool) -> Option<Value> {
    // Without its part in the key, which is checked here: a value that cannot be is no error.
    let plain = Column { kind: ColumnKind::Regular, ..column.clone() };
    let array = value.to_array().ok()?;
    let schema = Arc::new(Schema::new(vec![Field::new("value", array.data_type().clone(), true)]));
    let encoder = RowEncoder::try_new(std::slice::from_ref(&plain), &schema).ok()?;
    let bound = encoder.bind(&RecordBatch::try_new(schema, vec![array]).ok()?).ok()?;
    let bytes = Bytes::from(bound.value(0, 0).ok()??);
    let fits = !column.kind.is_key() || (bytes.len() <= MAX_KEY_BYTES && !(is_only_key && bytes.is_empty()));
    fits.then(|| Value { bytes, text: shown(value) })
}

/// The value as people write it in SQL.
fn shown(value: &ScalarValue) -> String {
    const MOST: usize = 40;
    let text = match value {
        ScalarValue::FixedSizeBinary(16, Some(bytes)) => {
            uuid::Uuid::from_slice(bytes).map_or_else(|_| value.to_string(), |id| id.to_string())
        }
        other => other.to_string(),
    };
    let quoted = match value.try_as_str() {
        Some(Some(text)) => format!("'{}'", text.replace('\'', "''")),
        _ => text,
    };
    match quoted.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &quoted[..end]),
        None => quoted,
    }
}
