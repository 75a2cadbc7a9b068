//! Functions that compare the elements of a list, or the keys of a map.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ExprSchemable, ScalarUDF, TypeSignature};

use super::CompareRule;
use super::function::function;
use super::kind::Kind;
use super::number_key::keys;

/// The function of SQL: `number_keys(list of texts or numbers)`, a list of bytes.
pub(super) fn number_keys() -> ScalarUDF {
    let returns = DataType::new_list(DataType::Binary, true);
    function("number_keys", TypeSignature::Any(1), returns, list_keys)
}

fn list_keys(array: &ArrayRef) -> Result<ArrayRef> {
    let lists = cast(array, &DataType::new_list(DataType::Utf8, true))?;
    let lists = lists.as_list::<i32>();
    let element = Arc::new(Field::new_list_field(DataType::Binary, true));
    let keys = keys(lists.values())?;
    Ok(Arc::new(ListArray::try_new(element, lists.offsets().clone(), keys, lists.nulls().cloned())?))
}

impl CompareRule {
    /// The function with what it compares in its comparable form, if its first argument is a list that needs one.
    ///
    /// # Errors
    /// What it would compare is text, and no form of it would do: the result shows elements.
    pub(super) fn of_list(&self, call: ScalarFunction, schema: &DFSchema) -> Result<Result<Expr, ScalarFunction>> {
        let Some(kind) = call.args.first().and_then(|list| Kind::of_elements(list, schema)) else {
            return Ok(Err(call));
        };
        match call.name() {
            "array_has" | "array_position" | "array_positions" => {
                let mut args = call.args.into_iter();
                let list = args.next().map(|list| self.list(kind, list));
                let needle = args.next().map(|needle| self.side(kind, needle)).transpose()?;
                Ok(Ok(call.func.call(list.into_iter().chain(needle).chain(args).collect())))
            }
            "array_has_any" | "array_has_all" => {
                let args = call.args.into_iter().map(|list| self.list(kind, list)).collect();
                Ok(Ok(call.func.call(args)))
            }
            "array_min" | "array_max" | "array_sort" if kind == Kind::Number => {
                plan_err!(
                    "{} would compare the digits as text: unnest the list and cast its elements to DECIMAL, or read such \
                     columns as numbers with SET cassandra.decimal_as and varint_as",
                    call.name()
                )
            }
            _ => Ok(Err(call)),
        }
    }

    /// `m[key]` with the key as one of the map: DataFusion compares it as it stands.
    ///
    /// # Errors
    /// Keys would be compared as text that are numbers.
    pub(super) fn of_map(&self, call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
        let entries = match call.args.as_slice() {
            [map, Expr::Literal(..)] => map.get_type(schema).ok(),
            _ => None,
        };
        let Some(DataType::Map(entries, _)) = entries else { return Ok(Transformed::no(Expr::ScalarFunction(call))) };
        let DataType::Struct(fields) = entries.data_type() else {
            return Ok(Transformed::no(Expr::ScalarFunction(call)));
        };
        let (Some(field), [map, Expr::Literal(key, _)]) = (fields.first(), call.args.as_slice()) else {
            return Ok(Transformed::no(Expr::ScalarFunction(call)));
        };
        let key = match Kind::of_field(field) {
            Some(Kind::Number) => {
                return plan_err!(
                    "{map}[{key}] would compare the digits of the keys as text: read such keys as numbers with SET \
                     cassandra.decimal_as and varint_as"
                );
            }
            Some(kind) => self.side(kind, Expr::Literal(key.clone(), None))?,
            None => Expr::Literal(key.cast_to(field.data_type())?, None),
        };
        Ok(Transformed::yes(call.func.call(vec![map.clone(), key])))
    }

    fn list(&self, kind: Kind, list: Expr) -> Expr {
        if kind == Kind::Number { self.number_keys.call(vec![list]) } else { list }
    }
}
