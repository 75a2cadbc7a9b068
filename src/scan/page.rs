//! Requests the pages of one split, one page ahead of the reader.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use datafusion::common::runtime::SpawnedTask;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder, Time};
use futures::{Stream, stream};
use scylla::response::query_result::{QueryResult, QueryRowsResult};
use scylla::response::{PagingState, PagingStateResponse};
use scylla::serialize::SerializationError;
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::RowWriter;
use scylla::statement::prepared::PreparedStatement;

use super::split::{Part, Split};
use crate::cluster::retry::RetryPlan;
use crate::cluster::{Cluster, execution_error};
use crate::error::{Error, Result};
use crate::options::CassandraOptions;

pub(crate) mod key;

/// Rows in the first page of each split in flight, when nothing is known of their width: few enough that even rows of
/// 1 MB do not fill the memory, and one short page more does not count in a long scan.
const FIRST_PAGE_ROWS: usize = 10;

/// Cells that a server reads at a time while it counts, about. It keeps a page of them in memory, without their values.
const COUNT_PAGE_CELLS: usize = 2_000_000;

/// Rows of such a page: at least what Cassandra itself takes (`DEFAULT_PAGE_SIZE` of its `SelectStatement`). More than the
/// most gains nothing. Without a page size the server would read the whole split into memory at once.
const COUNT_PAGE_ROWS: std::ops::RangeInclusive<usize> = 10_000..=200_000;

/// What a scan counts while it runs.
#[derive(Debug, Clone)]
pub(crate) struct PageMetrics {
    pub(crate) pages: Count,
    pub(crate) bytes: Count,
    pub(crate) retries: Count,
    pub(crate) splits_done: Count,
    /// Pages that a node without the rows coordinated. Not wrong, but it had to fetch them from a node that has them: the
    /// ring has changed since the scan was planned.
    pub(crate) non_replica_pages: Count,
    /// Time in which the partition had nothing to decode.
    pub(crate) time_waiting_server: Time,
}

impl PageMetrics {
    pub(crate) fn new(set: &ExecutionPlanMetricsSet, partition: usize, splits: usize) -> Self {
        MetricBuilder::new(set).gauge("splits_total", partition).add(splits);
        Self {
            pages: MetricBuilder::new(set).counter("pages", partition),
            bytes: MetricBuilder::new(set).counter("bytes", partition),
            retries: MetricBuilder::new(set).counter("retries", partition),
            splits_done: MetricBuilder::new(set).counter("splits_done", partition),
            non_replica_pages: MetricBuilder::new(set).counter("non_replica_pages", partition),
            time_waiting_server: MetricBuilder::new(set).subset_time("time_waiting_server", partition),
        }
    }
}

/// How many rows to ask for, learnt from the pages seen: pages aim at a number of bytes, so that memory does not depend
/// on how wide rows are.
#[derive(Debug)]
pub(crate) struct PageSize {
    most_rows: usize,
    aim_bytes: usize,
    rows: AtomicUsize,
    /// The LIMIT of the statement. Cassandra takes a page that could hold as many rows for a request without pages: it
    /// forgets where the page before ended, and gives the rows from the beginning once more.
    limit: Option<usize>,
}

impl PageSize {
    pub(crate) fn new(options: &CassandraOptions, limit: Option<usize>) -> Self {
        let most_rows = options.page_size_rows.get().min(limit.unwrap_or(usize::MAX)).clamp(1, i32::MAX as usize);
        Self {
            most_rows,
            aim_bytes: options.page_size_bytes.get(),
            rows: AtomicUsize::new(most_rows.min(FIRST_PAGE_ROWS)),
            limit,
        }
    }

    /// For a statement that may have a LIMIT which we do not know: pages that are all the same.
    pub(crate) fn fixed(options: &CassandraOptions) -> Self {
        let rows = options.page_size_rows.get().min(i32::MAX as usize);
        Self { most_rows: rows, aim_bytes: usize::MAX, rows: AtomicUsize::new(rows), limit: None }
    }

    /// For a count of a table with so many columns, whose answer is one row: the number of rows that the server reads at
    /// a time.
    pub(crate) fn of_count(columns: usize) -> Self {
        let rows = (COUNT_PAGE_CELLS / columns.max(1)).clamp(*COUNT_PAGE_ROWS.start(), *COUNT_PAGE_ROWS.end());
        Self { most_rows: rows, aim_bytes: usize::MAX, rows: AtomicUsize::new(rows), limit: None }
    }

    /// For the first page of a split, or for another one.
    fn rows(&self, is_first: bool) -> usize {
        let rows = self.rows.load(Ordering::Relaxed);
        match self.limit {
            Some(limit) if !is_first => rows.min(limit.saturating_sub(1)).max(1),
            _ => rows,
        }
    }

    fn learn(&self, rows: usize, bytes: usize) {
        if let Some(row_bytes) = bytes.checked_div(rows) {
            let fit = self.aim_bytes / row_bytes.max(1);
            self.rows.store(fit.clamp(1, self.most_rows), Ordering::Relaxed);
        }
    }
}

/// Sends the requests of one partition.
pub(crate) struct PageReader {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) statement: PreparedStatement,
    /// The values of the restriction's terms.
    pub(crate) bound: Arc<[Bytes]>,
    pub(crate) retries: RetryPlan,
    pub(crate) page_size: PageSize,
    pub(crate) metrics: PageMetrics,
    /// For messages.
    pub(crate) table: String,
}

impl PageReader {
    /// All pages of a split, in order.
    pub(crate) fn pages(self: Arc<Self>, split: Split) -> impl Stream<Item = Result<QueryRowsResult>> + Send {
        let first = Arc::clone(&self).request(split.clone(), None);
        stream::unfold(Some(first), move |next| {
            let (reader, split) = (Arc::clone(&self), split.clone());
            async move {
                // `?` ends the stream after the last page or an error.
                let (page, state) = match join(next?).await {
                    Ok(response) => response,
                    Err(error) => return Some((Err(error), None)),
                };
                let next = match state.into_paging_control_flow() {
                    ControlFlow::Continue(state) => Some(Arc::clone(&reader).request(split, Some(state))),
                    ControlFlow::Break(()) => {
                        reader.metrics.splits_done.add(1);
                        None
                    }
                };
                Some((Ok(page), next))
            }
        })
    }

    /// Sends a request now, in the background. Dropping the task forgets the answer.
    fn request(self: Arc<Self>, split: Split, state: Option<PagingState>) -> PageTask {
        SpawnedTask::spawn(async move { self.fetch(&split, state).await })
    }

    async fn fetch(&self, split: &Split, state: Option<PagingState>) -> Result<(QueryRowsResult, PagingStateResponse)> {
        let mut statement = self.statement.clone();
        // Not larger than i32::MAX, see PageSize::new.
        statement.set_page_size(i32::try_from(self.page_size.rows(state.is_none())).unwrap_or(i32::MAX));
        let state = state.unwrap_or_else(PagingState::start);
        let (result, state) = self.send(split, statement, state).await?;
        if split.part != Part::Table && !split.replicas.contains(&result.request_coordinator().node().host_id) {
            self.metrics.non_replica_pages.add(1);
        }
        let rows = result
            .into_rows_result()
            .map_err(|e| self.locate(split, Error::internal("a SELECT returned no rows result").with_source(e)))?;
        self.page_size.learn(rows.rows_num(), rows.rows_bytes_size());
        self.metrics.pages.add(1);
        self.metrics.bytes.add(rows.rows_bytes_size());
        Ok((rows, state))
    }

    async fn send(
        &self,
        split: &Split,
        statement: PreparedStatement,
        state: PagingState,
    ) -> Result<(QueryResult, PagingStateResponse)> {
        let session = self.cluster.session();
        self.retries
            .run(
                || self.metrics.retries.add(1),
                |attempt| {
                    let mut statement = statement.clone();
                    statement.set_load_balancing_policy(self.cluster.route(&split.replicas, attempt));
                    let state = state.clone();
                    let values = BoundSplit { part: &split.part, terms: &self.bound };
                    async move { session.execute_single_page(&statement, values, state).await }
                },
            )
            .await
            .map_err(|e| self.locate(split, execution_error("reading", &e)))
    }

    fn locate(&self, split: &Split, error: Error) -> Error {
        let error = error.with_context("table", &self.table);
        match &split.part {
            Part::Range(range) => error.with_context("split", range.to_string()),
            Part::Key(key) => error.with_context("key", key.to_string()),
            Part::Table => error,
        }
    }
}

/// The values of a statement that reads a split: what tells the split from others, then those of the terms. They were
/// encoded when the scan was planned.
struct BoundSplit<'a> {
    part: &'a Part,
    terms: &'a [Bytes],
}

impl SerializeRow for BoundSplit<'_> {
    fn serialize(&self, _: &RowSerializationContext<'_>, writer: &mut RowWriter<'_>) -> Result<(), SerializationError> {
        let mut bind = |bytes: &[u8]| match writer.make_cell_writer().set_value(bytes) {
            Ok(_) => Ok(()),
            Err(error) => Err(SerializationError::new(error)),
        };
        match self.part {
            Part::Table => {}
            // As plain numbers: the driver's Token would turn i64::MIN into i64::MAX.
            Part::Range(range) => {
                [range.start(), range.end()].iter().try_for_each(|token| bind(&token.to_be_bytes()))?;
            }
            Part::Key(key) => key.values.iter().try_for_each(|value| bind(value))?,
        }
        self.terms.iter().try_for_each(|term| bind(term))
    }

    fn is_empty(&self) -> bool {
        *self.part == Part::Table && self.terms.is_empty()
    }
}

/// One response of the server.
pub(crate) type Page = QueryRowsResult;

type PageTask = SpawnedTask<Result<(QueryRowsResult, PagingStateResponse)>>;

async fn join(task: PageTask) -> Result<(QueryRowsResult, PagingStateResponse)> {
    task.join_unwind().await.map_err(|e| Error::internal("a request was stopped").with_source(e))?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Positive;

    #[test]
    fn wide_rows_make_short_pages() {
        let options = CassandraOptions::default();
        let size = PageSize::new(&options, None);
        assert_eq!(size.rows(true), FIRST_PAGE_ROWS);
        size.learn(10, 10 * 100);
        assert_eq!(size.rows(true), options.page_size_rows.get());
        // 4 of these rows are as many bytes as a page aims at.
        size.learn(40, 10 * options.page_size_bytes.get());
        assert_eq!(size.rows(true), 4);
        size.learn(1, 64 << 20);
        assert_eq!(size.rows(true), 1);
        size.learn(0, 0);
        assert_eq!(size.rows(true), 1);
    }

    #[test]
    fn counts_do_not_begin_with_short_pages() {
        for (columns, rows) in [(0, 200_000), (10, 200_000), (50, 40_000), (1_000, 10_000)] {
            let size = PageSize::of_count(columns);
            assert_eq!(size.rows(true), rows);
            size.learn(1, 64 << 20);
            assert_eq!(size.rows(true), rows);
        }
    }

    #[test]
    fn a_limit_bounds_the_page() {
        let mut options = CassandraOptions::default();
        assert_eq!(PageSize::new(&options, Some(7)).rows(true), 7);
        assert_eq!(PageSize::new(&options, Some(0)).rows(true), 1);
        // What the server is asked for after the first page is less than the limit.
        let size = PageSize::new(&options, Some(50));
        size.learn(10, 100);
        assert_eq!((size.rows(true), size.rows(false)), (50, 49));
        options.page_size_rows = Positive::at_least_one(usize::MAX);
        assert_eq!(PageSize::new(&options, None).most_rows, i32::MAX as usize);
    }
}
