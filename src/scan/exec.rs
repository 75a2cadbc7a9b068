//! [`CassandraScanExec`]: reads a table, one stream a partition.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Statistics;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, SendableRecordBatchStream,
};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::page::{PageMetrics, PageReader, PageSize};
use super::split::Split;
use super::{ScanRecipe, cql, order, statistics};
use crate::cluster::retry::RetryPlan;
use crate::codec::decode::{PageDecoder, check_columns};
use crate::error::Result;

/// Reads the columns of a `ScanRecipe`. Each partition reads its own splits and stops after `limit` rows.
#[derive(Debug)]
pub struct CassandraScanExec {
    recipe: Arc<ScanRecipe>,
    /// Rows that each partition stops after.
    limit: Option<usize>,
    cql: String,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl CassandraScanExec {
    pub(crate) fn new(recipe: Arc<ScanRecipe>, limit: Option<usize>) -> Self {
        let properties = PlanProperties::new(
            order::properties(&recipe),
            Partitioning::UnknownPartitioning(recipe.partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        Self {
            cql: cql::select(&recipe, limit),
            recipe,
            limit,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// The same rows in this order, if Cassandra can give them so: see [`order`](super::order).
    pub(crate) fn try_order(&self, wanted: &LexOrdering) -> Option<Self> {
        let reversed = order::is_reversed(&self.recipe, wanted)?;
        let recipe = if reversed == self.recipe.reversed {
            Arc::clone(&self.recipe)
        } else {
            Arc::new(ScanRecipe { reversed, ..self.recipe.as_ref().clone() })
        };
        // A limit takes the first rows of the order, so it must come after.
        self.limit.is_none().then(|| Self::new(recipe, None))
    }

    pub(crate) fn recipe(&self) -> &Arc<ScanRecipe> {
        &self.recipe
    }

    /// The statement that reads one split.
    pub fn cql(&self) -> &str {
        &self.cql
    }

    /// The splits of each partition.
    pub fn partitions(&self) -> &[Vec<Split>] {
        &self.recipe.partitions
    }
}

impl DisplayAs for CassandraScanExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => {
                writeln!(f, "table={}", self.recipe.table.name)?;
                writeln!(f, "cql={}", self.cql)?;
                writeln!(f, "splits={}", self.recipe.split_count())?;
                writeln!(f, "replicas={}", self.recipe.node_count())
            }
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "CassandraScanExec: cql={}, {}", self.cql, self.recipe)?;
                match self.limit {
                    Some(limit) => write!(f, ", limit={limit}"),
                    None => Ok(()),
                }
            }
        }
    }
}

impl ExecutionPlan for CassandraScanExec {
    fn name(&self) -> &'static str {
        "CassandraScanExec"
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
            limit: self.limit,
            pages: PageMetrics::new(&self.metrics, partition, splits.len()),
            baseline: BaselineMetrics::new(&self.metrics, partition),
        };
        let batches = stream::once(run.start(splits)).try_flatten().map_err(DataFusionError::from).boxed();
        Ok(Box::pin(cooperative(RecordBatchStreamAdapter::new(Arc::clone(&self.recipe.schema), batches))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn partition_statistics(&self, partition: Option<usize>) -> DataFusionResult<Statistics> {
        let partitions = if partition.is_some() { 1 } else { self.recipe.partitions.len() };
        Ok(statistics::of_scan(&self.recipe, self.limit, partitions))
    }

    fn supports_limit_pushdown(&self) -> bool {
        false
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(Arc::new(Self::new(Arc::clone(&self.recipe), limit)))
    }

    fn fetch(&self) -> Option<usize> {
        self.limit
    }
}

/// One partition while it runs.
struct PartitionRun {
    recipe: Arc<ScanRecipe>,
    cql: String,
    limit: Option<usize>,
    pages: PageMetrics,
    baseline: BaselineMetrics,
}

impl PartitionRun {
    /// Connects and prepares, then streams.
    async fn start(self, splits: Vec<Split>) -> Result<impl Stream<Item = Result<RecordBatch>> + Send> {
        let recipe = &self.recipe;
        let cluster = recipe.cluster.connect().await?;
        let statement = cluster.prepare_read(&self.cql, &recipe.options, recipe.options.request_timeout()).await?;
        let name = &recipe.table.name;
        if !recipe.columns.is_empty() {
            check_columns(statement.get_current_result_set_col_specs().get().as_slice(), &recipe.columns)
                .map_err(|e| e.with_context("table", name.to_string()))?;
        }
        let decoder = PageDecoder::try_new(name, &recipe.columns, SchemaRef::clone(&recipe.schema), recipe.read_as)?
            .with_empty_values(recipe.options.empty_values)
            .with_decimal_overflow(recipe.options.decimal_overflow);
        let reader = Arc::new(PageReader {
            cluster,
            statement,
            bound: recipe.restriction.bound(),
            retries: RetryPlan::new(&recipe.options),
            page_size: PageSize::new(&recipe.options, self.limit),
            metrics: self.pages.clone(),
            table: name.to_string(),
        });
        // A limit of at most a page is likely to be met by the first splits: ask them one after the other.
        let in_flight = match self.limit {
            Some(limit) if limit <= recipe.options.page_size_rows.get() => 1,
            _ => recipe.splits_in_flight,
        };
        let pages = stream::iter(splits)
            .map(move |split| Box::pin(Arc::clone(&reader).pages(split)))
            .flatten_unordered(in_flight);
        Ok(self.batches(pages, decoder))
    }

    fn batches(
        self,
        pages: impl Stream<Item = Result<super::page::Page>> + Send + Unpin + 'static,
        decoder: PageDecoder,
    ) -> impl Stream<Item = Result<RecordBatch>> + Send {
        let left = self.limit;
        stream::try_unfold((self, pages, decoder, left), |(run, mut pages, decoder, left)| async move {
            loop {
                if left == Some(0) {
                    return Ok(None);
                }
                let waiting = Instant::now();
                let page = pages.next().await;
                run.pages.time_waiting_server.add_duration(waiting.elapsed());
                let Some(page) = page else { return Ok(None) };
                let page = page?;
                let timer = run.baseline.elapsed_compute().timer();
                let batch = decoder.decode(&page)?;
                timer.done();
                if batch.num_rows() == 0 {
                    continue;
                }
                let batch = match left {
                    Some(left) if left < batch.num_rows() => batch.slice(0, left),
                    _ => batch,
                };
                run.baseline.record_output(batch.num_rows());
                let left = left.map(|left| left - batch.num_rows());
                return Ok(Some((batch, (run, pages, decoder, left))));
            }
        })
    }
}
