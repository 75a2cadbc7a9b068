//! The node that reads an Iceberg table: each partition a list of files, or parts of large ones, read one after another.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use ::iceberg::scan::FileScanTask;
use ::iceberg::table::Table;
use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::{Statistics, internal_err};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::{StreamExt, stream};

use super::error::failed;
use super::scan_tasks::Planned;
use crate::error::Error;

/// Reads the data files of one snapshot.
#[derive(Debug)]
pub(crate) struct IcebergScanExec {
    table: Table,
    planned: Planned,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl IcebergScanExec {
    pub(crate) fn new(table: Table, planned: Planned) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&planned.visible)),
            // Never a hash of the table's partition values: DataFusion means its own hash.
            Partitioning::UnknownPartitioning(planned.partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        Self { table, planned, properties: Arc::new(properties), metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for IcebergScanExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let planned = &self.planned;
        let columns: Vec<&str> = planned.visible.fields().iter().map(|f| f.name().as_str()).collect();
        let mut items = vec![
            ("table", self.table.identifier().to_string()),
            ("snapshot", planned.snapshot.map_or_else(|| "none".to_owned(), |id| id.to_string())),
            ("files", planned.files.to_string()),
            ("bytes", planned.bytes.to_string()),
            ("projection", format!("[{}]", columns.join(", "))),
        ];
        items.extend(planned.predicate.clone().map(|p| ("predicate", p)));
        items.extend(planned.limit.map(|n| ("limit", n.to_string())));
        let items: Vec<String> = items.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "IcebergScanExec: {}", items.join(", "))
            }
            DisplayFormatType::TreeRender => f.write_str(&items.join("\n")),
        }
    }
}

impl ExecutionPlan for IcebergScanExec {
    fn name(&self) -> &'static str {
        "IcebergScanExec"
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
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("IcebergScanExec has no children") }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let Some(tasks) = self.planned.partitions.get(partition).cloned() else {
            return internal_err!("IcebergScanExec has no partition {partition}");
        };
        MetricBuilder::new(&self.metrics).counter("files", partition).add(tasks.len());
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let bytes = MetricBuilder::new(&self.metrics).counter("bytes_read", partition);
        let schema = Arc::clone(&self.planned.visible);
        let name = self.table.identifier().to_string();

        // Rows of no columns need no file, as long as the manifests know how many there are.
        let known = tasks.iter().map(|t| t.record_count.filter(|_| t.deletes.is_empty() && t.predicate.is_none()));
        if let (true, Some(counts)) = (schema.fields().is_empty(), known.collect::<Option<Vec<u64>>>()) {
            let batches = counts.into_iter().map({
                let schema = Arc::clone(&schema);
                move |rows| {
                    baseline.record_output(usize::try_from(rows).unwrap_or(usize::MAX));
                    empty_rows(&schema, rows)
                }
            });
            return Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter(batches))));
        }

        let reader = self
            .table
            .reader_builder()
            .with_batch_size(context.session_config().batch_size())
            .with_data_file_concurrency_limit(1)
            .build();
        let read = move |e: ::iceberg::Error| {
            DataFusionError::from(failed("read a data file", &e).with_context("table", name.clone()))
        };
        let tasks = stream::iter(tasks.into_iter().map(Ok::<FileScanTask, ::iceberg::Error>));
        let result = reader.read(Box::pin(tasks)).map_err(&read)?;
        let io = result.metrics().clone();
        let mut counted = 0_u64;
        let mut left = self.planned.limit;
        let batches = result.stream().map(move |batch| {
            let _timer = baseline.elapsed_compute().timer();
            let batch = batch.map_err(&read)?;
            let total = io.bytes_read();
            bytes.add(usize::try_from(total - counted).unwrap_or(usize::MAX));
            counted = total;
            baseline.record_output(batch.num_rows());
            conform(&batch, &schema)
        });
        // A limit is a hint: a partition that has that many rows may stop.
        let batches = batches.take_while(move |batch| {
            let wanted = left != Some(0);
            if let (Some(left), Ok(batch)) = (left.as_mut(), batch) {
                *left = left.saturating_sub(batch.num_rows());
            }
            std::future::ready(wanted)
        });
        let schema = Arc::clone(&self.planned.visible);
        Ok(make_cooperative(Box::pin(RecordBatchStreamAdapter::new(schema, batches))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn partition_statistics(&self, partition: Option<usize>) -> DataFusionResult<Statistics> {
        let mut statistics = Statistics::new_unknown(&self.planned.visible);
        let rows = match partition {
            None => self.planned.rows,
            Some(i) => {
                let tasks = self.planned.partitions.get(i).map(Vec::as_slice).unwrap_or_default();
                let rows = tasks.iter().map(|t| t.record_count).sum::<Option<u64>>();
                rows.zip(self.planned.rows).map(|(rows, (_, exact))| (rows, exact))
            }
        };
        if let Some((rows, exact)) = rows {
            let rows = usize::try_from(rows).unwrap_or(usize::MAX);
            statistics.num_rows =
                if exact && self.planned.limit.is_none() { Precision::Exact(rows) } else { Precision::Inexact(rows) };
        }
        Ok(statistics)
    }
}

/// A batch in the schema that was promised: constants of identity partitions come run-length encoded, and field ids and
/// zones in the spelling of whoever wrote the file.
fn conform(batch: &RecordBatch, schema: &SchemaRef) -> DataFusionResult<RecordBatch> {
    if schema.fields().is_empty() {
        return empty_rows(schema, batch.num_rows() as u64);
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        if column.data_type() == field.data_type() {
            return Ok(Arc::clone(column));
        }
        cast_with_options(column, field.data_type(), &options)
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
        .map_err(|e| Error::data("a data file does not fit the table's schema").with_source(e).into())
}

fn empty_rows(schema: &SchemaRef, rows: u64) -> DataFusionResult<RecordBatch> {
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), Vec::new(), &options)?)
}
