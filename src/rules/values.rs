//! Nulls in `VALUES` reach the write node, which names column and row.
//!
//! DataFusion gives the columns of `INSERT INTO t VALUES …` the nullability of `t`; a null for a key column then fails
//! while Arrow builds the rows, in words that name neither the column nor the row.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef};
use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, Values};
use datafusion::optimizer::AnalyzerRule;

/// See the [module](self).
#[derive(Debug, Clone, Copy, Default)]
pub struct NullableValues;

impl AnalyzerRule for NullableValues {
    fn name(&self) -> &'static str {
        "nullable_values"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up(|node| match node {
            LogicalPlan::Values(values) if values.schema.fields().iter().any(|field| !field.is_nullable()) => {
                Ok(Transformed::yes(LogicalPlan::Values(nullable(values)?)))
            }
            // The nodes above know of it too.
            LogicalPlan::Projection(_) => node.recompute_schema().map(Transformed::yes),
            other => Ok(Transformed::no(other)),
        });
        Ok(plan?.data)
    }
}

fn nullable(values: Values) -> Result<Values> {
    let columns = values.schema.iter().map(|(table, field)| (table.cloned(), nullable_field(field))).collect();
    let schema = DFSchema::new_with_metadata(columns, values.schema.metadata().clone())?;
    Ok(Values { schema: Arc::new(schema), values: values.values })
}

fn nullable_field(field: &FieldRef) -> FieldRef {
    Arc::new(Field::clone(field).with_nullable(true))
}
