//! What an expression holds that Arrow does not say.

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DFSchema, ExprSchema};
use datafusion::logical_expr::{Expr, ExprSchemable};

use super::elements::element_type;
use super::is_text;
use crate::cluster::cql_type::CqlType;
use crate::codec::CQL_TYPE_KEY;

/// See the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Uuid,
    Inet,
}

impl Kind {
    /// Of a column, or of what a function gives that keeps CQL types: a field of a struct, an element of a list.
    pub(super) fn of(expr: &Expr, schema: &DFSchema) -> Option<Self> {
        Self::of_field(typed_field(expr, schema)?.as_ref())
    }

    /// Of the values of a field.
    pub(super) fn of_field(field: &Field) -> Option<Self> {
        let cql_type: CqlType = field.metadata().get(CQL_TYPE_KEY)?.parse().ok()?;
        Self::of_type(&cql_type, field.data_type())
    }

    /// Of the elements of a list.
    pub(super) fn of_elements(expr: &Expr, schema: &DFSchema) -> Option<Self> {
        let field = typed_field(expr, schema)?;
        let (DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _)) =
            field.data_type()
        else {
            return None;
        };
        Self::of_type(&element_type(&field)?, element.data_type())
    }

    fn of_type(cql_type: &CqlType, data_type: &DataType) -> Option<Self> {
        match cql_type.strip_frozen() {
            CqlType::Varint | CqlType::Decimal if is_text(data_type) => Some(Self::Number),
            CqlType::Uuid | CqlType::TimeUuid if *data_type == DataType::FixedSizeBinary(16) => Some(Self::Uuid),
            CqlType::Inet if is_text(data_type) => Some(Self::Inet),
            _ => None,
        }
    }
}

/// The field of an expression that can have a CQL type. A cast has none: it makes something else of the value.
fn typed_field(expr: &Expr, schema: &DFSchema) -> Option<FieldRef> {
    match expr {
        Expr::Alias(alias) => typed_field(&alias.expr, schema),
        Expr::Column(column) => schema.field_from_column(column).ok().cloned(),
        Expr::ScalarFunction(_) => expr.to_field(schema).ok().map(|(_, field)| field),
        _ => None,
    }
}
