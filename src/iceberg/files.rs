//! Data files being written: Parquet through `iceberg`'s writers, one file at a time for an unpartitioned table, several
//! for a partitioned one.
//!
//! Memory. A Parquet writer keeps one row group, encoded and compressed, until it is full (16 MiB), and twice that for
//! the moment of writing it out. A partitioned table has a writer for each partition value that turns up; together
//! they keep at most 64 MiB an input partition of the plan (and at most 256 are open): beyond that the largest is closed,
//! and its partition value goes on in another file. All of it times the number of input partitions.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::iceberg::spec::{DataFile, PartitionKey, PartitionSpecRef, SchemaRef, Struct, TableMetadata};
use ::iceberg::writer::base_writer::data_file_writer::{DataFileWriter, DataFileWriterBuilder};
use ::iceberg::writer::file_writer::ParquetWriterBuilder;
use ::iceberg::writer::file_writer::location_generator::{FileNameGenerator, LocationGenerator};
use ::iceberg::writer::file_writer::rolling_writer::RollingFileWriterBuilder;
use ::iceberg::writer::{CurrentFileStatus, IcebergWriter, IcebergWriterBuilder};
use datafusion::arrow::array::RecordBatch;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use uuid::Uuid;

use super::attempt::Attempt;
use super::error::failed;
use super::split::Split;
use super::store::Store;
use crate::error::{Error, Result};

/// Bytes of a Parquet row group, where the table's properties do not say.
const ROW_GROUP_BYTES: usize = 16 << 20;
/// Bytes of a column's dictionary in a row group, beyond which the column is written without one. A column of many values
/// finds that out late with Parquet's usual 1 MiB: that costs a third more time and makes files larger, not smaller.
const DICTIONARY_BYTES: usize = 128 << 10;
/// Bytes that the open files of a partitioned table keep in memory, an input partition.
const BUFFER_BYTES: usize = 64 << 20;
/// Open files of a partitioned table, an input partition.
const OPEN_FILES: usize = 256;
/// Level of zstd, where the table's properties do not say: higher ones cost more time than they save bytes.
const ZSTD_LEVEL: i32 = 1;

const PROPERTY_CODEC: &str = "write.parquet.compression-codec";
const PROPERTY_LEVEL: &str = "write.parquet.compression-level";
const PROPERTY_ROW_GROUP: &str = "write.parquet.row-group-size-bytes";
const PROPERTY_FORMAT: &str = "write.format.default";

type Builder = DataFileWriterBuilder<ParquetWriterBuilder, Locations, Names>;
type Writer = DataFileWriter<ParquetWriterBuilder, Locations, Names>;

/// How the files of a table are written, read from its properties once.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    parquet: WriterProperties,
    target_file_bytes: usize,
    row_group_bytes: usize,
}

impl Settings {
    /// # Errors
    /// A property that asks for what cannot be done: another file format, an unknown codec.
    pub(crate) fn of(metadata: &TableMetadata) -> Result<Self> {
        let get = |name: &str| metadata.properties().get(name).map(String::as_str);
        let number = |name: &'static str| match get(name) {
            Some(text) => text.parse::<usize>().map(Some).map_err(|_| property(name, text, "a whole number")),
            None => Ok(None),
        };
        if let Some(format) = get(PROPERTY_FORMAT).filter(|f| !f.eq_ignore_ascii_case("parquet")) {
            return Err(property(PROPERTY_FORMAT, format, "parquet, the only format written"));
        }
        let row_group_bytes = number(PROPERTY_ROW_GROUP)?.unwrap_or(ROW_GROUP_BYTES).max(1);
        let properties = metadata.table_properties().map_err(|e| failed("read the table's properties", &e))?;
        let parquet = WriterProperties::builder()
            .set_compression(compression(get(PROPERTY_CODEC), get(PROPERTY_LEVEL))?)
            .set_max_row_group_bytes(Some(row_group_bytes))
            .set_dictionary_page_size_limit(DICTIONARY_BYTES)
            .set_created_by(concat!("cbulk ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        Ok(Self { parquet, target_file_bytes: properties.write_target_file_size_bytes, row_group_bytes })
    }
}

fn compression(codec: Option<&str>, level: Option<&str>) -> Result<Compression> {
    let number = |default: i32| match level {
        Some(text) => text.parse::<i32>().map_err(|_| property(PROPERTY_LEVEL, text, "a whole number")),
        None => Ok(default),
    };
    let bad_level = |_| property(PROPERTY_LEVEL, level.unwrap_or_default(), "a level that the codec has");
    Ok(match codec.map(str::to_ascii_lowercase).as_deref() {
        None | Some("zstd") => Compression::ZSTD(ZstdLevel::try_new(number(ZSTD_LEVEL)?).map_err(bad_level)?),
        Some("gzip") => {
            let level = u32::try_from(number(6)?).unwrap_or(u32::MAX);
            Compression::GZIP(GzipLevel::try_new(level).map_err(bad_level)?)
        }
        Some("brotli") => {
            let level = u32::try_from(number(1)?).unwrap_or(u32::MAX);
            Compression::BROTLI(BrotliLevel::try_new(level).map_err(bad_level)?)
        }
        Some("snappy") => Compression::SNAPPY,
        Some("lz4") => Compression::LZ4_RAW,
        Some("uncompressed") => Compression::UNCOMPRESSED,
        Some(other) => {
            return Err(property(PROPERTY_CODEC, other, "zstd, gzip, brotli, snappy, lz4 or uncompressed"));
        }
    })
}

fn property(name: &str, value: &str, expected: &str) -> Error {
    Error::config(format!("the table's property {name} is '{value}': it must be {expected}"))
}

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

/// The files that one input partition of a statement writes.
pub(crate) struct Files {
    builder: Builder,
    spec: PartitionSpecRef,
    schema: SchemaRef,
    row_group_bytes: usize,
    split: Option<Arc<Split>>,
    open: HashMap<Box<[u8]>, Writer>,
    closed: Vec<DataFile>,
}

impl Files {
    /// # Errors
    /// A partition spec that cannot be computed.
    pub(crate) fn new(
        metadata: &TableMetadata,
        settings: &Settings,
        attempt: &Arc<Attempt>,
        partition: usize,
    ) -> Result<Self> {
        let schema = Arc::clone(metadata.current_schema());
        let spec = Arc::clone(metadata.default_partition_spec());
        let split = if spec.is_unpartitioned() { None } else { Some(Arc::new(Split::new(&spec, &schema)?)) };
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
        let row_group_bytes = settings.row_group_bytes;
        Ok(Self { builder, spec, schema, row_group_bytes, split, open: HashMap::new(), closed: Vec::new() })
    }

    /// Writes a batch in the table's schema.
    pub(crate) async fn write(&mut self, batch: RecordBatch) -> Result<()> {
        let Some(split) = &self.split else {
            return self.write_to(Box::default(), batch, || Ok(Struct::empty())).await;
        };
        let split = Arc::clone(split);
        for part in split.apply(&batch)? {
            self.write_to(part.key, part.rows, || split.value(&part.first)).await?;
        }
        self.make_room().await
    }

    async fn write_to(
        &mut self,
        value: Box<[u8]>,
        batch: RecordBatch,
        data: impl FnOnce() -> Result<Struct>,
    ) -> Result<()> {
        let writing = |e: ::iceberg::Error| failed("write a data file", &e);
        if let Some(writer) = self.open.get_mut(&value) {
            return writer.write(batch).await.map_err(writing);
        }
        // Also for an unpartitioned table, whose files must name its spec.
        let key = PartitionKey::new(self.spec.as_ref().clone(), Arc::clone(&self.schema), data()?);
        let mut writer = self.builder.build(Some(key)).await.map_err(writing)?;
        writer.write(batch).await.map_err(writing)?;
        self.open.insert(value, writer);
        Ok(())
    }

    /// Closes the largest files until the others fit into memory.
    async fn make_room(&mut self) -> Result<()> {
        while let Some(mut writer) = self.take_if_too_many() {
            self.closed.extend(writer.close().await.map_err(|e| failed("finish a data file", &e))?);
        }
        Ok(())
    }

    /// The largest open file, if together they keep too much in memory.
    fn take_if_too_many(&mut self) -> Option<Writer> {
        let sizes = || self.open.iter().map(|(value, writer)| (value, writer.current_written_size()));
        // Beyond a row group, a file's bytes have left the memory.
        let kept: usize = sizes().map(|(_, size)| size.min(self.row_group_bytes)).sum();
        if kept <= BUFFER_BYTES && self.open.len() <= OPEN_FILES {
            return None;
        }
        let largest = sizes().max_by_key(|(_, size)| *size).map(|(value, _)| value.clone())?;
        self.open.remove(&largest)
    }

    /// Finishes all files.
    pub(crate) async fn close(mut self) -> Result<Vec<DataFile>> {
        for (_, mut writer) in self.open {
            self.closed.extend(writer.close().await.map_err(|e| failed("finish a data file", &e))?);
        }
        Ok(self.closed)
    }
}
