//! Data files being written: Parquet through `iceberg`'s writers, their names and places.
//!
//! Memory: a Parquet writer keeps a row group, encoded and compressed, and writes it out when it is full (see
//! [`Settings`](super::settings::Settings)); a partitioned table keeps rows instead (see
//! [`Grouped`](super::grouped::Grouped)). Either times the number of input partitions of the plan.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::iceberg::spec::{DataFile, PartitionKey, PartitionSpecRef, SchemaRef, Struct, TableMetadata};
use ::iceberg::writer::base_writer::data_file_writer::{DataFileWriter, DataFileWriterBuilder};
use ::iceberg::writer::file_writer::ParquetWriterBuilder;
use ::iceberg::writer::file_writer::location_generator::{FileNameGenerator, LocationGenerator};
use ::iceberg::writer::file_writer::rolling_writer::RollingFileWriterBuilder;
use ::iceberg::writer::{CurrentFileStatus, IcebergWriter, IcebergWriterBuilder};
use datafusion::arrow::array::RecordBatch;
use uuid::Uuid;

use super::attempt::Attempt;
use super::error::failed;
use super::grouped::Grouped;
use super::settings::Settings;
use super::split::Split;
use super::store::Store;
use crate::error::Result;

/// The names of files: the attempt, the partition of the plan, a number.
#[derive(Debug, Clone)]
struct Names {
    attempt: Uuid,
    partition: usize,
    next: Arc<AtomicU64>,
}

impl FileNameGenerator for Names {
    fn generate_file_name(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{}-{:05}-{number:05}.parquet", self.attempt, self.partition)
    }
}

/// The places of files: below the table's data folder, Hive style for partitioned tables. Every place given out becomes
/// the attempt's own.
#[derive(Debug, Clone)]
struct Locations {
    folder: String,
    attempt: Arc<Attempt>,
}

impl LocationGenerator for Locations {
    fn generate_location(&self, key: Option<&PartitionKey>, name: &str) -> String {
        let mut location = self.folder.clone();
        if let Some(key) = key.filter(|key| !PartitionKey::is_effectively_none(Some(key))) {
            for folder in partition_folders(key) {
                location.push('/');
                location.push_str(&folder);
            }
        }
        location.push('/');
        location.push_str(name);
        self.attempt.own(location.clone());
        location
    }
}

/// `country=Chile`, `id_bucket=3`: for people, no reader looks at them. So values are escaped, lest one leads out of the
/// folder, and cut, lest one is longer than a name may be; file names are unique anyhow.
fn partition_folders(key: &PartitionKey) -> Vec<String> {
    const MAX_BYTES: usize = 120;
    let Ok(partition_type) = key.spec().partition_type(key.schema()) else { return Vec::new() };
    let escape = |text: &str| {
        let mut escaped: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        // ASCII by now.
        escaped.truncate(MAX_BYTES);
        escaped
    };
    let values = key.spec().fields().iter().zip(partition_type.fields()).enumerate();
    values
        .map(|(i, (field, field_type))| {
            let value = field.transform.to_human_string(&field_type.field_type, key.data()[i].as_ref());
            format!("{}={}", escape(&field.name), escape(&value))
        })
        .collect()
}

/// Makes the files of one input partition.
pub(crate) struct Opener {
    builder: DataFileWriterBuilder<ParquetWriterBuilder, Locations, Names>,
    spec: PartitionSpecRef,
    schema: SchemaRef,
}

impl Opener {
    /// A file for rows of this partition value; another follows it when it is large enough.
    pub(crate) async fn open(&self, value: Struct) -> Result<OpenFile> {
        // Also for an unpartitioned table, whose files must name its spec.
        let key = PartitionKey::new(self.spec.as_ref().clone(), Arc::clone(&self.schema), value);
        let writer = self.builder.build(Some(key)).await.map_err(|e| failed("begin a data file", &e))?;
        Ok(OpenFile { writer, begun: false })
    }
}

/// A file that is being written.
pub(crate) struct OpenFile {
    writer: DataFileWriter<ParquetWriterBuilder, Locations, Names>,
    begun: bool,
}

impl OpenFile {
    pub(crate) async fn write(&mut self, rows: RecordBatch) -> Result<()> {
        self.begun |= rows.num_rows() > 0;
        self.writer.write(rows).await.map_err(|e| failed("write a data file", &e))
    }

    /// Bytes so far.
    pub(crate) fn size(&self) -> usize {
        // The writer panics if it is asked before its first row.
        if self.begun { self.writer.current_written_size() } else { 0 }
    }

    /// Finishes it. Several files if it was rolled, none if it has no rows.
    pub(crate) async fn close(mut self) -> Result<Vec<DataFile>> {
        self.writer.close().await.map_err(|e| failed("finish a data file", &e))
    }
}

/// The files that one input partition of a statement writes.
pub(crate) enum Files {
    /// Of an unpartitioned table: one at a time.
    Single(Box<OpenFile>),
    /// Of a partitioned table: one a partition value.
    Grouped(Box<Grouped>),
}

impl Files {
    /// The files of input partition `partition` of `partitions`.
    ///
    /// # Errors
    /// A partition spec that cannot be computed.
    pub(crate) async fn new(
        metadata: &TableMetadata,
        settings: &Settings,
        attempt: &Arc<Attempt>,
        partition: usize,
        partitions: usize,
    ) -> Result<Self> {
        let schema = Arc::clone(metadata.current_schema());
        let spec = Arc::clone(metadata.default_partition_spec());
        let folder = metadata.properties().get("write.data.path").cloned();
        let locations = Locations {
            folder: folder.unwrap_or_else(|| format!("{}/data", metadata.location().trim_end_matches('/'))),
            attempt: Arc::clone(attempt),
        };
        let names = Names { attempt: attempt.id(), partition, next: Arc::default() };
        let builder = DataFileWriterBuilder::new(RollingFileWriterBuilder::new(
            ParquetWriterBuilder::new(settings.parquet.clone(), Arc::clone(&schema)),
            settings.target_file_bytes,
            Store::file_io(),
            locations,
            names,
        ));
        let opener = Opener { builder, spec: Arc::clone(&spec), schema: Arc::clone(&schema) };
        if spec.is_unpartitioned() {
            return Ok(Self::Single(Box::new(opener.open(Struct::empty()).await?)));
        }
        let split = Split::new(&spec, &schema)?;
        Ok(Self::Grouped(Box::new(Grouped::new(opener, split, partitions))))
    }

    /// Writes a batch in the table's schema.
    pub(crate) async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        match self {
            Self::Single(file) => file.write(batch).await,
            Self::Grouped(grouped) => grouped.write(&batch).await,
        }
    }

    /// Finishes all files.
    pub(crate) async fn close(self) -> Result<Vec<DataFile>> {
        match self {
            Self::Single(file) => file.close().await,
            Self::Grouped(grouped) => grouped.close().await,
        }
    }
}
