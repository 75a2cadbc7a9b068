//! [`TokenSortExec`] brings rows of one Cassandra partition together before they are written, so that statement groups are
//! full though the input comes in any order.
//!
//! ```text
//! input ─ hash of the partition key ─▶ TokenSortExec ─▶ CassandraWriteExec
//!                                       run: token ─ DataFusion's external sort ─ token dropped
//! ```
//!
//! The sort is DataFusion's `SortExec`, which this node runs within itself. So it has a memory of its own (`memory.rs`):
//! sessions have a pool without a limit, in which nothing would ever be spilled, and one with a limit would hold for
//! joins and aggregates as well. And so no rule of the optimizer can take it for an order that nobody asked for.

mod memory;
mod run;

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Int64Array, RecordBatch};
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_expr::{Distribution, EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties, SendableRecordBatchStream,
};
use futures::{TryStreamExt, stream};

use super::WriteRecipe;
use super::casts::Casts;
use super::form::Form;
use super::written::only_child;
use crate::cluster::schema::{Column, ColumnKind};
use crate::codec::token::{TOKEN, TokenEncoder};
use crate::error::{Error, Result};
use run::Run;

/// The input of a load, sorted if `cassandra.sort_by_token` says so and it is of use: without clustering columns, a Cassandra
/// partition is one row.
pub(crate) fn sorted_by_token(recipe: &WriteRecipe, input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let has_groups = recipe.table.columns.iter().any(|c| matches!(c.kind, ColumnKind::Clustering { .. }));
    if !recipe.options.sort_by_token || !has_groups {
        return Ok(input);
    }
    let key = PartitionKey::of(recipe, &input)?;
    Ok(Arc::new(TokenSortExec::new(Arc::new(key), recipe.options.sort_memory_mb.get(), input)))
}

/// The columns of the input that are the partition key of the table written to.
#[derive(Debug)]
struct PartitionKey {
    /// In the order of the key: their places in the input.
    columns: Vec<usize>,
    /// Their names in the table.
    names: Vec<String>,
    casts: Casts,
    encoder: TokenEncoder,
}

impl PartitionKey {
    fn of(recipe: &WriteRecipe, input: &Arc<dyn ExecutionPlan>) -> Result<Self> {
        let written = recipe.columns.iter().zip(&recipe.input_columns);
        let of_key = written.filter(|(column, _)| column.kind == ColumnKind::PartitionKey);
        let (key, columns): (Vec<Column>, Vec<usize>) = of_key.map(|(column, place)| (column.clone(), *place)).unzip();
        let Form::Columns(casts) = &recipe.form else {
            return Err(Error::config(
                "JSON texts cannot be sorted by the token of what is in them: RESET cassandra.sort_by_token, or INSERT into the \
                 table itself what a SELECT takes out of them",
            ));
        };
        let of_input = |place: &usize| recipe.input_columns.iter().position(|column| column == place);
        let casts = casts.project(&columns.iter().filter_map(of_input).collect::<Vec<_>>());
        let fields =
            input.schema().project(&columns).map_err(|e| Error::internal("columns of the key").with_source(e))?;
        let encoder = TokenEncoder::of_key(&key, casts.schema(&fields).fields())?;
        Ok(Self { columns, names: key.into_iter().map(|column| column.name).collect(), casts, encoder })
    }

    /// As expressions over the input.
    fn exprs(&self) -> Vec<Arc<dyn PhysicalExpr>> {
        let expr = |(name, place): (&String, &usize)| Arc::new(ColumnExpr::new(name, *place)) as _;
        self.names.iter().zip(&self.columns).map(expr).collect()
    }

    /// The token of each row; null for a row that cannot be written.
    fn tokens(&self, batch: &RecordBatch) -> Result<Int64Array> {
        let key = batch.project(&self.columns).map_err(|e| Error::internal("columns of the key").with_source(e))?;
        let (key, _) = self.casts.cast(&key)?;
        self.encoder.tokens_where_possible(key.columns().to_vec(), batch.num_rows())
    }
}

/// Gives the rows of each partition of its input with those of one Cassandra partition side by side. Rows that cannot be
/// written, since a column of their partition key is null or no value of its type, come first.
#[derive(Debug)]
pub struct TokenSortExec {
    key: Arc<PartitionKey>,
    /// Of each partition, in MiB.
    memory_mb: usize,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    sorts: Sorts,
}

/// The sorts that have been started, for their metrics.
#[derive(Debug, Clone, Default)]
struct Sorts(Arc<Mutex<Vec<Arc<SortExec>>>>);

impl Sorts {
    fn push(&self, sort: Arc<SortExec>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sort);
    }

    fn metrics(&self) -> MetricsSet {
        let mut all = MetricsSet::new();
        for sort in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            sort.metrics().iter().flat_map(MetricsSet::iter).for_each(|metric| all.push(Arc::clone(metric)));
        }
        all
    }
}

impl TokenSortExec {
    fn new(key: Arc<PartitionKey>, memory_mb: usize, input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            // SQL has no name for the order.
            EquivalenceProperties::new(input.schema()),
            input.output_partitioning().clone(),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { key, memory_mb, input, properties: Arc::new(properties), sorts: Sorts::default() }
    }
}

impl DisplayAs for TokenSortExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (names, memory_mb) = (self.key.names.join(", "), self.memory_mb);
        match format {
            DisplayFormatType::TreeRender => writeln!(f, "by={TOKEN}({names})\nmemory_mb={memory_mb}"),
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "TokenSortExec: by={TOKEN}({names}), memory_mb={memory_mb}")
            }
        }
    }
}

impl ExecutionPlan for TokenSortExec {
    fn name(&self) -> &'static str {
        "TokenSortExec"
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

    /// Several partitions with rows of one Cassandra partition would each make groups of their part of it.
    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::HashPartitioned(self.key.exprs())]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self::new(Arc::clone(&self.key), self.memory_mb, only_child(children)?)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let run = Run::new(Arc::clone(&self.key), self.memory_mb << 20, self.sorts.clone());
        let sorted = stream::once(run.start(input, context)).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), sorted)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.sorts.metrics())
    }
}

#[cfg(test)]
mod tests;
