//! From the columns of a query to the columns of a table: decided once for each column, then applied to each batch.
//!
//! Nothing is rounded and nothing wraps: a time that is finer than a microsecond, or a timestamp too far away for
//! microseconds in 64 bits, is an error that names the column and the row, also within lists, maps and structs.

mod nested;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, make_array};
use datafusion::arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Int64Type, Time64NanosecondType, TimeUnit, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use datafusion::arrow::error::ArrowError;

use crate::error::{Error, Result};

const NANOS_PER_MICRO: i64 = 1_000;

/// What is done to one column.
#[derive(Debug, Clone)]
pub(crate) struct Conversion {
    column: String,
    required: bool,
    step: Step,
}

/// What is done to the values of one type.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    /// The type after it: the table's, or one that is written to Parquet in the same way.
    to: DataType,
    how: How,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum How {
    /// Written as it comes.
    Keep,
    /// A cast that cannot change a value.
    Cast,
    /// Seconds (× 1,000,000) or milliseconds (× 1,000) to microseconds: overflow is an error.
    Multiply(i64),
    /// Nanoseconds to microseconds: a remainder is an error.
    Divide,
    /// The parts of a list (its elements), map (keys and values) or struct (its fields), one after the other.
    Parts(Vec<Step>),
}

/// Why a value cannot be converted.
#[derive(Debug)]
enum Misfit {
    /// The row of the array, from 0, and what is wrong with it.
    Value(usize, String),
    Broken(ArrowError),
}

impl From<ArrowError> for Misfit {
    fn from(error: ArrowError) -> Self {
        Self::Broken(error)
    }
}

impl Conversion {
    /// The conversion of a query's column `from` to the table's column `to`. With `exact_type` the
    /// result has the table's type itself.
    ///
    /// # Errors
    /// Types that cannot be converted without a cast by the user.
    pub(crate) fn new(from: &DataType, to: &Field, exact_type: bool) -> Result<Self> {
        let step = Step::new(from, to.data_type(), exact_type).ok_or_else(|| {
            Error::schema(format!(
                "column '{}' is of type {}, the query gives {from}: cast it in the query",
                to.name(),
                to.data_type()
            ))
        })?;
        Ok(Self { column: to.name().clone(), required: !to.is_nullable(), step })
    }

    /// Whether [`Self::new`] knows a way.
    pub(crate) fn exists(from: &DataType, to: &DataType) -> bool {
        how(from, to, false).is_some()
    }

    /// The type of the converted column.
    pub(crate) fn data_type(&self) -> &DataType {
        &self.step.to
    }

    /// Converts the column of one batch whose first row is number `first_row` (from 1) of its partition.
    pub(crate) fn apply(&self, array: &ArrayRef, first_row: u64) -> Result<ArrayRef> {
        if self.required && array.null_count() > 0 {
            let row = (0..array.len()).find(|&i| array.is_null(i)).unwrap_or_default();
            return Err(self.refused("NULL in a column that is NOT NULL", first_row, row));
        }
        self.step.apply(array).map_err(|misfit| match misfit {
            Misfit::Value(row, what) => self.refused(&what, first_row, row),
            Misfit::Broken(error) => Error::data(error.to_string()).with_context("column", self.column.clone()),
        })
    }

    fn refused(&self, what: &str, first_row: u64, row: usize) -> Error {
        Error::data(what)
            .with_context("column", self.column.clone())
            .with_context("row", format!("{} of its partition", first_row + row as u64))
    }
}

impl Step {
    fn new(from: &DataType, to: &DataType, exact_type: bool) -> Option<Self> {
        let how = how(from, to, exact_type)?;
        Some(Self { to: if how == How::Keep { from.clone() } else { to.clone() }, how })
    }

    fn apply(&self, array: &ArrayRef) -> Result<ArrayRef, Misfit> {
        match &self.how {
            How::Keep => Ok(Arc::clone(array)),
            How::Cast => {
                let options = CastOptions { safe: false, ..CastOptions::default() };
                Ok(cast_with_options(array, &self.to, &options)?)
            }
            How::Multiply(factor) => match array.data_type() {
                DataType::Timestamp(TimeUnit::Second, _) => {
                    self.scaled(array.as_primitive::<TimestampSecondType>(), |v| v.checked_mul(*factor))
                }
                _ => self.scaled(array.as_primitive::<TimestampMillisecondType>(), |v| v.checked_mul(*factor)),
            },
            How::Divide => {
                let exact = |v: i64| (v % NANOS_PER_MICRO == 0).then_some(v / NANOS_PER_MICRO);
                match array.data_type() {
                    DataType::Time64(_) => self.scaled(array.as_primitive::<Time64NanosecondType>(), exact),
                    _ => self.scaled(array.as_primitive::<TimestampNanosecondType>(), exact),
                }
            }
            How::Parts(parts) => nested::apply(parts, &self.to, array),
        }
    }

    fn scaled<T: ArrowPrimitiveType<Native = i64>>(
        &self,
        array: &PrimitiveArray<T>,
        scale: impl Fn(i64) -> Option<i64>,
    ) -> Result<ArrayRef, Misfit> {
        // Which value it was is only asked when there is one.
        let scaled: Result<PrimitiveArray<Int64Type>, ArrowError> =
            array.try_unary(|v| scale(v).ok_or_else(|| ArrowError::ComputeError(String::new())));
        let Ok(micros) = scaled else {
            let row = (0..array.len()).find(|&i| array.is_valid(i) && scale(array.value(i)).is_none());
            let row = row.unwrap_or_default();
            let what = match self.how {
                How::Divide => format!(
                    "a value with {} ns beyond the microsecond, which Iceberg cannot hold (round it with date_trunc)",
                    array.value(row) % NANOS_PER_MICRO
                ),
                _ => "a timestamp too far from 1970 for microseconds in 64 bits".to_owned(),
            };
            return Err(Misfit::Value(row, what));
        };
        // All 64-bit times share their layout: only the type changes.
        let data = micros.into_data().into_builder().data_type(self.to.clone());
        Ok(data.build().map(make_array)?)
    }
}

fn how(from: &DataType, to: &DataType, exact_type: bool) -> Option<How> {
    use DataType::{
        BinaryView, Date32, Date64, Decimal32, Decimal64, Decimal128, Dictionary, Float16, Float32, Float64, Int8,
        Int16, Int32, Int64, LargeBinary, LargeUtf8, List, Map, RunEndEncoded, Struct, Time32, Time64, Timestamp,
        UInt8, UInt16, UInt32, Utf8, Utf8View,
    };
    if from == to {
        return Some(How::Keep);
    }
    let as_written = if exact_type { How::Cast } else { How::Keep };
    match (from, to) {
        (LargeUtf8 | Utf8View, Utf8) | (DataType::Binary | BinaryView, LargeBinary) => Some(as_written),
        (Int8 | Int16 | UInt8 | UInt16, Int32)
        | (Int8 | Int16 | Int32 | UInt8 | UInt16 | UInt32, Int64)
        | (Float16, Float32)
        | (Float16 | Float32, Float64)
        | (Date64, Date32)
        | (Time32(_), Time64(TimeUnit::Microsecond)) => Some(How::Cast),
        (Decimal32(p, s) | Decimal64(p, s), Decimal128(to_p, to_s)) => (p <= to_p && s == to_s).then_some(How::Cast),
        (Time64(TimeUnit::Nanosecond), Time64(TimeUnit::Microsecond)) => Some(How::Divide),
        (Timestamp(unit, from_zone), Timestamp(TimeUnit::Microsecond, to_zone)) => {
            // The zone of a timestamp with zone is only its display: instants are counted in UTC whatever it is.
            (from_zone.is_some() == to_zone.is_some()).then_some(match unit {
                TimeUnit::Second => How::Multiply(1_000_000),
                TimeUnit::Millisecond => How::Multiply(1_000),
                TimeUnit::Microsecond => How::Cast,
                TimeUnit::Nanosecond => How::Divide,
            })
        }
        (Dictionary(_, values), _) => {
            (how(values, to, true)? != How::Divide && can_cast_types(from, to)).then_some(How::Cast)
        }
        (RunEndEncoded(_, values), _) => {
            (how(values.data_type(), to, true)? != How::Divide && can_cast_types(from, to)).then_some(How::Cast)
        }
        (_, List(_) | Map(..) | Struct(_)) => nested::parts(from, to).map(How::Parts),
        _ => None,
    }
}
