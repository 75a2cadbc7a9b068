//! Aggregates become questions to the server, where its answer is the same.
//!
//! ```text
//! AggregateExec(Final, count)            AggregateExec(Final, count)
//!   AggregateExec(Partial, count)   ─▶     CassandraAggregateExec
//!     CassandraScanExec
//! ```
//!
//! - `count(*)`, and `count(x)` of what is never null or of a column of a scalar type;
//! - `min(column)` and `max(column)` of types that Cassandra orders as Arrow does;
//! - by `GROUP BY` of columns that begin the primary key, with the whole partition key, or without.
//!
//! Nothing else may stand in the aggregate: no FILTER, no DISTINCT, no LIMIT, and between it and the scan nothing but columns
//! passed through. Filters that the server answers are part of the scan, and of the question.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{Column as ColumnExpr, Literal};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::projection::ProjectionExec;

use crate::cluster::schema::{Column, ColumnKind, CqlType};
use crate::options::{CassandraOptions, EmptyValues};
use crate::rules::step::step;
use crate::scan::ScanRecipe;
use crate::scan::aggregate::{Answer, CassandraAggregateExec};
use crate::scan::cql::only_static;
use crate::scan::exec::CassandraScanExec;
use crate::scan::pushdown::{has_arrow_equality, has_arrow_order};

/// See the [module](self).
#[derive(Debug)]
pub struct AggregateRule;

impl PhysicalOptimizerRule for AggregateRule {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        if !CassandraOptions::of(config).aggregate_pushdown {
            return Ok(plan);
        }
        plan.transform_up(|node| {
            Ok(match node.as_any().downcast_ref::<AggregateExec>().and_then(on_server) {
                Some(aggregate) => Transformed::yes(Arc::new(aggregate) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &'static str {
        "cassandra_aggregate"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The node that takes the place of this partial aggregate, if that gives the same answer.
fn on_server(aggregate: &AggregateExec) -> Option<CassandraAggregateExec> {
    let is_plain = *aggregate.mode() == AggregateMode::Partial
        && aggregate.filter_expr().iter().all(Option::is_none)
        && aggregate.limit_options().is_none()
        && aggregate.group_expr().is_single();
    if !is_plain {
        return None;
    }
    let scan = scan_below(aggregate.input())?;
    let recipe = scan.recipe();
    if scan.fetch().is_some() || recipe.options.per_partition_limit.is_some() {
        return None;
    }
    let input = Input { plan: aggregate.input(), recipe };
    let mut answers = Vec::new();
    for (expr, _) in aggregate.group_expr().expr() {
        answers.push(Answer::Group(input.column(expr)?.clone()));
    }
    if !may_group(recipe, &answers) {
        return None;
    }
    for function in aggregate.aggr_expr() {
        answers.push(input.answer(function)?);
    }
    let read = answers.iter().filter_map(Answer::source);
    if read.clone().next().is_some() && !recipe.restriction.terms.is_empty() && only_static(&recipe.table, read) {
        return None;
    }
    // One column for each: the state of these functions.
    let schema = aggregate.schema();
    let types_fit = answers.iter().zip(schema.fields()).all(|(answer, field)| {
        let expected = match answer {
            Answer::CountRows | Answer::Count(_) => DataType::Int64,
            Answer::Group(column) | Answer::Min(column) | Answer::Max(column) => {
                recipe.read_as.arrow_type(&column.cql_type)
            }
        };
        *field.data_type() == expected
    });
    let fits = !answers.is_empty() && answers.len() == schema.fields().len() && types_fit;
    fits.then(|| CassandraAggregateExec::new(Arc::clone(recipe), answers, schema))
}

/// Cassandra groups by a prefix of the primary key, and we want the whole partition key in it: groups then are within
/// one split. With static columns a Cassandra partition may have a row without clustering columns, which it groups in its own way.
fn may_group(recipe: &ScanRecipe, groups: &[Answer]) -> bool {
    if groups.is_empty() {
        return true;
    }
    let table = &recipe.table;
    let column = |answer: &Answer| match answer {
        Answer::Group(column) => table.columns.iter().position(|c| c == column),
        _ => None,
    };
    let Some(mut places) = groups.iter().map(column).collect::<Option<Vec<_>>>() else { return false };
    places.sort_unstable();
    let is_prefix = places.iter().copied().eq(0..places.len());
    let of_key = places.len() >= table.partition_key().count() && places.len() <= table.primary_key().count();
    let has_static = table.columns.iter().any(|c| c.kind == ColumnKind::Static);
    // The groups are told apart by DataFusion too, by the values as Arrow has them.
    let same_groups = places.iter().all(|&place| has_arrow_equality(&table.columns[place].cql_type));
    is_prefix && of_key && same_groups && !has_static && !table.node_local && recipe.restriction.terms.is_empty()
}

fn scan_below(input: &Arc<dyn ExecutionPlan>) -> Option<&CassandraScanExec> {
    if let Some(projection) = input.as_any().downcast_ref::<ProjectionExec>() {
        // A projection neither drops nor adds rows, but an expression may fail, and then the statement must.
        let only_columns = projection.expr().iter().all(|e| e.expr.as_any().is::<ColumnExpr>());
        return if only_columns { scan_below(projection.input()) } else { None };
    }
    input.as_any().downcast_ref::<CassandraScanExec>()
}

/// What the aggregate reads.
struct Input<'a> {
    plan: &'a Arc<dyn ExecutionPlan>,
    recipe: &'a ScanRecipe,
}

impl Input<'_> {
    /// What the server is asked in the place of a function.
    fn answer(&self, function: &AggregateFunctionExpr) -> Option<Answer> {
        if function.is_distinct() {
            return None;
        }
        let arguments = function.expressions();
        match function.fun().name() {
            "count" if arguments.iter().all(|argument| self.never_null(argument)) => Some(Answer::CountRows),
            "count" => self.scalar(&arguments).filter(|c| self.counts_the_same(c)).map(Answer::Count),
            "min" => self.scalar(&arguments).filter(|c| has_arrow_order(&c.cql_type)).map(Answer::Min),
            "max" => self.scalar(&arguments).filter(|c| has_arrow_order(&c.cql_type)).map(Answer::Max),
            _ => None,
        }
    }

    /// The only argument, if it is a column of the rows themselves.
    fn scalar(&self, arguments: &[Arc<dyn PhysicalExpr>]) -> Option<Column> {
        let [only] = arguments else { return None };
        self.column(only).filter(|column| !matches!(column.kind, ColumnKind::Static | ColumnKind::Computed)).cloned()
    }

    /// Empty values may be null here, and they are not for the server.
    fn counts_the_same(&self, column: &Column) -> bool {
        let is_float = matches!(column.cql_type, CqlType::Float | CqlType::Double);
        (is_float || has_arrow_equality(&column.cql_type)) && self.recipe.options.empty_values == EmptyValues::Error
    }

    /// The column of the table that an expression is.
    fn column(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<&Column> {
        let mut index = expr.as_any().downcast_ref::<ColumnExpr>()?.index();
        let mut plan = self.plan;
        while let Some((expr, below)) = step(plan, index) {
            index = expr.as_any().downcast_ref::<ColumnExpr>()?.index();
            plan = below;
        }
        self.recipe.columns.get(index)
    }

    fn never_null(&self, argument: &Arc<dyn PhysicalExpr>) -> bool {
        if let Some(literal) = argument.as_any().downcast_ref::<Literal>() {
            return !literal.value().is_null();
        }
        let column = argument.as_any().downcast_ref::<ColumnExpr>();
        let field = column.and_then(|column| self.plan.schema().fields().get(column.index()).cloned());
        field.is_some_and(|field| !field.is_nullable())
    }
}
