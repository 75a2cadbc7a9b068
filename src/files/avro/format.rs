//! The format as DataFusion knows formats: its options, and who reads and writes.

use std::any::Any;
use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow_avro::compression::CompressionCodec;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{GetExt, Statistics};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::file_format::write::get_writer_schema;
use datafusion::datasource::file_format::{FileFormat, FileFormatFactory};
use datafusion::datasource::physical_plan::{FileScanConfig, FileSinkConfig, FileSource};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use datafusion::physical_expr::LexRequirement;
use datafusion::physical_plan::ExecutionPlan;

use super::header::{open, schema_of};
use super::shape::shape;
use super::sink::AvroSink;
use super::source::{AvroSource, unreadable};
use crate::error::{Error, Result};

/// The option, as users write it and as DataFusion passes it on.
const COMPRESSION: &str = "compression";

/// What headers fit in. Those of very wide tables are read in a second request.
const HEADER_BYTES: u64 = 64 << 10;

/// Makes [`AvroFormat`]s from `OPTIONS`. The only option is `compression`: `uncompressed`, `deflate`, `snappy`, `zstandard`,
/// `bzip2` or `xz`. Default: `deflate`, the only one that every implementation of Avro must have.
#[derive(Debug, Default)]
pub struct AvroFormatFactory;

impl FileFormatFactory for AvroFormatFactory {
    fn create(
        &self,
        _session: &dyn Session,
        options: &HashMap<String, String>,
    ) -> DataFusionResult<Arc<dyn FileFormat>> {
        let mut format = AvroFormat::default();
        for (key, value) in options {
            // DataFusion puts `format.` before each key without a dot, and passes on what it has read itself.
            match key.strip_prefix("format.").unwrap_or(key) {
                COMPRESSION => format.compression = compression(value)?,
                "execution.keep_partition_by_columns" => {}
                other => {
                    return Err(
                        Error::config(format!("Avro files have no option '{other}', only '{COMPRESSION}'")).into()
                    );
                }
            }
        }
        Ok(Arc::new(format))
    }

    fn default(&self) -> Arc<dyn FileFormat> {
        Arc::new(AvroFormat::default())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl GetExt for AvroFormatFactory {
    fn get_ext(&self) -> String {
        "avro".to_owned()
    }
}

fn compression(name: &str) -> Result<Option<CompressionCodec>> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "uncompressed" | "none" | "null" => None,
        "deflate" => Some(CompressionCodec::Deflate),
        "snappy" => Some(CompressionCodec::Snappy),
        "zstandard" | "zstd" => Some(CompressionCodec::ZStandard),
        "bzip2" => Some(CompressionCodec::Bzip2),
        "xz" => Some(CompressionCodec::Xz),
        other => {
            return Err(Error::config(format!(
                "'{other}' is not a compression of Avro files: write uncompressed, deflate, snappy, zstandard, bzip2 or xz"
            )));
        }
    })
}

/// Avro files, read and written.
#[derive(Debug, Clone)]
pub struct AvroFormat {
    /// `None`: none.
    compression: Option<CompressionCodec>,
}

impl Default for AvroFormat {
    fn default() -> Self {
        Self { compression: Some(CompressionCodec::Deflate) }
    }
}

#[async_trait]
impl FileFormat for AvroFormat {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn get_ext(&self) -> String {
        AvroFormatFactory.get_ext()
    }

    /// Compression is within the file and changes nothing about its name.
    fn get_ext_with_compression(&self, _compression: &FileCompressionType) -> DataFusionResult<String> {
        Ok(self.get_ext())
    }

    fn compression_type(&self) -> Option<FileCompressionType> {
        None
    }

    async fn infer_schema(
        &self,
        _session: &dyn Session,
        store: &Arc<dyn ObjectStore>,
        files: &[ObjectMeta],
    ) -> DataFusionResult<SchemaRef> {
        let mut schemas = Vec::with_capacity(files.len());
        for file in files {
            schemas.push(schema_of_file(store.as_ref(), file).await?.as_ref().clone());
        }
        Ok(Arc::new(Schema::try_merge(schemas)?))
    }

    async fn infer_stats(
        &self,
        _session: &dyn Session,
        _store: &Arc<dyn ObjectStore>,
        schema: SchemaRef,
        _file: &ObjectMeta,
    ) -> DataFusionResult<Statistics> {
        Ok(Statistics::new_unknown(&schema))
    }

    async fn create_physical_plan(
        &self,
        _session: &dyn Session,
        config: FileScanConfig,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Ok(DataSourceExec::from_data_source(config))
    }

    async fn create_writer_physical_plan(
        &self,
        input: Arc<dyn ExecutionPlan>,
        _session: &dyn Session,
        config: FileSinkConfig,
        order: Option<LexRequirement>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        if config.insert_op != InsertOp::Append {
            return Err(Error::config(format!(
                "{} is not possible for Avro files: remove the files first, or write to another place",
                config.insert_op
            ))
            .into());
        }
        let shape = shape(&get_writer_schema(&config))?;
        let sink = AvroSink::new(config, Arc::new(shape), self.compression);
        Ok(Arc::new(DataSinkExec::new(input, Arc::new(sink), order)))
    }

    fn file_source(&self, schema: TableSchema) -> Arc<dyn FileSource> {
        Arc::new(AvroSource::new(schema))
    }
}

async fn schema_of_file(store: &dyn ObjectStore, file: &ObjectMeta) -> DataFusionResult<SchemaRef> {
    let mut wanted = HEADER_BYTES;
    loop {
        let bytes = store.get_range(&file.location, 0..wanted.min(file.size)).await?;
        match open(Cursor::new(bytes), 1) {
            Ok(reader) => return Ok(schema_of(&reader)),
            // The header may be longer.
            Err(_) if wanted < file.size => wanted = wanted.saturating_mul(16),
            Err(error) => return Err(unreadable(&file.location, &error)),
        }
    }
}
