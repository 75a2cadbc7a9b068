//! What became of rows that were not written, and how a whole load ended.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;

use super::exec::CassandraWriteExec;
pub use super::hot::HotPartition;
pub use super::shares::NodeShare;

/// Why a row was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectedClass {
    /// A value of it cannot be represented in Cassandra, or its key is null. It was not sent.
    Data,
    /// The server does not take it.
    Refused,
    /// The cluster was away or too busy, again and again. It may yet have been written; writing it again does no harm.
    Unavailable,
    /// It may have been written or not, and writing it again may do harm: counters, appended lists, `IF NOT EXISTS`.
    Unknown,
    /// A row of its key is there already, see
    /// [`ExistingRows::Reject`](crate::options::ExistingRows::Reject).
    Exists,
}

impl fmt::Display for RejectedClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Data => "data",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
            Self::Exists => "exists",
        })
    }
}

/// How the writing of a statement has ended. `read` = `written` + `not_applied` + `rejected` + `unknown`, unless the
/// statement failed or was a dry run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// Rows of the input.
    pub read: u64,
    /// Rows acknowledged by as many replicas as the consistency level asks for.
    pub written: u64,
    /// Rows left out because there was one of the same key, see [`ExistingRows::Keep`](crate::options::ExistingRows::Keep).
    pub not_applied: u64,
    /// Rows that were not written.
    pub rejected: u64,
    /// Rows that may have been written or not, and may not be written twice.
    pub unknown: u64,
    /// The folder that keeps the rows rejected and of unknown outcome.
    pub rejected_folder: Option<PathBuf>,
    /// Statement groups that were acknowledged; of a dry run, that would have been sent.
    pub groups: u64,
    /// Bytes of values in them.
    pub bytes: u64,
    /// Whether nothing was sent.
    pub dry_run: bool,
    /// Of a dry run: the Cassandra partitions that would get the most rows.
    pub hottest: Vec<HotPartition>,
    /// Of a dry run: what each node of the local data centre would hold.
    pub nodes: Vec<NodeShare>,
}

impl LoadReport {
    /// What the node that writes to Cassandra in this plan says, while it runs or after it has ended; `None` if there is none.
    pub fn of(plan: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        if let Some(write) = plan.as_any().downcast_ref::<CassandraWriteExec>() {
            return Some(write.report());
        }
        plan.children().into_iter().find_map(Self::of)
    }
}
