//! [`CassandraAggregateExec`]: the server counts, or finds the least and greatest values of, each split.
//!
//! Takes the place of the partial side of an aggregate: it gives partial states, and the final side above it adds them up. Each
//! split's states are given once, when its answer is complete. A split that the server cannot answer in time, or fails on
//! under load, is halved and asked again, see `split_run.rs`.

mod function;
mod split_run;

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, SendableRecordBatchStream,
};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use tokio::sync::OnceCell;

pub(crate) use function::Answer;

use super::pace::Pace;
use super::page::{PageMetrics, PageReader, PageSize};
use super::split::Split;
use super::{ScanRecipe, cql};
use crate::cluster::Cluster;
use crate::cluster::retry::RetryPlan;
use crate::cluster::schema::Column;
use crate::codec::decode::{PageDecoder, check_columns};
use crate::error::Result;

/// Splits that a node aggregates at a time at first: as many as a small node has cores.
const FIRST_IN_FLIGHT_PER_NODE: usize = 2;

/// A split that fails is asked again in halves, so the same request is repeated less often than others are.
const MOST_RETRIES: usize = 2;

/// Aggregates the rows of a `ScanRecipe` on the server, see the [module](self).
#[derive(Debug)]
pub struct CassandraAggregateExec {
    recipe: Arc<ScanRecipe>,
    /// What is asked, in the order of the schema.
    answers: Vec<Answer>,
    /// That of the partial aggregate.
    schema: SchemaRef,
    cql: String,
    properties: Arc<PlanProperties>,
    pace: Arc<Pace>,
    metrics: ExecutionPlanMetricsSet,
}

impl CassandraAggregateExec {
    /// `answers` are the columns of `schema`, those that rows are grouped by first.
    pub(crate) fn new(recipe: Arc<ScanRecipe>, answers: Vec<Answer>, schema: SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(recipe.partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        let nodes = recipe.node_count().max(1);
        let most = recipe.options.counts_in_flight_per_node.get().saturating_mul(nodes);
        Self {
            cql: cql::aggregate(&recipe, &answers),
            pace: Arc::new(Pace::new(FIRST_IN_FLIGHT_PER_NODE * nodes, most)),
            recipe,
            answers,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for CassandraAggregateExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => {
                writeln!(f, "table={}", self.recipe.table.name)?;
                writeln!(f, "cql={}", self.cql)?;
                writeln!(f, "splits={}", self.recipe.split_count())?;
                writeln!(f, "replicas={}", self.recipe.node_count())
            }
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "CassandraAggregateExec: cql={}, {}", self.cql, self.recipe.with_in_flight(self.pace.level()))
            }
        }
    }
}

impl ExecutionPlan for CassandraAggregateExec {
    fn name(&self) -> &'static str {
        "CassandraAggregateExec"
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
        let splits = self.recipe.partitions.get(partition).cloned().unwrap_or_default();
        let run = PartitionRun {
            recipe: Arc::clone(&self.recipe),
            cql: self.cql.clone(),
            answers: self.answers.clone(),
            schema: Arc::clone(&self.schema),
            pace: Arc::clone(&self.pace),
            pages: PageMetrics::new(&self.metrics, partition, splits.len()),
            metrics: AggregateMetrics::new(&self.metrics, partition),
            baseline: BaselineMetrics::new(&self.metrics, partition),
        };
        let batches = stream::once(run.start(splits)).try_flatten().map_err(DataFusionError::from);
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// What an aggregate counts besides its pages.
#[derive(Debug, Clone)]
struct AggregateMetrics {
    /// Splits that were cut in two because the server did not answer them.
    halved: Count,
    /// Pieces of splits whose keys were counted here.
    streamed: Count,
}

impl AggregateMetrics {
    fn new(set: &ExecutionPlanMetricsSet, partition: usize) -> Self {
        Self {
            halved: MetricBuilder::new(set).counter("splits_halved", partition),
            streamed: MetricBuilder::new(set).counter("splits_streamed", partition),
        }
    }
}

/// One partition while it runs.
struct PartitionRun {
    recipe: Arc<ScanRecipe>,
    cql: String,
    answers: Vec<Answer>,
    schema: SchemaRef,
    pace: Arc<Pace>,
    pages: PageMetrics,
    metrics: AggregateMetrics,
    baseline: BaselineMetrics,
}

impl PartitionRun {
    /// Connects and prepares, then streams the states of the splits.
    async fn start(self, splits: Vec<Split>) -> Result<impl Stream<Item = Result<RecordBatch>> + Send> {
        let (recipe, options) = (&self.recipe, &self.recipe.options);
        let cluster = recipe.cluster.connect().await?;
        let statement = cluster.prepare_read(&self.cql, options, options.count_timeout()).await?;
        let columns: Vec<Column> = self.answers.iter().enumerate().map(|(i, answer)| answer.column(i)).collect();
        check_columns(statement.get_current_result_set_col_specs().get().as_slice(), &columns)
            .map_err(|e| e.with_context("table", recipe.table.name.to_string()))?;
        let decoder = PageDecoder::try_new(&recipe.table.name, &columns, Arc::clone(&self.schema), recipe.read_as)?;
        let only_rows = self.answers.iter().all(|answer| *answer == Answer::CountRows);
        let pages = Arc::new(PageReader {
            statement,
            bound: recipe.restriction.bound(),
            retries: RetryPlan::new(options).at_most(MOST_RETRIES),
            page_size: PageSize::of_count(recipe.table.columns.len()),
            metrics: self.pages.clone(),
            table: recipe.table.name.to_string(),
            cluster: Arc::clone(&cluster),
        });
        let reader = Arc::new(Reader {
            recipe: Arc::clone(recipe),
            cluster,
            pages,
            decoder,
            schema: Arc::clone(&self.schema),
            keys: only_rows.then(OnceCell::new),
        });
        let at_most = splits.len().max(1);
        let (pace, metrics) = (Arc::clone(&self.pace), self.metrics.clone());
        let (baseline, waiting) = (self.baseline, self.pages.time_waiting_server.clone());
        let answers = stream::iter(splits)
            .map(move |split| {
                let (reader, pace, metrics, waiting) =
                    (Arc::clone(&reader), Arc::clone(&pace), metrics.clone(), waiting.clone());
                async move {
                    let turn = pace.turn().await?;
                    let started = Instant::now();
                    let states = split_run::answer(&reader, &metrics, split).await?;
                    waiting.add_duration(started.elapsed());
                    pace.done(turn);
                    Ok(states)
                }
            })
            // How many of them run is up to the pace.
            .buffer_unordered(at_most)
            .map_ok(|states: Vec<RecordBatch>| stream::iter(states.into_iter().map(Ok)))
            .try_flatten()
            .inspect_ok(move |states: &RecordBatch| baseline.record_output(states.num_rows()));
        Ok(answers)
    }
}

/// What asks for splits, and understands the answers.
struct Reader {
    recipe: Arc<ScanRecipe>,
    cluster: Arc<Cluster>,
    pages: Arc<PageReader>,
    decoder: PageDecoder,
    schema: SchemaRef,
    /// Reads the keys of rows instead, made when it is needed. None where keys do not tell the answer.
    keys: Option<OnceCell<Arc<PageReader>>>,
}

impl Reader {
    async fn keys(&self) -> Result<Option<Arc<PageReader>>> {
        let Some(keys) = &self.keys else { return Ok(None) };
        let (recipe, options) = (&self.recipe, &self.recipe.options);
        let prepare = || async {
            let without_columns = ScanRecipe { columns: Vec::new(), ..recipe.as_ref().clone() };
            let cql = cql::select(&without_columns, None);
            Ok(Arc::new(PageReader {
                statement: self.cluster.prepare_read(&cql, options, options.request_timeout()).await?,
                bound: recipe.restriction.bound(),
                retries: RetryPlan::new(options),
                page_size: PageSize::new(options, None),
                metrics: self.pages.metrics.clone(),
                table: recipe.table.name.to_string(),
                cluster: Arc::clone(&self.cluster),
            }))
        };
        keys.get_or_try_init(prepare).await.cloned().map(Some)
    }
}
