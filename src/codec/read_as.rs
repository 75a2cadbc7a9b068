//! Which Arrow type a CQL type is read as.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, IntervalUnit, Schema, TimeUnit};

use super::{CQL_TYPE_KEY, width};
use crate::cluster::cql_type::CqlType;
use crate::cluster::schema::{Column, ColumnKind};
use crate::options::{CassandraOptions, DurationAs, NumberAs};

/// The key under which Arrow keeps the name of an extension type.
const EXTENSION_NAME_KEY: &str = "ARROW:extension:name";

/// Arrow's canonical extension for UUIDs. It takes no metadata: arrow-rs refuses even an empty one.
const UUID_EXTENSION: &str = "arrow.uuid";

/// The time zone of all timestamps read.
const UTC: &str = "UTC";

/// The choice for the types that Arrow has no exact home for. All other types have one Arrow type.
///
/// By default nothing is lost: numbers of any size are text, durations are intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ReadAs {
    /// For `varint`.
    pub varint: NumberAs,
    /// For `decimal`.
    pub decimal: NumberAs,
    /// For `duration`.
    pub duration: DurationAs,
}

impl ReadAs {
    /// What these options choose.
    pub fn of(options: &CassandraOptions) -> Self {
        Self { varint: options.varint_as, decimal: options.decimal_as, duration: options.duration_as }
    }

    /// The Arrow type of a CQL type.
    pub fn arrow_type(self, cql_type: &CqlType) -> DataType {
        match cql_type {
            CqlType::Ascii | CqlType::Text | CqlType::Inet => DataType::Utf8,
            CqlType::Varint => number_type(self.varint),
            CqlType::Decimal => number_type(self.decimal),
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
            CqlType::Duration => match self.duration {
                DurationAs::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
                DurationAs::Text => DataType::Utf8,
            },
            CqlType::List(element) | CqlType::Set(element) => DataType::List(self.element_field(element)),
            CqlType::Map(key, value) => DataType::Map(self.entries_field(key, value), false),
            CqlType::Tuple(_) | CqlType::Udt(_) => DataType::Struct(self.struct_fields(cql_type)),
            CqlType::Vector(element, dimension) => {
                DataType::FixedSizeList(self.element_field(element), width(*dimension))
            }
            CqlType::Frozen(inner) => self.arrow_type(inner),
        }
    }

    /// The elements of a list, set or vector. Nullable, as everybody's lists are; Cassandra has no nulls there. Their CQL
    /// type stands only in the list's own: DataFusion drops the metadata of elements from constants, so that a list of
    /// `VALUES` would be of another type than the table's.
    pub(super) fn element_field(self, element: &CqlType) -> FieldRef {
        Arc::new(Field::new_list_field(self.arrow_type(element), true))
    }

    /// The entries of a map, named as Arrow and DataFusion do.
    pub(super) fn entries_field(self, key: &CqlType, value: &CqlType) -> FieldRef {
        let fields = [self.typed_field("key", key, false), self.typed_field("value", value, true)];
        Arc::new(Field::new("entries", DataType::Struct(fields.into_iter().collect()), false))
    }

    /// The fields of a tuple or user-defined type; none of any other type.
    pub(super) fn struct_fields(self, cql_type: &CqlType) -> Fields {
        match cql_type {
            CqlType::Tuple(elements) => {
                elements.iter().enumerate().map(|(i, t)| self.typed_field(format!("_{}", i + 1), t, true)).collect()
            }
            CqlType::Udt(user_type) => {
                user_type.fields.iter().map(|(name, t)| self.typed_field(name, t, true)).collect()
            }
            _ => Fields::empty(),
        }
    }

    /// A field that keeps its CQL type.
    fn typed_field(self, name: impl Into<String>, cql_type: &CqlType, nullable: bool) -> Field {
        with_cql_type(Field::new(name, self.arrow_type(cql_type), nullable), cql_type)
    }

    /// The field of one column. A column of the primary key is not nullable; see [`Self::schema`] for the exception,
    /// which one column alone does not show.
    pub fn field(self, column: &Column) -> Field {
        self.typed_field(&column.name, &column.cql_type, !column.kind.is_key())
    }

    /// The schema of a table, given all its columns.
    ///
    /// Clustering columns of a table with static columns are nullable: a Cassandra partition that has static values and no
    /// rows is read as one row whose clustering columns are null.
    pub fn schema(self, columns: &[Column]) -> Schema {
        let has_static = columns.iter().any(|c| c.kind == ColumnKind::Static);
        let field = |column: &Column| {
            let clustering = matches!(column.kind, ColumnKind::Clustering { .. });
            let field = self.field(column);
            if clustering && has_static { field.with_nullable(true) } else { field }
        };
        Schema::new(columns.iter().map(field).collect::<Vec<_>>())
    }
}

/// The field with this CQL type in its metadata.
pub(crate) fn with_cql_type(field: Field, cql_type: &CqlType) -> Field {
    let mut metadata = HashMap::from([(CQL_TYPE_KEY.to_owned(), cql_type.to_string())]);
    if matches!(cql_type.strip_frozen(), CqlType::Uuid | CqlType::TimeUuid) {
        metadata.insert(EXTENSION_NAME_KEY.to_owned(), UUID_EXTENSION.to_owned());
    }
    field.with_metadata(metadata)
}

fn number_type(number_as: NumberAs) -> DataType {
    match number_as {
        NumberAs::Text => DataType::Utf8,
        // At most 38 digits, see NumberAs.
        NumberAs::Decimal { precision, scale } => DataType::Decimal128(precision, scale.cast_signed()),
    }
}
