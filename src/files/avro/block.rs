//! Batches to the bytes of a file.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow_avro::compression::CompressionCodec;
use arrow_avro::writer::format::AvroOcfFormat;
use arrow_avro::writer::{AvroWriter, WriterBuilder};
use datafusion::datasource::file_format::write::SharedBuffer;

use super::fit::fit;
use super::header::add_schema;

/// What a block holds at the most, before compression and roughly, but for a single larger row. Readers keep one in memory:
/// small enough for them, large enough to compress well.
const BLOCK_BYTES: usize = 1 << 20;

/// Encodes the batches of one file.
pub(super) struct BlockWriter {
    writer: AvroWriter<SharedBuffer>,
    /// What the writer has written.
    buffer: SharedBuffer,
    shape: SchemaRef,
}

impl BlockWriter {
    /// Begins a file of rows of `schema`, which have `shape` there. The header is the first of what [`Self::take`] gives.
    pub(super) fn try_new(
        schema: &Schema,
        shape: SchemaRef,
        compression: Option<CompressionCodec>,
    ) -> Result<Self, ArrowError> {
        let buffer = SharedBuffer::new(BLOCK_BYTES);
        let builder = WriterBuilder::new(shape.as_ref().clone()).with_compression(compression);
        let writer = builder.build::<_, AvroOcfFormat>(buffer.clone())?;
        let this = Self { writer, buffer, shape };
        let header = add_schema(&this.take()?, schema)?;
        this.put(header)?;
        Ok(this)
    }

    /// Encodes a batch.
    ///
    /// # Errors
    /// A value that its type in the file cannot hold.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let fields = self.shape.fields().iter();
        let columns = fields.zip(batch.columns()).map(|(field, column)| {
            fit(column, field.data_type()).map_err(|e| ArrowError::CastError(format!("column {}: {e}", field.name())))
        });
        let batch = RecordBatch::try_new(Arc::clone(&self.shape), columns.collect::<Result<_, _>>()?)?;
        let rows = rows_of_block(&batch)?;
        let mut start = 0;
        while start < batch.num_rows() {
            let block = batch.slice(start, rows.min(batch.num_rows() - start));
            self.writer.write(&block)?;
            start += block.num_rows();
        }
        Ok(())
    }

    /// The bytes since the last time.
    pub(super) fn take(&self) -> Result<Vec<u8>, ArrowError> {
        self.buffer.buffer.try_lock().map(|mut bytes| std::mem::take(&mut *bytes)).ok_or_else(in_use)
    }

    fn put(&self, bytes: Vec<u8>) -> Result<(), ArrowError> {
        self.buffer.buffer.try_lock().map(|mut buffer| *buffer = bytes).ok_or_else(in_use)
    }
}

/// Only this struct and its writer have the buffer, one after the other.
fn in_use() -> ArrowError {
    ArrowError::AvroError("the buffer is in use".to_owned())
}

fn rows_of_block(batch: &RecordBatch) -> Result<usize, ArrowError> {
    let mut bytes = 0;
    for column in batch.columns() {
        bytes += column.to_data().get_slice_memory_size()?;
    }
    let row = bytes.div_ceil(batch.num_rows().max(1)).max(1);
    Ok((BLOCK_BYTES / row).max(1))
}
