//! `GROUP BY` and window functions over the whole partition key work on one Cassandra partition after the other.
//!
//! See [`grouped`](crate::scan::grouped) for how, and why no order is declared. What this rule looks for is an aggregate or a
//! window function whose groups have all columns of the partition key in them, over a scan with nothing but filters,
//! expressions and other such window functions between. A window function's order must be the table's.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExprRef;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode};

use crate::options::CassandraOptions;
use crate::rules::step::step;
use crate::scan::exec::CassandraScanExec;
use crate::scan::grouped::{CassandraGroupedExec, ConsecutiveRowsExec};
use crate::scan::pushdown::has_arrow_equality;

/// See the [module](self).
#[derive(Debug)]
pub struct GroupedRule;

impl PhysicalOptimizerRule for GroupedRule {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        if !CassandraOptions::of(config).streaming_groups {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            Ok(match aggregate(&node).or_else(|| window(&node)) {
                Some(grouped) => Transformed::yes(Arc::new(grouped) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "cassandra_grouped"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What takes the place of an aggregate, in both of its steps.
fn aggregate(node: &Arc<dyn ExecutionPlan>) -> Option<CassandraGroupedExec> {
    let last = node.as_any().downcast_ref::<AggregateExec>()?;
    let first = match last.mode() {
        AggregateMode::Final | AggregateMode::FinalPartitioned => {
            let first = last.input().as_any().downcast_ref::<AggregateExec>()?;
            (*first.mode() == AggregateMode::Partial).then_some(first)?
        }
        AggregateMode::Single | AggregateMode::SinglePartitioned => last,
        AggregateMode::Partial | AggregateMode::PartialReduce => return None,
    };
    let is_limited = last.limit_options().is_some() || first.limit_options().is_some();
    let groups = first.group_expr();
    if is_limited || !groups.is_single() {
        return None;
    }
    let groups: Vec<PhysicalExprRef> = groups.input_exprs();
    let (scan, groups) = scan_with_key(first.input(), &groups)?;
    CassandraGroupedExec::try_new(scan, &groups, |rows| {
        let whole = AggregateExec::try_new(
            AggregateMode::Single,
            first.group_expr().clone(),
            first.aggr_expr().to_vec(),
            first.filter_expr().to_vec(),
            over(first.input(), rows)?,
            first.input_schema(),
        );
        let whole = whole.ok().filter(|whole| whole.schema() == last.schema())?;
        (*whole.input_order_mode() != InputOrderMode::Linear).then(|| Arc::new(whole) as _)
    })
}

/// What takes the place of window functions.
fn window(node: &Arc<dyn ExecutionPlan>) -> Option<CassandraGroupedExec> {
    let bounded = node.as_any().downcast_ref::<BoundedWindowAggExec>();
    let functions = match bounded {
        Some(bounded) => bounded.window_expr(),
        None => node.as_any().downcast_ref::<WindowAggExec>()?.window_expr(),
    };
    let groups = functions.first()?.partition_by();
    let input = *node.children().first()?;
    let (scan, groups) = scan_with_key(input, groups)?;
    CassandraGroupedExec::try_new(scan, &groups, |rows| {
        let input = over(input, rows)?;
        let properties = input.properties().eq_properties.clone();
        let window = Arc::clone(node).with_new_children(vec![input]).ok()?;
        let order = window.required_input_ordering().pop().flatten()?.into_single();
        properties.ordering_satisfy_requirement(order).ok()?.then_some(window)
    })
}

/// The scan below, and which of its columns these expressions are, if the whole partition key is among them and groups by it
/// are the same in Cassandra and in SQL.
fn scan_with_key<'a>(
    plan: &'a Arc<dyn ExecutionPlan>,
    groups: &[PhysicalExprRef],
) -> Option<(&'a CassandraScanExec, Vec<usize>)> {
    let scan = scan_below(plan)?;
    let columns: Vec<usize> = groups.iter().filter_map(|group| column_below(plan, group)).collect();
    let has = |column| columns.iter().any(|index| scan.recipe().columns.get(*index) == Some(column));
    let mut key = scan.recipe().table.partition_key();
    key.all(|column| has(column) && has_arrow_equality(&column.cql_type)).then_some((scan, columns))
}

fn scan_below(plan: &Arc<dyn ExecutionPlan>) -> Option<&CassandraScanExec> {
    let node = plan.as_any();
    if let Some(scan) = node.downcast_ref() {
        return Some(scan);
    }
    if let Some(grouped) = node.downcast_ref::<CassandraGroupedExec>() {
        return grouped.scan();
    }
    let passes = node.is::<ProjectionExec>() || node.downcast_ref::<FilterExec>().is_some_and(|f| f.fetch().is_none());
    if passes { scan_below(plan.children().first()?) } else { None }
}

/// Where the column that an expression is stands among those of the scan.
fn column_below(plan: &Arc<dyn ExecutionPlan>, expr: &PhysicalExprRef) -> Option<usize> {
    let index = expr.as_any().downcast_ref::<Column>()?.index();
    let node = plan.as_any();
    if node.is::<CassandraScanExec>() || node.is::<ConsecutiveRowsExec>() {
        return Some(index);
    }
    if let Some(grouped) = node.downcast_ref::<CassandraGroupedExec>() {
        return column_below(grouped.operator(), expr);
    }
    if let Some((expr, input)) = step(plan, index) {
        return column_below(input, &expr);
    }
    let input = *plan.children().first()?;
    if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
        return column_below(input, &aggregate.group_expr().expr().get(index)?.0);
    }
    // Window functions put their columns behind those that they read.
    let is_window = node.is::<BoundedWindowAggExec>() || node.is::<WindowAggExec>();
    let is_read = is_window && index < input.schema().fields().len();
    if is_read { column_below(input, expr) } else { None }
}

/// The same plan over other rows than those of its scan.
fn over(plan: &Arc<dyn ExecutionPlan>, rows: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    if plan.as_any().is::<CassandraScanExec>() || plan.as_any().is::<ConsecutiveRowsExec>() {
        return Some(Arc::clone(rows));
    }
    if let Some(grouped) = plan.as_any().downcast_ref::<CassandraGroupedExec>() {
        return over(grouped.operator(), rows);
    }
    let input = over(plan.children().first()?, rows)?;
    Arc::clone(plan).with_new_children(vec![input]).ok()
}
