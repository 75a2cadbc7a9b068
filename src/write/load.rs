//! What the streams of one load share: its pace, and the rows it has failed to write.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;

use super::hot::HotPartitions;
use super::pace::Pace;
use super::shares::NodeShares;
use super::unwritten::Unwritten;
use crate::error::Result;
use crate::options::CassandraOptions;

#[derive(Debug, Default)]
pub(crate) struct Load {
    pace: OnceLock<Arc<Pace>>,
    read: AtomicU64,
    streams_ended: AtomicUsize,
    unwritten: Mutex<Unwritten>,
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

    /// The Cassandra partitions of a dry run.
    pub(crate) fn hot(&self) -> MutexGuard<'_, HotPartitions> {
        self.hot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the nodes would hold of a dry run.
    pub(crate) fn shares(&self) -> MutexGuard<'_, NodeShares> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many rows all streams together have read.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The rows that could not be written.
    pub(super) fn unwritten(&self) -> MutexGuard<'_, Unwritten> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
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
        self.unwritten().check(options, self.read(), true)
    }
}
