//! The rows of a partitioned table on their way to one file a partition value.
//!
//! A Parquet writer with a row group in it takes megabytes, so that an open one for each of many partition values would
//! take gigabytes. Instead rows are kept as they are, up to 32 MiB an input partition of the plan; then each value's rows
//! become one row group of its file, which has nothing in memory between two row groups. Values with few rows wait for
//! more. At most 512 files are open in the whole statement: beyond that the largest is closed, and its value goes on in
//! another file. Thousands of partition values in any order so mean many small files; a query that is sorted by them does
//! not, as then no value comes again.

use std::collections::HashMap;

use ::iceberg::spec::DataFile;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::concat_batches;

use super::files::{OpenFile, Opener};
use super::split::Split;
use crate::error::{Error, Result};

/// Bytes of rows that are kept, an input partition.
const KEPT_BYTES: usize = 32 << 20;
/// Files open at the same time, a statement: within the usual limit of 1024 a process.
const OPEN_FILES: usize = 512;

/// The rows of one input partition.
pub(crate) struct Grouped {
    opener: Opener,
    split: Split,
    kept: HashMap<Box<[u8]>, Kept>,
    kept_bytes: usize,
    open: HashMap<Box<[u8]>, OpenFile>,
    open_limit: usize,
    closed: Vec<DataFile>,
}

/// The rows of one partition value.
struct Kept {
    /// The value, see [`Split::value`].
    value: ArrayRef,
    batches: Vec<RecordBatch>,
}

impl Grouped {
    /// For one of `partitions` input partitions.
    pub(crate) fn new(opener: Opener, split: Split, partitions: usize) -> Self {
        let open_limit = (OPEN_FILES / partitions.max(1)).max(1);
        Self {
            opener,
            split,
            kept: HashMap::new(),
            kept_bytes: 0,
            open: HashMap::new(),
            open_limit,
            closed: Vec::new(),
        }
    }

    /// Takes a batch in the table's schema.
    pub(crate) async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let (parts, bytes) = self.split.apply(batch)?;
        for part in parts {
            let kept = self.kept.entry(part.key).or_insert_with(|| Kept { value: part.first, batches: Vec::new() });
            kept.batches.push(part.rows);
        }
        self.kept_bytes += bytes;
        if self.kept_bytes >= KEPT_BYTES { self.flush(KEPT_BYTES / 2).await } else { Ok(()) }
    }

    /// Writes out what is kept, but for the values whose rows together are few: at most `remainder` bytes.
    async fn flush(&mut self, remainder: usize) -> Result<()> {
        let few = remainder / self.kept.len().max(1);
        let mut values: Vec<_> = std::mem::take(&mut self.kept).into_iter().collect();
        // Those whose file is open first, before it might be closed for another's.
        values.sort_by_key(|(key, _)| !self.open.contains_key(key));
        self.kept_bytes = 0;
        for (key, kept) in values {
            let schema = kept.batches[0].schema();
            // A copy, so that rows that stay do not hold the memory of others that go.
            let rows = concat_batches(&schema, &kept.batches)
                .map_err(|e| Error::internal("could not join rows of one partition value").with_source(e))?;
            let bytes = rows.get_array_memory_size();
            if bytes < few {
                self.kept_bytes += bytes;
                self.kept.insert(key, Kept { value: kept.value, batches: vec![rows] });
            } else {
                self.write_row_group(key, &kept.value, rows).await?;
            }
        }
        Ok(())
    }

    async fn write_row_group(&mut self, key: Box<[u8]>, value: &ArrayRef, rows: RecordBatch) -> Result<()> {
        if let Some(file) = self.open.get_mut(&key) {
            return file.write(rows).await;
        }
        if self.open.len() >= self.open_limit {
            let largest = self.open.iter().max_by_key(|(_, file)| file.size()).map(|(key, _)| key.clone());
            if let Some(file) = largest.and_then(|key| self.open.remove(&key)) {
                self.closed.extend(file.close().await?);
            }
        }
        let mut file = self.opener.open(self.split.value(value)?).await?;
        file.write(rows).await?;
        self.open.insert(key, file);
        Ok(())
    }

    /// Writes all rows and finishes all files.
    pub(crate) async fn close(mut self) -> Result<Vec<DataFile>> {
        self.flush(0).await?;
        for (_, file) in self.open {
            self.closed.extend(file.close().await?);
        }
        Ok(self.closed)
    }
}
