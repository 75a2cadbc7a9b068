//! Joins on the whole partition key of a table look up keys instead of reading the table.
//!
//! ```text
//! HashJoinExec, SortMergeJoinExec          CassandraLookupJoinExec
//!   input                            ─▶      input
//!   [filters, projections]                   HashJoinExec, …             only if there is a limit of keys, for what
//!     CassandraScanExec                        RemainingInputExec        comes after it
//!                                              [filters, projections]
//!                                                CassandraScanExec
//! ```
//!
//! Only where the answer is the same: the key is compared with values that are equal in Arrow exactly if they are in
//! Cassandra (`key.rs`), null is equal to nothing, and no row of the table is wanted that has no partner. Everything else that
//! the join demands is checked with each pair.
//!
//! By default (`cassandra.lookup_join` = `auto`) only where the input is small, or nothing is known of it: then the join finds
//! out while it runs. The rule stands before DataFusion distributes and sorts, which it then does for both plans.

mod key;

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinSide, JoinType, NullEquality};
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::utils::{ColumnIndex, JoinFilter, build_join_schema};
use datafusion::physical_plan::joins::{HashJoinExec, JoinOnRef, SortMergeJoinExec};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use crate::options::{CassandraOptions, LookupJoin as Choice};
use crate::scan::lookup::exec::{CassandraLookupJoinExec, RemainingInputExec};
use crate::scan::lookup::table::TableSide;
use crate::scan::lookup::{LookupJoin, LookupKind, Residual};
use key::{Matched, match_key};

/// Rows that a scan reads in the time of one lookup, about: a node that gives 500,000 rows a second to a scan answers some
/// 20,000 lookups.
const ROWS_A_LOOKUP: usize = 25;

/// So few keys are looked up in tables of any size.
const FEW_KEYS: usize = 1_000;

/// See the [module](self).
#[derive(Debug)]
pub struct LookupJoinRule;

impl PhysicalOptimizerRule for LookupJoinRule {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match Equijoin::of(&node).map(|join| lookup_join(&node, &join)).transpose()?.flatten() {
                Some(lookup) => Transformed::yes(lookup),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "cassandra_lookup_join"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What joins have in common.
struct Equijoin<'a> {
    join_type: JoinType,
    left: &'a Arc<dyn ExecutionPlan>,
    right: &'a Arc<dyn ExecutionPlan>,
    on: JoinOnRef<'a>,
    filter: Option<&'a JoinFilter>,
    output: Vec<ColumnIndex>,
    schema: SchemaRef,
}

impl<'a> Equijoin<'a> {
    /// None for other nodes, and for joins to which null is a value.
    fn of(node: &'a Arc<dyn ExecutionPlan>) -> Option<Self> {
        let (this, nulls) = if let Some(join) = node.as_any().downcast_ref::<HashJoinExec>() {
            if join.null_aware || join.fetch().is_some() {
                return None;
            }
            let columns = columns_of(join.left(), join.right(), *join.join_type());
            let output = match &join.projection {
                Some(projection) => projection.iter().map(|i| columns.get(*i).cloned()).collect::<Option<_>>()?,
                None => columns,
            };
            let join_type = *join.join_type();
            let (left, right, on, filter) = (join.left(), join.right(), join.on(), join.filter());
            (Self { join_type, left, right, on, filter, output, schema: node.schema() }, join.null_equality())
        } else {
            let join = node.as_any().downcast_ref::<SortMergeJoinExec>()?;
            let output = columns_of(join.left(), join.right(), join.join_type());
            let join_type = join.join_type();
            let (left, right, on, filter) = (join.left(), join.right(), join.on(), join.filter().as_ref());
            (Self { join_type, left, right, on, filter, output, schema: node.schema() }, join.null_equality())
        };
        (nulls == NullEquality::NullEqualsNothing).then_some(this)
    }

    /// The side, and the other one.
    fn sides(&self, table: JoinSide) -> (&'a Arc<dyn ExecutionPlan>, &'a Arc<dyn ExecutionPlan>) {
        if table == JoinSide::Left { (self.left, self.right) } else { (self.right, self.left) }
    }
}

fn columns_of(left: &Arc<dyn ExecutionPlan>, right: &Arc<dyn ExecutionPlan>, join_type: JoinType) -> Vec<ColumnIndex> {
    build_join_schema(&left.schema(), &right.schema(), &join_type).1
}

/// The node that takes the place of a join, if there is one and it is worth it.
fn lookup_join(node: &Arc<dyn ExecutionPlan>, join: &Equijoin<'_>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    // If each side could be looked up, the smaller one has the keys.
    let candidates = [JoinSide::Right, JoinSide::Left].into_iter().filter_map(|table| candidate(join, table));
    let Some((lookup, _)) = candidates.min_by_key(|(_, rows)| rows.unwrap_or(usize::MAX)) else { return Ok(None) };
    let (_, input) = join.sides(lookup.table_at);
    let fallback = lookup.max_keys.map(|_| fall_back(node, lookup.table_at, input)).transpose()?;
    Ok(Some(Arc::new(CassandraLookupJoinExec::new(Arc::new(lookup), Arc::clone(input), fallback))))
}

/// The same join, of what is left of the input.
fn fall_back(
    node: &Arc<dyn ExecutionPlan>,
    table: JoinSide,
    input: &Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let rest: Arc<dyn ExecutionPlan> = Arc::new(RemainingInputExec::new(input.schema()));
    let mut children: Vec<Arc<dyn ExecutionPlan>> = node.children().into_iter().cloned().collect();
    let input = usize::from(table == JoinSide::Left);
    if let Some(child) = children.get_mut(input) {
        *child = rest;
    }
    Arc::clone(node).with_new_children(children)
}

/// The join that looks up rows of the table on this side, with the number of the input's rows, if that is known.
fn candidate(join: &Equijoin<'_>, table_at: JoinSide) -> Option<(LookupJoin, Option<usize>)> {
    let kind = LookupKind::of(join.join_type, table_at)?;
    let (plan, input) = join.sides(table_at);
    let table = TableSide::of(plan)?;
    let options = &table.scan().options;
    let rows = known_rows(input);
    let max_keys = match options.lookup_join {
        Choice::Off => return None,
        Choice::On => None,
        Choice::Auto => Some(most_keys(options, known_rows(plan))),
    };
    let too_many = max_keys.is_some_and(|most| rows.is_some_and(|rows| rows > most) || is_endless(input));
    let on = join.on.iter().map(|(left, right)| if table_at == JoinSide::Left { (right, left) } else { (left, right) });
    let Matched { keys, equal } = match_key(on, input, plan, table.scan())?;
    let residual = Residual { equal, filter: join.filter.cloned() };
    // A row of the table might match a later row of the input that has the same key.
    if too_many || (kind == LookupKind::TableSemi && !residual.is_empty()) {
        return None;
    }
    let (join_type, output, schema) = (join.join_type, join.output.clone(), SchemaRef::clone(&join.schema));
    let lookup = LookupJoin { join_type, kind, table, table_at, keys, residual, output, schema, max_keys };
    lookup.encoder(&input.schema()).is_ok().then_some((lookup, rows))
}

fn is_endless(input: &Arc<dyn ExecutionPlan>) -> bool {
    input.boundedness().is_unbounded()
}

fn known_rows(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    plan.partition_statistics(None).ok().and_then(|known| known.num_rows.get_value().copied())
}

/// How many keys are looked up before a scan is the better way, if the table has so many rows.
fn most_keys(options: &CassandraOptions, table_rows: Option<usize>) -> usize {
    let most = options.lookup_join_max_keys.get();
    table_rows.map_or(most, |rows| most.min((rows / ROWS_A_LOOKUP).max(FEW_KEYS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_tables_are_rather_read() {
        let options = CassandraOptions::default();
        let most = |rows| most_keys(&options, rows);
        assert_eq!(most(None), 100_000);
        assert_eq!(most(Some(0)), FEW_KEYS);
        assert_eq!(most(Some(1_000_000)), 40_000);
        assert_eq!(most(Some(usize::MAX)), 100_000);
    }
}
