//! One decoder a column: cells in, an Arrow array out.

use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, BooleanBufferBuilder, FixedSizeBinaryArray,
    NullBufferBuilder, PrimitiveArray, StringArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    IntervalMonthDayNanoType, Time64NanosecondType, TimestampMillisecondType,
};
use arrow::error::ArrowError;

use crate::cluster::cql_type::CqlType;
use crate::codec::{arrow_type, decimal, temporal};

/// Why a cell is not a value of its column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Present, with zero bytes, in a type that Arrow gives no such value.
    Empty,
    /// Not what was expected.
    Expected(&'static str),
}

impl Fault {
    /// The fault of a cell that is not of the only length its type has.
    fn length(cell: &[u8], expected: &'static str) -> Self {
        if cell.is_empty() { Self::Empty } else { Self::Expected(expected) }
    }
}

/// The bytes of every present cell, for types of one length.
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

/// Collects the cells of one column of one page.
#[derive(Debug)]
pub(super) enum ColumnDecoder {
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
    Boolean(Booleans),
    Uuid(Uuids),
    Blob(Bytes),
    Text(Bytes),
    Inet(Bytes),
    Varint(Bytes),
    Decimal(Bytes),
}

impl ColumnDecoder {
    /// The decoder of a type, with room for `rows` cells of about `bytes` bytes in all if they are of no fixed width;
    /// `None` where there is no decoder yet.
    pub(super) fn new(cql_type: &CqlType, rows: usize, bytes: usize) -> Option<Self> {
        let data_type = arrow_type(cql_type)?;
        Some(match cql_type {
            CqlType::TinyInt => Self::TinyInt(Fixed::new(rows, data_type)),
            CqlType::SmallInt => Self::SmallInt(Fixed::new(rows, data_type)),
            CqlType::Int => Self::Int(Fixed::new(rows, data_type)),
            CqlType::BigInt | CqlType::Counter => Self::BigInt(Fixed::new(rows, data_type)),
            CqlType::Float => Self::Float(Fixed::new(rows, data_type)),
            CqlType::Double => Self::Double(Fixed::new(rows, data_type)),
            CqlType::Date => Self::Date(Fixed::new(rows, data_type)),
            CqlType::Time => Self::Time(Fixed::new(rows, data_type)),
            CqlType::Timestamp => Self::Timestamp(Fixed::new(rows, data_type)),
            CqlType::Duration => Self::Duration(Fixed::new(rows, data_type)),
            CqlType::Boolean => Self::Boolean(Booleans::new(rows)),
            CqlType::Uuid | CqlType::TimeUuid => Self::Uuid(Uuids::new(rows)),
            CqlType::Blob => Self::Blob(Bytes::new(rows, bytes)),
            CqlType::Ascii | CqlType::Text => Self::Text(Bytes::new(rows, bytes)),
            CqlType::Inet => Self::Inet(Bytes::new(rows, bytes)),
            CqlType::Varint => Self::Varint(Bytes::new(rows, bytes)),
            CqlType::Decimal => Self::Decimal(Bytes::new(rows, bytes)),
            _ => return None,
        })
    }

    /// Takes one cell.
    #[inline]
    pub(super) fn append(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
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
            Self::Boolean(c) => c.append(cell),
            Self::Uuid(c) => c.append(cell),
            Self::Blob(c) | Self::Text(c) => c.append(cell),
            Self::Inet(c) => c.append_as_text(cell, "4 or 16 bytes", append_inet_text),
            Self::Varint(c) => c.append_as_text(cell, "at least 1 byte", decimal::append_varint_text),
            Self::Decimal(c) => c.append_as_text(cell, "at least 5 bytes", decimal::append_decimal_text),
        }
    }

    /// The array of all cells taken. An error only for text that is not UTF-8: that is checked here, for all cells at
    /// once, and it is for the caller to find the cell.
    pub(super) fn finish(self) -> Result<ArrayRef, ArrowError> {
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
            Self::Boolean(mut c) => Arc::new(BooleanArray::new(c.values.finish(), c.nulls.finish())),
            Self::Uuid(mut c) => {
                Arc::new(FixedSizeBinaryArray::try_new(16, Buffer::from_vec(c.values), c.nulls.finish())?)
            }
            Self::Blob(c) => {
                let (offsets, values, nulls) = c.into_parts();
                Arc::new(BinaryArray::try_new(offsets, values, nulls)?)
            }
            Self::Text(c) | Self::Inet(c) | Self::Varint(c) | Self::Decimal(c) => {
                let (offsets, values, nulls) = c.into_parts();
                Arc::new(StringArray::try_new(offsets, values, nulls)?)
            }
        })
    }
}

/// Appends an address in its canonical text. `None` if it is neither 4 nor 16 bytes.
fn append_inet_text(cell: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let address = match cell.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(cell).ok()?),
        16 => IpAddr::from(<[u8; 16]>::try_from(cell).ok()?),
        _ => return None,
    };
    write!(out, "{address}").ok()
}

/// Values of one width.
#[derive(Debug)]
pub(super) struct Fixed<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    nulls: NullBufferBuilder,
    data_type: DataType,
}

impl<T: ArrowPrimitiveType> Fixed<T> {
    fn new(rows: usize, data_type: DataType) -> Self {
        Self { values: Vec::with_capacity(rows), nulls: NullBufferBuilder::new(rows), data_type }
    }

    #[inline]
    fn push(&mut self, value: Option<T::Native>) {
        self.values.push(value.unwrap_or_default());
        self.nulls.append(value.is_some());
    }

    #[inline]
    fn append<const N: usize>(
        &mut self,
        cell: Option<&[u8]>,
        expected: &'static str,
        read: impl Fn([u8; N]) -> T::Native,
    ) -> Result<(), Fault> {
        let Some(cell) = cell else {
            self.push(None);
            return Ok(());
        };
        let bytes = cell.try_into().map_err(|_| Fault::length(cell, expected))?;
        self.push(Some(read(bytes)));
        Ok(())
    }

    fn finish(mut self) -> ArrayRef {
        let array = PrimitiveArray::<T>::new(self.values.into(), self.nulls.finish());
        Arc::new(array.with_data_type(self.data_type))
    }
}

impl Fixed<Time64NanosecondType> {
    #[inline]
    fn append_time(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
        self.append(cell, "8 bytes", i64::from_be_bytes)?;
        // Arrow has no meaning for times beyond the day; Cassandra takes them from careless clients.
        match self.values.last() {
            Some(0..temporal::DAY_NANOS) => Ok(()),
            _ => Err(Fault::Expected("a time within one day, in nanoseconds")),
        }
    }
}

impl Fixed<IntervalMonthDayNanoType> {
    fn append_duration(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
        let Some(cell) = cell else {
            self.push(None);
            return Ok(());
        };
        let value = temporal::duration_from_cql(cell);
        let expected = "three variable-length integers of at most 32, 32 and 64 bits";
        self.push(Some(value.ok_or_else(|| Fault::length(cell, expected))?));
        Ok(())
    }
}

/// True and false.
#[derive(Debug)]
pub(super) struct Booleans {
    values: BooleanBufferBuilder,
    nulls: NullBufferBuilder,
}

impl Booleans {
    fn new(rows: usize) -> Self {
        Self { values: BooleanBufferBuilder::new(rows), nulls: NullBufferBuilder::new(rows) }
    }

    #[inline]
    fn append(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
        let value = match cell {
            None => None,
            // Cassandra reads any other byte than zero as true.
            Some([byte]) => Some(*byte != 0),
            Some(cell) => return Err(Fault::length(cell, "1 byte")),
        };
        self.values.append(value.unwrap_or_default());
        self.nulls.append(value.is_some());
        Ok(())
    }
}

/// UUIDs in the order of bytes their text has.
#[derive(Debug)]
pub(super) struct Uuids {
    values: Vec<u8>,
    nulls: NullBufferBuilder,
}

impl Uuids {
    fn new(rows: usize) -> Self {
        Self { values: Vec::with_capacity(16 * rows), nulls: NullBufferBuilder::new(rows) }
    }

    #[inline]
    fn append(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
        let bytes: &[u8; 16] = match cell {
            None => &[0; 16],
            Some(cell) => cell.try_into().map_err(|_| Fault::length(cell, "16 bytes"))?,
        };
        self.values.extend_from_slice(bytes);
        self.nulls.append(cell.is_some());
        Ok(())
    }
}

/// Values of any length, copied once into one buffer.
#[derive(Debug)]
pub(super) struct Bytes {
    /// Zero, then where each value ends.
    offsets: Vec<i32>,
    values: Vec<u8>,
    nulls: NullBufferBuilder,
}

impl Bytes {
    fn new(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, values: Vec::with_capacity(bytes), nulls: NullBufferBuilder::new(rows) }
    }

    fn into_parts(mut self) -> (OffsetBuffer<i32>, Buffer, Option<NullBuffer>) {
        (OffsetBuffer::new(self.offsets.into()), Buffer::from_vec(self.values), self.nulls.finish())
    }

    #[inline]
    fn append(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
        self.values.extend_from_slice(cell.unwrap_or_default());
        self.close(cell.is_some())
    }

    #[inline]
    fn append_as_text(
        &mut self,
        cell: Option<&[u8]>,
        expected: &'static str,
        append: impl Fn(&[u8], &mut Vec<u8>) -> Option<()>,
    ) -> Result<(), Fault> {
        if let Some(cell) = cell {
            append(cell, &mut self.values).ok_or_else(|| Fault::length(cell, expected))?;
        }
        self.close(cell.is_some())
    }

    #[inline]
    fn close(&mut self, present: bool) -> Result<(), Fault> {
        let end = i32::try_from(self.values.len()).map_err(|_| Fault::Expected("less than 2 GiB in one batch"))?;
        self.offsets.push(end);
        self.nulls.append(present);
        Ok(())
    }
}
