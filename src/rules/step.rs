//! One step down a plan.

use std::sync::Arc;

use datafusion::physical_expr::PhysicalExprRef;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;

/// What column `index` of a projection or a filter is over its input, and that input. `None` of other nodes.
pub(super) fn step(node: &Arc<dyn ExecutionPlan>, index: usize) -> Option<(PhysicalExprRef, &Arc<dyn ExecutionPlan>)> {
    if let Some(projection) = node.as_any().downcast_ref::<ProjectionExec>() {
        return Some((Arc::clone(&projection.expr().get(index)?.expr), projection.input()));
    }
    let filter = node.as_any().downcast_ref::<FilterExec>()?;
    let index = filter.projection().as_ref().map_or(Some(index), |columns| columns.get(index).copied())?;
    let name = filter.input().schema().fields().get(index)?.name().clone();
    Some((Arc::new(Column::new(&name, index)), filter.input()))
}
