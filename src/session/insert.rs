//! An INSERT that DataFusion does not plan: it stops at the first column that is wrong, and some of its messages name none.

pub(super) mod options;
mod text;

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::planner::{IdentNormalizer, object_name_to_table_reference};
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Query, SetExpr, Statement as SqlStatement, TableObject};

use crate::catalog::table::CassandraTable;
use crate::cluster::quote::quote_if_needed;
use crate::cluster::schema::Column;
use crate::codec::encode::RowEncoder;
use crate::error::Error;

/// The parts of an INSERT that must fit each other.
pub(super) struct Insert {
    table: ObjectName,
    columns: Vec<Ident>,
    source: Box<Query>,
    /// Whether it is an `INSERT … SELECT` that says nothing else.
    is_plain: bool,
}

impl Insert {
    pub(super) fn of(statement: &Statement) -> Option<Self> {
        let Statement::Statement(statement) = statement else { return None };
        let SqlStatement::Insert(insert) = statement.as_ref() else { return None };
        let TableObject::TableName(table) = &insert.table else { return None };
        let source = insert.source.clone()?;
        let is_plain = || {
            let mut said = insert.clone();
            said.columns.clear();
            said.to_string() == format!("INSERT INTO {table} {source}")
        };
        // VALUES may be very long.
        let is_plain = !matches!(source.body.as_ref(), SetExpr::Values(_)) && is_plain();
        Some(Self { table: table.clone(), columns: insert.columns.clone(), source, is_plain })
    }

    /// All that is wrong with the columns, or `error` itself if it is about something else or another table.
    pub(super) async fn explain(self, context: &SessionContext, error: DataFusionError) -> DataFusionError {
        let Some((_, provider)) = self.provider(context).await else { return error };
        let Some(table) = provider.as_any().downcast_ref::<CassandraTable>() else { return error };
        let name = &table.definition().name;
        let (targets, mut problems) = self.targets(table, &Self::normalizer(context));
        // Rows of VALUES get their types from the table.
        let (given, types) = match self.source.body.as_ref() {
            SetExpr::Values(values) => (values.rows.first().map_or(0, Vec::len), None),
            _ => match self.types(context).await {
                Some(types) => (types.len(), Some(types)),
                // The error is about what stands in the query.
                None if problems.is_empty() => return error,
                None => (targets.len(), None),
            },
        };
        if given != targets.len() {
            let what = if self.columns.is_empty() { "the table has" } else { "the statement lists" };
            problems.push(Error::schema(format!("{what} {} columns, and a row has {given} values", targets.len())));
        } else if let Some(types) = types {
            let pairs = targets.iter().zip(&types).filter_map(|(target, given)| Some((target.as_ref()?, given)));
            problems.extend(pairs.filter_map(|((column, data_type), given)| misfit(column, data_type, given)));
        }
        if problems.is_empty() {
            return error;
        }
        let listed: Vec<Column> = targets.into_iter().flatten().map(|(column, _)| column).collect();
        problems.extend(table.key_problem(&listed));
        Error::all(&format!("INSERT INTO {name} is not possible"), problems).into()
    }

    /// The columns that are written, in the order of the statement, and what is wrong with their names.
    fn targets(
        &self,
        table: &CassandraTable,
        normalizer: &IdentNormalizer,
    ) -> (Vec<Option<(Column, DataType)>>, Vec<Error>) {
        let (columns, schema) = (&table.definition().columns, table.schema());
        let target = |i: usize| (columns[i].clone(), schema.field(i).data_type().clone());
        if self.columns.is_empty() {
            return ((0..columns.len()).map(target).map(Some).collect(), Vec::new());
        }
        let mut problems = Vec::new();
        let names: Vec<String> = self.columns.iter().map(|name| normalizer.normalize(name.clone())).collect();
        let mut targets = Vec::new();
        for (i, name) in names.iter().enumerate() {
            let found = columns.iter().position(|column| column.name == *name);
            let shown = quote_if_needed(name);
            if found.is_none() {
                let all: Vec<String> = columns.iter().map(|column| quote_if_needed(&column.name)).collect();
                problems.push(Error::schema(format!("there is no column {shown}: the columns are {}", all.join(", "))));
            } else if names[..i].contains(name) {
                problems.push(Error::schema(format!("column {shown} is listed twice: leave one out")));
            }
            targets.push(found.map(target));
        }
        (targets, problems)
    }

    /// The columns of the query, if it can be planned.
    async fn types(&self, context: &SessionContext) -> Option<Vec<FieldRef>> {
        Some(self.rows(context).await?.schema().fields().iter().cloned().collect())
    }

    /// The query, if it can be planned.
    async fn rows(&self, context: &SessionContext) -> Option<LogicalPlan> {
        let query = Statement::Statement(Box::new(SqlStatement::Query(self.source.clone())));
        context.state().statement_to_plan(query).await.ok()
    }

    /// The table that is written to, if there is one of its name.
    async fn provider(&self, context: &SessionContext) -> Option<(TableReference, Arc<dyn TableProvider>)> {
        let normalize = context.state().config_options().sql_parser.enable_ident_normalization;
        let reference = object_name_to_table_reference(self.table.clone(), normalize).ok()?;
        let provider = context.table_provider(reference.clone()).await.ok()?;
        Some((reference, provider))
    }

    /// What is done to names without quotes.
    fn normalizer(context: &SessionContext) -> IdentNormalizer {
        IdentNormalizer::new(context.state().config_options().sql_parser.enable_ident_normalization)
    }
}

/// Why values of one type do not become those of a column, if they do not.
fn misfit(column: &Column, target: &DataType, given: &FieldRef) -> Option<Error> {
    let schema = Schema::new(vec![Field::new("value", given.data_type().clone(), true)]);
    let value = datafusion::common::DFSchema::try_from(schema.clone()).ok()?;
    if Expr::Column("value".into()).cast_to(target, &value).is_ok() {
        return None;
    }
    // The same words as where DataFusion has no say.
    let refusals = RowEncoder::try_columns(std::slice::from_ref(column), &schema).err();
    let refusal = refusals.and_then(|mut refusals| refusals.pop());
    Some(refusal.unwrap_or_else(|| {
        let (name, cql_type, given) = (&column.name, &column.cql_type, given.data_type());
        Error::schema(format!("column {name} of type {cql_type} cannot be written from Arrow type {given}"))
    }))
}
