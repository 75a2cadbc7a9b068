//! Values with parts, written as Cassandra lays them out.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowNativeType, DataType};
use arrow::error::ArrowError;

use super::Values;
use crate::codec::encode::LENGTH_BYTES;
use crate::codec::encode::exact::{Fault, Misfit};
use crate::codec::encode::plan::{MapPlan, PartPlan, Plan, VectorPlan};
use crate::codec::place::Step;
use crate::codec::temporal;

const NULL: Fault =
    Fault("it is null, and Cassandra keeps no nulls in collections; leave it out, or write null for the whole value");

const TOO_LONG: Fault = Fault("it is 2 GiB or larger");

/// What stands for null in a tuple or user-defined type.
const NULL_LENGTH: [u8; LENGTH_BYTES] = (-1_i32).to_be_bytes();

fn length(length: usize) -> Result<[u8; LENGTH_BYTES], Fault> {
    i32::try_from(length).map(i32::to_be_bytes).map_err(|_| TOO_LONG)
}

impl Values {
    /// Appends the cell of a row that is not null, behind its length.
    fn write_with_length(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Misfit> {
        let start = out.len();
        out.extend_from_slice(&NULL_LENGTH);
        self.write(row, out)?;
        let length = length(out.len() - start - LENGTH_BYTES)?;
        out[start..start + LENGTH_BYTES].copy_from_slice(&length);
        Ok(())
    }

    /// The same of a part of a collection, which must not be null.
    fn write_part(&self, row: usize, step: Step, out: &mut Vec<u8>) -> Result<(), Misfit> {
        let written = if self.is_null(row) { Err(NULL.into()) } else { self.write_with_length(row, out) };
        written.map_err(|misfit| misfit.within(step, || self.shown(row)))
    }

    /// About how many bytes it takes.
    fn part_size(&self, row: usize) -> usize {
        LENGTH_BYTES + if self.is_null(row) { 0 } else { self.cell_size(row) }
    }
}

/// Which elements belong to which row, in any of Arrow's layouts.
#[derive(Debug)]
enum Spans {
    Offsets(OffsetBuffer<i32>),
    LargeOffsets(OffsetBuffer<i64>),
    Views(ScalarBuffer<i32>, ScalarBuffer<i32>),
    LargeViews(ScalarBuffer<i64>, ScalarBuffer<i64>),
    Fixed(usize),
}

impl Spans {
    /// The spans of a list and what they are spans of; `None` if it is no list.
    fn of(array: &ArrayRef) -> Option<(Self, ArrayRef)> {
        Some(match array.data_type() {
            DataType::List(_) => {
                let list = array.as_list_opt::<i32>()?;
                let (offsets, values) = trimmed(list.offsets(), list.values());
                (Self::Offsets(offsets), values)
            }
            DataType::LargeList(_) => {
                let list = array.as_list_opt::<i64>()?;
                let (offsets, values) = trimmed(list.offsets(), list.values());
                (Self::LargeOffsets(offsets), values)
            }
            DataType::ListView(_) => {
                let list = array.as_list_view_opt::<i32>()?;
                (Self::Views(list.offsets().clone(), list.sizes().clone()), ArrayRef::clone(list.values()))
            }
            DataType::LargeListView(_) => {
                let list = array.as_list_view_opt::<i64>()?;
                (Self::LargeViews(list.offsets().clone(), list.sizes().clone()), ArrayRef::clone(list.values()))
            }
            DataType::FixedSizeList(_, _) => {
                let list = array.as_fixed_size_list_opt()?;
                (Self::Fixed(usize::try_from(list.value_length()).ok()?), ArrayRef::clone(list.values()))
            }
            _ => return None,
        })
    }

    fn range(&self, row: usize) -> Range<usize> {
        match self {
            Self::Offsets(offsets) => offsets[row].as_usize()..offsets[row + 1].as_usize(),
            Self::LargeOffsets(offsets) => offsets[row].as_usize()..offsets[row + 1].as_usize(),
            Self::Views(offsets, sizes) => offsets[row].as_usize()..(offsets[row] + sizes[row]).as_usize(),
            Self::LargeViews(offsets, sizes) => offsets[row].as_usize()..(offsets[row] + sizes[row]).as_usize(),
            Self::Fixed(length) => row * length..(row + 1) * length,
        }
    }
}

/// A slice of a long list keeps all its values; here are those of the slice alone, so that no more are looked at.
fn trimmed<O: OffsetSizeTrait>(offsets: &OffsetBuffer<O>, values: &ArrayRef) -> (OffsetBuffer<O>, ArrayRef) {
    let (first, last) = (offsets[0], offsets[offsets.len() - 1]);
    if first == O::zero() && last.as_usize() == values.len() {
        return (offsets.clone(), ArrayRef::clone(values));
    }
    let shifted: Vec<O> = offsets.iter().map(|offset| *offset - first).collect();
    (OffsetBuffer::new(shifted.into()), values.slice(first.as_usize(), (last - first).as_usize()))
}

/// Lists and sets.
#[derive(Debug)]
pub(super) struct Lists {
    spans: Spans,
    elements: Values,
}

impl Lists {
    pub(super) fn new(element: &Plan, array: &ArrayRef) -> Result<Option<Self>, ArrowError> {
        let Some((spans, values)) = Spans::of(array) else { return Ok(None) };
        Ok(Some(Self { spans, elements: Values::new(element, &values)? }))
    }

    pub(super) fn is_fallible(&self) -> bool {
        self.elements.has_nulls() || self.elements.is_fallible()
    }

    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Misfit> {
        let range = self.spans.range(row);
        out.extend_from_slice(&length(range.len())?);
        for (i, element) in range.enumerate() {
            self.elements.write_part(element, Step::Element(i), out)?;
        }
        Ok(())
    }

    pub(super) fn size(&self, row: usize) -> usize {
        LENGTH_BYTES + self.spans.range(row).map(|element| self.elements.part_size(element)).sum::<usize>()
    }
}

/// Vectors.
#[derive(Debug)]
pub(super) struct Vectors {
    spans: Spans,
    elements: Values,
    dimension: usize,
    width: Option<usize>,
}

impl Vectors {
    pub(super) fn new(plan: &VectorPlan, array: &ArrayRef) -> Result<Option<Self>, ArrowError> {
        let Some((spans, values)) = Spans::of(array) else { return Ok(None) };
        let elements = Values::new(&plan.element, &values)?;
        Ok(Some(Self { spans, elements, dimension: plan.dimension, width: plan.width }))
    }

    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Misfit> {
        let range = self.spans.range(row);
        if range.len() != self.dimension {
            let why = format!("it has {} elements, and the vector {}", range.len(), self.dimension);
            return Err(Misfit::new(why));
        }
        for (i, element) in range.enumerate() {
            let written = match self.width {
                _ if self.elements.is_null(element) => Err(NULL.into()),
                Some(_) => self.elements.write(element, out),
                None => self.write_variable(element, out),
            };
            written.map_err(|misfit| misfit.within(Step::Element(i), || self.elements.shown(element)))?;
        }
        Ok(())
    }

    fn write_variable(&self, element: usize, out: &mut Vec<u8>) -> Result<(), Misfit> {
        self.elements.cell(element, |cell| {
            let (vint, size) = temporal::unsigned_vint(cell.len() as u64);
            out.extend_from_slice(&vint[..size]);
            out.extend_from_slice(cell);
        })
    }

    pub(super) fn size(&self, row: usize) -> usize {
        if let Some(width) = self.width {
            return width * self.dimension;
        }
        let element = |element| {
            let size = if self.elements.is_null(element) { 0 } else { self.elements.cell_size(element) };
            temporal::unsigned_vint(size as u64).1 + size
        };
        self.spans.range(row).map(element).sum()
    }
}

/// Maps, also those that come as lists of entries.
#[derive(Debug)]
pub(super) struct Maps {
    spans: Spans,
    /// Entries that are null as a whole.
    nulls: Option<NullBuffer>,
    keys: Values,
    values: Values,
}

impl Maps {
    pub(super) fn new(plan: &MapPlan, array: &ArrayRef) -> Result<Option<Self>, ArrowError> {
        let found = match array.as_map_opt() {
            Some(map) => {
                let entries: ArrayRef = Arc::new(map.entries().clone());
                let (offsets, entries) = trimmed(map.offsets(), &entries);
                Some((Spans::Offsets(offsets), entries))
            }
            None => Spans::of(array),
        };
        let Some((spans, entries)) = found else { return Ok(None) };
        let Some(entries) = entries.as_struct_opt() else { return Ok(None) };
        let (Some(keys), Some(values)) = (part(&plan.key, entries)?, part(&plan.value, entries)?) else {
            return Ok(None);
        };
        Ok(Some(Self { spans, nulls: entries.nulls().cloned(), keys, values }))
    }

    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Misfit> {
        let range = self.spans.range(row);
        out.extend_from_slice(&length(range.len())?);
        for (i, entry) in range.enumerate() {
            if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(entry)) {
                return Err(Misfit::from(NULL).within(Step::Key(i), || "null".to_owned()));
            }
            self.keys.write_part(entry, Step::Key(i), out)?;
            self.values.write_part(entry, Step::Value(i), out)?;
        }
        Ok(())
    }

    pub(super) fn size(&self, row: usize) -> usize {
        let entry = |entry| self.keys.part_size(entry) + self.values.part_size(entry);
        LENGTH_BYTES + self.spans.range(row).map(entry).sum::<usize>()
    }
}

/// Tuples and user-defined types.
#[derive(Debug)]
pub(super) struct Structs {
    /// By the fields of the type; those that do not come are null.
    parts: Vec<Option<Values>>,
}

impl Structs {
    pub(super) fn new(plans: &[Option<PartPlan>], array: &ArrayRef) -> Result<Option<Self>, ArrowError> {
        let Some(array) = array.as_struct_opt() else { return Ok(None) };
        let parts = plans.iter().map(|plan| match plan {
            Some(plan) => part(plan, array),
            None => Ok(None),
        });
        Ok(Some(Self { parts: parts.collect::<Result<_, _>>()? }))
    }

    pub(super) fn is_fallible(&self) -> bool {
        self.parts.iter().flatten().any(Values::is_fallible)
    }

    pub(super) fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Misfit> {
        for (i, part) in self.parts.iter().enumerate() {
            match part {
                Some(part) if !part.is_null(row) => {
                    let written = part.write_with_length(row, out);
                    written.map_err(|misfit| misfit.within(Step::Field(i), || part.shown(row)))?;
                }
                _ => out.extend_from_slice(&NULL_LENGTH),
            }
        }
        Ok(())
    }

    pub(super) fn size(&self, row: usize) -> usize {
        self.parts.iter().map(|part| part.as_ref().map_or(LENGTH_BYTES, |part| part.part_size(row))).sum()
    }
}

fn part(plan: &PartPlan, array: &StructArray) -> Result<Option<Values>, ArrowError> {
    array.columns().get(plan.index).map(|column| Values::new(&plan.plan, column)).transpose()
}
