//! The same values in another Arrow type that stands for the same: from what a query gives to what the file has, and back.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, ListArray, MapArray, StructArray, UInt32Array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, cast_with_options, take};
use arrow::datatypes::{DataType, FieldRef, Fields};
use arrow::error::ArrowError;

use super::names::matching;

/// Structs by the names of their fields, maps as lists of their entries and back, lists as each other, all else by CAST. No
/// value changes: what does not fit is an error. What only changes its form is not copied.
pub(super) fn fit(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    use DataType::{FixedSizeList, LargeList, List, Map, Struct};
    Ok(match (array.data_type(), to) {
        (from, to) if from == to => Arc::clone(array),
        (Struct(_), Struct(fields)) => Arc::new(fit_struct(array.as_struct(), fields)?),
        (Map(..), Map(entries, sorted)) => Arc::new(Entries::of_map(array.as_map()).into_map(entries, *sorted)?),
        (Map(..), List(entries)) => Arc::new(Entries::of_map(array.as_map()).into_list(entries)?),
        (List(_), Map(entries, sorted)) => {
            Arc::new(Entries::of_list(array.as_list()).ok_or_else(|| no_map(array))?.into_map(entries, *sorted)?)
        }
        (LargeList(item) | FixedSizeList(item, _), List(_) | LargeList(_) | FixedSizeList(..)) => {
            fit(&exact_cast(array, &List(Arc::clone(item)))?, to)?
        }
        (List(_), List(item)) => Arc::new(fit_items(array.as_list(), item)?),
        (List(_), LargeList(item)) => exact_cast(&(Arc::new(fit_items(array.as_list(), item)?) as ArrayRef), to)?,
        (List(_), FixedSizeList(item, size)) => Arc::new(of_size(&fit_items(array.as_list(), item)?, item, *size)?),
        _ => exact_cast(array, to)?,
    })
}

/// A value that does not fit is an error, not null.
fn exact_cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    cast_with_options(array, to, &CastOptions { safe: false, ..CastOptions::default() })
}

/// Fields that are not there are null.
fn fit_struct(array: &StructArray, fields: &Fields) -> Result<StructArray, ArrowError> {
    let found = matching(array.fields(), fields);
    let columns = fields.iter().zip(found).map(|(field, index)| match index {
        Some(index) => fit(array.column(index), field.data_type()),
        None => Ok(new_null_array(field.data_type(), array.len())),
    });
    let columns = columns.collect::<Result<_, _>>()?;
    StructArray::try_new_with_length(fields.clone(), columns, array.nulls().cloned(), array.len())
}

fn fit_items(list: &ListArray, item: &FieldRef) -> Result<ListArray, ArrowError> {
    let items = fit(list.values(), item.data_type())?;
    ListArray::try_new(Arc::clone(item), list.offsets().clone(), items, list.nulls().cloned())
}

/// Lists that all have as many elements. Null lists get elements too, null ones, which nobody sees.
fn of_size(list: &ListArray, item: &FieldRef, size: i32) -> Result<FixedSizeListArray, ArrowError> {
    let mut indices = UInt32Array::builder(list.len());
    for row in 0..list.len() {
        if list.is_null(row) {
            (0..size).for_each(|_| indices.append_null());
            continue;
        }
        let (start, length) = (list.value_offsets()[row], list.value_length(row));
        if length != size {
            return Err(ArrowError::CastError(format!("a list has {length} elements, not {size}")));
        }
        indices.extend((start..start + length).map(|i| Some(i.cast_unsigned())));
    }
    let items = take(list.values(), &indices.finish(), None)?;
    FixedSizeListArray::try_new(Arc::clone(item), size, items, list.nulls().cloned())
}

/// What maps and lists of entries both are.
struct Entries {
    offsets: OffsetBuffer<i32>,
    keys: ArrayRef,
    values: ArrayRef,
    nulls: Option<NullBuffer>,
}

impl Entries {
    fn of_map(map: &MapArray) -> Self {
        Self {
            offsets: map.offsets().clone(),
            keys: Arc::clone(map.keys()),
            values: Arc::clone(map.values()),
            nulls: map.nulls().cloned(),
        }
    }

    /// `None` unless its elements are records of two fields, none of them null.
    fn of_list(list: &ListArray) -> Option<Self> {
        let entries = list.values().as_struct_opt().filter(|e| e.num_columns() == 2 && e.null_count() == 0)?;
        Some(Self {
            offsets: list.offsets().clone(),
            keys: Arc::clone(entries.column(0)),
            values: Arc::clone(entries.column(1)),
            nulls: list.nulls().cloned(),
        })
    }

    fn records(&self, entries: &FieldRef) -> Result<StructArray, ArrowError> {
        let DataType::Struct(fields) = entries.data_type() else { return Err(no_entries(entries)) };
        let [key, value] = &fields[..] else { return Err(no_entries(entries)) };
        let columns = vec![fit(&self.keys, key.data_type())?, fit(&self.values, value.data_type())?];
        StructArray::try_new(fields.clone(), columns, None)
    }

    fn into_map(self, entries: &FieldRef, sorted: bool) -> Result<MapArray, ArrowError> {
        let records = self.records(entries)?;
        MapArray::try_new(Arc::clone(entries), self.offsets, records, self.nulls, sorted)
    }

    fn into_list(self, entries: &FieldRef) -> Result<ListArray, ArrowError> {
        let records = self.records(entries)?;
        ListArray::try_new(Arc::clone(entries), self.offsets, Arc::new(records), self.nulls)
    }
}

fn no_map(array: &ArrayRef) -> ArrowError {
    ArrowError::CastError(format!("{} is no list of entries with a key and a value", array.data_type()))
}

fn no_entries(field: &FieldRef) -> ArrowError {
    ArrowError::CastError(format!("{} is not the type of entries with a key and a value", field.data_type()))
}
