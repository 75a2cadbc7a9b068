//! `token(a, b)`: the token of a partition key, computed here from the values of its columns.

use std::any::Any;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::codec::token::{TOKEN, TokenEncoder};

/// The function [`TOKEN`]: its arguments are the columns of the partition key, in order; null if one of them is null.
pub fn token() -> ScalarUDF {
    // Without arguments as well, so that the error is ours.
    let takes = TypeSignature::OneOf(vec![TypeSignature::Nullary, TypeSignature::VariadicAny]);
    ScalarUDF::from(Token { signature: Signature::new(takes, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Token {
    signature: Signature,
}

impl ScalarUDFImpl for Token {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &'static str {
        TOKEN
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        TokenEncoder::try_new(args.arg_fields)?;
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(TOKEN, DataType::Int64, nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let encoder = TokenEncoder::try_new(&args.arg_fields)?;
        let is_constant = args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { args.number_rows };
        let arrays = args.args.into_iter().map(|value| value.into_array(rows)).collect::<Result<Vec<_>>>()?;
        let tokens = encoder.tokens(arrays, rows)?;
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&tokens, 0)?));
        }
        Ok(ColumnarValue::Array(Arc::new(tokens)))
    }
}
