//! A row as the driver takes it.

use scylla::serialize::SerializationError;
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::RowWriter;

use super::BoundBatch;
use crate::codec::decode::check_columns;
use crate::error::{Error, Result};

/// One row of a [`BoundBatch`].
#[derive(Debug, Clone, Copy)]
pub struct BoundRow<'a> {
    batch: &'a BoundBatch,
    row: usize,
}

impl<'a> BoundRow<'a> {
    pub(super) fn new(batch: &'a BoundBatch, row: usize) -> Self {
        Self { batch, row }
    }
}

impl SerializeRow for BoundRow<'_> {
    fn serialize(
        &self,
        ctx: &RowSerializationContext<'_>,
        writer: &mut RowWriter<'_>,
    ) -> Result<(), SerializationError> {
        let (markers, columns) = (ctx.columns().len(), self.batch.values.len());
        if markers != columns {
            let message = format!("a statement has {markers} bind markers, but rows have {columns} columns");
            return Err(SerializationError::new(Error::internal(message)));
        }
        // Types were compared once, by `check_columns`; here only in builds for development.
        if cfg!(debug_assertions) {
            check_columns(ctx.columns(), &self.batch.recipe.columns).map_err(SerializationError::new)?;
        }
        self.batch.encode_row(self.row, writer).map_err(SerializationError::new)
    }

    fn is_empty(&self) -> bool {
        self.batch.values.is_empty()
    }
}
