//! Files of rows that could not be written: the rows as they came, and why. What has been put right is loaded again by
//! `INSERT … SELECT` from such a file.

mod text;

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray, UInt32Array, UInt64Array};
use datafusion::arrow::compute::take_record_batch;
use datafusion::arrow::csv;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::{LineDelimited, LineDelimitedWriter, WriterBuilder};
use datafusion::arrow::temporal_conversions::timestamp_s_to_datetime;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::outcome::RejectedClass;
use crate::cluster::schema::{Column, CqlType, TableName};
use crate::error::{Error, Result};
use crate::options::{CassandraOptions, REJECTED_FORMAT, REJECTED_PATH, RejectedFormat};
use text::{as_text, field_as_text};

/// The columns that follow those of the row. Where the table has one of that name, they get underscores in front.
const BECAUSE: &str = "rejected_because";
const CLASS: &str = "rejected_class";
const ATTEMPTS: &str = "rejected_attempts";

/// So many rows are kept in memory before they are written.
const ROW_GROUP_ROWS: usize = 4_096;

/// Folders of one second: so many are tried.
const MOST_FOLDERS: usize = 10_000;

/// Why a row of a batch was not written.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) row: usize,
    pub(crate) because: String,
    pub(crate) class: RejectedClass,
    /// How often it was sent.
    pub(crate) attempts: usize,
}

/// Makes a new folder for the rows of one statement.
///
/// # Errors
/// It cannot be made.
pub(crate) fn make_folder(options: &CassandraOptions, table: &TableName) -> Result<PathBuf> {
    let root = Path::new(&options.rejected_path);
    std::fs::create_dir_all(root).map_err(|e| cannot("make the folder", root, e))?;
    let plain = |name: &str| name.replace(|c: char| !c.is_alphanumeric() && c != '_', "_");
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let time = timestamp_s_to_datetime(i64::try_from(seconds).unwrap_or(0));
    let time = time.map_or_else(|| seconds.to_string(), |time| time.format("%Y%m%dT%H%M%SZ").to_string());
    let name = format!("{}.{}-{time}", plain(&table.keyspace), plain(&table.table));
    for n in 1..=MOST_FOLDERS {
        let folder = root.join(if n == 1 { name.clone() } else { format!("{name}-{n}") });
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(cannot("make the folder", &folder, e)),
        }
    }
    Err(Error::config(format!("there are {MOST_FOLDERS} folders {name} in {} already", root.display())))
}

/// Refuses a format that cannot hold a column.
///
/// # Errors
/// It names the column and the formats that can.
pub(crate) fn check_format(format: RejectedFormat, rows: &Schema) -> Result<()> {
    let lacks = |data_type: &DataType| match format {
        RejectedFormat::Parquet => contains(data_type, &|t| matches!(t, DataType::Interval(_))),
        RejectedFormat::Csv => data_type.is_nested(),
        RejectedFormat::Json => false,
    };
    match rows.fields().iter().find(|field| lacks(field.data_type())) {
        None => Ok(()),
        Some(field) => Err(Error::config(format!(
            "rejected rows cannot be kept as {format}, which has no place for the Arrow type {} of column {}: SET \
             {REJECTED_FORMAT} to another format (json can hold all)",
            field.data_type(),
            field.name()
        ))),
    }
}

fn contains(data_type: &DataType, is: &impl Fn(&DataType) -> bool) -> bool {
    is(data_type)
        || match data_type {
            DataType::List(field)
            | DataType::LargeList(field)
            | DataType::FixedSizeList(field, _)
            | DataType::ListView(field)
            | DataType::LargeListView(field)
            | DataType::Map(field, _) => contains(field.data_type(), is),
            DataType::Struct(fields) => fields.iter().any(|field| contains(field.data_type(), is)),
            DataType::Dictionary(_, value) => contains(value, is),
            _ => false,
        }
}

/// A file that grows.
pub(crate) struct RejectedFile {
    path: PathBuf,
    schema: SchemaRef,
    /// Of the columns of the rows, the types in the table of those that it has, where values are kept as text.
    texts: Option<Vec<Option<CqlType>>>,
    /// `None` when it has been closed.
    writer: Option<Writer>,
}

enum Writer {
    Parquet(Box<ArrowWriter<File>>),
    Csv(Box<csv::Writer<File>>),
    Json(LineDelimitedWriter<File>),
}

impl RejectedFile {
    /// A new file in `folder`, for rows of this schema that were to become columns of a table. `stream` tells it from those of the
    /// other streams.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn create(
        folder: &Path,
        stream: usize,
        format: RejectedFormat,
        rows: &Schema,
        table: &[Column],
    ) -> Result<Self> {
        let type_of = |field: &Arc<Field>| {
            table.iter().find(|column| column.name == *field.name()).map(|column| column.cql_type.clone())
        };
        let texts: Option<Vec<Option<CqlType>>> =
            (format != RejectedFormat::Parquet).then(|| rows.fields().iter().map(type_of).collect());
        let field = |(i, field): (usize, &Arc<Field>)| {
            let field = match &texts {
                Some(types) => field_as_text(field, types[i].as_ref())?,
                None => field.as_ref().clone(),
            };
            Ok(Arc::new(field.with_nullable(true)))
        };
        let fields = rows.fields().iter().enumerate().map(field).collect::<Result<Vec<_>, ArrowError>>();
        let mut fields = fields.map_err(|e| Error::internal("columns of rejected rows").with_source(e))?;
        for (name, data_type) in [(BECAUSE, DataType::Utf8), (CLASS, DataType::Utf8), (ATTEMPTS, DataType::UInt32)] {
            let mut name = name.to_owned();
            while fields.iter().any(|field| *field.name() == name) {
                name.insert(0, '_');
            }
            fields.push(Arc::new(Field::new(name, data_type, false)));
        }
        let schema = Arc::new(Schema::new(fields));
        let path = folder.join(format!("{stream}.{format}"));
        let file = File::create_new(&path).map_err(|e| cannot("make the file", &path, e))?;
        let writer = match format {
            RejectedFormat::Csv => Writer::Csv(Box::new(csv::WriterBuilder::new().with_header(true).build(file))),
            // With its nulls, so that a column without any value is a column all the same.
            RejectedFormat::Json => {
                Writer::Json(WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(file))
            }
            RejectedFormat::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
                    .build();
                let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties));
                Writer::Parquet(Box::new(writer.map_err(|e| cannot("begin the file", &path, e))?))
            }
        };
        Ok(Self { path, schema, texts, writer: Some(writer) })
    }

    /// Adds rows of a batch.
    ///
    /// # Errors
    /// They cannot be written.
    pub(crate) fn add(&mut self, batch: &RecordBatch, rejected: &[Rejected]) -> Result<()> {
        let rows: UInt64Array = rejected.iter().map(|one| one.row as u64).collect();
        let taken = take_record_batch(batch, &rows).map_err(|e| Error::internal("rejected rows").with_source(e))?;
        let because: StringArray = rejected.iter().map(|one| Some(one.because.as_str())).collect();
        let class: StringArray = rejected.iter().map(|one| Some(one.class.to_string())).collect();
        let attempts = rejected.iter().map(|one| u32::try_from(one.attempts).unwrap_or(u32::MAX));
        let attempts: UInt32Array = attempts.collect();
        let mut columns: Vec<ArrayRef> = match &self.texts {
            None => taken.columns().to_vec(),
            Some(types) => {
                let texts = taken.columns().iter().zip(types).map(|(array, column)| as_text(array, column.as_ref()));
                texts.collect::<Result<_, _>>().map_err(|e| Error::internal("rejected rows").with_source(e))?
            }
        };
        columns.extend([Arc::new(because) as ArrayRef, Arc::new(class), Arc::new(attempts)]);
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|e| Error::internal("rejected rows").with_source(e))?;
        let path = &self.path;
        match &mut self.writer {
            Some(Writer::Parquet(writer)) => writer.write(&batch).map_err(|e| cannot("write to", path, e)),
            Some(Writer::Csv(writer)) => writer.write(&batch).map_err(|e| cannot("write to", path, e)),
            Some(Writer::Json(writer)) => writer.write(&batch).map_err(|e| cannot("write to", path, e)),
            None => Err(Error::internal("a file of rejected rows has been closed")),
        }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn close(&mut self) -> Result<()> {
        let path = &self.path;
        match self.writer.take() {
            Some(Writer::Parquet(writer)) => writer.close().map(drop).map_err(|e| cannot("write to", path, e)),
            Some(Writer::Json(mut writer)) => writer.finish().map_err(|e| cannot("write to", path, e)),
            Some(Writer::Csv(_)) | None => Ok(()),
        }
    }
}

impl fmt::Debug for RejectedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RejectedFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What a failed load has rejected is kept too.
impl Drop for RejectedFile {
    fn drop(&mut self) {
        // There is nobody left to tell; the statement has failed anyway.
        let _ = self.close();
    }
}

fn cannot(what: &str, path: &Path, e: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let e = e.into();
    Error::config(format!(
        "cannot {what} {} for rows that could not be written: {e}; SET {REJECTED_PATH} to a folder that can be written",
        path.display()
    ))
}

#[cfg(test)]
mod tests;
