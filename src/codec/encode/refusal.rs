//! Why a column cannot be written, in words.

use arrow::datatypes::DataType;

use super::plan::{Plan, Refusal};
use crate::cluster::schema::{Column, CqlType};
use crate::codec::place::describe;
use crate::codec::{ReadAs, arrow_type, is_custom};
use crate::error::{Error, Result};

/// How values of `source` are written to the column.
///
/// # Errors
/// [`ErrorKind::Schema`](crate::ErrorKind::Schema): they cannot be.
pub(super) fn plan(column: &Column, source: &DataType) -> Result<Plan> {
    if column.cql_type.contains(is_custom) {
        return Err(Error::schema(format!(
            "column {} of type {} cannot be written, because the driver cannot bind values of Java classes: leave the \
             column out",
            column.name, column.cql_type
        )));
    }
    Plan::new(&column.cql_type, source).map_err(|refusal| refused(column, &refusal))
}

/// Why a column cannot be written, and how it could be.
fn refused(column: &Column, refusal: &Refusal) -> Error {
    let Refusal { steps, source, why } = refusal;
    let (place, inner) = describe(&column.cql_type, steps);
    let target = if place.is_empty() {
        format!("column {} of type {}", column.name, column.cql_type)
    } else {
        format!("column {} of type {}: {place} of type {inner}", column.name, column.cql_type)
    };
    if let Some(why) = why {
        return Error::schema(format!("{target} cannot be written from what comes: {why}"));
    }
    let example = match inner {
        CqlType::List(_) | CqlType::Set(_) | CqlType::Vector(..) => "make_array(…)".to_owned(),
        CqlType::Map(..) => "map(keys, values)".to_owned(),
        CqlType::Tuple(_) | CqlType::Udt(_) => {
            let fields: Vec<String> =
                ReadAs::default().struct_fields(inner).iter().map(|f| format!("'{}', …", f.name())).collect();
            format!("named_struct({})", fields.join(", "))
        }
        scalar => format!("arrow_cast(…, '{}')", arrow_type(scalar)),
    };
    Error::schema(format!(
        "{target} cannot be written from Arrow type {source}; convert the value first, for example with {example}"
    ))
}
