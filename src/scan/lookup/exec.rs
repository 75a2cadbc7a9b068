//! [`CassandraLookupJoinExec`]: a join that looks up keys in a table, and what it leaves to a join with a scan.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNode;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
    SendableRecordBatchStream,
};
use futures::TryStreamExt;

use super::LookupJoin;
use super::run::{LookupMetrics, Output, Run};
use crate::error::Error;

/// Batches that are made ahead of who reads them.
const BATCHES_AHEAD: usize = 2;

/// Joins its input with rows that it looks up, one key at a time. If more keys come than allowed, the rest of the input is
/// joined by its second child, which reads that rest from a [`RemainingInputExec`] and the table by a scan.
#[derive(Debug)]
pub struct CassandraLookupJoinExec {
    join: Arc<LookupJoin>,
    input: Arc<dyn ExecutionPlan>,
    fallback: Option<Arc<dyn ExecutionPlan>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl CassandraLookupJoinExec {
    /// `fallback` gives the same columns; it is needed where the number of keys is limited.
    pub(crate) fn new(
        join: Arc<LookupJoin>,
        input: Arc<dyn ExecutionPlan>,
        fallback: Option<Arc<dyn ExecutionPlan>>,
    ) -> Self {
        let partitions = if join.needs_one_partition() { 1 } else { input.output_partitioning().partition_count() };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(SchemaRef::clone(&join.schema)),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            input.boundedness(),
        );
        Self { join, input, fallback, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for CassandraLookupJoinExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => {
                writeln!(f, "type={}", self.join.join_type)?;
                writeln!(f, "table={}", self.join.table.scan().table.name)?;
                writeln!(f, "cql={}", self.join.cql())?;
                match self.join.max_keys {
                    Some(most) => writeln!(f, "max_keys={most}"),
                    None => writeln!(f, "max_keys=unlimited"),
                }
            }
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "CassandraLookupJoinExec: {}", self.join)
            }
        }
    }
}

impl ExecutionPlan for CassandraLookupJoinExec {
    fn name(&self) -> &'static str {
        "CassandraLookupJoinExec"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        [&self.input].into_iter().chain(&self.fallback).collect()
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        let one = self.join.needs_one_partition();
        let required = if one { Distribution::SinglePartition } else { Distribution::UnspecifiedDistribution };
        vec![required; self.children().len()]
    }

    /// More partitions would ask for the same keys more often, and no faster: what is in flight is shared among them.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.children().len()]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let (count, mut children) = (children.len(), children.into_iter());
        match children.next() {
            Some(input) if count == self.children().len() => {
                Ok(Arc::new(Self::new(Arc::clone(&self.join), input, children.next())))
            }
            _ => Err(Error::internal(format!("{count} inputs are not those of a keyed join")).into()),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let partitions = self.input.output_partitioning().partition_count();
        if self.join.needs_one_partition() && partitions != 1 {
            let message =
                format!("{partitions} partitions of keys cannot be joined as one; the plan was not distributed");
            return Err(Error::internal(message).into());
        }
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let metrics = LookupMetrics::new(&self.metrics, partition);
        let (join, fallback) = (Arc::clone(&self.join), self.fallback.clone());
        let mut stream = RecordBatchReceiverStream::builder(SchemaRef::clone(&self.join.schema), BATCHES_AHEAD);
        let output = Output::new(stream.tx(), metrics.clone());
        stream.spawn(async move {
            let run = Run::start(join, input, partitions, &context, metrics).await?;
            let Some(rest) = run.run(&output).await? else { return Ok(()) };
            let fallback = fallback.ok_or_else(|| Error::internal("too many keys, and no scan to fall back to"))?;
            RemainingInputExec::give(&fallback, rest)?;
            let mut rows = fallback.execute(0, context)?;
            while let Some(batch) = rows.try_next().await? {
                output.send(batch).await?;
            }
            Ok(())
        });
        Ok(stream.build())
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The part of a keyed join's input that it leaves to a join with a scan.
pub struct RemainingInputExec {
    properties: Arc<PlanProperties>,
    rest: Mutex<Option<SendableRecordBatchStream>>,
}

impl RemainingInputExec {
    /// Stands for rows of this form.
    pub(crate) fn new(schema: SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { properties: Arc::new(properties), rest: Mutex::new(None) }
    }

    /// Gives the rest to the node of this kind in `plan`. The input has been planned for itself, so there is one.
    fn give(plan: &Arc<dyn ExecutionPlan>, rest: SendableRecordBatchStream) -> DataFusionResult<()> {
        let mut rest = Some(rest);
        plan.apply(|node| {
            if let Some(node) = node.as_any().downcast_ref::<Self>() {
                *node.rest.lock().unwrap_or_else(PoisonError::into_inner) = rest.take();
            }
            Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
        })?;
        match rest {
            None => Ok(()),
            Some(_) => Err(Error::internal("a keyed join has lost what it falls back to").into()),
        }
    }
}

impl fmt::Debug for RemainingInputExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemainingInputExec").finish_non_exhaustive()
    }
}

impl DisplayAs for RemainingInputExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => Ok(()),
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                f.write_str("RemainingInputExec: what comes after max_keys")
            }
        }
    }
}

impl ExecutionPlan for RemainingInputExec {
    fn name(&self) -> &'static str {
        "RemainingInputExec"
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

    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner).take();
        rest.ok_or_else(|| Error::internal("rows that no keyed join has left are asked for").into())
    }
}
