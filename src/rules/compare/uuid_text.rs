//! UUIDs as text.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;
use uuid::Uuid;

const UUID_BYTES: i32 = 16;

/// The function of SQL: `uuid_text(FixedSizeBinary(16))`, in lower case with hyphens.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct UuidText {
    signature: Signature,
}

impl Default for UuidText {
    fn default() -> Self {
        let uuid = TypeSignature::Exact(vec![DataType::FixedSizeBinary(UUID_BYTES)]);
        Self { signature: Signature::new(uuid, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for UuidText {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &'static str {
        "uuid_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.first() {
            Some(ColumnarValue::Array(array)) => Ok(ColumnarValue::Array(texts(array)?)),
            Some(ColumnarValue::Scalar(value)) => {
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&texts(&value.to_array()?)?, 0)?))
            }
            None => exec_err!("uuid_text takes a UUID"),
        }
    }
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
