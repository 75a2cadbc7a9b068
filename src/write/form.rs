//! What the columns of an INSERT's input are made into before they are bound.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::Schema;

use super::casts::{Casts, Refused};
use crate::codec::json::JsonDecoder;
use crate::error::{Error, Result};

/// How rows that come become rows of the columns that are written.
#[derive(Debug, Clone)]
pub(crate) enum Form {
    /// Column by column.
    Columns(Casts),
    /// Of the only column, which has a JSON text for each row.
    Json(JsonDecoder),
}

impl Form {
    /// The types of the columns written, for an input of these columns.
    pub(crate) fn schema(&self, input: &Schema) -> Schema {
        match self {
            Self::Columns(casts) => casts.schema(input),
            Self::Json(decoder) => decoder.schema().as_ref().clone(),
        }
    }

    /// The columns written, with a row for each that came; and the rows that cannot be written, whose values are then not to be
    /// looked at.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if the JSON texts of the batch are too many to be read at once.
    pub(crate) fn rows(&self, batch: &RecordBatch) -> Result<(RecordBatch, Refused)> {
        match self {
            Self::Columns(casts) => casts.cast(batch),
            Self::Json(decoder) => {
                let json = batch.columns().first().ok_or_else(|| Error::internal("no JSON texts come"))?;
                let (rows, refused) = decoder.decode(json)?;
                let named = |(row, error): (usize, Error)| (row, error.with_context("row", (row + 1).to_string()));
                Ok((rows, refused.into_iter().map(named).collect()))
            }
        }
    }

    /// As EXPLAIN shows it.
    pub(crate) fn shown(&self) -> Option<String> {
        match self {
            Self::Columns(casts) => casts.shown().map(|casts| format!("casts=[{casts}]")),
            Self::Json(_) => Some("json=true".to_owned()),
        }
    }
}
