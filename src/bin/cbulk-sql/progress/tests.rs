use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, Partitioning, PlanProperties};

use super::*;

/// A node of a plan that has nothing but metrics.
#[derive(Debug)]
struct Node {
    name: &'static str,
    metrics: ExecutionPlanMetricsSet,
    children: Vec<Arc<dyn ExecutionPlan>>,
    properties: Arc<PlanProperties>,
}

impl Node {
    fn new(name: &'static str, counts: &[(&'static str, usize)], children: Vec<Arc<dyn ExecutionPlan>>) -> Arc<Self> {
        let metrics = ExecutionPlanMetricsSet::new();
        // Two partitions: metrics are added up.
        for partition in 0..2 {
            for (name, value) in counts {
                match *name {
                    "output_rows" => BaselineMetrics::new(&metrics, partition).record_output(*value),
                    SPLITS_TOTAL => MetricBuilder::new(&metrics).gauge(*name, partition).add(*value),
                    _ => MetricBuilder::new(&metrics).counter(*name, partition).add(*value),
                }
            }
        }
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(Arc::new(Schema::empty())),
            Partitioning::UnknownPartitioning(2),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Arc::new(Self { name, metrics, children, properties })
    }
}

impl DisplayAs for Node {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl ExecutionPlan for Node {
    fn name(&self) -> &str {
        self.name
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.children.iter().collect()
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        unreachable!("only the metrics are looked at")
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

#[test]
fn rows_are_those_of_the_leaves_and_splits_are_added_up() {
    let scan = Node::new("Scan", &[(SPLITS_TOTAL, 10), (SPLITS_DONE, 4), ("output_rows", 500)], vec![]);
    let other = Node::new("Scan", &[("output_rows", 7)], vec![]);
    let join = Node::new("Join", &[("output_rows", 9999)], vec![scan, other]);
    let measured = Measured::of(join.as_ref());
    assert_eq!(measured, Measured { splits_total: 20, splits_done: 8, rows_read: 1014, rows_written: None });
    assert_eq!(measured.text(Duration::from_secs(4)), "4 s · 1,014 rows · 253 rows/s · 6 s left");
}

#[test]
fn a_write_shows_the_rows_written() {
    let scan = Node::new("Scan", &[("output_rows", 500)], vec![]);
    let write = Node::new("Write", &[(ROWS_WRITTEN, 300)], vec![scan]);
    let text = Measured::of(write.as_ref()).text(Duration::from_secs(2));
    assert_eq!(text, "2 s · 600 rows written · 300 rows/s");
}

#[test]
fn a_count_does_not_show_its_partial_results_as_rows() {
    let metrics = [(SPLITS_TOTAL, 8), (SPLITS_DONE, 2), ("output_rows", 1)];
    let count = Node::new(COUNT_NODE, &metrics, vec![]);
    assert_eq!(Measured::of(count.as_ref()).text(Duration::from_secs(2)), "2 s · 6 s left");
    let metrics = [(SPLITS_TOTAL, 8), (SPLITS_DONE, 2), ("output_rows", 1), (ROWS_COUNTED, 50)];
    let count = Node::new(COUNT_NODE, &metrics, vec![]);
    assert_eq!(Measured::of(count.as_ref()).rows_read, 100);
}

#[test]
fn nothing_is_foretold_before_the_first_split() {
    let measured = Measured { splits_total: 5, ..Measured::default() };
    assert_eq!(measured.text(Duration::from_secs(1)), "1 s");
}

#[test]
fn the_templates_can_be_read() {
    for template in [WITH_SPLITS, WITHOUT_SPLITS] {
        ProgressStyle::with_template(template).unwrap();
    }
}
