//! An analyzer rule that keeps `INSERT INTO` an Iceberg table exact.
//!
//! DataFusion casts each column of the query to the table's type, and its cast of `TIME` or a timestamp from nanoseconds
//! to microseconds cuts digits silently. The rule takes such casts away again where the writer has a conversion of its
//! own, which errs instead (and which writes strings and binaries without a copy). It sees the plan before the optimizer
//! has merged projections, so casts that the user wrote stay.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::datasource::DefaultTableSource;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{DmlStatement, Expr, ExprSchemable, LogicalPlan, Projection, WriteOp};
use datafusion::optimizer::AnalyzerRule;

use super::convert::Conversion;
use super::table::IcebergTable;

/// Leaves conversions that DataFusion would make with loss to the Iceberg writer, which refuses loss.
///
/// Part of every session of this crate; add it with `SessionStateBuilder::with_analyzer_rule` to one of your own.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeepExactValues;

impl AnalyzerRule for KeepExactValues {
    fn name(&self) -> &'static str {
        "iceberg_keep_exact_values"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> DataFusionResult<LogicalPlan> {
        // An INSERT is the root, or just below EXPLAIN.
        plan.transform_down(|node| match node {
            LogicalPlan::Dml(insert) => Ok(Transformed::yes(LogicalPlan::Dml(without_casts(insert)?))),
            other => Ok(Transformed::no(other)),
        })
        .map(|transformed| transformed.data)
    }
}

fn without_casts(insert: DmlStatement) -> DataFusionResult<DmlStatement> {
    let source = insert.target.as_any().downcast_ref::<DefaultTableSource>();
    let into_iceberg = source.is_some_and(|s| s.table_provider.as_any().is::<IcebergTable>());
    let LogicalPlan::Projection(projection) = insert.input.as_ref() else { return Ok(insert) };
    if !into_iceberg || !matches!(insert.op, WriteOp::Insert(_)) {
        return Ok(insert);
    }
    let expressions = projection
        .expr
        .iter()
        .map(|expression| {
            let Expr::Alias(alias) = expression else { return Ok(expression.clone()) };
            let Expr::Cast(cast) = alias.expr.as_ref() else { return Ok(expression.clone()) };
            let from = cast.expr.get_type(projection.input.schema())?;
            let kept =
                if Conversion::exists(&from, &cast.data_type) { cast.expr.as_ref() } else { alias.expr.as_ref() };
            Ok(kept.clone().alias(&alias.name))
        })
        .collect::<DataFusionResult<Vec<_>>>()?;
    let input = LogicalPlan::Projection(Projection::try_new(expressions, Arc::clone(&projection.input))?);
    Ok(DmlStatement::new(insert.table_name, insert.target, insert.op, Arc::new(input)))
}
