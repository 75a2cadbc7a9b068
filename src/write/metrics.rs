//! What a load counts while it runs.

use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};

pub(crate) const ROWS_READ: &str = "rows_read";
/// The metric that counts rows acknowledged.
pub(crate) const ROWS_WRITTEN: &str = "rows_written";
pub(crate) const ROWS_NOT_APPLIED: &str = "rows_not_applied";
pub(crate) const ROWS_REJECTED: &str = "rows_rejected";
pub(crate) const ROWS_UNKNOWN: &str = "rows_unknown";
pub(crate) const GROUPS: &str = "groups";
pub(crate) const BYTES: &str = "bytes";

/// The counters of one stream.
#[derive(Debug, Clone)]
pub(crate) struct WriteMetrics {
    pub(crate) rows_read: Count,
    /// Rows acknowledged.
    pub(crate) rows_written: Count,
    pub(crate) rows_not_applied: Count,
    pub(crate) rows_rejected: Count,
    pub(crate) rows_unknown: Count,
    /// Statement groups acknowledged.
    pub(crate) groups: Count,
    /// Statements in them.
    pub(crate) statements: Count,
    /// Bytes of values in them.
    pub(crate) bytes: Count,
    /// Requests sent again.
    pub(crate) retries: Count,
    /// For what comes to be counted later, see `Pace`.
    pub(crate) all: ExecutionPlanMetricsSet,
}

impl WriteMetrics {
    pub(crate) fn new(set: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let counter = |name: &'static str| MetricBuilder::new(set).counter(name, partition);
        Self {
            rows_read: counter(ROWS_READ),
            rows_written: counter(ROWS_WRITTEN),
            rows_not_applied: counter(ROWS_NOT_APPLIED),
            rows_rejected: counter(ROWS_REJECTED),
            rows_unknown: counter(ROWS_UNKNOWN),
            groups: counter(GROUPS),
            statements: counter("statements"),
            bytes: counter(BYTES),
            retries: counter("retries"),
            all: set.clone(),
        }
    }
}
