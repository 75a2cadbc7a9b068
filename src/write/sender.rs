//! Sends statement groups and waits for their acknowledgement.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder};
use scylla::serialize::SerializationError;
use scylla::serialize::batch::{BatchValues, BatchValuesIterator};
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::RowWriter;
use scylla::statement::batch::{Batch, BatchStatement, BatchType};
use scylla::statement::prepared::PreparedStatement;

use super::WriteRecipe;
use crate::cluster::retry::RetryPlan;
use crate::cluster::{Cluster, consistency, execution_error};
use crate::codec::encode::BoundBatch;
use crate::error::Result;
use crate::options::CassandraOptions;

/// The metric that counts rows acknowledged.
pub(crate) const ROWS_WRITTEN: &str = "rows_written";

/// What a load counts while it runs.
#[derive(Debug, Clone)]
pub(crate) struct WriteMetrics {
    /// Rows acknowledged.
    pub(crate) rows_written: Count,
    pub(crate) groups: Count,
    pub(crate) bytes: Count,
    pub(crate) retries: Count,
}

impl WriteMetrics {
    pub(crate) fn new(set: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        let counter = |name: &'static str| MetricBuilder::new(set).counter(name, partition);
        Self {
            rows_written: counter(ROWS_WRITTEN),
            groups: counter("groups"),
            bytes: counter("bytes"),
            retries: counter("retries"),
        }
    }
}

/// Rows of one Cassandra partition, ready to be sent.
#[derive(Debug)]
pub(crate) struct StatementGroup {
    pub(crate) batch: Arc<BoundBatch>,
    pub(crate) rows: Vec<usize>,
    /// Rows of the input whose last statement is in it.
    pub(crate) rows_done: usize,
    pub(crate) bytes: usize,
}

/// Sends the statement groups of one partition.
pub(crate) struct Sender {
    cluster: Arc<Cluster>,
    statement: PreparedStatement,
    options: CassandraOptions,
    retries: RetryPlan,
    metrics: WriteMetrics,
    table: String,
    /// The CQL batch of n statements, by n.
    batches: Mutex<HashMap<usize, Arc<Batch>>>,
}

impl Sender {
    /// Connects and prepares.
    pub(crate) async fn start(recipe: &WriteRecipe, metrics: WriteMetrics) -> Result<Self> {
        let cluster = recipe.cluster.connect().await?;
        Ok(Self {
            statement: cluster.prepare_write(&recipe.cql(), &recipe.options).await?,
            cluster,
            options: recipe.options.clone(),
            retries: RetryPlan::new(&recipe.options),
            metrics,
            table: recipe.table.name.to_string(),
            batches: Mutex::default(),
        })
    }

    /// The nodes that the requests are spread over.
    pub(crate) fn node_count(&self) -> usize {
        self.cluster.node_count()
    }

    /// Sends the group; returns the number of its rows when they have been acknowledged.
    pub(crate) async fn send(&self, group: StatementGroup) -> Result<usize> {
        let session = self.cluster.session();
        let (rows, rows_done) = (group.rows.len(), group.rows_done);
        let on_retry = || self.metrics.retries.add(1);
        let sent = if let [row] = *group.rows {
            let batch = &group.batch;
            let attempt = |_| async move { session.execute_unpaged(&self.statement, batch.row(row)).await };
            self.retries.run(on_retry, attempt).await
        } else {
            let (statements, group) = (self.statements(rows), &group);
            let statements = &statements;
            self.retries.run(on_retry, |_| async move { session.batch(statements, group).await }).await
        };
        sent.map_err(|e| execution_error("writing", &e).with_context("table", &self.table))?;
        self.metrics.rows_written.add(rows_done);
        self.metrics.groups.add(1);
        self.metrics.bytes.add(group.bytes);
        Ok(rows_done)
    }

    fn statements(&self, rows: usize) -> Arc<Batch> {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(batches.entry(rows).or_insert_with(|| {
            let statements = vec![BatchStatement::PreparedStatement(self.statement.clone()); rows];
            let mut batch = Batch::new_with_statements(BatchType::Unlogged, statements);
            batch.set_consistency(consistency(self.options.write_consistency));
            batch.set_request_timeout(Some(self.options.request_timeout()));
            batch.set_is_idempotent(true);
            Arc::new(batch)
        }))
    }
}

impl BatchValues for StatementGroup {
    type BatchValuesIter<'r> = GroupRows<'r>;

    fn batch_values_iter(&self) -> GroupRows<'_> {
        GroupRows { batch: &self.batch, rows: self.rows.iter() }
    }
}

/// The rows of a group, written one after the other into the request.
pub(crate) struct GroupRows<'r> {
    batch: &'r BoundBatch,
    rows: std::slice::Iter<'r, usize>,
}

impl<'r> BatchValuesIterator<'r> for GroupRows<'r> {
    fn serialize_next(
        &mut self,
        context: &RowSerializationContext<'_>,
        writer: &mut RowWriter,
    ) -> Option<std::result::Result<(), SerializationError>> {
        self.rows.next().map(|&row| self.batch.row(row).serialize(context, writer))
    }

    fn is_empty_next(&mut self) -> Option<bool> {
        // Every statement has at least the columns of the key.
        self.rows.next().map(|_| false)
    }

    fn skip_next(&mut self) -> Option<()> {
        self.rows.next().map(|_| ())
    }
}
