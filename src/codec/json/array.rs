//! JSON values to an array, by their CQL type.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array,
    Int64Array, StringArray, Time64NanosecondArray, TimestampMillisecondArray,
};
use arrow::buffer::NullBuffer;
use arrow::error::ArrowError;

use super::document::{Json, Why, text};
use super::refusal::{Place, Refusals};
use super::{nested, scalar};
use crate::cluster::cql_type::CqlType;

/// What an array is to be made of. Null is none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) json: &'a [Option<Json<'a>>],
    pub(super) place: &'a Place<'a>,
}

impl<'a> Values<'a> {
    /// Each as what `read` makes of it. Where it cannot, the row is refused, and any value stands there.
    fn read<T: Default>(
        self,
        refusals: &'a mut Refusals,
        read: impl Fn(Json<'a>) -> Result<T, Why>,
    ) -> impl Iterator<Item = Option<T>> {
        self.json.iter().enumerate().map(move |(i, json)| {
            let json = (*json)?;
            let value = read(json).unwrap_or_else(|why| {
                refusals.value(self.place, i, json, &why);
                T::default()
            });
            Some(value)
        })
    }

    /// Refuses the row of one of them.
    pub(super) fn refuse(self, index: usize, why: &str, refusals: &mut Refusals) {
        if let Some(Some(json)) = self.json.get(index) {
            refusals.value(self.place, index, *json, why);
        }
    }

    pub(super) fn nulls(self) -> NullBuffer {
        self.json.iter().map(Option::is_some).collect()
    }
}

/// One value for each of `values`, null where that is none.
pub(super) fn array(cql_type: &CqlType, values: Values<'_>, refusals: &mut Refusals) -> Result<ArrayRef, ArrowError> {
    Ok(match cql_type.strip_frozen() {
        CqlType::TinyInt => Arc::new(values.read(refusals, scalar::integer).collect::<Int8Array>()),
        CqlType::SmallInt => Arc::new(values.read(refusals, scalar::integer).collect::<Int16Array>()),
        CqlType::Int => Arc::new(values.read(refusals, scalar::integer).collect::<Int32Array>()),
        CqlType::BigInt | CqlType::Counter => Arc::new(values.read(refusals, scalar::integer).collect::<Int64Array>()),
        CqlType::Float => Arc::new(values.read(refusals, scalar::float).collect::<Float32Array>()),
        CqlType::Double => Arc::new(values.read(refusals, scalar::float).collect::<Float64Array>()),
        CqlType::Boolean => Arc::new(values.read(refusals, scalar::boolean).collect::<BooleanArray>()),
        CqlType::Blob => Arc::new(values.read(refusals, scalar::blob).collect::<BinaryArray>()),
        CqlType::Date => Arc::new(values.read(refusals, scalar::date).collect::<Date32Array>()),
        CqlType::Time => Arc::new(values.read(refusals, scalar::time).collect::<Time64NanosecondArray>()),
        CqlType::Timestamp => {
            let points: TimestampMillisecondArray = values.read(refusals, scalar::timestamp).collect();
            Arc::new(points.with_timezone("UTC"))
        }
        CqlType::Varint => Arc::new(values.read(refusals, scalar::whole_number).collect::<StringArray>()),
        CqlType::Decimal => Arc::new(values.read(refusals, scalar::number).collect::<StringArray>()),
        CqlType::Ascii | CqlType::Text | CqlType::Uuid | CqlType::TimeUuid | CqlType::Inet | CqlType::Duration => {
            Arc::new(values.read(refusals, text).collect::<StringArray>())
        }
        // Those of vectors too: where a vector is null, a list of a fixed size would still have all its elements.
        CqlType::List(element) | CqlType::Set(element) | CqlType::Vector(element, _) => {
            nested::list(element, values, refusals)?
        }
        CqlType::Map(key, value) => nested::map(key, value, values, refusals)?,
        CqlType::Tuple(elements) => nested::tuple(elements, values, refusals)?,
        CqlType::Udt(user_type) => nested::user_type(user_type, values, refusals)?,
        other @ (CqlType::Frozen(_) | CqlType::Custom(_)) => {
            return Err(ArrowError::NotYetImplemented(format!("reading {other} from JSON")));
        }
    })
}
