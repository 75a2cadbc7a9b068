//! The side of a join that is looked up: rows of a table, and what the plan does with them before they are joined.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result as DataFusionResult;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::Projector;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, batch_filter};
use datafusion::physical_plan::projection::ProjectionExec;

use crate::scan::ScanRecipe;
use crate::scan::exec::CassandraScanExec;
use crate::scan::restriction::Restriction;

/// See the [module](self).
#[derive(Debug, Clone)]
pub(crate) struct TableSide {
    scan: Arc<ScanRecipe>,
    /// What becomes of each row, in order.
    steps: Vec<Step>,
    schema: SchemaRef,
}

#[derive(Debug, Clone)]
enum Step {
    Filter { predicate: Arc<dyn PhysicalExpr>, projection: Option<Arc<[usize]>> },
    Project(Projector),
}

impl TableSide {
    /// The rows that this node gives, if they are rows of a table looked at one by one, all of them.
    pub(crate) fn of(plan: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        if let Some(scan) = plan.as_any().downcast_ref::<CassandraScanExec>() {
            let side = || Self { scan: Arc::clone(scan.recipe()), steps: Vec::new(), schema: scan.schema() };
            return reads_all(scan).then(side);
        }
        if let Some(node) = plan.as_any().downcast_ref::<ProjectionExec>() {
            // Values that are other ones each time belong to rows that are read once each.
            if node.expr().iter().any(|e| is_volatile(&e.expr)) {
                return None;
            }
            let side = Self::of(node.input())?;
            let projector = node.projection_expr().make_projector(&side.schema).ok()?;
            return Some(side.then(Step::Project(projector), node.schema()));
        }
        let node = plan.as_any().downcast_ref::<FilterExec>()?;
        if node.fetch().is_some() || is_volatile(node.predicate()) {
            return None;
        }
        let step = Step::Filter { predicate: Arc::clone(node.predicate()), projection: node.projection().clone() };
        Some(Self::of(node.input())?.then(step, node.schema()))
    }

    fn then(mut self, step: Step, schema: SchemaRef) -> Self {
        self.steps.push(step);
        Self { schema, ..self }
    }

    /// The table, and the columns that are read.
    pub(crate) fn scan(&self) -> &ScanRecipe {
        &self.scan
    }

    /// The form of its rows when they are joined.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(super) fn drops_rows(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Filter { .. }))
    }

    /// Does with rows of the table what the plan does.
    pub(super) fn apply(&self, mut rows: RecordBatch) -> DataFusionResult<RecordBatch> {
        for step in &self.steps {
            rows = match step {
                Step::Filter { predicate, projection } => {
                    let kept = batch_filter(&rows, predicate)?;
                    match projection {
                        Some(columns) => kept.project(columns)?,
                        None => kept,
                    }
                }
                Step::Project(projector) => projector.project_batch(&rows)?,
            };
        }
        Ok(rows)
    }
}

impl fmt::Display for TableSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            if let Step::Filter { predicate, .. } = step {
                write!(f, ", table_filter={predicate}")?;
            }
        }
        Ok(())
    }
}

/// Whether a scan reads a table that has a ring, and every row of it: no limit, nothing left out by its statement or by its
/// splits.
fn reads_all(scan: &CassandraScanExec) -> bool {
    let recipe = scan.recipe();
    scan.fetch().is_none()
        && !recipe.table.node_local
        && recipe.restriction == Restriction::none()
        && recipe.options.per_partition_limit.is_none()
}
