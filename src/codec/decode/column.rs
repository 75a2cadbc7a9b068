//! One decoder a column, chosen once by its type: cells in, an Arrow array out.

use std::sync::Arc;

use arrow::array::{ArrayRef, BinaryArray, StringArray};
use arrow::datatypes::{
    Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    Time64NanosecondType, TimestampMillisecondType,
};
use arrow::error::ArrowError;

use super::fault::Fault;
use super::nested::{Lists, Maps, Structs, Vectors};
use super::number::{Numbers, Reading};
use super::scalar::{Booleans, Bytes, DURATION, Fixed, Uuids, append_inet_text};
use crate::cluster::cql_type::CqlType;
use crate::codec::decimal::{self, DecimalType};
use crate::codec::{ReadAs, duration, temporal};
use crate::options::{DecimalOverflow, DurationAs, NumberAs};

const VARINT: Reading =
    Reading { expected: "at least 1 byte", fit: DecimalType::fit_varint, show: decimal::append_varint_text };

const DECIMAL: Reading =
    Reading { expected: "at least 5 bytes", fit: DecimalType::fit_decimal, show: decimal::append_decimal_text };

/// The bytes of every present cell, for scalar types of one length.
pub(super) fn fixed_width(cql_type: &CqlType) -> Option<usize> {
    match cql_type {
        CqlType::TinyInt | CqlType::Boolean => Some(1),
        CqlType::SmallInt => Some(2),
        CqlType::Int | CqlType::Float | CqlType::Date => Some(4),
        CqlType::BigInt | CqlType::Counter | CqlType::Double | CqlType::Time | CqlType::Timestamp => Some(8),
        CqlType::Uuid | CqlType::TimeUuid => Some(16),
        _ => None,
    }
}

/// Collects the cells of one column of one page, or the parts of one type inside them.
#[derive(Debug)]
pub(super) struct ColumnDecoder {
    cells: Cells,
    /// See [`Manner::empty_is_null`].
    empty_is_null: bool,
}

/// How cells are read, besides what their type says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) read_as: ReadAs,
    /// Whether empty cells of types that have no empty value are null. If not, they are a fault.
    pub(super) empty_is_null: bool,
    /// What becomes of numbers that are not in their decimal type.
    pub(super) overflow: DecimalOverflow,
}

impl Manner {
    /// The same where there can be no nulls: what would become null is a fault.
    pub(super) fn without_nulls(self) -> Self {
        let overflow = if self.overflow == DecimalOverflow::Null { DecimalOverflow::Error } else { self.overflow };
        Self { empty_is_null: false, overflow, ..self }
    }
}

/// How much there is to collect, as far as one can guess: buffers grow if there is more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// Cells.
    pub(super) rows: usize,
    /// Bytes of all cells together, where they are of no fixed width.
    pub(super) bytes: usize,
}

#[derive(Debug)]
enum Cells {
    TinyInt(Fixed<Int8Type>),
    SmallInt(Fixed<Int16Type>),
    Int(Fixed<Int32Type>),
    BigInt(Fixed<Int64Type>),
    Float(Fixed<Float32Type>),
    Double(Fixed<Float64Type>),
    Date(Fixed<Date32Type>),
    Time(Fixed<Time64NanosecondType>),
    Timestamp(Fixed<TimestampMillisecondType>),
    Duration(Fixed<IntervalMonthDayNanoType>),
    DurationText(Bytes),
    Boolean(Booleans),
    Uuid(Uuids),
    Blob(Bytes),
    Text(Bytes),
    Inet(Bytes),
    VarintText(Bytes),
    Varint(Numbers),
    DecimalText(Bytes),
    Decimal(Numbers),
    List(Box<Lists>),
    Map(Box<Maps>),
    Struct(Box<Structs>),
    Vector(Box<Vectors>),
}

impl ColumnDecoder {
    /// The decoder of a type.
    pub(super) fn new(cql_type: &CqlType, room: Room, manner: Manner) -> Self {
        Self { cells: Cells::new(cql_type, room, manner), empty_is_null: manner.empty_is_null }
    }

    /// Takes one cell.
    #[inline]
    pub(super) fn append(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
        match self.cells.append(cell) {
            // A decoder that finds a cell empty has not taken anything of it.
            Err(fault) if self.empty_is_null && fault.is_empty() => self.cells.append(None),
            other => other,
        }
    }

    /// The array of all cells taken. An error only for text that is not UTF-8: that is checked here, for all cells at
    /// once, and it is for the caller to find the cell.
    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
        self.cells.finish()
    }
}

impl Cells {
    fn new(cql_type: &CqlType, room: Room, manner: Manner) -> Self {
        let Room { rows, bytes } = room;
        let data_type = || manner.read_as.arrow_type(cql_type);
        let number = |number_as, text: fn(Bytes) -> Self, decimal: fn(Numbers) -> Self| match number_as {
            NumberAs::Text => text(Bytes::new(rows, bytes)),
            NumberAs::Decimal { precision, scale } => {
                decimal(Numbers::new(rows, DecimalType { precision, scale }, manner.overflow))
            }
        };
        match cql_type {
            CqlType::TinyInt => Self::TinyInt(Fixed::new(rows, data_type())),
            CqlType::SmallInt => Self::SmallInt(Fixed::new(rows, data_type())),
            CqlType::Int => Self::Int(Fixed::new(rows, data_type())),
            CqlType::BigInt | CqlType::Counter => Self::BigInt(Fixed::new(rows, data_type())),
            CqlType::Float => Self::Float(Fixed::new(rows, data_type())),
            CqlType::Double => Self::Double(Fixed::new(rows, data_type())),
            CqlType::Date => Self::Date(Fixed::new(rows, data_type())),
            CqlType::Time => Self::Time(Fixed::new(rows, data_type())),
            CqlType::Timestamp => Self::Timestamp(Fixed::new(rows, data_type())),
            CqlType::Duration => match manner.read_as.duration {
                DurationAs::Interval => Self::Duration(Fixed::new(rows, data_type())),
                DurationAs::Text => Self::DurationText(Bytes::new(rows, bytes)),
            },
            CqlType::Boolean => Self::Boolean(Booleans::new(rows)),
            CqlType::Uuid | CqlType::TimeUuid => Self::Uuid(Uuids::new(rows)),
            CqlType::Blob | CqlType::Custom(_) => Self::Blob(Bytes::new(rows, bytes)),
            CqlType::Ascii | CqlType::Text => Self::Text(Bytes::new(rows, bytes)),
            CqlType::Inet => Self::Inet(Bytes::new(rows, bytes)),
            CqlType::Varint => number(manner.read_as.varint, Self::VarintText, Self::Varint),
            CqlType::Decimal => number(manner.read_as.decimal, Self::DecimalText, Self::Decimal),
            CqlType::List(element) | CqlType::Set(element) => Self::List(Box::new(Lists::new(element, room, manner))),
            CqlType::Map(key, value) => Self::Map(Box::new(Maps::new(key, value, room, manner))),
            CqlType::Tuple(_) | CqlType::Udt(_) => Self::Struct(Box::new(Structs::new(cql_type, room, manner))),
            CqlType::Vector(element, dimension) => {
                Self::Vector(Box::new(Vectors::new(element, *dimension, room, manner)))
            }
            CqlType::Frozen(inner) => Self::new(inner, room, manner),
        }
    }

    #[inline]
    fn append(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
        match self {
            Self::TinyInt(c) => c.append(cell, "1 byte", i8::from_be_bytes),
            Self::SmallInt(c) => c.append(cell, "2 bytes", i16::from_be_bytes),
            Self::Int(c) => c.append(cell, "4 bytes", i32::from_be_bytes),
            Self::BigInt(c) => c.append(cell, "8 bytes", i64::from_be_bytes),
            Self::Float(c) => c.append(cell, "4 bytes", f32::from_be_bytes),
            Self::Double(c) => c.append(cell, "8 bytes", f64::from_be_bytes),
            Self::Date(c) => c.append(cell, "4 bytes", temporal::date_from_cql),
            Self::Timestamp(c) => c.append(cell, "8 bytes", i64::from_be_bytes),
            Self::Time(c) => c.append_time(cell),
            Self::Duration(c) => c.append_duration(cell),
            Self::DurationText(c) => c.append_as_text(cell, DURATION, duration::append_text),
            Self::Boolean(c) => c.append(cell),
            Self::Uuid(c) => c.append(cell),
            Self::Blob(c) | Self::Text(c) => c.append(cell),
            Self::Inet(c) => c.append_as_text(cell, "4 or 16 bytes", append_inet_text),
            Self::VarintText(c) => c.append_as_text(cell, VARINT.expected, VARINT.show),
            Self::Varint(c) => c.append(cell, VARINT),
            Self::DecimalText(c) => c.append_as_text(cell, DECIMAL.expected, DECIMAL.show),
            Self::Decimal(c) => c.append(cell, DECIMAL),
            Self::List(c) => c.append(cell),
            Self::Map(c) => c.append(cell),
            Self::Struct(c) => c.append(cell),
            Self::Vector(c) => c.append(cell),
        }
    }

    fn finish(self) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Self::TinyInt(c) => c.finish(),
            Self::SmallInt(c) => c.finish(),
            Self::Int(c) => c.finish(),
            Self::BigInt(c) => c.finish(),
            Self::Float(c) => c.finish(),
            Self::Double(c) => c.finish(),
            Self::Date(c) => c.finish(),
            Self::Time(c) => c.finish(),
            Self::Timestamp(c) => c.finish(),
            Self::Duration(c) => c.finish(),
            Self::Varint(c) | Self::Decimal(c) => c.finish()?,
            Self::Boolean(c) => c.finish(),
            Self::Uuid(c) => c.finish()?,
            Self::Blob(c) => {
                let (offsets, values, nulls) = c.into_parts();
                Arc::new(BinaryArray::try_new(offsets, values, nulls)?)
            }
            Self::Text(c) | Self::Inet(c) | Self::VarintText(c) | Self::DecimalText(c) | Self::DurationText(c) => {
                let (offsets, values, nulls) = c.into_parts();
                Arc::new(StringArray::try_new(offsets, values, nulls)?)
            }
            Self::List(c) => c.finish()?,
            Self::Map(c) => c.finish()?,
            Self::Struct(c) => c.finish()?,
            Self::Vector(c) => c.finish()?,
        })
    }
}
