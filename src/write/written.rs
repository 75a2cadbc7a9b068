//! [`WrittenRowsExec`] adds up what the partitions of a node that writes have written.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::{Distribution, EquivalenceProperties};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
    SendableRecordBatchStream,
};
use futures::{TryStreamExt, stream};

use crate::error::Error;

/// The result of every statement that writes: one row, the number of rows written.
pub fn count_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("count", DataType::UInt64, false)]))
}

pub(super) fn count_batch(rows: u64) -> DataFusionResult<RecordBatch> {
    let column: ArrayRef = Arc::new(UInt64Array::from(vec![rows]));
    Ok(RecordBatch::try_new(count_schema(), vec![column])?)
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
