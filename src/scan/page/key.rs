//! Requests the rows of one key, one page ahead of the reader.
//!
//! A key fixes the whole partition key, so the driver itself knows the token and sends the request to a replica. That is
//! checked with each page, see [`KeyMetrics::non_replica_pages`].

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::runtime::SpawnedTask;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::{Stream, stream};
use scylla::response::query_result::QueryRowsResult;
use scylla::response::{PagingState, PagingStateResponse};
use scylla::statement::prepared::PreparedStatement;

use super::{Page, PageSize, PageTask, join};
use crate::cluster::retry::RetryPlan;
use crate::cluster::schema::{Column, TableName};
use crate::cluster::{Cluster, execution_error};
use crate::codec::decode::check_columns;
use crate::codec::encode::BoundBatch;
use crate::error::{Error, Result};
use crate::options::CassandraOptions;

/// What lookups count while they run.
#[derive(Debug, Clone)]
pub(crate) struct KeyMetrics {
    pub(crate) pages: Count,
    pub(crate) bytes: Count,
    pub(crate) retries: Count,
    /// Pages that a node without the rows coordinated: not wrong, but slower.
    pub(crate) non_replica_pages: Count,
}

impl KeyMetrics {
    pub(crate) fn new(set: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let counter = |name: &'static str| MetricBuilder::new(set).counter(name, partition);
        Self {
            pages: counter("pages"),
            bytes: counter("bytes"),
            retries: counter("retries"),
            non_replica_pages: counter("non_replica_pages"),
        }
    }
}

/// Sends the requests of one partition's lookups.
pub(crate) struct KeyReader {
    cluster: Arc<Cluster>,
    statement: PreparedStatement,
    retries: RetryPlan,
    page_size: PageSize,
    metrics: KeyMetrics,
    table: TableName,
}

/// One page of a key's rows.
pub(crate) struct KeyPage {
    pub(crate) page: Page,
    /// Whether the key has no other rows than these.
    pub(crate) is_all: bool,
}

impl KeyReader {
    /// Prepares, and checks that the server's columns and key are those that were planned.
    pub(crate) async fn prepare(
        cluster: Arc<Cluster>,
        cql: &str,
        (columns, keys): (&[Column], &[Column]),
        table: &TableName,
        options: &CassandraOptions,
        metrics: KeyMetrics,
    ) -> Result<Self> {
        let statement = cluster.prepare_read(cql, options, options.request_timeout()).await?;
        let selected = statement.get_current_result_set_col_specs();
        check_columns(selected.get().as_slice(), columns)
            .and_then(|()| check_columns(statement.get_variable_col_specs().as_slice(), keys))
            .map_err(|e| e.with_context("table", table.to_string()))?;
        // Many more requests wait for an answer than in a scan: together they hold about as many bytes.
        let in_flight = options.lookups_in_flight_per_node.get();
        let share = in_flight.div_ceil(options.splits_in_flight_per_node.get()).max(1);
        let page_size = PageSize { aim_bytes: options.page_size_bytes.get() / share, ..PageSize::new(options, None) };
        Ok(Self { cluster, statement, retries: RetryPlan::new(options), page_size, metrics, table: table.clone() })
    }

    /// All rows whose key is that of row `row` of `keys`.
    pub(crate) fn pages(self: Arc<Self>, keys: Arc<BoundBatch>, row: usize) -> impl Stream<Item = Result<KeyPage>> {
        let first = Request::First;
        stream::try_unfold(Some(first), move |request| {
            let (reader, keys) = (Arc::clone(&self), Arc::clone(&keys));
            async move {
                let Some(request) = request else { return Ok(None) };
                let is_first = matches!(request, Request::First);
                let (page, state) = match request {
                    Request::First => reader.fetch(&keys, row, PagingState::start()).await?,
                    Request::Ahead(task) => join(task).await?,
                };
                let next = match state.into_paging_control_flow() {
                    ControlFlow::Continue(state) => {
                        let ahead = async move { reader.fetch(&keys, row, state).await };
                        Some(Request::Ahead(SpawnedTask::spawn(ahead)))
                    }
                    ControlFlow::Break(()) => None,
                };
                let is_all = is_first && next.is_none();
                Ok(Some((KeyPage { page, is_all }, next)))
            }
        })
    }

    async fn fetch(
        &self,
        keys: &BoundBatch,
        row: usize,
        state: PagingState,
    ) -> Result<(QueryRowsResult, PagingStateResponse)> {
        let mut statement = self.statement.clone();
        // Not larger than i32::MAX, see PageSize::new.
        statement.set_page_size(i32::try_from(self.page_size.rows(true)).unwrap_or(i32::MAX));
        let (session, statement) = (self.cluster.session(), &statement);
        let (result, state) = self
            .retries
            .run(
                || self.metrics.retries.add(1),
                |_| {
                    let state = state.clone();
                    async move { session.execute_single_page(statement, keys.row(row), state).await }
                },
            )
            .await
            .map_err(|e| execution_error("looking up a key", &e).with_context("table", self.table.to_string()))?;

        let mut key = Vec::new();
        keys.partition_key(row, &mut key)?;
        let coordinator = result.request_coordinator().node().host_id;
        if !self.cluster.is_replica(&self.table.keyspace, &key, coordinator) {
            self.metrics.non_replica_pages.add(1);
        }
        let rows = result
            .into_rows_result()
            .map_err(|e| Error::internal("a SELECT returned no rows result").with_source(e))?;
        self.page_size.learn(rows.rows_num(), rows.rows_bytes_size());
        self.metrics.pages.add(1);
        self.metrics.bytes.add(rows.rows_bytes_size());
        Ok((rows, state))
    }
}

/// The next page of a key: the first one is asked for when the reader wants it, the others while it reads.
enum Request {
    First,
    Ahead(PageTask),
}
