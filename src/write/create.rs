//! [`CassandraCreateExec`]: `CREATE TABLE … AS`, the table first and then its rows.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{Distribution, EquivalenceProperties};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
    SendableRecordBatchStream,
};
use futures::TryStreamExt;

use super::metrics::ROWS_WRITTEN;
use super::written::{count_schema, only_child};
use crate::cluster::ClusterHandle;
use crate::cluster::schema::TableName;
use crate::error::{Error, ErrorKind, Result};
use crate::options::CassandraOptions;

/// A table and the statement that makes it.
#[derive(Debug, Clone)]
pub(crate) struct CreateRecipe {
    cluster: ClusterHandle,
    table: TableName,
    cql: String,
}

impl CreateRecipe {
    pub(crate) fn new(cluster: &ClusterHandle, table: &TableName, cql: String) -> Self {
        Self { cluster: cluster.clone(), table: table.clone(), cql }
    }

    /// Makes the table.
    ///
    /// # Errors
    /// What the cluster says.
    pub(crate) async fn run(&self, options: &CassandraOptions) -> Result<()> {
        options.check_not_dry("CREATE TABLE")?;
        let cluster = self.cluster.connect().await?;
        let made = cluster.define("CREATE TABLE", &self.cql, options.request_timeout()).await;
        made.map_err(|e| e.with_context("table", self.table.to_string()))
    }

    /// What a failure has left behind.
    fn left_behind(&self, rows: usize, error: DataFusionError) -> Error {
        let table = &self.table;
        let message = format!(
            "the table {table} was made, but not all of its rows are written: at least {rows} are there; to go on, run \
             INSERT INTO {table} with the same SELECT, which writes the same rows over them, or DROP TABLE {table} first"
        );
        let kind = Error::find(&error).map_or(ErrorKind::Data, Error::kind);
        Error::new(kind, message).with_source(without_contexts(error))
    }
}

/// The error as it was before it was told how many rows had been written, which is said here.
fn without_contexts(error: DataFusionError) -> DataFusionError {
    match error {
        DataFusionError::Context(_, inner) => without_contexts(*inner),
        other => other,
    }
}

/// Makes a table, then runs its input, which writes to it and gives the number of rows.
#[derive(Debug)]
pub struct CassandraCreateExec {
    recipe: CreateRecipe,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl CassandraCreateExec {
    pub(crate) fn new(recipe: CreateRecipe, input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(count_schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { recipe, input, properties: Arc::new(properties) }
    }
}

impl DisplayAs for CassandraCreateExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => writeln!(f, "cql={}", self.recipe.cql),
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "CassandraCreateExec: cql={}", self.recipe.cql)
            }
        }
    }
}

impl ExecutionPlan for CassandraCreateExec {
    fn name(&self) -> &'static str {
        "CassandraCreateExec"
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
        Ok(Arc::new(Self::new(self.recipe.clone(), only_child(children)?)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let partitions = self.input.output_partitioning().partition_count();
        if partition != 0 || partitions != 1 {
            return Err(
                Error::internal(format!("a table is made once, not for each of {partitions} partitions")).into()
            );
        }
        let (recipe, input) = (self.recipe.clone(), Arc::clone(&self.input));
        let rows = futures::stream::once(async move {
            recipe.run(&CassandraOptions::of(context.session_config().options())).await?;
            // Only now: some nodes begin with their work when they are asked for their stream.
            let written = written(&input, context).await;
            written.map_err(|error| DataFusionError::from(recipe.left_behind(rows_written(input.as_ref()), error)))
        });
        let batches = rows.map_ok(|batches| futures::stream::iter(batches.into_iter().map(Ok))).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(count_schema(), batches)))
    }
}

/// The counts of rows, of which there is one.
async fn written(input: &Arc<dyn ExecutionPlan>, context: Arc<TaskContext>) -> DataFusionResult<Vec<RecordBatch>> {
    input.execute(0, context)?.try_collect().await
}

/// What the nodes below have written until now.
fn rows_written(plan: &dyn ExecutionPlan) -> usize {
    let own = plan.metrics().and_then(|metrics| metrics.sum_by_name(ROWS_WRITTEN)).map_or(0, |rows| rows.as_usize());
    own + plan.children().into_iter().map(|child| rows_written(child.as_ref())).sum::<usize>()
}
