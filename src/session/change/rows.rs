//! The SELECT that finds the rows to change.

use datafusion::common::Column as ColumnName;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::source_as_provider;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, Ident, SelectItem, SetExpr, Statement as SqlStatement, TableWithJoins,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::target::Target;
use crate::catalog::table::CassandraTable;
use crate::cluster::schema::{Column, ColumnKind};
use crate::error::{Error, Result};
use crate::options::{EMPTY_VALUES, EmptyValues};

/// Where rows come from and which they are.
pub(super) struct Source {
    /// The only table, with its alias if it has one.
    pub(super) from: TableWithJoins,
    /// The WHERE.
    pub(super) selection: Option<SqlExpr>,
}

impl Source {
    /// `SELECT items FROM table WHERE …`.
    ///
    /// # Errors
    /// What planning a SELECT finds.
    pub(super) async fn select(
        &self,
        context: &SessionContext,
        items: Vec<SelectItem>,
    ) -> DataFusionResult<LogicalPlan> {
        // There is no empty SELECT to begin with, and so it is parsed.
        let template = Parser::parse_sql(&GenericDialect {}, "SELECT 1").map(|mut statements| statements.pop());
        let Ok(Some(SqlStatement::Query(mut query))) = template else {
            return Err(Error::internal("SELECT 1 is not a query").into());
        };
        let SetExpr::Select(select) = query.body.as_mut() else {
            return Err(Error::internal("SELECT 1 is not a SELECT").into());
        };
        select.projection = items;
        select.from = vec![self.from.clone()];
        select.selection.clone_from(&self.selection);
        let statement = Statement::Statement(Box::new(SqlStatement::Query(query)));
        context.state().statement_to_plan(statement).await
    }

    /// Refuses to change all rows, unless an option allows it: without a WHERE, or with one that the planner finds true.
    ///
    /// # Errors
    /// The option does not allow it, or the WHERE cannot be planned.
    pub(super) async fn check_chooses(&self, context: &SessionContext, target: &Target) -> DataFusionResult<()> {
        if self.selection.is_none() {
            return Ok(target.check_all_rows()?);
        }
        let keys = target.table.primary_key().map(item).collect();
        let plan = context.state().optimize(&self.select(context, keys).await?)?;
        if is_whole_table(&plan) { Ok(target.check_all_rows()?) } else { Ok(()) }
    }
}

/// A column of the table, however its name is written.
pub(super) fn item(column: &Column) -> SelectItem {
    SelectItem::UnnamedExpr(SqlExpr::Identifier(Ident::with_quote('"', &column.name)))
}

/// Whether nothing is left of the WHERE.
fn is_whole_table(mut plan: &LogicalPlan) -> bool {
    loop {
        plan = match plan {
            LogicalPlan::Projection(projection) => &projection.input,
            LogicalPlan::SubqueryAlias(alias) => &alias.input,
            LogicalPlan::TableScan(scan) => return scan.filters.is_empty(),
            _ => return false,
        }
    }
}

/// Without the lines that stand for static columns alone: a Cassandra partition that has no rows is read as one, whose
/// clustering columns are null.
///
/// # Errors
/// The options make nulls of other values too, so that such lines cannot be told from rows.
pub(super) fn real_rows(target: &Target, plan: LogicalPlan) -> DataFusionResult<LogicalPlan> {
    let table = &target.table;
    let has_static = table.columns.iter().any(|column| column.kind == ColumnKind::Static);
    let is_clustering = |column: &&Column| matches!(column.kind, ColumnKind::Clustering { .. });
    let Some(clustering) = table.columns.iter().find(is_clustering).filter(|_| has_static) else { return Ok(plan) };
    if target.options.empty_values == EmptyValues::Null {
        return Err(Error::config(format!(
            "{} cannot tell rows of {} from static columns alone while {EMPTY_VALUES} is 'null': SET it to 'error' first",
            target.word, table.name
        ))
        .into());
    }
    let column = plan.schema().qualified_field_with_unqualified_name(&clustering.name)?;
    let is_row = Expr::Column(ColumnName::from(column)).is_not_null();
    LogicalPlanBuilder::from(plan).filter(is_row)?.build()
}

/// Refuses a list of values for a row: which of them should be its value?
///
/// # Errors
/// The SELECT unfolds lists.
pub(super) fn check_one_line_each(target: &Target, plan: &LogicalPlan) -> DataFusionResult<()> {
    if plan.exists(|node| Ok(matches!(node, LogicalPlan::Unnest(_))))? {
        let message = format!("{} with unnest(…) would make several rows of one", target.word);
        return Err(Error::config(message).into());
    }
    Ok(())
}

/// Whether the SELECT reads more of the table's keyspace than the rows to change: the table once more, or a view of it, which
/// change while it is read.
///
/// # Errors
/// None of its own.
pub(super) fn reads_what_changes(target: &Target, plan: &LogicalPlan) -> Result<bool> {
    let mut scans = 0;
    let walked = plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(provider) = source_as_provider(&scan.source)
            && let Some(table) = provider.as_any().downcast_ref::<CassandraTable>()
            && table.definition().name.keyspace == target.table.name.keyspace
        {
            scans += 1;
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.map_err(|e| Error::internal("walking a plan").with_source(e))?;
    Ok(scans > 1)
}
