//! [`CassandraWriteExec`] writes, one stream a partition.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

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
use futures::stream;

use super::load::Load;
use super::metrics::{
    BYTES, GROUPS, ROWS_NOT_APPLIED, ROWS_READ, ROWS_REJECTED, ROWS_UNKNOWN, ROWS_WRITTEN, WriteMetrics,
};
use super::outcome::LoadReport;
use super::partition::WritePartition;
use super::read_first::read_first;
use super::written::{count_batch, count_schema, only_child};
use super::{Change, WriteRecipe};
use crate::error::Error;

/// Writes each partition of its input and gives the number of its rows as one row.
#[derive(Debug)]
pub struct CassandraWriteExec {
    recipe: Arc<WriteRecipe>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
    load: Arc<Load>,
}

impl CassandraWriteExec {
    pub(crate) fn new(recipe: Arc<WriteRecipe>, input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(count_schema()),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self {
            recipe,
            input,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
            load: Arc::default(),
        }
    }

    /// How far it is, or how it has ended.
    pub(super) fn report(&self) -> LoadReport {
        let metrics = self.metrics.clone_inner();
        let count = |name| metrics.sum_by_name(name).map_or(0, |value| value.as_usize() as u64);
        LoadReport {
            read: count(ROWS_READ),
            written: count(ROWS_WRITTEN),
            not_applied: count(ROWS_NOT_APPLIED),
            rejected: count(ROWS_REJECTED),
            unknown: count(ROWS_UNKNOWN),
            rejected_folder: self.load.unwritten().folder().cloned(),
            groups: count(GROUPS),
            bytes: count(BYTES),
            dry_run: self.recipe.options.dry_run,
            hottest: self.load.hot().hottest(),
            nodes: self.load.shares().all(),
        }
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
                "CassandraWriteExec: cql={cql}, consistency={}, group_rows={}, most_in_flight_per_node={}{}{}{}{}{}{}",
                options.write_consistency,
                if recipe.change.is_conditional() { 1 } else { options.group_rows.get() },
                options.groups_in_flight_per_node,
                if recipe.read_first { ", read_first=true" } else { "" },
                if recipe.keeps_rejected() {
                    format!(", max_rejected={}", options.max_rejected)
                } else {
                    String::new()
                },
                if recipe.is_logged() { ", logged_groups=true" } else { "" },
                if options.dry_run { ", dry_run=true" } else { "" },
                if recipe.is_repeatable() { "" } else { ", repeatable=false" },
                recipe.form.shown().map(|form| format!(", {form}")).unwrap_or_default()
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
        let (all, load) = (self.metrics.clone(), Arc::clone(&self.load));
        let written = async move {
            let change = recipe.change;
            let told = |error: DataFusionError| error.context(done_before(change, &all));
            let stream = WritePartition::start(recipe, load, metrics, partition, partitions)
                .await
                .map_err(|e| told(e.into()))?;
            count_batch(Arc::new(stream).write(input).await.map_err(told)?)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(count_schema(), stream::once(written))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// What is there after a failure. Requests in flight may yet add to it, so it is a lower bound.
fn done_before(change: Change, metrics: &ExecutionPlanMetricsSet) -> String {
    let rows = metrics.clone_inner().sum_by_name(ROWS_WRITTEN).map_or(0, |rows| rows.as_usize());
    format!("at least {rows} rows had been {}", change.done())
}
