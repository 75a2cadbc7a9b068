//! [`CassandraGroupedExec`]: aggregates and window functions over whole Cassandra partitions, without a hash table or a sort.
//!
//! A split has each of its Cassandra partitions whole, and their rows one after the other, by clustering columns. Between
//! Cassandra partitions there is an order too, but one by token, which SQL has no name for. So what streams cannot be told to
//! DataFusion as an order of the scan: an `ORDER BY` of the key would then be left out. It is told to one operator alone, which
//! needs rows of one group side by side and nothing else, and runs in each partition by itself:
//!
//! ```text
//! AggregateExec(FinalPartitioned)           CassandraGroupedExec ┆ AggregateExec(Single, Sorted)
//!   RepartitionExec(Hash)             ─▶                         ┆   FilterExec
//!     AggregateExec(Partial)                                     ┆     ConsecutiveRowsExec: says by what rows are grouped
//!       FilterExec                            CassandraScanExec: one split at a time in each partition
//!         CassandraScanExec
//! ```
//!
//! What is right of the dots is hidden from DataFusion's planner, which sees a node with rows in no order and one child.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
    SendableRecordBatchStream,
};

use super::exec::CassandraScanExec;
use super::order;
use super::restriction::Access;
use crate::error::Error;

/// Runs operators within each partition of its input, whose rows come one Cassandra partition after the other.
#[derive(Debug)]
pub struct CassandraGroupedExec {
    /// Over a [`ConsecutiveRowsExec`] over `input`.
    operator: Arc<dyn ExecutionPlan>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl CassandraGroupedExec {
    /// `over` puts the operators over the rows of the scan, or finds that they do not stream. `None` also for scans whose
    /// rows do not come so. `groups` are the columns of the scan that are grouped by, with the whole partition key.
    pub(crate) fn try_new(
        scan: &CassandraScanExec,
        groups: &[usize],
        over: impl FnOnce(&Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>>,
    ) -> Option<Self> {
        let recipe = scan.recipe();
        let reads_splits = matches!(recipe.restriction.access, Access::Ring(_)) && !recipe.table.node_local;
        if !reads_splits || scan.fetch().is_some() {
            return None;
        }
        let input: Arc<dyn ExecutionPlan> =
            Arc::new(CassandraScanExec::new(Arc::new(recipe.one_split_at_a_time()), None));
        let grouped_by = order::within_splits(recipe, groups);
        let rows: Arc<dyn ExecutionPlan> = Arc::new(ConsecutiveRowsExec::new(Arc::clone(&input), grouped_by));
        Some(Self::new(over(&rows)?, input))
    }

    fn new(operator: Arc<dyn ExecutionPlan>, input: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(operator.schema()),
            Partitioning::UnknownPartitioning(operator.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { operator, input, properties: Arc::new(properties) }
    }

    /// What it runs: operators over a node that stands for the rows of [`Self::scan`].
    pub(crate) fn operator(&self) -> &Arc<dyn ExecutionPlan> {
        &self.operator
    }

    /// The scan, as long as it is one.
    pub(crate) fn scan(&self) -> Option<&CassandraScanExec> {
        self.input.as_any().downcast_ref()
    }

    /// The operators, from the last one to the first.
    fn operators(&self) -> impl Iterator<Item = &Arc<dyn ExecutionPlan>> {
        let mut next = Some(&self.operator);
        std::iter::from_fn(move || {
            let operator = next.filter(|node| !node.as_any().is::<ConsecutiveRowsExec>())?;
            next = operator.children().first().copied();
            Some(operator)
        })
    }
}

impl DisplayAs for CassandraGroupedExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_tree = matches!(format, DisplayFormatType::TreeRender);
        if !is_tree {
            f.write_str("CassandraGroupedExec: ")?;
        }
        for (place, operator) in self.operators().enumerate() {
            if is_tree {
                writeln!(f, "{}:", operator.name())?;
            } else if place > 0 {
                f.write_str(" <- ")?;
            }
            operator.fmt_as(format, f)?;
        }
        Ok(())
    }
}

impl ExecutionPlan for CassandraGroupedExec {
    fn name(&self) -> &'static str {
        "CassandraGroupedExec"
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

    /// Other partitions would tear Cassandra partitions apart.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let input = children.pop().filter(|input| children.is_empty() && same_rows(input, &self.input));
        let input =
            input.ok_or_else(|| Error::internal("what groups a scan's rows was given those of something else"))?;
        let operator = Arc::clone(&self.operator).transform_down(|node| {
            Ok(match node.as_any().downcast_ref::<ConsecutiveRowsExec>() {
                Some(rows) => {
                    let rows = ConsecutiveRowsExec::new(Arc::clone(&input), rows.grouped_by().clone());
                    Transformed::new(Arc::new(rows) as Arc<dyn ExecutionPlan>, true, TreeNodeRecursion::Jump)
                }
                None => Transformed::no(node),
            })
        });
        Ok(Arc::new(Self::new(operator.data()?, input)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        self.operator.execute(partition, context)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.operator.metrics()
    }
}

/// Whether a child is a scan of the same splits in the same partitions.
fn same_rows(new: &Arc<dyn ExecutionPlan>, old: &Arc<dyn ExecutionPlan>) -> bool {
    let scan = |plan: &Arc<dyn ExecutionPlan>| {
        let scan = plan.as_any().downcast_ref::<CassandraScanExec>()?;
        Some((scan.recipe().partitions.clone(), scan.recipe().splits_in_flight, scan.fetch()))
    };
    scan(new).is_some() && scan(new) == scan(old)
}

/// Gives the rows of its input, and says by what they are grouped as if they were sorted by it.
#[derive(Debug)]
pub(crate) struct ConsecutiveRowsExec {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl ConsecutiveRowsExec {
    fn new(input: Arc<dyn ExecutionPlan>, grouped_by: EquivalenceProperties) -> Self {
        let partitioning = input.output_partitioning().clone();
        let properties = PlanProperties::new(grouped_by, partitioning, EmissionType::Incremental, Boundedness::Bounded);
        Self { input, properties: Arc::new(properties) }
    }

    fn grouped_by(&self) -> &EquivalenceProperties {
        &self.properties.eq_properties
    }
}

impl DisplayAs for ConsecutiveRowsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsecutiveRowsExec")
    }
}

impl ExecutionPlan for ConsecutiveRowsExec {
    fn name(&self) -> &'static str {
        "ConsecutiveRowsExec"
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

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let input = children.pop().ok_or_else(|| Error::internal("consecutive rows of nothing"))?;
        Ok(Arc::new(Self::new(input, self.grouped_by().clone())))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }
}
