//! A function of SQL that makes one column of another.

use std::any::Any;
use std::hash::{Hash, Hasher};

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::scalar::ScalarValue;

/// The same answer for the same argument, always. Its name says which it is.
#[derive(Debug)]
struct Function {
    name: &'static str,
    signature: Signature,
    returns: DataType,
    compute: fn(&ArrayRef) -> Result<ArrayRef>,
}

/// The function of this name, which takes one argument and gives a column of as many rows.
pub(super) fn function(
    name: &'static str,
    takes: TypeSignature,
    returns: DataType,
    compute: fn(&ArrayRef) -> Result<ArrayRef>,
) -> ScalarUDF {
    ScalarUDF::from(Function { name, signature: Signature::new(takes, Volatility::Immutable), returns, compute })
}

impl ScalarUDFImpl for Function {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.args.first() {
            Some(ColumnarValue::Array(array)) => Ok(ColumnarValue::Array((self.compute)(array)?)),
            Some(ColumnarValue::Scalar(value)) => {
                let row = (self.compute)(&value.to_array()?)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&row, 0)?))
            }
            None => exec_err!("{} takes one argument", self.name),
        }
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}
