//! Cells of types without parts, collected into the buffers of one Arrow array.

use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, BooleanBufferBuilder, FixedSizeBinaryArray, NullBufferBuilder,
    PrimitiveArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, IntervalMonthDayNanoType, Time64NanosecondType};
use arrow::error::ArrowError;

use super::fault::Fault;
use crate::codec::temporal;

/// What the bytes of a duration are.
pub(super) const DURATION: &str = "three variable-length integers of at most 32, 32 and 64 bits";

/// Appends an address in its canonical text. `None` if it is neither 4 nor 16 bytes.
pub(super) fn append_inet_text(cell: &[u8], out: &mut Vec<u8>) -> Option<()> {
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
    pub(super) fn new(rows: usize, data_type: DataType) -> Self {
        Self { values: Vec::with_capacity(rows), nulls: NullBufferBuilder::new(rows), data_type }
    }

    #[inline]
    fn push(&mut self, value: Option<T::Native>) {
        self.values.push(value.unwrap_or_default());
        self.nulls.append(value.is_some());
    }

    #[inline]
    pub(super) fn append<const N: usize>(
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

    pub(super) fn finish(mut self) -> ArrayRef {
        let array = PrimitiveArray::<T>::new(self.values.into(), self.nulls.finish());
        Arc::new(array.with_data_type(self.data_type))
    }
}

impl Fixed<Time64NanosecondType> {
    #[inline]
    pub(super) fn append_time(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
        self.append(cell, "8 bytes", i64::from_be_bytes)?;
        // Arrow has no meaning for times beyond the day; Cassandra takes them from careless clients.
        match self.values.last() {
            Some(0..temporal::DAY_NANOS) => Ok(()),
            _ => Err(Fault::expected("a time within one day, in nanoseconds")),
        }
    }
}

impl Fixed<IntervalMonthDayNanoType> {
    pub(super) fn append_duration(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
        let Some(cell) = cell else {
            self.push(None);
            return Ok(());
        };
        let value = temporal::duration_from_cql(cell);
        self.push(Some(value.ok_or_else(|| Fault::length(cell, DURATION))?));
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
    pub(super) fn new(rows: usize) -> Self {
        Self { values: BooleanBufferBuilder::new(rows), nulls: NullBufferBuilder::new(rows) }
    }

    #[inline]
    pub(super) fn append(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
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

    pub(super) fn finish(mut self) -> ArrayRef {
        Arc::new(BooleanArray::new(self.values.finish(), self.nulls.finish()))
    }
}

/// UUIDs in the order of bytes their text has.
#[derive(Debug)]
pub(super) struct Uuids {
    values: Vec<u8>,
    nulls: NullBufferBuilder,
}

impl Uuids {
    pub(super) fn new(rows: usize) -> Self {
        Self { values: Vec::with_capacity(16 * rows), nulls: NullBufferBuilder::new(rows) }
    }

    #[inline]
    pub(super) fn append(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
        let bytes: &[u8; 16] = match cell {
            None => &[0; 16],
            Some(cell) => cell.try_into().map_err(|_| Fault::length(cell, "16 bytes"))?,
        };
        self.values.extend_from_slice(bytes);
        self.nulls.append(cell.is_some());
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(FixedSizeBinaryArray::try_new(16, Buffer::from_vec(self.values), self.nulls.finish())?))
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
    pub(super) fn new(rows: usize, bytes: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, values: Vec::with_capacity(bytes), nulls: NullBufferBuilder::new(rows) }
    }

    pub(super) fn into_parts(mut self) -> (OffsetBuffer<i32>, Buffer, Option<NullBuffer>) {
        (OffsetBuffer::new(self.offsets.into()), Buffer::from_vec(self.values), self.nulls.finish())
    }

    #[inline]
    pub(super) fn append(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
        self.values.extend_from_slice(cell.unwrap_or_default());
        self.close(cell.is_some())
    }

    #[inline]
    pub(super) fn append_as_text(
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
        let end = i32::try_from(self.values.len()).map_err(|_| Fault::expected("less than 2 GiB in one batch"))?;
        self.offsets.push(end);
        self.nulls.append(present);
        Ok(())
    }
}
