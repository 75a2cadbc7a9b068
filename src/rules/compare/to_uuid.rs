//! `to_uuid(text)`: a UUID of its text, for places where nothing says that a text is one, such as the elements of a list.

use std::any::Any;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast;
use uuid::Uuid;

use crate::cluster::cql_type::CqlType;
use crate::codec::with_cql_type;

/// The type of UUIDs in Arrow.
pub(crate) const UUID: DataType = DataType::FixedSizeBinary(16);

const NAME: &str = "to_uuid";

/// The function.
pub(crate) fn to_uuid() -> ScalarUDF {
    ScalarUDF::from(ToUuid { signature: Signature::user_defined(Volatility::Immutable) })
}

/// The type of `CAST(… AS UUID)`. Of a text it is [`to_uuid`], by the rule of comparisons.
#[derive(Debug)]
pub(crate) struct UuidType;

impl TypePlanner for UuidType {
    fn plan_type(&self, sql_type: &ast::DataType) -> Result<Option<DataType>> {
        Ok(matches!(sql_type, ast::DataType::Uuid).then_some(UUID))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToUuid {
    signature: Signature,
}

impl ScalarUDFImpl for ToUuid {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null] => Ok(vec![DataType::Utf8]),
            [DataType::FixedSizeBinary(16)] => Ok(vec![UUID]),
            _ => plan_err!("{NAME} takes one text, as in {NAME}('123e4567-e89b-12d3-a456-426614174000')"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(UUID)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(with_cql_type(Field::new(NAME, UUID, nullable), &CqlType::Uuid)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.first() {
            Some(ColumnarValue::Array(texts)) => Ok(ColumnarValue::Array(uuids(texts)?)),
            Some(ColumnarValue::Scalar(text)) => {
                let row = uuids(&text.to_array()?)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&row, 0)?))
            }
            None => exec_err!("{NAME} takes one text"),
        }
    }
}

fn uuids(texts: &ArrayRef) -> Result<ArrayRef> {
    if *texts.data_type() == UUID {
        return Ok(Arc::clone(texts));
    }
    let texts = cast(texts, &DataType::Utf8)?;
    let mut uuids = FixedSizeBinaryBuilder::with_capacity(texts.len(), 16);
    for text in texts.as_string::<i32>() {
        match text.map(|text| (text, Uuid::try_parse(text))) {
            None => uuids.append_null(),
            Some((_, Ok(uuid))) => uuids.append_value(uuid.as_bytes())?,
            Some((text, Err(_))) => {
                return exec_err!("'{text}' is not a UUID: write it as '123e4567-e89b-12d3-a456-426614174000'");
            }
        }
    }
    Ok(Arc::new(uuids.finish()))
}
