//! What the streams of one load share: its pace, and how many rows it has failed to write.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;

use super::hot::HotPartitions;
use super::pace::Pace;
use super::rejected_file::make_folder;
use super::shares::NodeShares;
use crate::cluster::schema::TableName;
use crate::error::{Error, Result};
use crate::options::{CassandraOptions, MAX_REJECTED};

#[derive(Debug, Default)]
pub(crate) struct Load {
    pace: OnceLock<Arc<Pace>>,
    folder: OnceLock<PathBuf>,
    read: AtomicU64,
    failed: AtomicU64,
    streams_ended: AtomicUsize,
    hot: Mutex<HotPartitions>,
    shares: Mutex<NodeShares>,
}

impl Load {
    /// The pace, for a cluster of so many nodes.
    pub(crate) fn pace(
        &self,
        options: &CassandraOptions,
        nodes: usize,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Arc<Pace> {
        Arc::clone(self.pace.get_or_init(|| Arc::new(Pace::new(options, nodes, metrics))))
    }

    pub(crate) fn has_read(&self, rows: usize) {
        self.read.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// The folder for rows that could not be written, made when there is the first of them.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn folder_for(&self, options: &CassandraOptions, table: &TableName) -> Result<PathBuf> {
        if let Some(folder) = self.folder.get() {
            return Ok(folder.clone());
        }
        let made = make_folder(options, table)?;
        let folder = self.folder.get_or_init(|| made.clone());
        if *folder != made {
            // Another stream was quicker. Ours is empty, and if it stays, it does no harm.
            let _ = std::fs::remove_dir(&made);
        }
        Ok(folder.clone())
    }

    /// The folder, if there is one.
    pub(crate) fn folder(&self) -> Option<&PathBuf> {
        self.folder.get()
    }

    /// The Cassandra partitions of a dry run.
    pub(crate) fn hot(&self) -> MutexGuard<'_, HotPartitions> {
        self.hot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the nodes would hold of a dry run.
    pub(crate) fn shares(&self) -> MutexGuard<'_, NodeShares> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts rows that could not be written.
    ///
    /// # Errors
    /// There are more of them than the options allow; `last` is why the last of them could not.
    pub(crate) fn has_failed(&self, rows: usize, options: &CassandraOptions, last: &Error) -> Result<()> {
        let failed = self.failed.fetch_add(rows as u64, Ordering::Relaxed) + rows as u64;
        self.check(failed, options, false, || last.to_string())
    }

    /// One of so many streams has ended. The last one looks whether too many of all rows could not be written.
    ///
    /// # Errors
    /// There are more of them than the options allow.
    pub(crate) fn stream_has_ended(&self, streams: usize, options: &CassandraOptions) -> Result<()> {
        let ended = self.streams_ended.fetch_add(1, Ordering::AcqRel) + 1;
        if !ended.is_multiple_of(streams.max(1)) {
            return Ok(());
        }
        self.check(self.failed.load(Ordering::Relaxed), options, true, || "see there".to_owned())
    }

    fn check(&self, failed: u64, options: &CassandraOptions, end: bool, last: impl Fn() -> String) -> Result<()> {
        let read = self.read.load(Ordering::Relaxed);
        if !options.max_rejected.is_exceeded(failed, read, end) {
            return Ok(());
        }
        let kept = self.folder.get().map(|folder| format!("; they are kept in {}", folder.display()));
        Err(Error::data(format!(
            "{failed} of {read} rows could not be written, which is more than {MAX_REJECTED} = {} allows{}; the last one: {}",
            options.max_rejected,
            kept.unwrap_or_default(),
            last()
        )))
    }
}
