//! `writetime(column)`, `maxwritetime(column)` and `ttl(column)`: when a cell was written, and when it will expire.
//!
//! Only the server knows. So the functions themselves compute nothing: [`CellTimeRule`] finds them in a plan, and puts a
//! column that the server computes in the place of each.

use std::any::Any;
use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{exec_err, internal_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

mod rule;

use crate::cluster::cql_type::CqlType;
use crate::cluster::quote::quote_if_needed;
use crate::cluster::schema::{Column, ColumnKind};
use crate::codec::{CQL_TYPE_KEY, arrow_type};
pub use rule::CellTimeRule;

/// What is asked of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::catalog) enum CellTime {
    /// Microseconds since 1970 of the write; of columns with many cells, a list of them.
    WriteTime,
    /// Of the latest one, where a column has many cells.
    MaxWriteTime,
    /// Seconds until it expires; of columns with many cells, a list of them.
    Ttl,
}

impl CellTime {
    pub(super) const ALL: [Self; 3] = [Self::WriteTime, Self::MaxWriteTime, Self::Ttl];

    /// The function's name, the same in SQL and in CQL.
    fn name(self) -> &'static str {
        match self {
            Self::WriteTime => "writetime",
            Self::MaxWriteTime => "maxwritetime",
            Self::Ttl => "ttl",
        }
    }

    /// The function of SQL.
    pub(super) fn function(self) -> ScalarUDF {
        ScalarUDF::from(CellTimeFunction { of: self, signature: Signature::any(1, Volatility::Stable) })
    }

    /// What stands in a plan in the place of this function, and the column in it; none for anything else.
    fn in_expr(expr: &Expr) -> Option<(Self, &Expr)> {
        let Expr::ScalarFunction(call) = expr else { return None };
        let function = call.func.inner().as_any().downcast_ref::<CellTimeFunction>()?;
        Some((function.of, call.args.first()?))
    }

    /// As it is written in CQL.
    fn selector(self, column: &str) -> String {
        format!("{}({})", self.name(), quote_if_needed(column))
    }

    /// The CQL type of the answer for a column of this type.
    fn answer(self, column: &CqlType) -> CqlType {
        let one = if self == Self::Ttl { CqlType::Int } else { CqlType::BigInt };
        if has_many_cells(column) && self != Self::MaxWriteTime { CqlType::List(Box::new(one)) } else { one }
    }

    /// The column that the server computes for one that the table keeps.
    pub(in crate::catalog) fn column(self, of: &Column) -> Column {
        Column { name: self.selector(&of.name), cql_type: self.answer(&of.cql_type), kind: ColumnKind::Computed }
    }
}

/// Whether each element or field of a value is a cell of its own. What is frozen is one cell.
pub(in crate::catalog) fn has_many_cells(cql_type: &CqlType) -> bool {
    matches!(cql_type, CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..) | CqlType::Udt(_))
}

/// Stands for what the server knows until [`CellTimeRule`] has seen it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct CellTimeFunction {
    of: CellTime,
    signature: Signature,
}

impl ScalarUDFImpl for CellTimeFunction {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &'static str {
        self.of.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("the type of {} depends on its column", self.name())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let field = args.arg_fields.first();
        let Some(cql_type) = field.and_then(|field| field.metadata().get(CQL_TYPE_KEY)) else {
            let name = field.map(|field| field.name().clone()).unwrap_or_default();
            return plan_err!("{}({name}): only columns of Cassandra tables have it, and {name} is none", self.name());
        };
        let answer = self.of.answer(&cql_type.parse()?);
        Ok(Arc::new(Field::new(self.name(), arrow_type(&answer), true)))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        exec_err!(
            "{}() is known to Cassandra only: register cbulk::catalog::functions::CellTimeRule as a rule of analysis, and \
             write it over a column of a Cassandra table",
            self.name()
        )
    }
}
