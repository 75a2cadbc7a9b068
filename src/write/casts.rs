//! The casts of an INSERT, done where rows are written.
//!
//! DataFusion casts what a SELECT gives to the types of the table, and ends at the first value for which that is impossible, a
//! text that is no number. Here these casts are taken off the plan and done afterwards, so that such a value is a row that
//! cannot be written like any other: the error names its column and row, and where rejected rows are kept, it is kept as it came.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::error::ArrowError;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::{CastExpr, Column as ColumnExpr, Literal};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

use crate::cluster::schema::Column;
use crate::codec::shown::shown_at;
use crate::error::{Error, Result};

/// The only column of the batches in which values are cast.
const VALUE: &str = "value";

/// The rows that have a value which cannot be cast, in order, and why.
pub(crate) type Refused = Vec<(usize, Error)>;

/// What is cast of the columns of a batch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Casts(Vec<Option<Cast>>);

#[derive(Debug, Clone)]
struct Cast {
    /// One or more casts of a column, which stands first in the batch that it gets.
    expr: Arc<dyn PhysicalExpr>,
    to: DataType,
    /// What the value becomes, for messages.
    column: Column,
}

impl Casts {
    /// Takes the casts off the outside of the columns of a projection: the same plan without them, and what is to be cast of its
    /// columns, which are written to `columns`.
    ///
    /// # Errors
    /// None, unless there is a bug.
    pub(crate) fn taken_off(
        input: Arc<dyn ExecutionPlan>,
        columns: &[Column],
    ) -> DataFusionResult<(Arc<dyn ExecutionPlan>, Self)> {
        let Some(projection) = input.as_any().downcast_ref::<ProjectionExec>() else {
            return Ok((input, Self::default()));
        };
        let schema = projection.input().schema();
        let mut casts = Vec::new();
        let mut exprs = Vec::new();
        for (ProjectionExpr { expr, alias }, column) in projection.expr().iter().zip(columns) {
            let value = uncast(expr);
            let (from, to) = (value.data_type(&schema)?, expr.data_type(&schema)?);
            let is_cast = !Arc::ptr_eq(value, expr) && value.as_any().downcast_ref::<Literal>().is_none();
            if !is_cast {
                casts.push(None);
                exprs.push(ProjectionExpr::new(Arc::clone(expr), alias));
                continue;
            }
            // Where only the layout differs, it is all the same to the encoder.
            let is_cast = !(is_text(&from) && is_text(&to) || is_bytes(&from) && is_bytes(&to));
            let cast = || Ok::<_, DataFusionError>(Cast { expr: over_first(expr)?, to, column: column.clone() });
            casts.push(is_cast.then(cast).transpose()?);
            exprs.push(ProjectionExpr::new(Arc::clone(value), alias));
        }
        if exprs.len() != projection.expr().len() {
            // It is of another table; the INSERT says so.
            return Ok((input, Self::default()));
        }
        Ok((Arc::new(ProjectionExec::try_new(exprs, Arc::clone(projection.input()))?), Self(casts)))
    }

    /// Those of some of the columns.
    pub(crate) fn project(&self, columns: &[usize]) -> Self {
        Self(columns.iter().map(|&i| self.0.get(i).cloned().flatten()).collect())
    }

    /// The types after the casts.
    pub(crate) fn schema(&self, before: &Schema) -> Schema {
        let field = |(i, field): (usize, &Arc<Field>)| match self.0.get(i) {
            Some(Some(cast)) => field.as_ref().clone().with_data_type(cast.to.clone()).with_nullable(true),
            _ => field.as_ref().clone(),
        };
        Schema::new(before.fields().iter().enumerate().map(field).collect::<Vec<_>>())
    }

    /// The casts as people read them.
    pub(crate) fn shown(&self) -> Option<String> {
        let shown: Vec<String> =
            self.0.iter().flatten().map(|cast| format!("{} AS {}", cast.column.name, cast.to)).collect();
        (!shown.is_empty()).then(|| shown.join(", "))
    }

    /// Casts a batch. Values that cannot be cast are null in it.
    ///
    /// # Errors
    /// None, unless there is a bug.
    pub(crate) fn cast(&self, batch: &RecordBatch) -> Result<(RecordBatch, Refused)> {
        if self.0.iter().all(Option::is_none) {
            return Ok((batch.clone(), Vec::new()));
        }
        let mut refused = Vec::new();
        let column = |(i, array): (usize, &ArrayRef)| match self.0.get(i) {
            Some(Some(cast)) => cast.column(array, &mut refused),
            _ => Ok(Arc::clone(array)),
        };
        let bug = |e: ArrowError| Error::internal("casts of a batch").with_source(e);
        let columns = batch.columns().iter().enumerate().map(column).collect::<Result<Vec<_>, _>>().map_err(bug)?;
        let schema = Arc::new(self.schema(&batch.schema()));
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let cast = RecordBatch::try_new_with_options(schema, columns, &options).map_err(bug)?;
        // The first column that is wrong is the one that is told.
        refused.sort_by_key(|(row, _)| *row);
        refused.dedup_by_key(|(row, _)| *row);
        Ok((cast, refused))
    }
}

impl Cast {
    fn column(&self, array: &ArrayRef, refused: &mut Refused) -> Result<ArrayRef, ArrowError> {
        let mut parts = Vec::new();
        self.parts(array, 0, &mut parts, refused);
        match parts.as_slice() {
            [one] => Ok(Arc::clone(one)),
            parts => concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>()),
        }
    }

    /// Casts all values at once, or if that fails, each half by itself, until those are found that are to blame.
    fn parts(&self, array: &ArrayRef, first: usize, parts: &mut Vec<ArrayRef>, refused: &mut Refused) {
        match self.whole(array) {
            Ok(cast) => parts.push(cast),
            Err(error) if array.len() < 2 => {
                parts.push(new_null_array(&self.to, array.len()));
                refused.push((first, self.refusal(array, first, &error)));
            }
            Err(_) => {
                let half = array.len() / 2;
                self.parts(&array.slice(0, half), first, parts, refused);
                self.parts(&array.slice(half, array.len() - half), first + half, parts, refused);
            }
        }
    }

    fn whole(&self, array: &ArrayRef) -> DataFusionResult<ArrayRef> {
        let schema = Schema::new(vec![Field::new(VALUE, array.data_type().clone(), true)]);
        let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::clone(array)])?;
        self.expr.evaluate(&batch)?.into_array(array.len())
    }

    #[cold]
    fn refusal(&self, array: &ArrayRef, row: usize, error: &DataFusionError) -> Error {
        let value = shown_at(array, 0);
        let why = match error.find_root() {
            DataFusionError::ArrowError(error, _) => match error.as_ref() {
                ArrowError::CastError(why) | ArrowError::ParseError(why) => why.clone(),
                other => other.to_string(),
            },
            other => other.to_string(),
        };
        Error::data(format!("cannot write {value:?} as {}: {why}", self.column.cql_type))
            .with_context("column", &self.column.name)
            .with_context("row", (row + 1).to_string())
    }
}

/// What is cast.
pub(crate) fn uncast(mut expr: &Arc<dyn PhysicalExpr>) -> &Arc<dyn PhysicalExpr> {
    while let Some(cast) = expr.as_any().downcast_ref::<CastExpr>() {
        expr = cast.expr();
    }
    expr
}

/// The same casts of the first column of a batch.
fn over_first(expr: &Arc<dyn PhysicalExpr>) -> DataFusionResult<Arc<dyn PhysicalExpr>> {
    match expr.as_any().downcast_ref::<CastExpr>() {
        Some(cast) => Arc::clone(expr).with_new_children(vec![over_first(cast.expr())?]),
        None => Ok(Arc::new(ColumnExpr::new(VALUE, 0))),
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn is_bytes(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}

#[cfg(test)]
mod tests;
