//! Rows told apart by partition value.
//!
//! Transforms are those of the `iceberg` crate but for the temporal ones: its day is one too late for values in the first
//! second of some days before 1970, and its year and month have no value for years beyond ±262,000. A wrong partition
//! value loses rows silently, because readers skip the file.

use std::collections::HashMap;
use std::sync::Arc;

use ::iceberg::arrow::{arrow_struct_to_literal, type_to_arrow_type};
use ::iceberg::spec::{
    Literal, PartitionSpec, PrimitiveLiteral, PrimitiveType, Schema, Struct, StructType, Transform, Type,
};
use ::iceberg::transform::{BoxedTransformFunction, create_transform_function};
use datafusion::arrow::array::{ArrayRef, AsArray, PrimitiveArray, RecordBatch, StructArray, UInt32Array};
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::datatypes::{DataType, Date32Type, Fields, Int32Type, TimestampMicrosecondType};
use datafusion::arrow::row::{RowConverter, SortField};

use super::error::failed;
use crate::error::{Error, Result};

/// How the rows of one partitioned table are told apart.
pub(crate) struct Split {
    transforms: Vec<(usize, Apply)>,
    partition_type: StructType,
    fields: Fields,
    /// Partition values as bytes: equal bytes, equal values.
    bytes: RowConverter,
}

enum Apply {
    Temporal(Temporal),
    Other(BoxedTransformFunction),
}

/// The rows of a batch with one partition value.
pub(crate) struct Part {
    /// Stands for the value.
    pub(crate) key: Box<[u8]>,
    /// The value itself, see [`Split::value`].
    pub(crate) first: ArrayRef,
    pub(crate) rows: RecordBatch,
}

impl Split {
    /// # Errors
    /// A spec with transforms or columns that cannot be written.
    pub(crate) fn new(spec: &PartitionSpec, schema: &Schema) -> Result<Self> {
        let partition_type = spec.partition_type(schema).map_err(|e| failed("read the partition spec", &e))?;
        let columns = schema.as_struct().fields();
        let transforms = spec.fields().iter().map(|field| {
            let column = columns.iter().position(|c| c.id == field.source_id).ok_or_else(|| {
                Error::config(format!("cannot write a table partitioned by a nested field ({})", field.name))
            })?;
            let apply = apply(field.transform, &columns[column].field_type)
                .map_err(|e| e.with_context("partition field", field.name.clone()))?;
            Ok((column, apply))
        });
        let transforms = transforms.collect::<Result<Vec<_>>>()?;
        let DataType::Struct(fields) = type_to_arrow_type(&Type::Struct(partition_type.clone()))
            .map_err(|e| failed("read the partition spec", &e))?
        else {
            return Err(Error::internal("partition values that are no struct"));
        };
        let sort = fields.iter().map(|f| SortField::new(f.data_type().clone())).collect();
        Ok(Self { transforms, partition_type, bytes: RowConverter::new(sort).map_err(arrow)?, fields })
    }

    /// The parts of a batch in the table's schema, rows in their order, and their bytes in memory.
    ///
    /// # Errors
    /// Values that a transform has no result for.
    pub(crate) fn apply(&self, batch: &RecordBatch) -> Result<(Vec<Part>, usize)> {
        let values = self.transforms.iter().map(|(column, apply)| apply.apply(batch.column(*column)));
        let values = values.collect::<Result<Vec<_>>>()?;
        let rows = self.bytes.convert_columns(&values).map_err(arrow)?;
        let mut groups: HashMap<&[u8], Vec<u32>> = HashMap::new();
        for (i, row) in (0..).zip(rows.iter()) {
            groups.entry(row.data()).or_default().push(i);
        }
        // Brought together by one `take`; each part is a slice of it. Also a copy if all rows are of one value: rows are
        // kept for some time, and may be a small slice of something large.
        let order = UInt32Array::from_iter_values(groups.values().flatten().copied());
        let together = take_record_batch(batch, &order).map_err(arrow)?;
        let bytes = together.get_array_memory_size();
        let values = StructArray::try_new(self.fields.clone(), values, None).map_err(arrow)?;
        let mut start = 0;
        let parts = groups.into_iter().map(|(key, members)| {
            let rows = together.slice(start, members.len());
            start += members.len();
            let first: ArrayRef = Arc::new(values.slice(members[0] as usize, 1));
            Part { key: key.into(), first, rows }
        });
        Ok((parts.collect(), bytes))
    }

    /// The partition value of a [`Part`], in Iceberg's form.
    ///
    /// # Errors
    /// A date that the `iceberg` crate cannot print.
    pub(crate) fn value(&self, one: &ArrayRef) -> Result<Struct> {
        let literals =
            arrow_struct_to_literal(one, &self.partition_type).map_err(|e| failed("read a partition value", &e))?;
        let Some(Some(Literal::Struct(value))) = literals.into_iter().next() else {
            return Err(Error::internal("a partition value that is no struct"));
        };
        for (literal, field) in value.iter().zip(self.partition_type.fields()) {
            // The crate prints partition values into the snapshot's summary, and dies of dates that chrono has not.
            const MAX_DAYS: i32 = 95_000_000;
            if let Some(Literal::Primitive(PrimitiveLiteral::Int(days))) = literal
                && matches!(field.field_type.as_ref(), Type::Primitive(PrimitiveType::Date))
                && !(-MAX_DAYS..=MAX_DAYS).contains(days)
            {
                return Err(Error::data(format!("a partition for day {days} since 1970, beyond the year 260,000"))
                    .with_context("partition field", field.name.clone()));
            }
        }
        Ok(value)
    }
}

fn apply(transform: Transform, source: &Type) -> Result<Apply> {
    let timestamp = matches!(source, Type::Primitive(PrimitiveType::Timestamp | PrimitiveType::Timestamptz));
    let temporal = timestamp || matches!(source, Type::Primitive(PrimitiveType::Date));
    Ok(match transform {
        Transform::Year if temporal => Apply::Temporal(Temporal::Year),
        Transform::Month if temporal => Apply::Temporal(Temporal::Month),
        Transform::Day if temporal => Apply::Temporal(Temporal::Day),
        Transform::Hour if timestamp => Apply::Temporal(Temporal::Hour),
        Transform::Identity if !is_fit_for_identity(source) => {
            return Err(Error::config(format!("cannot write a table partitioned by a column of type {source} itself")));
        }
        other => Apply::Other(create_transform_function(&other).map_err(|e| failed("read the partition spec", &e))?),
    })
}

/// Whether a column may be a partition value as it is. The `iceberg` crate dies of timestamps before 1970 when it prints
/// them into the snapshot's summary, and cannot write uuids into manifests; floats have no order that all agree on.
pub(super) fn is_fit_for_identity(source: &Type) -> bool {
    !matches!(
        source,
        Type::Primitive(
            PrimitiveType::Timestamp
                | PrimitiveType::Timestamptz
                | PrimitiveType::TimestampNs
                | PrimitiveType::TimestamptzNs
                | PrimitiveType::Float
                | PrimitiveType::Double
                | PrimitiveType::Uuid
                | PrimitiveType::Fixed(_)
        )
    )
}

impl Apply {
    fn apply(&self, column: &ArrayRef) -> Result<ArrayRef> {
        match self {
            Self::Temporal(temporal) => temporal.apply(column),
            Self::Other(function) => {
                function.transform(Arc::clone(column)).map_err(|e| failed("compute a partition value", &e))
            }
        }
    }
}

/// Whole years, months, days or hours since the start of 1970, rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Temporal {
    Year,
    Month,
    Day,
    Hour,
}

const MICROS_PER_HOUR: i64 = 3_600_000_000;
const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;

impl Temporal {
    fn apply(self, column: &ArrayRef) -> Result<ArrayRef> {
        let values: PrimitiveArray<Int32Type> = match column.data_type() {
            DataType::Date32 => column.as_primitive::<Date32Type>().unary(|days| self.of_days(i64::from(days))),
            _ => column
                .as_primitive_opt::<TimestampMicrosecondType>()
                .ok_or_else(|| Error::internal(format!("{self:?} of {}", column.data_type())))?
                .try_unary(|micros| {
                    self.of_micros(micros).ok_or_else(|| {
                        Error::data(format!("a timestamp {micros} µs from 1970, too far to count its hours"))
                    })
                })?,
        };
        Ok(match self {
            // Days are dates to Iceberg, the others numbers.
            Self::Day => Arc::new(values.reinterpret_cast::<Date32Type>()),
            _ => Arc::new(values),
        })
    }

    /// Of a timestamp in microseconds since 1970. Beyond the year 246,000 there are too many hours for 32 bits.
    pub(super) fn of_micros(self, micros: i64) -> Option<i32> {
        match self {
            Self::Hour => i32::try_from(micros.div_euclid(MICROS_PER_HOUR)).ok(),
            _ => Some(self.of_days(micros.div_euclid(MICROS_PER_DAY))),
        }
    }

    /// Of a date in days since 1970, which has no hour.
    #[expect(clippy::cast_possible_truncation, reason = "days are fewer than 2^31, so are their months and years")]
    pub(super) fn of_days(self, days: i64) -> i32 {
        let (year, month) = year_and_month(days);
        match self {
            Self::Year => (year - 1970) as i32,
            Self::Month => ((year - 1970) * 12 + month) as i32,
            Self::Day | Self::Hour => days as i32,
        }
    }
}

/// Year and month (0 to 11) of a day since 1970-01-01, in the Gregorian calendar without end to either side.
fn year_and_month(days: i64) -> (i64, i64) {
    const DAYS_PER_400_YEARS: i64 = 146_097;
    // Years are counted from March, so that the leap day is the last of its year: 0000-03-01 is 719,468 days before 1970.
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(DAYS_PER_400_YEARS), days.rem_euclid(DAYS_PER_400_YEARS));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months of 31, 30, 31, 30, 31 days: 153 days are five.
    let from_march = (5 * day_of_year + 2) / 153;
    let month = (from_march + 2) % 12;
    (era * 400 + year_of_era + i64::from(month < 2), month)
}

fn arrow(error: datafusion::arrow::error::ArrowError) -> Error {
    Error::internal("could not split rows by partition value").with_source(error)
}
