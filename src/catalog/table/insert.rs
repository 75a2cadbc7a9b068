//! What `INSERT INTO` writes, and all the reasons why it cannot.

mod change;
mod options;
mod problems;

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::config::ConfigOptions;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::Literal;
use datafusion::physical_plan::projection::ProjectionExec;

pub(crate) use options::with_insert_options;

use super::CassandraTable;
use crate::cluster::schema::{Column, ColumnKind};
use crate::codec::encode::RowEncoder;
use crate::codec::json::JsonDecoder;
use crate::error::{Error, Result};
use crate::options::WriteNulls;
use crate::write::WriteRecipe;
use crate::write::casts::{Casts, uncast};
use crate::write::form::Form;
use crate::write::times::TimesLayout;

/// How the rows of an INSERT come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coming {
    /// In the columns of the table.
    Columns,
    /// As JSON texts, in the only column.
    Json,
}

impl CassandraTable {
    /// What an INSERT of these rows writes, and the rows without the casts that are done when they are written.
    ///
    /// # Errors
    /// All that makes it impossible, as far as can be known before the first row.
    pub(super) async fn plan_insert(
        &self,
        config: &ConfigOptions,
        coming: Coming,
        input: Arc<dyn ExecutionPlan>,
        op: InsertOp,
    ) -> DataFusionResult<(WriteRecipe, Arc<dyn ExecutionPlan>)> {
        let mut options = self.options(config)?;
        let mut errors = problems::of_table(&self.table, op);
        let is_writable = errors.is_empty();
        // A column that the statement does not list arrives here as a NULL literal.
        let listed = |i: &usize| coming == Coming::Json || !is_null_literal(&input, *i);
        let mut listed: Vec<usize> = (0..self.table.columns.len()).filter(listed).collect();
        let column = |i: &usize| &self.table.columns[*i];
        let kept = listed.iter().map(column).filter(|column| column.kind != ColumnKind::Computed);
        let (change, clashes) = change::of(&self.table, kept, &options);
        errors.extend(clashes);
        if change.has_key_last() {
            listed.sort_by_key(|i| column(i).kind.is_key());
        }
        let mut columns: Vec<Column> = listed.iter().map(column).cloned().collect();
        errors.extend(problems::of_key(&self.table, &columns));
        let times = self.times_layout(change, &listed, &options);
        let times = times.map_err(|error| errors.push(error)).ok().flatten();
        if let Some(times) = &times {
            columns.retain(|column| column.kind != ColumnKind::Computed);
            columns.extend(times.markers());
        }
        let (input, input_columns, form) = match coming {
            Coming::Columns => {
                let (input, casts) = Casts::taken_off(input, &self.table.columns)?;
                let form = Form::Columns(casts.project(&listed));
                (input, listed, Ok(form))
            }
            Coming::Json => (input, vec![0], JsonDecoder::try_new(&columns).map(Form::Json)),
        };
        let written = form.and_then(|form| {
            let encoder = self.encoder(&input.schema(), &input_columns, &form, &columns, times.as_ref())?;
            Ok((form, encoder))
        });
        let written = written.map_err(|refusals| errors.extend(refusals)).ok();
        if is_writable {
            errors.extend(self.cluster.check_modify(&self.table).await.err());
        }
        let Some((form, encoder)) = written.filter(|_| errors.is_empty()) else {
            return Err(Error::all(&format!("INSERT INTO {} is not possible", self.table.name), errors).into());
        };
        let limits = self.cluster.request_limits().await?;
        options.group_bytes = limits.of_group(options.group_bytes);
        let encoder = encoder.with_limit(limits.of_row());
        let recipe = WriteRecipe {
            cluster: self.cluster.clone(),
            table: Arc::clone(&self.table),
            change,
            columns,
            input_columns,
            form,
            times,
            encoder: match options.write_nulls {
                WriteNulls::Unset => encoder,
                WriteNulls::Tombstone => encoder.with_nulls(),
            },
            options,
            read_first: false,
        };
        Ok((recipe, input))
    }

    /// What an INSERT into these columns lacks of the primary key.
    pub(crate) fn key_problem(&self, listed: &[Column]) -> Option<Error> {
        problems::of_key(&self.table, listed)
    }

    fn encoder(
        &self,
        schema: &Schema,
        input_columns: &[usize],
        form: &Form,
        columns: &[Column],
        times: Option<&TimesLayout>,
    ) -> Result<RowEncoder, Vec<Error>> {
        let (given, there) = (schema.fields().len(), self.table.columns.len());
        if matches!(form, Form::Columns(_)) && given != there {
            let message = format!("the rows have {given} columns, and {} has {there}", self.table.name);
            return Err(vec![Error::schema(message)]);
        }
        let written =
            schema.project(input_columns).map_err(|e| vec![Error::internal("input columns").with_source(e)])?;
        let written = form.schema(&written);
        let written = match times {
            Some(times) => times.schema(&written).map_err(|e| vec![e])?,
            None => written,
        };
        let table = |e: Error| e.with_context("table", self.table.name.to_string());
        RowEncoder::try_columns(columns, &written).map_err(|refusals| refusals.into_iter().map(table).collect())
    }
}

/// Whether column `i` of the plan is the literal NULL, possibly cast to a type.
fn is_null_literal(plan: &Arc<dyn ExecutionPlan>, i: usize) -> bool {
    let Some(projection) = plan.as_any().downcast_ref::<ProjectionExec>() else { return false };
    let Some(column) = projection.expr().get(i) else { return false };
    uncast(&column.expr).as_any().downcast_ref::<Literal>().is_some_and(|literal| literal.value().is_null())
}
