//! Cells of types with parts: each part goes to the decoder of its type, as a slice of the cell.
//!
//! What a cell says about itself is believed only as far as its bytes reach: a number of elements is checked against
//! them before anything is made of it.

use std::sync::Arc;

use arrow::array::{ArrayRef, FixedSizeListArray, ListArray, MapArray, NullBufferBuilder, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, FieldRef, Fields};
use arrow::error::ArrowError;

use super::column::{ColumnDecoder, Manner, Room, fixed_width};
use super::fault::Fault;
use super::{LENGTH_BYTES, read_cell};
use crate::cluster::cql_type::CqlType;
use crate::codec::place::Step;
use crate::codec::{temporal, vector_width, width};

/// The most elements of vectors in one batch: a null takes as many as a vector, though it has no bytes.
const MAX_VECTOR_ELEMENTS: usize = 1 << 27;

/// About how many bytes a part of this type takes, without its length.
fn typical_width(cql_type: &CqlType) -> usize {
    const TEXT: usize = 8;
    match cql_type.strip_frozen() {
        CqlType::Tuple(_) | CqlType::Udt(_) => {
            cql_type.strip_frozen().parts().into_iter().map(|part| LENGTH_BYTES + typical_width(part)).sum()
        }
        CqlType::Vector(element, dimension) => typical_width(element).saturating_mul(*dimension),
        other => fixed_width(other).unwrap_or(TEXT),
    }
}

/// A number of entries off the front, each of which takes at least so many bytes.
fn read_count(rest: &mut &[u8], entry_bytes: usize) -> Result<usize, Fault> {
    const BYTES: &str = "the number of its elements in 4 bytes";
    let (count, tail) = rest.split_first_chunk::<LENGTH_BYTES>().ok_or_else(|| Fault::length(rest, BYTES))?;
    let count = usize::try_from(i32::from_be_bytes(*count)).ok();
    let count = count.filter(|count| *count <= tail.len() / entry_bytes);
    *rest = tail;
    count.ok_or_else(|| Fault::expected("bytes for as many elements as it says it has"))
}

/// A part with its length off the front, or `None` if it is null.
#[inline]
fn read_part<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Fault> {
    read_cell(rest).map_err(|_| Fault::expected("all bytes of its parts"))
}

fn check_end(rest: &[u8]) -> Result<(), Fault> {
    if rest.is_empty() { Ok(()) } else { Err(Fault::expected("no bytes behind its last part")) }
}

/// Where lists and maps end.
#[derive(Debug)]
struct Ends {
    /// Zero, then where each value ends.
    offsets: Vec<i32>,
    /// The last of them.
    parts: usize,
    nulls: NullBufferBuilder,
}

impl Ends {
    fn new(rows: usize) -> Self {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        Self { offsets, parts: 0, nulls: NullBufferBuilder::new(rows) }
    }

    fn close(&mut self, count: Option<usize>) -> Result<(), Fault> {
        self.parts += count.unwrap_or_default();
        let end = i32::try_from(self.parts).map_err(|_| Fault::expected("less than 2^31 elements in one batch"))?;
        self.offsets.push(end);
        self.nulls.append(count.is_some());
        Ok(())
    }

    fn offsets(&mut self) -> OffsetBuffer<i32> {
        OffsetBuffer::new(std::mem::take(&mut self.offsets).into())
    }
}

/// Lists and sets: a number of elements, then each with its length.
#[derive(Debug)]
pub(super) struct Lists {
    field: FieldRef,
    elements: ColumnDecoder,
    ends: Ends,
}

impl Lists {
    pub(super) fn new(element: &CqlType, room: Room, manner: Manner) -> Self {
        let within = Room { rows: room.bytes / (LENGTH_BYTES + typical_width(element)), ..room };
        Self {
            field: manner.read_as.element_field(element),
            elements: ColumnDecoder::new(element, within, manner),
            ends: Ends::new(room.rows),
        }
    }

    pub(super) fn append(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
        let Some(mut rest) = cell else { return self.ends.close(None) };
        let count = read_count(&mut rest, LENGTH_BYTES)?;
        for i in 0..count {
            let element = read_part(&mut rest)?;
            self.elements.append(element).map_err(|fault| fault.within(Step::Element(i), element))?;
        }
        check_end(rest)?;
        self.ends.close(Some(count))
    }

    pub(super) fn finish(mut self) -> Result<ArrayRef, ArrowError> {
        let offsets = self.ends.offsets();
        Ok(Arc::new(ListArray::try_new(self.field, offsets, self.elements.finish()?, self.ends.nulls.finish())?))
    }
}

/// Maps: a number of entries, then of each the key and the value with their lengths.
#[derive(Debug)]
pub(super) struct Maps {
    field: FieldRef,
    keys: ColumnDecoder,
    values: ColumnDecoder,
    ends: Ends,
}

impl Maps {
    pub(super) fn new(key: &CqlType, value: &CqlType, room: Room, manner: Manner) -> Self {
        let entry = 2 * LENGTH_BYTES + typical_width(key) + typical_width(value);
        let within = Room { rows: room.bytes / entry, bytes: room.bytes / 2 };
        Self {
            field: manner.read_as.entries_field(key, value),
            // Arrow has no null keys either.
            keys: ColumnDecoder::new(key, within, manner.without_nulls()),
            values: ColumnDecoder::new(value, within, manner),
            ends: Ends::new(room.rows),
        }
    }

    pub(super) fn append(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
        let Some(mut rest) = cell else { return self.ends.close(None) };
        let count = read_count(&mut rest, 2 * LENGTH_BYTES)?;
        for i in 0..count {
            let key = read_part(&mut rest)?;
            if key.is_none() {
                return Err(Fault::expected("a value").within(Step::Key(i), None));
            }
            self.keys.append(key).map_err(|fault| fault.within(Step::Key(i), key))?;
            let value = read_part(&mut rest)?;
            self.values.append(value).map_err(|fault| fault.within(Step::Value(i), value))?;
        }
        check_end(rest)?;
        self.ends.close(Some(count))
    }

    pub(super) fn finish(mut self) -> Result<ArrayRef, ArrowError> {
        let DataType::Struct(fields) = self.field.data_type() else {
            return Err(ArrowError::SchemaError("a map's entries are no struct".to_owned()));
        };
        let columns = vec![self.keys.finish()?, self.values.finish()?];
        let entries = StructArray::try_new_with_length(fields.clone(), columns, None, self.ends.parts)?;
        let offsets = self.ends.offsets();
        Ok(Arc::new(MapArray::try_new(self.field, offsets, entries, self.ends.nulls.finish(), false)?))
    }
}

/// Tuples and user-defined types: the fields with their lengths, of which the last ones may be missing.
#[derive(Debug)]
pub(super) struct Structs {
    fields: Fields,
    parts: Vec<ColumnDecoder>,
    rows: usize,
    nulls: NullBufferBuilder,
}

impl Structs {
    pub(super) fn new(cql_type: &CqlType, room: Room, manner: Manner) -> Self {
        let parts = cql_type.parts();
        let within = Room { bytes: room.bytes / parts.len().max(1), ..room };
        Self {
            fields: manner.read_as.struct_fields(cql_type),
            parts: parts.into_iter().map(|part| ColumnDecoder::new(part, within, manner)).collect(),
            rows: 0,
            nulls: NullBufferBuilder::new(room.rows),
        }
    }

    pub(super) fn append(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
        let mut rest = cell.unwrap_or_default();
        for (i, part) in self.parts.iter_mut().enumerate() {
            // Fields that were added to the type after the value was written.
            let field = if rest.is_empty() { None } else { read_part(&mut rest)? };
            part.append(field).map_err(|fault| fault.within(Step::Field(i), field))?;
        }
        check_end(rest)?;
        self.rows += 1;
        self.nulls.append(cell.is_some());
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<ArrayRef, ArrowError> {
        let columns = self.parts.into_iter().map(ColumnDecoder::finish).collect::<Result<_, _>>()?;
        Ok(Arc::new(StructArray::try_new_with_length(self.fields, columns, self.nulls.finish(), self.rows)?))
    }
}

/// Vectors: elements of a fixed width one after the other, others each with its length as an unsigned vint.
#[derive(Debug)]
pub(super) struct Vectors {
    field: FieldRef,
    elements: ColumnDecoder,
    dimension: usize,
    /// Of an element, if it is fixed.
    width: Option<usize>,
    rows: usize,
    nulls: NullBufferBuilder,
}

impl Vectors {
    pub(super) fn new(element: &CqlType, dimension: usize, room: Room, manner: Manner) -> Self {
        let likely = room.bytes / (1 + typical_width(element));
        let within = Room { rows: likely.min(room.rows.saturating_mul(dimension)), ..room };
        Self {
            field: manner.read_as.element_field(element),
            elements: ColumnDecoder::new(element, within, manner),
            dimension,
            width: vector_width(element),
            rows: 0,
            nulls: NullBufferBuilder::new(room.rows),
        }
    }

    pub(super) fn append(&mut self, cell: Option<&[u8]>) -> Result<(), Fault> {
        if (self.rows + 1).saturating_mul(self.dimension) > MAX_VECTOR_ELEMENTS {
            return Err(Fault::expected(
                "at most 2^27 elements of vectors in one batch; lower cassandra.page_size_rows",
            ));
        }
        match (cell, self.width) {
            (None, _) => {
                for _ in 0..self.dimension {
                    self.elements.append(None)?;
                }
            }
            (Some(cell), Some(width)) => self.append_fixed(cell, width)?,
            (Some(cell), None) => self.append_variable(cell)?,
        }
        self.rows += 1;
        self.nulls.append(cell.is_some());
        Ok(())
    }

    fn append_fixed(&mut self, cell: &[u8], width: usize) -> Result<(), Fault> {
        if width.checked_mul(self.dimension) != Some(cell.len()) {
            return Err(Fault::length(cell, "exactly the bytes of its elements"));
        }
        for (i, element) in cell.chunks_exact(width).enumerate() {
            self.elements.append(Some(element)).map_err(|fault| fault.within(Step::Element(i), Some(element)))?;
        }
        Ok(())
    }

    fn append_variable(&mut self, cell: &[u8]) -> Result<(), Fault> {
        if cell.is_empty() {
            return Err(Fault::empty());
        }
        let mut rest = cell;
        for i in 0..self.dimension {
            let element = temporal::read_unsigned_vint(&mut rest)
                .and_then(|length| rest.split_at_checked(usize::try_from(length).ok()?))
                .map(|(element, tail)| {
                    rest = tail;
                    element
                })
                .ok_or_else(|| Fault::expected("all bytes of its elements"))?;
            self.elements.append(Some(element)).map_err(|fault| fault.within(Step::Element(i), Some(element)))?;
        }
        check_end(rest)
    }

    pub(super) fn finish(mut self) -> Result<ArrayRef, ArrowError> {
        let (values, nulls) = (self.elements.finish()?, self.nulls.finish());
        Ok(Arc::new(FixedSizeListArray::try_new(self.field, width(self.dimension), values, nulls)?))
    }
}
