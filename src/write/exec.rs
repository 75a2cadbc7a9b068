//! [`CassandraWriteExec`] writes, one stream a partition; [`WrittenRowsExec`] adds up what they wrote.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{Distribution, EquivalenceProperties};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
    SendableRecordBatchStream,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::batch::{GroupLimit, PartitionKeys, statement_groups};
use super::read_first::read_first;
use super::sender::{ROWS_WRITTEN, Sender, StatementGroup, WriteMetrics};
use super::times::Statements;
use super::{Change, WriteRecipe};
use crate::cluster::route::token_of_key;
use crate::codec::encode::BoundBatch;
use crate::error::{Error, Result};

/// The result of every statement that writes: one row, the number of rows written.
pub fn count_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("count", DataType::UInt64, false)]))
}

fn count_batch(rows: u64) -> DataFusionResult<RecordBatch> {
    let column: ArrayRef = Arc::new(UInt64Array::from(vec![rows]));
    Ok(RecordBatch::try_new(count_schema(), vec![column])?)
}

/// Writes each partition of its input and gives the number of its rows as one row.
#[derive(Debug)]
pub struct CassandraWriteExec {
    recipe: Arc<WriteRecipe>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl CassandraWriteExec {
    pub(crate) fn new(recipe: Arc<WriteRecipe>, input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(count_schema()),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { recipe, input, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for CassandraWriteExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (recipe, cql) = (&self.recipe, self.recipe.cql());
        let options = &recipe.options;
        match format {
            DisplayFormatType::TreeRender => {
                writeln!(f, "table={}", recipe.table.name)?;
                writeln!(f, "cql={cql}")?;
                writeln!(f, "consistency={}", options.write_consistency)
            }
            DisplayFormatType::Default | DisplayFormatType::Verbose => write!(
                f,
                "CassandraWriteExec: cql={cql}, consistency={}, group_rows={}, in_flight_per_node={}{}",
                options.write_consistency,
                options.group_rows,
                options.groups_in_flight_per_node,
                if recipe.read_first { ", read_first=true" } else { "" }
            ),
        }
    }
}

impl ExecutionPlan for CassandraWriteExec {
    fn name(&self) -> &'static str {
        "CassandraWriteExec"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    /// One partition knows when the others have ended only if it has all of their rows.
    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![if self.recipe.read_first { Distribution::SinglePartition } else { Distribution::UnspecifiedDistribution }]
    }

    /// The partitions of the input are as good as any others: rows of a Cassandra partition that arrive together shall
    /// stay together.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let input = only_child(children)?;
        Ok(Arc::new(Self::new(Arc::clone(&self.recipe), input)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let recipe = Arc::clone(&self.recipe);
        let partitions = self.input.output_partitioning().partition_count();
        if recipe.read_first && partitions != 1 {
            return Err(Error::internal(format!("{partitions} partitions cannot be read first by one")).into());
        }
        let memory = Arc::clone(context.memory_pool());
        let mut input = self.input.execute(partition, context)?;
        if recipe.read_first {
            input = read_first(input, &memory);
        }
        let metrics = WriteMetrics::new(&self.metrics, partition);
        let all = self.metrics.clone();
        let written = async move {
            let written = write_partition(&recipe, input, partitions, metrics).await;
            count_batch(written.map_err(|error| error.context(done_before(recipe.change, &all)))?)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(count_schema(), stream::once(written))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// Writes all rows of one stream; returns how many, all of them acknowledged.
async fn write_partition(
    recipe: &Arc<WriteRecipe>,
    input: SendableRecordBatchStream,
    partitions: usize,
    metrics: WriteMetrics,
) -> DataFusionResult<u64> {
    let limit = GroupLimit::new(&recipe.options);
    let sender = Arc::new(Sender::start(recipe, metrics).await?);
    let in_flight = recipe.options.groups_in_flight_per_node.get().saturating_mul(sender.node_count());
    let in_flight = in_flight.div_ceil(partitions.max(1)).max(1);

    let groups = input
        .map(|batch| Ok::<_, DataFusionError>(groups_of(recipe, limit, &batch?)?))
        .map_ok(|groups| stream::iter(groups.into_iter().map(Ok)))
        .try_flatten();
    groups
        .map_ok(|group| {
            let sender = Arc::clone(&sender);
            async move { sender.send(group).await.map_err(DataFusionError::from) }
        })
        .try_buffer_unordered(in_flight)
        .try_fold(0_u64, |sum, rows| async move { Ok(sum + rows as u64) })
        .await
}

/// What is there after a failure. Requests in flight may yet add to it, so it is a lower bound.
fn done_before(change: Change, metrics: &ExecutionPlanMetricsSet) -> String {
    let rows = metrics.clone_inner().sum_by_name(ROWS_WRITTEN).map_or(0, |rows| rows.as_usize());
    format!("at least {rows} rows had been {}", change.done())
}

/// The statement groups of a batch, every row checked before the first is sent.
fn groups_of(recipe: &WriteRecipe, limit: GroupLimit, batch: &RecordBatch) -> Result<Vec<StatementGroup>> {
    let columns = batch.project(&recipe.input_columns).map_err(|e| Error::internal("input columns").with_source(e))?;
    let mut statements = match &recipe.times {
        Some(times) => times.statements(&columns)?,
        None => Statements::of_rows(columns),
    };
    let mut bound: BoundBatch = recipe.encoder.bind(&statements.batch)?;
    if recipe.times.is_some() {
        bound = bound.numbered(&statements.row_of);
    }
    bound.check_keys()?;
    if let Some((_, error)) = statements.refused.drain(..).next() {
        return Err(error);
    }
    let mut keys = PartitionKeys::default();
    for row in 0..bound.num_rows() {
        bound.check(row)?;
        keys.push(|buffer| bound.partition_key(row, buffer))?;
    }
    let bound = Arc::new(bound);
    // A statement with a time of its own may share a group with any other.
    let hash = |row| if statements.is_timed(row) { Ok(row as u64) } else { bound.clustering_hash(row) };
    let hashes = (0..bound.num_rows()).map(hash).collect::<Result<Vec<u64>>>()?;
    let groups = statement_groups(&keys, limit, token_of_key, |row| hashes[row], |row| bound.row_bytes(row));
    Ok(groups
        .into_iter()
        .map(|rows| StatementGroup {
            bytes: rows.iter().map(|&row| bound.row_bytes(row)).sum(),
            batch: Arc::clone(&bound),
            rows_done: rows.iter().filter(|&&row| statements.ends_row(row)).count(),
            rows,
        })
        .collect())
}

/// Adds up the rows written by all partitions of its input, which it needs as one stream.
#[derive(Debug)]
pub struct WrittenRowsExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl WrittenRowsExec {
    /// `input` gives one count for each of its partitions, see [`count_schema`].
    pub fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(count_schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { input, properties: Arc::new(properties) }
    }
}

impl DisplayAs for WrittenRowsExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => Ok(()),
            DisplayFormatType::Default | DisplayFormatType::Verbose => f.write_str("WrittenRowsExec"),
        }
    }
}

impl ExecutionPlan for WrittenRowsExec {
    fn name(&self) -> &'static str {
        "WrittenRowsExec"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    /// Without this, DataFusion would run only the first partition, and the rows of all others would be lost.
    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(only_child(children)?)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let partitions = self.input.output_partitioning().partition_count();
        if partition != 0 || partitions != 1 {
            return Err(Error::internal(format!(
                "the rows written by {partitions} partitions cannot be added up in one; the plan was not distributed"
            ))
            .into());
        }
        let mut input = self.input.execute(0, context)?;
        let total = async move {
            let mut total = 0_u64;
            while let Some(batch) = input.try_next().await? {
                let counts = batch.column(0).as_any().downcast_ref::<UInt64Array>();
                let counts = counts.ok_or_else(|| Error::internal("a count of rows is not a UInt64"))?;
                total += counts.iter().flatten().sum::<u64>();
            }
            count_batch(total)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(count_schema(), stream::once(total))))
    }
}

pub(super) fn only_child(mut children: Vec<Arc<dyn ExecutionPlan>>) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
    match (children.pop(), children.is_empty()) {
        (Some(child), true) => Ok(child),
        _ => Err(Error::internal("a node that writes has exactly one input").into()),
    }
}
