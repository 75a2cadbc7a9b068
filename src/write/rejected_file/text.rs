//! Values whose form in CSV and JSON would come back as another value, or as none: they are kept as the text that an INSERT takes
//! for them.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, StringArray, StructArray, make_array, new_empty_array,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::error::ArrowError;
use uuid::Uuid;

use crate::cluster::schema::CqlType;
use crate::codec::hex;

/// Bytes as CQL writes them, or as a UUID where they are one. Numbers that a reader of JSON would take for a double, and doubles,
/// which may be NaN, as their digits. Maps, whose keys JSON wants to be text, as lists of `key` and `value`.
pub(super) fn as_text(array: &ArrayRef, column: Option<&CqlType>) -> Result<ArrayRef, ArrowError> {
    match array.data_type() {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            bytes_as_text(array, column)
        }
        data_type if data_type.is_decimal() || data_type.is_floating() || *data_type == DataType::UInt64 => {
            cast(array, &DataType::Utf8)
        }
        DataType::Dictionary(_, values) => as_text(&cast(array, values)?, column),
        data_type if data_type.is_nested() => parts_as_text(array),
        _ => Ok(Arc::clone(array)),
    }
}

/// The field of a column after [`as_text`].
pub(super) fn field_as_text(field: &Field, column: Option<&CqlType>) -> Result<Field, ArrowError> {
    let array = as_text(&new_empty_array(field.data_type()), column)?;
    Ok(field.clone().with_data_type(array.data_type().clone()))
}

fn bytes_as_text(array: &ArrayRef, column: Option<&CqlType>) -> Result<ArrayRef, ArrowError> {
    let is_uuid = match column.map(CqlType::strip_frozen) {
        Some(column) => matches!(column, CqlType::Uuid | CqlType::TimeUuid),
        None => *array.data_type() == DataType::FixedSizeBinary(16),
    };
    let text = |bytes: &[u8]| match Uuid::from_slice(bytes) {
        Ok(uuid) if is_uuid => uuid.to_string(),
        _ => hex::text_of(bytes),
    };
    let views = cast(array, &DataType::BinaryView)?;
    let views: &BinaryViewArray = views.as_binary_view();
    Ok(Arc::new(views.iter().map(|bytes| bytes.map(text)).collect::<StringArray>()))
}

/// The same lists and structs, of other values.
fn parts_as_text(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let data = array.to_data();
    let parts = data.child_data().iter().map(|part| as_text(&make_array(part.clone()), None));
    let mut parts = parts.collect::<Result<Vec<_>, _>>()?;
    let of =
        |field: &FieldRef, part: &ArrayRef| Arc::new(field.as_ref().clone().with_data_type(part.data_type().clone()));
    let data_type = match (array.data_type(), parts.as_mut_slice()) {
        (DataType::List(field), [part]) => DataType::List(of(field, part)),
        (DataType::LargeList(field), [part]) => DataType::LargeList(of(field, part)),
        (DataType::ListView(field), [part]) => DataType::ListView(of(field, part)),
        (DataType::LargeListView(field), [part]) => DataType::LargeListView(of(field, part)),
        (DataType::FixedSizeList(field, length), [part]) => DataType::FixedSizeList(of(field, part), *length),
        (DataType::Struct(fields), parts) => {
            DataType::Struct(fields.iter().zip(parts).map(|(field, part)| of(field, part)).collect())
        }
        (DataType::Map(field, _), [part]) => {
            *part = entries(part)?;
            DataType::List(of(field, part))
        }
        _ => return Ok(Arc::clone(array)),
    };
    let parts = parts.iter().map(Array::to_data).collect();
    Ok(make_array(data.into_builder().data_type(data_type).child_data(parts).build()?))
}

/// The entries of a map by the names that a list for a map must have.
fn entries(structs: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let structs = structs.as_struct();
    let named = structs.fields().iter().zip(["key", "value"]);
    let fields = named.map(|(field, name)| Arc::new(field.as_ref().clone().with_name(name))).collect();
    Ok(Arc::new(StructArray::try_new(fields, structs.columns().to_vec(), structs.nulls().cloned())?))
}

#[cfg(test)]
mod tests;
