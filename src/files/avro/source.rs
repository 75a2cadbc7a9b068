//! Reading: a file is one stream of batches, with the columns that the query names.

use std::any::Any;
use std::io::{BufRead, BufReader, Cursor};
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileOpenFuture, FileOpener, FileScanConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::object_store::path::Path;
use datafusion::object_store::{GetResultPayload, ObjectStore, ObjectStoreExt};
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion_datasource::projection::{ProjectionOpener, SplitProjection};
use futures::{StreamExt, stream};

use super::fit::fit;
use super::frames::{Frames, Rows};
use super::header::open;
use super::names::matching;
use crate::error::Error;

/// Bytes read from a local file at a time.
const BUFFER_BYTES: usize = 128 << 10;

/// Reads Avro files as the rows of a table.
#[derive(Clone)]
pub(super) struct AvroSource {
    schema: TableSchema,
    /// Rows a batch.
    batch_size: usize,
    projection: SplitProjection,
    metrics: ExecutionPlanMetricsSet,
}

impl AvroSource {
    pub(super) fn new(schema: TableSchema) -> Self {
        let projection = SplitProjection::unprojected(&schema);
        Self { schema, batch_size: 8192, projection, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl FileSource for AvroSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        _config: &FileScanConfig,
        _partition: usize,
    ) -> DataFusionResult<Arc<dyn FileOpener>> {
        let schema = self.schema.file_schema();
        let opener = AvroOpener {
            store,
            schema: Arc::clone(schema),
            columns: self.projection.file_indices.clone(),
            batch_size: self.batch_size,
        };
        ProjectionOpener::try_new(self.projection.clone(), Arc::new(opener), schema)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table_schema(&self) -> &TableSchema {
        &self.schema
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        Arc::new(Self { batch_size, ..self.clone() })
    }

    fn try_pushdown_projection(&self, projection: &ProjectionExprs) -> DataFusionResult<Option<Arc<dyn FileSource>>> {
        let merged = self.projection.source.try_merge(projection)?;
        let projection = SplitProjection::new(self.schema.file_schema(), &merged);
        Ok(Some(Arc::new(Self { projection, ..self.clone() })))
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        Some(&self.projection.source)
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        &self.metrics
    }

    fn file_type(&self) -> &'static str {
        "avro"
    }

    /// A file is read from its beginning.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn repartitioned(
        &self,
        _partitions: usize,
        _min_size: usize,
        _order: Option<LexOrdering>,
        _config: &FileScanConfig,
    ) -> DataFusionResult<Option<FileScanConfig>> {
        Ok(None)
    }
}

struct AvroOpener {
    store: Arc<dyn ObjectStore>,
    /// That of the table, without the columns that folders are named after.
    schema: SchemaRef,
    /// Those of its columns that are wanted.
    columns: Vec<usize>,
    batch_size: usize,
}

impl FileOpener for AvroOpener {
    fn open(&self, file: PartitionedFile) -> DataFusionResult<FileOpenFuture> {
        let (store, schema, columns) = (Arc::clone(&self.store), Arc::clone(&self.schema), self.columns.clone());
        let batch_size = self.batch_size;
        Ok(Box::pin(async move {
            let location = file.object_meta.location;
            let result = store.get(&location).await?;
            let size = result.meta.size;
            let input: Box<dyn BufRead + Send> = match result.payload {
                GetResultPayload::File(file, _) => Box::new(BufReader::with_capacity(BUFFER_BYTES, file)),
                GetResultPayload::Stream(_) => Box::new(Cursor::new(result.bytes().await?)),
            };
            let frames = Frames::new(input, size);
            let mut rows = Counted { promised: frames.rows(), read: 0 };
            let reader = open(frames, batch_size).map_err(|e| unreadable(&location, &e))?;
            let columns = Columns::of(&reader.schema(), &schema, &columns)?;
            let batches = reader.map(Some).chain([None]).filter_map(move |batch| {
                let batch = match batch {
                    Some(batch) => batch.and_then(|batch| columns.of_batch(&rows.count(batch))).map(Some),
                    None => rows.check().map(|()| None),
                };
                batch.map_err(|e| unreadable(&location, &e)).transpose()
            });
            Ok(stream::iter(batches).boxed())
        }))
    }
}

/// Whether all rows come that a file says it has.
struct Counted {
    promised: Rows,
    read: u64,
}

impl Counted {
    fn count(&mut self, batch: RecordBatch) -> RecordBatch {
        self.read += batch.num_rows() as u64;
        batch
    }

    fn check(&self) -> Result<(), ArrowError> {
        let (promised, read) = (self.promised.count(), self.read);
        if promised == read {
            return Ok(());
        }
        Err(ArrowError::AvroError(format!("its blocks say that they have {promised} rows, but there are {read}")))
    }
}

/// How the columns of a file become those of the table that are wanted.
struct Columns {
    schema: SchemaRef,
    /// Where in the file each column is, if it is there.
    found: Vec<Option<usize>>,
}

impl Columns {
    fn of(file: &SchemaRef, table: &SchemaRef, columns: &[usize]) -> Result<Self, ArrowError> {
        let all = matching(file.fields(), table.fields());
        let found = columns.iter().filter_map(|column| all.get(*column).copied()).collect();
        Ok(Self { schema: Arc::new(table.project(columns)?), found })
    }

    /// All columns of the batch are decoded: rows of Avro can only be read from their beginning.
    fn of_batch(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = self.schema.fields().iter().zip(&self.found).map(|(field, found)| match found {
            Some(index) => fit(batch.column(*index), field.data_type())
                .map_err(|e| ArrowError::CastError(format!("column {}: {e}", field.name()))),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        });
        let columns = columns.collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

/// Says which file it is.
pub(super) fn unreadable(location: &Path, error: &ArrowError) -> DataFusionError {
    Error::data(format!("the Avro file cannot be read: {error}")).with_context("file", location.to_string()).into()
}
