//! What `INSERT INTO` writes, and why it may not.

use std::sync::Arc;

use datafusion::config::ConfigOptions;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::{CastExpr, Literal};
use datafusion::physical_plan::projection::ProjectionExec;

use super::CassandraTable;
use crate::cluster::schema::{Column, ColumnKind, CqlType, TableSchema};
use crate::codec::encode::RowEncoder;
use crate::error::{Error, Result};
use crate::options::{CassandraOptions, ExistingRows, WriteCollections, WriteNulls};
use crate::write::cql::is_added;
use crate::write::{Change, WriteRecipe};

impl CassandraTable {
    /// What an INSERT of these rows writes.
    ///
    /// # Errors
    /// What makes it impossible, as far as can be known before the first row.
    pub(super) fn plan_insert(
        &self,
        config: &ConfigOptions,
        input: &Arc<dyn ExecutionPlan>,
        op: InsertOp,
    ) -> Result<WriteRecipe> {
        let name = &self.table.name;
        if op != InsertOp::Append {
            return Err(Error::config(format!(
                "{op} is not supported for {name}: INSERT INTO replaces rows of the same primary key anyway"
            )));
        }
        if self.table.view {
            return Err(Error::config(format!("{name} is a materialized view: insert into its base table")));
        }
        // A column that the statement does not list arrives here as a NULL literal.
        let listed = |i: &usize| !is_null_literal(input, *i);
        let mut input_columns: Vec<usize> = (0..self.table.columns.len()).filter(listed).collect();
        let missing: Vec<&str> = (0..self.table.primary_key().count())
            .filter(|i| !listed(i))
            .map(|i| self.table.columns[i].name.as_str())
            .collect();
        if !missing.is_empty() {
            return Err(Error::schema(format!(
                "the statement gives no value for {} of the primary key of {name}: add {}",
                missing.join(", "),
                if missing.len() == 1 { "the column" } else { "the columns" }
            )));
        }
        let options = self.options(config)?;
        let column = |i: &usize| &self.table.columns[*i];
        let kept = input_columns.iter().map(column).filter(|column| column.kind != ColumnKind::Computed);
        let change = change(&self.table, kept, &options)?;
        if change.has_key_last() {
            input_columns.sort_by_key(|i| column(i).kind.is_key());
        }
        let mut columns: Vec<Column> = input_columns.iter().map(column).cloned().collect();
        let mut written =
            input.schema().project(&input_columns).map_err(|e| Error::internal("input columns").with_source(e))?;
        let times = self.times_layout(change, &input_columns, &options)?;
        if let Some(times) = &times {
            columns.retain(|column| column.kind != ColumnKind::Computed);
            columns.extend(times.markers());
            written = times.schema(&written)?;
        }
        let encoder = RowEncoder::try_new(&columns, &written).map_err(|e| e.with_context("table", name.to_string()))?;
        Ok(WriteRecipe {
            cluster: self.cluster.clone(),
            table: Arc::clone(&self.table),
            change,
            columns,
            input_columns,
            times,
            encoder: match options.write_nulls {
                WriteNulls::Unset => encoder,
                WriteNulls::Tombstone => encoder.with_nulls(),
            },
            options,
            read_first: false,
        })
    }
}

/// What INSERT does to the table, as its columns and the options say.
///
/// # Errors
/// Options that contradict each other or the columns.
fn change<'a>(
    table: &TableSchema,
    columns: impl Iterator<Item = &'a Column>,
    options: &CassandraOptions,
) -> Result<Change> {
    let mut added = columns.filter(|column| !column.kind.is_key() && is_added(column)).peekable();
    let counter = table.columns.iter().find(|column| column.cql_type == CqlType::Counter);
    let (what, change) = if counter.is_some() {
        if added.peek().is_none() {
            let message = format!("{} counts, and the statement lists no counter to add to: add one", table.name);
            return Err(Error::schema(message));
        }
        ("rows of counters are added to", Change::Count)
    } else if options.write_collections == WriteCollections::Append && added.peek().is_some() {
        let lists = added.any(|column| matches!(column.cql_type, CqlType::List(_)));
        ("cassandra.write_collections is 'append'", Change::Append { lists })
    } else if options.existing_rows == ExistingRows::Replace {
        return Ok(Change::Insert);
    } else {
        ("cassandra.existing_rows leaves rows alone that are there", Change::InsertNew)
    };
    let (counts, conditional) = (change == Change::Count, change == Change::InsertNew);
    let clashes = [
        ("cassandra.write_timestamp_us", options.write_timestamp_us.is_some() && (counts || conditional)),
        ("cassandra.write_ttl_seconds", options.write_ttl_seconds.is_some() && counts),
        ("cassandra.write_nulls", options.write_nulls == WriteNulls::Tombstone && !conditional),
        ("cassandra.existing_rows", options.existing_rows != ExistingRows::Replace && !conditional),
    ];
    match clashes.into_iter().find(|(_, clashes)| *clashes) {
        None => Ok(change),
        Some((name, _)) => Err(Error::config(format!(
            "{what}, which does not go together with {name} for {}: leave one out",
            table.name
        ))),
    }
}

/// Whether column `i` of the plan is the literal NULL, possibly cast to a type.
fn is_null_literal(plan: &Arc<dyn ExecutionPlan>, i: usize) -> bool {
    let Some(projection) = plan.as_any().downcast_ref::<ProjectionExec>() else { return false };
    let Some(column) = projection.expr().get(i) else { return false };
    let mut expr = &column.expr;
    while let Some(cast) = expr.as_any().downcast_ref::<CastExpr>() {
        expr = cast.expr();
    }
    expr.as_any().downcast_ref::<Literal>().is_some_and(|literal| literal.value().is_null())
}
