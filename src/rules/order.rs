//! `ORDER BY` clustering columns within one Cassandra partition is left to Cassandra.
//!
//! ```text
//! SortExec(ck DESC, fetch=10)      CassandraScanExec(… ORDER BY ck DESC LIMIT 10)
//!   CassandraScanExec         ─▶
//! ```
//!
//! DataFusion finds out by itself where the table's own order is the one wanted; this is for the reverse of it, and takes
//! the limit along.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;

use crate::scan::exec::CassandraScanExec;

/// See the [module](self).
#[derive(Debug)]
pub struct OrderRule;

impl PhysicalOptimizerRule for OrderRule {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match node.as_any().downcast_ref::<SortExec>().and_then(ordered_scan) {
                Some(scan) => Transformed::yes(scan),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "cassandra_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What takes the place of a sort and what it sorts.
fn ordered_scan(sort: &SortExec) -> Option<Arc<dyn ExecutionPlan>> {
    in_order(sort.input(), sort.expr().clone(), sort.fetch())
}

/// The first `fetch` rows of a scan in this order, or of columns of it.
fn in_order(plan: &Arc<dyn ExecutionPlan>, order: LexOrdering, fetch: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
    if let Some(scan) = plan.as_any().downcast_ref::<CassandraScanExec>() {
        let scan = scan.try_order(&order)?;
        return if fetch.is_none() { Some(Arc::new(scan)) } else { scan.with_fetch(fetch) };
    }
    let projection = plan.as_any().downcast_ref::<ProjectionExec>()?;
    let below = |sort: PhysicalSortExpr| {
        let column = sort.expr.as_any().downcast_ref::<Column>()?;
        let expr = &projection.expr().get(column.index())?.expr;
        expr.as_any().is::<Column>().then(|| PhysicalSortExpr::new(Arc::clone(expr), sort.options))
    };
    let order = LexOrdering::new(order.into_iter().map(below).collect::<Option<Vec<_>>>()?)?;
    let input = in_order(projection.input(), order, fetch)?;
    Arc::clone(plan).with_new_children(vec![input]).ok()
}
