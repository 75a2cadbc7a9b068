//! UUIDs as text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ScalarUDF, TypeSignature};
use uuid::Uuid;

use super::function::function;

const UUID_BYTES: i32 = 16;

/// The function of SQL: `uuid_text(FixedSizeBinary(16))`, in lower case with hyphens.
pub(super) fn uuid_text() -> ScalarUDF {
    let takes = TypeSignature::Exact(vec![DataType::FixedSizeBinary(UUID_BYTES)]);
    function("uuid_text", takes, DataType::Utf8, texts)
}

fn texts(array: &ArrayRef) -> Result<ArrayRef> {
    let Some(ids) = array.as_fixed_size_binary_opt().filter(|ids| ids.value_length() == UUID_BYTES) else {
        return exec_err!("{} is not the type of a UUID", array.data_type());
    };
    let mut texts = StringBuilder::with_capacity(ids.len(), ids.len() * uuid::fmt::Hyphenated::LENGTH);
    let mut buffer = Uuid::encode_buffer();
    for id in ids {
        match id.map(Uuid::from_slice) {
            Some(Ok(id)) => texts.append_value(id.hyphenated().encode_lower(&mut buffer)),
            Some(Err(_)) | None => texts.append_null(),
        }
    }
    Ok(Arc::new(texts.finish()))
}
