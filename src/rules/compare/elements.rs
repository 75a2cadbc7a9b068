//! DataFusion's functions that give parts of lists and maps, which here keep the CQL type of what they give.
//!
//! Lists do not say the type of their elements in Arrow (see `docs/types.md`), and DataFusion's own functions give columns
//! without metadata, so that `l[1]` of a `list<decimal>` would be a text like any other: compared and sorted as text.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::functions_nested::{extract, map_extract, map_keys, map_values, remove, reverse, set_ops};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use crate::cluster::cql_type::CqlType;
use crate::codec::{CQL_TYPE_KEY, with_cql_type};

/// What a function gives of its first argument.
#[derive(Debug, Clone, Copy)]
enum Gives {
    Element,
    /// The same list with fewer elements, or in another order.
    List,
    Keys,
    Values,
}

/// All of them, to be registered in place of DataFusion's.
pub(crate) fn functions() -> impl Iterator<Item = ScalarUDF> {
    use Gives::{Element, Keys, List, Values};
    [
        (extract::array_element_udf(), Element),
        (extract::array_any_value_udf(), Element),
        (extract::array_slice_udf(), List),
        (extract::array_pop_front_udf(), List),
        (extract::array_pop_back_udf(), List),
        (reverse::array_reverse_udf(), List),
        (set_ops::array_distinct_udf(), List),
        (remove::array_remove_udf(), List),
        (remove::array_remove_n_udf(), List),
        (remove::array_remove_all_udf(), List),
        (map_extract::map_extract_udf(), Values),
        (map_values::map_values_udf(), Values),
        (map_keys::map_keys_udf(), Keys),
    ]
    .into_iter()
    .map(|(inner, gives)| ScalarUDF::from(PartOf { inner, gives }))
}

/// The function that `l[1]` is, which the planner does not look up by its name.
pub(crate) fn array_element() -> ScalarUDF {
    ScalarUDF::from(PartOf { inner: extract::array_element_udf(), gives: Gives::Element })
}

/// The function that `l[1:2]` is.
pub(crate) fn array_slice() -> ScalarUDF {
    ScalarUDF::from(PartOf { inner: extract::array_slice_udf(), gives: Gives::List })
}

/// The CQL type of the elements of a list, set or vector, if it is known.
pub(crate) fn element_type(list: &Field) -> Option<CqlType> {
    given(list, Gives::Element)
}

fn given(field: &Field, gives: Gives) -> Option<CqlType> {
    let cql_type: CqlType = field.metadata().get(CQL_TYPE_KEY)?.parse().ok()?;
    let parts = match (cql_type.strip_frozen(), gives) {
        (CqlType::List(element) | CqlType::Set(element) | CqlType::Vector(element, _), Gives::Element) => {
            return Some((**element).clone());
        }
        (CqlType::List(element) | CqlType::Set(element) | CqlType::Vector(element, _), Gives::List) => element,
        (CqlType::Map(keys, _), Gives::Keys) => keys,
        (CqlType::Map(_, values), Gives::Values) => values,
        _ => return None,
    };
    Some(CqlType::List(parts.clone()))
}

/// A function of DataFusion in all but the metadata of its result.
#[derive(Debug)]
struct PartOf {
    inner: Arc<ScalarUDF>,
    gives: Gives,
}

impl ScalarUDFImpl for PartOf {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        self.inner.schema_name(args)
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let cql_type = args.arg_fields.first().and_then(|field| given(field, self.gives));
        let field = self.inner.return_field_from_args(args)?;
        Ok(match cql_type {
            Some(cql_type) => Arc::new(with_cql_type(field.as_ref().clone(), &cql_type)),
            None => field,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(args)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }
}

impl PartialEq for PartOf {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Eq for PartOf {}

impl Hash for PartOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}
