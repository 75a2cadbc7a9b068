//! What `INSERT INTO` writes, and why it may not.

use std::sync::Arc;

use datafusion::config::ConfigOptions;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::{CastExpr, Literal};
use datafusion::physical_plan::projection::ProjectionExec;

use super::CassandraTable;
use crate::cluster::schema::{Column, ColumnKind, CqlType};
use crate::codec::encode::RowEncoder;
use crate::error::{Error, Result};
use crate::options::WriteNulls;
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
        if let Some(counter) = self.table.columns.iter().find(|c| c.cql_type == CqlType::Counter) {
            return Err(Error::config(format!(
                "{name} has the counter column {}, and rows of counters cannot be inserted",
                counter.name
            )));
        }
        // A column that the statement does not list arrives here as a NULL literal.
        let listed = |i: &usize| !is_null_literal(input, *i);
        let input_columns: Vec<usize> = (0..self.table.columns.len()).filter(listed).collect();
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
        let mut columns: Vec<Column> = input_columns.iter().map(|&i| self.table.columns[i].clone()).collect();
        let mut written =
            input.schema().project(&input_columns).map_err(|e| Error::internal("input columns").with_source(e))?;
        let times = self.times_layout(&input_columns, &options)?;
        if let Some(times) = &times {
            columns.retain(|column| column.kind != ColumnKind::Computed);
            columns.extend(times.markers());
            written = times.schema(&written)?;
        }
        let encoder = RowEncoder::try_new(&columns, &written).map_err(|e| e.with_context("table", name.to_string()))?;
        Ok(WriteRecipe {
            cluster: self.cluster.clone(),
            table: Arc::clone(&self.table),
            change: Change::Insert,
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
