//! [`CassandraCountExec`]: the server counts each split, one partial count a partition.

use std::any::Any;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, SendableRecordBatchStream,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::pace::Pace;
use super::page::{PageMetrics, PageReader, PageSize};
use super::split::Split;
use super::{ScanRecipe, cql};
use crate::cluster::retry::RetryPlan;
use crate::error::{Error, Result};

/// Splits that a node counts at a time at first: as many as a small node has cores.
const FIRST_IN_FLIGHT_PER_NODE: usize = 2;

/// Counts the rows of a `ScanRecipe` without reading them. Takes the place of the partial side of `count(*)`: each
/// partition gives one row that has the number of its rows in each column.
#[derive(Debug)]
pub struct CassandraCountExec {
    recipe: Arc<ScanRecipe>,
    /// One `Int64` column for each count of the aggregate.
    schema: SchemaRef,
    cql: String,
    properties: Arc<PlanProperties>,
    pace: Arc<Pace>,
    metrics: ExecutionPlanMetricsSet,
}

impl CassandraCountExec {
    pub(crate) fn new(recipe: Arc<ScanRecipe>, schema: SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(recipe.partitions.len()),
            EmissionType::Final,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        let nodes = recipe.node_count().max(1);
        let most = recipe.options.counts_in_flight_per_node.get().saturating_mul(nodes);
        Self {
            cql: cql::count(&recipe.table),
            pace: Arc::new(Pace::new(FIRST_IN_FLIGHT_PER_NODE * nodes, most)),
            recipe,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for CassandraCountExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => {
                writeln!(f, "table={}", self.recipe.table.name)?;
                writeln!(f, "cql={}", self.cql)?;
                writeln!(f, "splits={}", self.recipe.split_count())?;
                writeln!(f, "replicas={}", self.recipe.node_count())
            }
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "CassandraCountExec: cql={}, {}", self.cql, self.recipe.with_in_flight(self.pace.level()))
            }
        }
    }
}

impl ExecutionPlan for CassandraCountExec {
    fn name(&self) -> &'static str {
        "CassandraCountExec"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, partition: usize, _context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let splits = self.recipe.partitions.get(partition).map_or(0, Vec::len);
        let pages = PageMetrics::new(&self.metrics, partition, splits);
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let (recipe, cql, schema) = (Arc::clone(&self.recipe), self.cql.clone(), Arc::clone(&self.schema));
        let pace = Arc::clone(&self.pace);
        let result = async move {
            let started = Instant::now();
            let rows = count_partition(&recipe, &cql, partition, &pace, &pages).await?;
            pages.time_waiting_server.add_duration(started.elapsed());
            let column: ArrayRef = Arc::new(Int64Array::from(vec![rows]));
            let columns = vec![column; schema.fields().len()];
            baseline.record_output(1);
            Ok(RecordBatch::try_new(schema, columns)?)
        };
        let stream = stream::once(result).map_err(|e: DataFusionError| e);
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The sum over the partition's splits; each split is added once, when its answer is complete.
async fn count_partition(
    recipe: &ScanRecipe,
    cql: &str,
    partition: usize,
    pace: &Pace,
    metrics: &PageMetrics,
) -> Result<i64> {
    let options = &recipe.options;
    let cluster = recipe.cluster.connect().await?;
    let statement = cluster.prepare_read(cql, options, options.count_timeout()).await?;
    let reader = Arc::new(PageReader {
        cluster,
        statement,
        retries: RetryPlan::new(options),
        page_size: PageSize::of_count(recipe.table.columns.len()),
        metrics: metrics.clone(),
        table: recipe.table.name.to_string(),
    });
    let splits = recipe.partitions.get(partition).cloned().unwrap_or_default();
    let at_most = splits.len().max(1);
    stream::iter(splits)
        .map(|split| count_split(Arc::clone(&reader), split, pace))
        // How many of them run is up to the pace.
        .buffer_unordered(at_most)
        .try_fold(0, |sum, count| async move { add(sum, count) })
        .await
}

async fn count_split(reader: Arc<PageReader>, split: Split, pace: &Pace) -> Result<i64> {
    let turn = pace.turn().await?;
    let mut sum = 0;
    let mut pages = pin!(reader.pages(split));
    while let Some(page) = pages.try_next().await? {
        for row in page.rows::<(i64,)>().map_err(|e| Error::internal("count(*) is not a bigint").with_source(e))? {
            let (count,) = row.map_err(|e| Error::internal("count(*) cannot be read").with_source(e))?;
            sum = add(sum, count)?;
        }
    }
    pace.done(turn);
    Ok(sum)
}

fn add(a: i64, b: i64) -> Result<i64> {
    a.checked_add(b).ok_or_else(|| Error::data("the count exceeds 9223372036854775807"))
}
