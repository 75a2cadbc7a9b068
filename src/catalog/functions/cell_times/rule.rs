//! The rule that has the server answer `writetime(v)` and its like.
//!
//! ```text
//! Projection: k, writetime(t.v)              Projection: k, t."writetime(v)" AS "writetime(t.v)"
//!   Filter: k > 7                       ─▶     Filter: k > 7
//!     TableScan: t                               TableScan: t, which has a column "writetime(v)" more
//! ```
//!
//! From the top down: each node learns what is wanted of its output, adds what its own expressions want, and passes that on
//! to the input that has the column. What only a node itself has wanted is taken off again above it, so that nothing else in
//! the plan changes.

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchemaRef, plan_datafusion_err, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, TableScan};
use datafusion::optimizer::AnalyzerRule;
use std::sync::Arc;

use super::CellTime;
use crate::catalog::table::CassandraTable;
use crate::cluster::schema::ColumnKind;

/// Has the server answer `writetime(column)`, `maxwritetime(column)` and `ttl(column)`: they become columns of the scans below
/// them. It comes after DataFusion's own rules of analysis.
#[derive(Debug, Clone, Copy, Default)]
pub struct CellTimeRule;

impl AnalyzerRule for CellTimeRule {
    fn name(&self) -> &'static str {
        "cassandra_cell_times"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        if has_functions(&plan)? { rewrite(plan, &[]) } else { Ok(plan) }
    }
}

fn has_functions(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= expr.exists(|expr| Ok(CellTime::in_expr(expr).is_some()))?;
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    Ok(found)
}

/// What is wanted of the output of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    of: CellTime,
    /// As the output names it.
    column: Column,
}

impl Wanted {
    /// The column of the output with the answer.
    fn answer(&self) -> Column {
        Column::new(self.column.relation.clone(), self.of.selector(&self.column.name))
    }

    fn error(&self, why: &str) -> DataFusionError {
        plan_datafusion_err!("{}({}): {why}", self.of.name(), self.column.flat_name())
    }
}

/// What is wanted of each input of a node.
struct Inputs(Vec<(DFSchemaRef, Vec<Wanted>)>);

impl Inputs {
    fn of(node: &LogicalPlan) -> Self {
        Self(node.inputs().into_iter().map(|input| (Arc::clone(input.schema()), Vec::new())).collect())
    }

    /// Asks the input that has the column; gives the column that will have the answer.
    fn want(&mut self, of: CellTime, column: &Column) -> Result<Column> {
        for (schema, wanted) in &mut self.0 {
            let Some(index) = schema.maybe_index_of_column(column) else { continue };
            let (relation, field) = schema.qualified_field(index);
            let want = Wanted { of, column: Column::new(relation.cloned(), field.name()) };
            let answer = want.answer();
            if !wanted.contains(&want) {
                wanted.push(want);
            }
            return Ok(answer);
        }
        Err(Wanted { of, column: column.clone() }.error("it must stand on a column of a Cassandra table"))
    }
}

/// The node with its own functions replaced, and with an output that has the answers to what is wanted behind its columns.
fn rewrite(node: LogicalPlan, wanted: &[Wanted]) -> Result<LogicalPlan> {
    if let LogicalPlan::TableScan(scan) = &node {
        return if wanted.is_empty() { Ok(node) } else { read(scan, wanted) };
    }
    let mut output = node.schema().columns();
    for answer in wanted.iter().map(Wanted::answer) {
        // A table `t$times` has the column by itself.
        if !output.contains(&answer) {
            output.push(answer);
        }
    }

    let mut inputs = Inputs::of(&node);
    let node = replace_functions(node, &mut inputs)?;
    let passed = pass_on(&node, wanted, &mut inputs)?;
    let mut inputs = inputs.0.into_iter().map(|(_, wanted)| wanted);
    let node = node
        .map_subqueries(|plan| rewrite(plan, &[]).map(Transformed::yes))?
        .data
        .map_children(|input| rewrite(input, &inputs.next().unwrap_or_default()).map(Transformed::yes))?
        .data;
    let node = match node {
        LogicalPlan::Projection(Projection { expr, input, .. }) => {
            LogicalPlan::Projection(Projection::try_new(expr.into_iter().chain(passed).collect(), input)?)
        }
        other => other.recompute_schema()?,
    };
    if node.schema().columns() == output {
        return Ok(node);
    }
    let columns = output.into_iter().map(Expr::Column).collect();
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(node))?))
}

fn replace_functions(node: LogicalPlan, inputs: &mut Inputs) -> Result<LogicalPlan> {
    let names = NamePreserver::new(&node);
    let replaced = node.map_expressions(|expr| {
        let name = names.save(&expr);
        let expr = expr.transform_up(|expr| match CellTime::in_expr(&expr) {
            Some((of, Expr::Column(column))) => Ok(Transformed::yes(Expr::Column(inputs.want(of, column)?))),
            Some((of, other)) => {
                plan_err!("{}({other}): it must stand on a column, not on what is made of one", of.name())
            }
            None => Ok(Transformed::no(expr)),
        })?;
        Ok(expr.update_data(|expr| name.restore(expr)))
    })?;
    Ok(replaced.data)
}

/// Passes on what is wanted of the output of a node. For a projection, gives what it must project as well.
fn pass_on(node: &LogicalPlan, wanted: &[Wanted], inputs: &mut Inputs) -> Result<Vec<Expr>> {
    let mut projected = Vec::new();
    for want in wanted {
        match node {
            LogicalPlan::Filter(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Repartition(_)
            | LogicalPlan::Window(_)
            | LogicalPlan::Join(_) => {
                inputs.want(want.of, &want.column)?;
            }
            LogicalPlan::SubqueryAlias(alias) => {
                // The same columns at the same places, all with the alias as their table.
                let index = alias.schema.index_of_column(&want.column)?;
                let (relation, field) = alias.input.schema().qualified_field(index);
                inputs.want(want.of, &Column::new(relation.cloned(), field.name()))?;
            }
            LogicalPlan::Projection(projection) => {
                let index = projection.schema.index_of_column(&want.column)?;
                let Expr::Column(column) = projection.expr[index].clone().unalias_nested().data else {
                    return Err(want.error("it is computed, and only columns of Cassandra tables have it"));
                };
                let answer = Expr::Column(inputs.want(want.of, &column)?);
                let Column { relation, name, .. } = want.answer();
                projected.push(answer.alias_qualified(relation, name));
            }
            other => {
                let line = other.display().to_string();
                let node = line.split([':', ' ']).next().unwrap_or_default();
                return Err(want.error(&format!(
                    "{node} stands between it and the table, and rows do not pass that as they are; write it in a query below"
                )));
            }
        }
    }
    Ok(projected)
}

/// The scan of the same table with a column more for each answer.
fn read(scan: &TableScan, wanted: &[Wanted]) -> Result<LogicalPlan> {
    let provider = source_as_provider(&scan.source).ok();
    let table = provider.as_ref().and_then(|provider| provider.as_any().downcast_ref::<CassandraTable>());
    let mut columns = Vec::new();
    for want in wanted {
        let Some(table) = table else {
            return Err(want.error(&format!("{} is no table of Cassandra", scan.table_name)));
        };
        let column = table.definition().columns.iter().find(|column| column.name == want.column.name);
        match column {
            Some(column) if column.kind.is_key() => {
                return Err(want.error("it belongs to the primary key, and only the other cells have such a time"));
            }
            Some(column) if column.kind != ColumnKind::Computed => columns.push(want.of.column(column)),
            _ => return Err(want.error("it is no column that the table keeps")),
        }
    }
    let Some(table) = table else { return Ok(LogicalPlan::TableScan(scan.clone())) };
    let table = table.with_computed(columns.clone());
    let schema = table.schema();
    let projection = match &scan.projection {
        Some(projection) => {
            let added = columns.iter().map(|column| schema.index_of(&column.name));
            Some(projection.iter().copied().map(Ok).chain(added).collect::<Result<Vec<usize>, _>>()?)
        }
        None => None,
    };
    let source = provider_as_source(Arc::new(table));
    let filters = scan.filters.clone();
    Ok(LogicalPlan::TableScan(TableScan::try_new(scan.table_name.clone(), source, projection, filters, scan.fetch)?))
}
