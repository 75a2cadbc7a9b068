//! `SELECT count(*)` becomes a count on the server.
//!
//! ```text
//! AggregateExec(Final, count)            AggregateExec(Final, count)
//!   AggregateExec(Partial, count)   ─▶     CassandraCountExec
//!     CassandraScanExec
//! ```
//!
//! Only where the answer is the same: no GROUP BY, no FILTER, no DISTINCT, no LIMIT, nothing between the aggregate and the
//! scan but columns passed through, and only counts of things that are never null.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::projection::ProjectionExec;

use crate::options::CassandraOptions;
use crate::scan::count::CassandraCountExec;
use crate::scan::exec::CassandraScanExec;

/// See the [module](self).
#[derive(Debug)]
pub struct CountRule;

impl PhysicalOptimizerRule for CountRule {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        if !CassandraOptions::of(config).count_pushdown {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            Ok(match node.as_any().downcast_ref::<AggregateExec>().and_then(server_count) {
                Some(count) => Transformed::yes(Arc::new(count) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "cassandra_count"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The node that takes the place of this partial aggregate, if that gives the same answer.
fn server_count(aggregate: &AggregateExec) -> Option<CassandraCountExec> {
    let only_counts = *aggregate.mode() == AggregateMode::Partial
        && aggregate.group_expr().is_empty()
        && aggregate.filter_expr().iter().all(Option::is_none)
        && aggregate.limit_options().is_none()
        && !aggregate.aggr_expr().is_empty();
    if !only_counts {
        return None;
    }
    let input = aggregate.input();
    let scan = scan_below(input)?;
    if scan.fetch().is_some() {
        return None;
    }
    let every_row = aggregate.aggr_expr().iter().all(|function| {
        function.fun().name() == "count"
            && !function.is_distinct()
            && function.expressions().iter().all(|argument| never_null(argument, input))
    });
    // One Int64 for each count: the state of `count`.
    let states_are_counts = aggregate.schema().fields().len() == aggregate.aggr_expr().len();
    (every_row && states_are_counts).then(|| CassandraCountExec::new(Arc::clone(scan.recipe()), aggregate.schema()))
}

fn scan_below(input: &Arc<dyn ExecutionPlan>) -> Option<&CassandraScanExec> {
    if let Some(projection) = input.as_any().downcast_ref::<ProjectionExec>() {
        // A projection neither drops nor adds rows, but an expression may fail, and then the statement must.
        let only_columns = projection.expr().iter().all(|e| e.expr.as_any().is::<Column>());
        return if only_columns { scan_below(projection.input()) } else { None };
    }
    input.as_any().downcast_ref::<CassandraScanExec>()
}

fn never_null(argument: &Arc<dyn PhysicalExpr>, input: &Arc<dyn ExecutionPlan>) -> bool {
    if let Some(literal) = argument.as_any().downcast_ref::<Literal>() {
        return !literal.value().is_null();
    }
    argument
        .as_any()
        .downcast_ref::<Column>()
        .and_then(|column| input.schema().fields().get(column.index()).map(|field| !field.is_nullable()))
        .unwrap_or(false)
}
