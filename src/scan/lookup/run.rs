//! One partition of a keyed join while it runs.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{Fields, Schema, SchemaRef};
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, Time};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::Fuse;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc::Sender;

use super::keys::{KeyFinder, Window};
use super::matching::{Found, Matching, table_rows};
use super::remembered::{Remembered, RowsOfKey};
use super::{LookupJoin, LookupKind};
use crate::codec::decode::PageDecoder;
use crate::error::Error;
use crate::scan::page::key::{KeyMetrics, KeyPage, KeyQuestion, KeyReader};

/// Bytes of rows of the table that are put together at a time, about: pages of one key are small.
const FOUND_BYTES: usize = 8 << 20;

/// What a keyed join counts while it runs.
#[derive(Debug, Clone)]
pub(super) struct LookupMetrics {
    /// Rows of the input that have a key.
    keys: Count,
    /// Keys asked for at the server.
    lookups: Count,
    /// Keys whose rows were remembered.
    remembered: Count,
    /// Rows of the table that came.
    rows_read: Count,
    /// Whether the rest of the input was joined with a scan.
    fell_back: Count,
    time_waiting_server: Time,
    requests: KeyMetrics,
    baseline: BaselineMetrics,
}

impl LookupMetrics {
    pub(super) fn new(set: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let counter = |name: &'static str| MetricBuilder::new(set).counter(name, partition);
        Self {
            keys: counter("keys"),
            lookups: counter("lookups"),
            remembered: counter("remembered"),
            rows_read: counter("rows_read"),
            fell_back: counter("fell_back"),
            time_waiting_server: MetricBuilder::new(set).subset_time("time_waiting_server", partition),
            requests: KeyMetrics::new(set, partition),
            baseline: BaselineMetrics::new(set, partition),
        }
    }
}

/// Where the batches of the result go.
pub(super) struct Output {
    sender: Sender<DataFusionResult<RecordBatch>>,
    metrics: LookupMetrics,
}

impl Output {
    pub(super) fn new(sender: Sender<DataFusionResult<RecordBatch>>, metrics: LookupMetrics) -> Self {
        Self { sender, metrics }
    }

    pub(super) async fn send(&self, batch: RecordBatch) -> DataFusionResult<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.metrics.baseline.record_output(batch.num_rows());
        // Whoever drops the receiver also stops this task.
        self.sender.send(Ok(batch)).await.map_err(|_| Error::internal("nobody reads the result of a join").into())
    }
}

/// The input that is left when there are more keys than it is worth to look up.
pub(super) type Rest = SendableRecordBatchStream;

pub(super) struct Run {
    join: Arc<LookupJoin>,
    input: Fuse<SendableRecordBatchStream>,
    schema: SchemaRef,
    finder: KeyFinder,
    reader: Arc<KeyReader>,
    decoder: PageDecoder,
    in_flight: usize,
    batch_size: usize,
    /// Keys that may still be looked up.
    left: Option<usize>,
    remembered: Remembered,
    /// The keys of a semi join that gives rows of the table: none is looked up twice.
    done: HashSet<Box<[u8]>>,
    memory: MemoryReservation,
    metrics: LookupMetrics,
}

impl Run {
    /// Connects and prepares. There are so many `partitions` like this one.
    pub(super) async fn start(
        join: Arc<LookupJoin>,
        input: SendableRecordBatchStream,
        partitions: usize,
        context: &TaskContext,
        metrics: LookupMetrics,
    ) -> DataFusionResult<Self> {
        let scan = join.table.scan();
        let (options, name) = (&scan.options, &scan.table.name);
        let cluster = scan.cluster.connect().await?;
        let in_flight = options.lookups_in_flight_per_node.get().saturating_mul(cluster.node_count());
        let (columns, key_at) = join.columns();
        let (cql, keys) = (join.cql(), join.key_columns());
        let estimate = scan.estimate;
        let question = KeyQuestion { table: name, cql: &cql, columns: &columns, keys: &keys, key_at, estimate };
        let reader = KeyReader::prepare(cluster, question, options, metrics.requests.clone()).await?;
        // The column behind those of the scan is one of the partition key, which no other column changes.
        let added = scan.read_as.schema(&columns[scan.columns.len()..]);
        let fields: Fields = scan.schema.fields().iter().chain(added.fields()).cloned().collect();
        let decoder = PageDecoder::try_new(name, &columns, Arc::new(Schema::new(fields)), scan.read_as)?
            .with_empty_values(options.empty_values)
            .with_decimal_overflow(options.decimal_overflow);
        let memory = || MemoryConsumer::new("CassandraLookupJoinExec").register(context.memory_pool());
        let schema = input.schema();
        Ok(Self {
            input: input.fuse(),
            finder: KeyFinder::new(&join, &schema)?,
            schema,
            reader: Arc::new(reader),
            decoder,
            in_flight: in_flight.div_ceil(partitions.max(1)).max(1),
            batch_size: context.session_config().batch_size(),
            left: join.max_keys,
            remembered: Remembered::new(memory()),
            done: HashSet::new(),
            memory: memory(),
            metrics,
            join,
        })
    }

    /// Joins the input, as long as there are not too many keys; gives what is left of it then.
    pub(super) async fn run(mut self, output: &Output) -> DataFusionResult<Option<Rest>> {
        while let Some(batch) = self.next_rows().await? {
            let window = self.finder.window(batch, |key| self.done.contains(key))?;
            let unknown: Vec<usize> =
                (0..window.distinct()).filter(|key| !self.remembered.contains(window.key(*key))).collect();
            if let Some(left) = &mut self.left {
                match left.checked_sub(unknown.len()) {
                    Some(still) => *left = still,
                    None => return Ok(Some(self.rest(window.batch))),
                }
            }
            self.metrics.keys.add(window.keys);
            self.metrics.lookups.add(unknown.len());
            self.metrics.remembered.add(window.distinct() - unknown.len());
            self.join(&window, unknown, output).await?;
        }
        Ok(None)
    }

    /// The next rows of the input: one batch, and what else is there without waiting, up to about two.
    async fn next_rows(&mut self) -> DataFusionResult<Option<RecordBatch>> {
        let Some(first) = self.input.try_next().await? else { return Ok(None) };
        let (mut rows, mut batches) = (first.num_rows(), vec![first]);
        while rows < self.batch_size {
            let Some(Some(batch)) = self.input.next().now_or_never() else { break };
            let batch = batch?;
            rows += batch.num_rows();
            batches.push(batch);
        }
        Ok(Some(concat_batches(&self.schema, &batches)?))
    }

    async fn join(&mut self, window: &Window, unknown: Vec<usize>, output: &Output) -> DataFusionResult<()> {
        let join = Arc::clone(&self.join);
        let mut matching = Matching::new(&join, window)?;
        let mut pending = Pending::default();
        for key in 0..window.distinct() {
            let known = self.remembered.get(window.key(key)).unwrap_or_default();
            if !known.is_empty() {
                for rows in known {
                    pending.push(key, RowsOfKey { bytes: 0, ..rows.clone() });
                }
                self.flush(&mut pending, false, &mut matching, output).await?;
            }
        }

        let wanted = unknown.into_iter().map(|key| (key, window.first_row(key)));
        let reader = Arc::clone(&self.reader);
        let groups = reader.groups(&window.bound, wanted)?;
        let requests = groups.into_iter().map(|group| Arc::clone(&reader).pages(group).boxed());
        let mut pages = stream::iter(requests).flatten_unordered(self.in_flight);
        // No key of such a join is asked for again.
        let remembers = join.kind != LookupKind::TableSemi;
        loop {
            let waiting = Instant::now();
            let page = pages.try_next().await?;
            self.metrics.time_waiting_server.add_duration(waiting.elapsed());
            let Some(page) = page else { break };
            let timer = self.metrics.baseline.elapsed_compute().timer();
            for (key, rows) in self.rows_of_keys(&page)? {
                if remembers {
                    self.remembered.gather(window.key(key), &rows);
                }
                pending.push(key, rows);
            }
            timer.done();
            if remembers {
                page.ended.iter().for_each(|key| self.remembered.keep(window.key(*key)));
            }
            self.flush(&mut pending, false, &mut matching, output).await?;
        }
        self.flush(&mut pending, true, &mut matching, output).await?;
        if join.kind == LookupKind::TableSemi {
            for key in (0..window.distinct()).map(|key| window.key(key)) {
                self.memory.try_grow(key.len() + size_of::<Box<[u8]>>())?;
                self.done.insert(key.into());
            }
        }
        match matching.finish()? {
            Some(batch) => output.send(batch).await,
            None => Ok(()),
        }
    }

    /// The rows of each key of a page, as they are joined.
    fn rows_of_keys(&self, page: &KeyPage) -> DataFusionResult<Vec<(usize, RowsOfKey)>> {
        let (table, schema) = (&self.join.table, &self.join.table.scan().schema);
        let rows = self.decoder.decode(&page.page)?;
        self.metrics.rows_read.add(rows.num_rows());
        // Without the column that only told whose they are.
        let columns: Vec<usize> = (0..schema.fields().len()).collect();
        let rows = rows.project(&columns)?.with_schema(SchemaRef::clone(schema))?;
        let bytes = rows.get_array_memory_size() / rows.num_rows().max(1);
        let keys = page.rows_of_keys.iter();
        if table.drops_rows() {
            return keys
                .map(|(key, range)| {
                    let kept = table.apply(rows.slice(range.start, range.len()))?;
                    let rows =
                        RowsOfKey { range: 0..kept.num_rows(), bytes: bytes * range.len(), batch: Arc::new(kept) };
                    Ok((*key, rows))
                })
                .collect();
        }
        let batch = Arc::new(table.apply(rows)?);
        let of_key = |range: &Range<usize>| RowsOfKey {
            batch: Arc::clone(&batch),
            range: range.clone(),
            bytes: bytes * range.len(),
        };
        Ok(keys.map(|(key, range)| (*key, of_key(range))).collect())
    }

    /// Joins the rows found, once they are enough for a batch, or if these are the last ones.
    async fn flush(
        &mut self,
        pending: &mut Pending,
        is_last: bool,
        matching: &mut Matching<'_>,
        output: &Output,
    ) -> DataFusionResult<()> {
        let is_enough = pending.keys.len() >= self.batch_size || pending.bytes >= FOUND_BYTES;
        if pending.keys.is_empty() || !(is_enough || is_last) {
            return Ok(());
        }
        let found = std::mem::take(pending).found(self.join.table.schema())?;
        if self.join.kind == LookupKind::TableSemi {
            return output.send(table_rows(&self.join, &found.rows)?).await;
        }
        for batch in matching.pairs(&found, self.batch_size)? {
            let timer = self.metrics.baseline.elapsed_compute().timer();
            let batch = batch?;
            timer.done();
            output.send(batch).await?;
        }
        Ok(())
    }

    /// These rows and all that come after them, without those whose join has been given.
    fn rest(self, rows: RecordBatch) -> Rest {
        self.metrics.fell_back.add(1);
        let schema = SchemaRef::clone(&self.schema);
        let all = stream::once(async { Ok(rows) }).chain(self.input);
        let (finder, done, memory) = (self.finder, self.done, self.memory);
        let left = all.map(move |batch| {
            // Held as long as the keys are.
            let _ = &memory;
            if done.is_empty() { batch } else { finder.rows_left(&batch?, |key| done.contains(key)) }
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, left))
    }
}

/// Rows of the table that wait to be joined together.
#[derive(Default)]
struct Pending {
    parts: Vec<(Arc<RecordBatch>, Range<usize>)>,
    keys: Vec<usize>,
    bytes: usize,
}

impl Pending {
    fn push(&mut self, key: usize, rows: RowsOfKey) {
        let RowsOfKey { batch, range, bytes } = rows;
        self.keys.resize(self.keys.len() + range.len(), key);
        self.bytes += bytes;
        match self.parts.last_mut() {
            // Keys that came in one page lie side by side in it.
            Some((last, part)) if Arc::ptr_eq(last, &batch) && part.end == range.start => part.end = range.end,
            _ if range.is_empty() => {}
            _ => self.parts.push((batch, range)),
        }
    }

    fn found(self, schema: &SchemaRef) -> DataFusionResult<Found> {
        let parts = self.parts.iter().map(|(batch, range)| batch.slice(range.start, range.len()));
        Ok(Found { rows: concat_batches(schema, &parts.collect::<Vec<_>>())?, keys: self.keys })
    }
}
