//! Writing: one task a file, and no file is finished before it is known that all rows have come.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_avro::compression::CompressionCodec;
use async_trait::async_trait;
use datafusion::common::runtime::{JoinSet, SpawnedTask};
use datafusion::datasource::file_format::write::demux::DemuxedStreamReceiver;
use datafusion::datasource::file_format::write::get_writer_schema;
use datafusion::datasource::physical_plan::{FileSink, FileSinkConfig};
use datafusion::datasource::sink::DataSink;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::object_store::ObjectStore;
use datafusion::object_store::buffered::BufWriter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::Receiver;

use super::block::BlockWriter;

/// Bytes that are kept before they are handed to the store.
const FLUSH_BYTES: usize = 1 << 20;

/// Writes rows to Avro files.
///
/// A file appears in the store when it is closed, and files are closed when all rows are written: if the query or a file
/// fails, or the statement is cancelled, there is none. What a local disk has of an unfinished file, under a name with `#`, is
/// removed; only a process that ends at once may leave it. (Should the store fail while it closes the second of several
/// files, the first one stays.)
#[derive(Debug)]
pub(super) struct AvroSink {
    config: FileSinkConfig,
    /// The columns as they stand in the files.
    shape: SchemaRef,
    compression: Option<CompressionCodec>,
}

impl AvroSink {
    pub(super) fn new(config: FileSinkConfig, shape: SchemaRef, compression: Option<CompressionCodec>) -> Self {
        Self { config, shape, compression }
    }
}

/// Gives the file back, still open, and the number of its rows.
async fn write_file(
    mut writer: BlockWriter,
    mut output: BufWriter,
    mut batches: Receiver<RecordBatch>,
) -> (BufWriter, DataFusionResult<u64>) {
    let written = write_rows(&mut writer, &mut output, &mut batches).await;
    (output, written)
}

async fn write_rows(
    writer: &mut BlockWriter,
    output: &mut BufWriter,
    batches: &mut Receiver<RecordBatch>,
) -> DataFusionResult<u64> {
    let mut rows = 0;
    let mut bytes = writer.take()?;
    while let Some(batch) = batches.recv().await {
        rows += batch.num_rows() as u64;
        writer.write(&batch)?;
        bytes.append(&mut writer.take()?);
        if bytes.len() > FLUSH_BYTES {
            output.write_all(&bytes).await?;
            bytes.clear();
        }
    }
    output.write_all(&bytes).await?;
    Ok(rows)
}

async fn close(outputs: &mut impl Iterator<Item = BufWriter>) -> DataFusionResult<()> {
    for mut output in outputs {
        output.shutdown().await?;
    }
    Ok(())
}

#[async_trait]
impl FileSink for AvroSink {
    fn config(&self) -> &FileSinkConfig {
        &self.config
    }

    async fn spawn_writer_tasks_and_join(
        &self,
        context: &Arc<TaskContext>,
        input: SpawnedTask<DataFusionResult<()>>,
        mut files: DemuxedStreamReceiver,
        store: Arc<dyn ObjectStore>,
    ) -> DataFusionResult<u64> {
        let schema = get_writer_schema(&self.config);
        let buffer_bytes = context.session_config().options().execution.objectstore_writer_buffer_size;
        let mut tasks = JoinSet::new();
        while let Some((path, batches)) = files.recv().await {
            let writer = BlockWriter::try_new(&schema, Arc::clone(&self.shape), self.compression)?;
            let output = BufWriter::with_capacity(Arc::clone(&store), path, buffer_bytes);
            tasks.spawn(write_file(writer, output, batches));
        }
        let mut written: DataFusionResult<u64> = Ok(0);
        let mut outputs = Vec::new();
        while let Some(finished) = tasks.join_next().await {
            let (output, rows) = finished.map_err(joining)?;
            outputs.push(output);
            written = written.and_then(|sum| Ok(sum + rows?));
        }
        // A query that fails ends the files' rows like one that is done; if a file has failed, it only tells that.
        let ended = input.join_unwind().await.map_err(joining).flatten();
        let mut outputs = outputs.into_iter();
        let closed = match (written, ended) {
            (Ok(rows), Ok(())) => close(&mut outputs).await.map(|()| rows),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        if closed.is_err() {
            for mut output in outputs {
                // What went wrong first tells more.
                let _ = output.abort().await;
            }
        }
        closed
    }
}

fn joining(error: tokio::task::JoinError) -> DataFusionError {
    DataFusionError::ExecutionJoin(Box::new(error))
}

#[async_trait]
impl DataSink for AvroSink {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> &SchemaRef {
        self.config.output_schema()
    }

    async fn write_all(&self, rows: SendableRecordBatchStream, context: &Arc<TaskContext>) -> DataFusionResult<u64> {
        FileSink::write_all(self, rows, context).await
    }
}

impl DisplayAs for AvroSink {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "AvroSink(file={}, compression=", self.config.original_url)?;
                match self.compression {
                    None => write!(f, "none)"),
                    Some(compression) => write!(f, "{compression:?})"),
                }
            }
            DisplayFormatType::TreeRender => {
                writeln!(f, "format: avro")?;
                write!(f, "file={}", self.config.original_url)
            }
        }
    }
}
