//! Lists, maps and structs: what is done to their parts. Arrow's own cast of a list cuts the nanoseconds of its elements.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray, make_array};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::arrow::error::ArrowError;

use super::{Misfit, Step};

/// The steps for the parts of `from`, or `None` if a part cannot become the same part of `to`.
pub(super) fn parts(from: &DataType, to: &DataType) -> Option<Vec<Step>> {
    match (from, to) {
        (DataType::List(from) | DataType::LargeList(from) | DataType::FixedSizeList(from, _), DataType::List(to)) => {
            Some(vec![Step::new(from.data_type(), to.data_type(), true)?])
        }
        (DataType::Map(from, _), DataType::Map(to, _)) => {
            // Keys and values are named differently by different libraries: only their order counts.
            let (from, to) = (fields(from)?, fields(to)?);
            from.iter().zip(to).map(|(f, t)| Step::new(f.data_type(), t.data_type(), true)).collect()
        }
        (DataType::Struct(from), DataType::Struct(to)) if from.len() == to.len() => from
            .iter()
            .zip(to)
            .map(|(f, t)| if f.name() == t.name() { Step::new(f.data_type(), t.data_type(), true) } else { None })
            .collect(),
        _ => None,
    }
}

fn fields(entries: &Field) -> Option<&Fields> {
    if let DataType::Struct(fields) = entries.data_type() { Some(fields) } else { None }
}

/// The array with its parts converted.
pub(super) fn apply(parts: &[Step], to: &DataType, array: &ArrayRef) -> Result<ArrayRef, Misfit> {
    match (to, parts) {
        (DataType::List(field), [step]) => {
            // The same list in the one layout that is written: an offset for each row.
            let from = match array.data_type() {
                DataType::LargeList(from) | DataType::FixedSizeList(from, _) => {
                    &cast(array, &DataType::List(Arc::clone(from)))?
                }
                _ => array,
            };
            let list = from.as_list::<i32>();
            let (offsets, elements) = used(list.offsets(), list.values());
            let elements = step.apply(&elements).map_err(|misfit| in_row(misfit, &offsets))?;
            Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, elements, list.nulls().cloned())?))
        }
        (DataType::Map(field, sorted), [_, _]) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            let (offsets, entries) = used(map.offsets(), &entries);
            let entries = structs(parts, field.data_type(), &entries).map_err(|misfit| in_row(misfit, &offsets))?;
            Ok(Arc::new(MapArray::try_new(Arc::clone(field), offsets, entries, map.nulls().cloned(), *sorted)?))
        }
        _ => Ok(Arc::new(structs(parts, to, array)?)),
    }
}

fn structs(parts: &[Step], to: &DataType, array: &ArrayRef) -> Result<StructArray, Misfit> {
    let DataType::Struct(fields) = to else {
        return Err(ArrowError::SchemaError(format!("{to} is no struct")).into());
    };
    let array = array.as_struct();
    let columns = parts.iter().zip(array.columns()).map(|(step, column)| step.apply(&under(array.nulls(), column)?));
    let columns = columns.collect::<Result<_, _>>()?;
    Ok(StructArray::try_new_with_length(fields.clone(), columns, array.nulls().cloned(), array.len())?)
}

/// A field's values, null where the struct is: whatever stands there is no value that could be refused.
fn under(nulls: Option<&NullBuffer>, column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    if nulls.is_none_or(|nulls| nulls.null_count() == 0) || matches!(column.data_type(), DataType::Null) {
        return Ok(Arc::clone(column));
    }
    let nulls = NullBuffer::union(nulls, column.nulls());
    Ok(make_array(column.to_data().into_builder().nulls(nulls).build()?))
}

/// The values between the first offset and the last, which need not be all, with offsets into them.
fn used(offsets: &OffsetBuffer<i32>, values: &ArrayRef) -> (OffsetBuffer<i32>, ArrayRef) {
    let (first, last) = (offsets.first().copied().unwrap_or_default(), offsets.last().copied().unwrap_or_default());
    let values = values.slice(index(first), index(last - first));
    (OffsetBuffer::new(offsets.iter().map(|offset| offset - first).collect()), values)
}

/// Offsets are never negative.
fn index(offset: i32) -> usize {
    usize::try_from(offset).unwrap_or_default()
}

/// The misfit of an element, as one of the row that it belongs to.
fn in_row(misfit: Misfit, offsets: &OffsetBuffer<i32>) -> Misfit {
    match misfit {
        Misfit::Value(element, what) => {
            let row = offsets.iter().skip(1).position(|end| index(*end) > element);
            Misfit::Value(row.unwrap_or_default(), what)
        }
        broken @ Misfit::Broken(_) => broken,
    }
}
