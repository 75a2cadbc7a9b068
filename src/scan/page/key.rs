//! Requests the rows of keys, one page ahead of the reader.
//!
//! What a request costs besides its rows is more than what the rows of a key cost, so one request asks for several keys where
//! CQL allows that: a partition key of one column, by `IN`. It goes to a node that holds all of them. A long `IN` would
//! make that node a coordinator of other nodes' work; this one reads what it has.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use datafusion::common::runtime::SpawnedTask;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use futures::{Stream, stream};
use scylla::deserialize::row::ColumnIterator;
use scylla::response::query_result::QueryRowsResult;
use scylla::response::{PagingState, PagingStateResponse};
use scylla::serialize::SerializationError;
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::RowWriter;
use scylla::statement::prepared::PreparedStatement;

use super::{Page, PageSize, PageTask, join};
use crate::cluster::estimates::Estimate;
use crate::cluster::retry::RetryPlan;
use crate::cluster::ring::NodeId;
use crate::cluster::route::token_of_key;
use crate::cluster::schema::{Column, CqlType, TableName};
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

/// What a lookup asks for.
pub(crate) struct KeyQuestion<'a> {
    pub(crate) table: &'a TableName,
    pub(crate) cql: &'a str,
    /// The columns that are selected.
    pub(crate) columns: &'a [Column],
    /// Those that are given.
    pub(crate) keys: &'a [Column],
    /// Where the only column of the key stands among those selected, if one request asks for several keys.
    pub(crate) key_at: Option<usize>,
    /// What is known of the table's size.
    pub(crate) estimate: Option<Estimate>,
}

/// Sends the requests of one partition's lookups.
pub(crate) struct KeyReader {
    cluster: Arc<Cluster>,
    statement: PreparedStatement,
    retries: RetryPlan,
    page_size: PageSize,
    metrics: KeyMetrics,
    table: TableName,
    key_at: Option<usize>,
    keys_per_request: usize,
}

/// The keys of one request.
pub(crate) struct KeyGroup {
    keys: Arc<BoundBatch>,
    /// What the caller calls each of them.
    ids: Vec<usize>,
    /// Where they stand in `keys`.
    rows: Vec<usize>,
    /// Their bytes, of whole partition keys.
    bytes: Vec<Vec<u8>>,
    /// The nodes that hold all of them, the one to ask first at the front.
    replicas: Vec<NodeId>,
}

/// One page of the rows of some keys.
pub(crate) struct KeyPage {
    pub(crate) page: Page,
    /// The rows of each key that has rows here, in the order of the page.
    pub(crate) rows_of_keys: Vec<(usize, Range<usize>)>,
    /// Keys that have no rows after these, with those that have none at all. Each key ends once.
    pub(crate) ended: Vec<usize>,
}

impl KeyReader {
    /// Prepares, and checks that the server's columns and key are those that were planned.
    pub(crate) async fn prepare(
        cluster: Arc<Cluster>,
        question: KeyQuestion<'_>,
        options: &CassandraOptions,
        metrics: KeyMetrics,
    ) -> Result<Self> {
        let KeyQuestion { table, cql, columns, keys, key_at, estimate } = question;
        let statement = cluster.prepare_read(cql, options, options.request_timeout()).await?;
        let selected = statement.get_current_result_set_col_specs();
        let several = |key: &Column| Column {
            name: format!("in({})", key.name),
            cql_type: CqlType::List(Box::new(key.cql_type.clone())),
            kind: key.kind,
        };
        let markers = if key_at.is_some() { keys.iter().map(several).collect() } else { keys.to_vec() };
        check_columns(selected.get().as_slice(), columns)
            .and_then(|()| check_columns(statement.get_variable_col_specs().as_slice(), &markers))
            .map_err(|e| e.with_context("table", table.to_string()))?;
        let keys_per_request = if key_at.is_some() { options.lookup_keys_per_request.get() } else { 1 };
        Ok(Self {
            cluster,
            statement,
            retries: RetryPlan::new(options),
            page_size: page_size(options, estimate, keys_per_request),
            metrics,
            table: table.clone(),
            key_at,
            keys_per_request,
        })
    }

    /// Puts keys into requests, each of keys that one node holds. `wanted` has for each key what the caller calls it and a row
    /// of `keys` that has it.
    pub(crate) fn groups(
        &self,
        keys: &Arc<BoundBatch>,
        wanted: impl Iterator<Item = (usize, usize)>,
    ) -> Result<Vec<Arc<KeyGroup>>> {
        let mut full = Vec::new();
        let mut open: HashMap<Option<NodeId>, KeyGroup> = HashMap::new();
        for (id, row) in wanted {
            let mut bytes = Vec::new();
            keys.partition_key(row, &mut bytes)?;
            let replicas = self.cluster.replicas_of_token(&self.table.keyspace, token_of_key(&bytes));
            let node = replicas.first().copied();
            let group = open.entry(node).or_insert_with(|| KeyGroup {
                keys: Arc::clone(keys),
                ids: Vec::with_capacity(self.keys_per_request),
                rows: Vec::with_capacity(self.keys_per_request),
                bytes: Vec::with_capacity(self.keys_per_request),
                replicas: replicas.clone(),
            });
            group.ids.push(id);
            group.rows.push(row);
            group.bytes.push(bytes);
            group.replicas.retain(|node| replicas.contains(node));
            if group.ids.len() >= self.keys_per_request {
                full.extend(open.remove(&node).map(Arc::new));
            }
        }
        full.extend(open.into_values().map(Arc::new));
        Ok(full)
    }

    /// All rows that have one of the keys.
    pub(crate) fn pages(self: Arc<Self>, group: Arc<KeyGroup>) -> impl Stream<Item = Result<KeyPage>> {
        let left = group.ids.clone();
        stream::try_unfold((Some(Request::First), left), move |(request, mut left)| {
            let (reader, group) = (Arc::clone(&self), Arc::clone(&group));
            async move {
                let Some(request) = request else { return Ok(None) };
                let (page, state) = match request {
                    Request::First => reader.fetch(&group, PagingState::start()).await?,
                    Request::Ahead(task) => join(task).await?,
                };
                let rows_of_keys = rows_of_keys(&page, &group, reader.key_at)
                    .map_err(|e| e.with_context("table", reader.table.to_string()))?;
                let next = match state.into_paging_control_flow() {
                    ControlFlow::Continue(state) => {
                        let group = Arc::clone(&group);
                        let ahead = async move { reader.fetch(&group, state).await };
                        Some(Request::Ahead(SpawnedTask::spawn(ahead)))
                    }
                    ControlFlow::Break(()) => None,
                };
                let ended = ended(&mut left, &rows_of_keys, next.is_none());
                Ok(Some((KeyPage { page, rows_of_keys, ended }, (next, left))))
            }
        })
    }

    async fn fetch(&self, group: &KeyGroup, state: PagingState) -> Result<(QueryRowsResult, PagingStateResponse)> {
        let mut statement = self.statement.clone();
        // Not larger than i32::MAX, see PageSize::new.
        statement.set_page_size(i32::try_from(self.page_size.rows(true)).unwrap_or(i32::MAX));
        let session = self.cluster.session();
        let bound = BoundKeys { group, several: self.key_at.is_some() };
        let (result, state) = self
            .retries
            .run(
                || self.metrics.retries.add(1),
                |attempt| {
                    let mut statement = statement.clone();
                    statement.set_load_balancing_policy(self.cluster.route(&group.replicas, attempt));
                    let (state, bound) = (state.clone(), &bound);
                    async move { session.execute_single_page(&statement, bound, state).await }
                },
            )
            .await
            .map_err(|e| execution_error("looking up a key", &e).with_context("table", self.table.to_string()))?;

        if !group.replicas.contains(&result.request_coordinator().node().host_id) {
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

/// Many more requests wait for an answer than in a scan: together they hold about as many bytes. If what a request asks for is
/// known to be less than a page, the first pages need not be short ones.
fn page_size(options: &CassandraOptions, estimate: Option<Estimate>, keys_per_request: usize) -> PageSize {
    let in_flight = options.lookups_in_flight_per_node.get();
    let share = in_flight.div_ceil(options.splits_in_flight_per_node.get()).max(1);
    let aim_bytes = options.page_size_bytes.get() / share;
    let expected = estimate.map(|e| (e.bytes / e.partitions.max(1)).saturating_mul(keys_per_request as u64));
    let size = PageSize { aim_bytes, ..PageSize::new(options, None) };
    match expected {
        Some(bytes) if bytes > 0 && bytes <= aim_bytes as u64 => {
            PageSize { rows: AtomicUsize::new(size.most_rows), ..size }
        }
        _ => size,
    }
}

/// Whose rows the rows of a page are. Those of one key follow each other; the order of keys is the server's.
fn rows_of_keys(page: &Page, group: &KeyGroup, key_at: Option<usize>) -> Result<Vec<(usize, Range<usize>)>> {
    if page.rows_num() == 0 {
        return Ok(Vec::new());
    }
    let (Some(key_at), [_, _, ..]) = (key_at, &*group.ids) else {
        return Ok(group.ids.iter().map(|id| (*id, 0..page.rows_num())).collect());
    };
    let broken =
        |e: &dyn std::error::Error| Error::data("a page of the server ends within a row").with_source(e.to_string());
    let mut found: Vec<(usize, Range<usize>)> = Vec::with_capacity(group.ids.len());
    let mut last: &[u8] = &[];
    for (row, cells) in page.rows::<ColumnIterator<'_, '_>>().map_err(|e| broken(&e))?.enumerate() {
        let mut cells = cells.map_err(|e| broken(&e))?;
        let cell = cells.nth(key_at).transpose().map_err(|e| broken(&e))?;
        let key = cell.and_then(|cell| cell.slice).map(|slice| slice.as_slice()).unwrap_or_default();
        match found.last_mut() {
            Some((_, rows)) if key == last => rows.end = row + 1,
            _ => {
                let place = group.bytes.iter().position(|bytes| bytes == key);
                let place =
                    place.ok_or_else(|| Error::data("the server sent a row of a key that was not asked for"))?;
                found.push((group.ids[place], row..row + 1));
                last = key;
            }
        }
    }
    Ok(found)
}

/// Takes the keys out of `left` that have no rows after this page. Its last key may have more, unless the page is the last
/// one; and a key that has not come yet may come.
fn ended(left: &mut Vec<usize>, page: &[(usize, Range<usize>)], is_last: bool) -> Vec<usize> {
    if is_last {
        return std::mem::take(left);
    }
    let before_last = page.len().saturating_sub(1);
    let is_ended = |id: &mut usize| page[..before_last].iter().any(|(key, _)| key == id);
    left.extract_if(.., is_ended).collect()
}

/// The values of a statement that asks for keys.
struct BoundKeys<'a> {
    group: &'a KeyGroup,
    several: bool,
}

impl SerializeRow for BoundKeys<'_> {
    fn serialize(
        &self,
        ctx: &RowSerializationContext<'_>,
        writer: &mut RowWriter<'_>,
    ) -> Result<(), SerializationError> {
        if !self.several {
            return self.group.rows.iter().try_for_each(|row| self.group.keys.row(*row).serialize(ctx, writer));
        }
        // A list: the number of its elements, and each with its length before it. Keys have at most 65,535 bytes.
        let length = |length: usize| i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes();
        let mut list = length(self.group.bytes.len()).to_vec();
        for key in &self.group.bytes {
            list.extend_from_slice(&length(key.len()));
            list.extend_from_slice(key);
        }
        writer.make_cell_writer().set_value(&list).map(|_| ()).map_err(SerializationError::new)
    }

    fn is_empty(&self) -> bool {
        false
    }
}

/// The next page of a request: the first one is asked for when the reader wants it, the others while it reads.
enum Request {
    First,
    Ahead(PageTask),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_pages_are_short_only_where_little_is_known() {
        let options = CassandraOptions::default();
        let estimate = |bytes| Some(Estimate { partitions: 100, bytes });
        let first = |estimate| page_size(&options, estimate, 8).rows(true);
        assert_eq!(first(None), first(estimate(0)));
        assert_eq!(first(estimate(100 * 1_400)), options.page_size_rows.get());
        // Eight Cassandra partitions of 64 KiB are more than a page.
        assert_eq!(first(estimate(100 << 16)), first(None));
    }

    #[test]
    fn each_key_ends_once_and_only_when_nothing_of_it_can_come() {
        let mut left = vec![7, 8, 9, 10];
        // 8 and 7 have rows; more of 7 may come, and 9 and 10 have not been seen.
        assert_eq!(ended(&mut left, &[(8, 0..3), (7, 3..5)], false), [8]);
        assert!(ended(&mut left, &[(7, 0..5)], false).is_empty());
        assert!(ended(&mut left, &[], false).is_empty());
        // The rows of 7 ended with the page before.
        assert_eq!(ended(&mut left, &[(9, 0..2)], true), [7, 9, 10]);
        assert!(left.is_empty());
    }
}
