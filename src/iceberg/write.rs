//! The node that writes data files: each input partition its own, at the same time.
//!
//! Its output is one row a partition: the files as JSON, a line each, and the number of rows in them. The commit node
//! above makes a snapshot of all of them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use ::iceberg::arrow::schema_to_arrow_schema;
use ::iceberg::spec::{DataFile, serialize_data_file_to_json};
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, StringArray, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::internal_err;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet, Time};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::{StreamExt, stream};

use super::attempt::Attempt;
use super::convert::Conversion;
use super::error::failed;
use super::files::Files;
use super::settings::Settings;
use super::target::Target;
use crate::error::{Error, Result};

/// Writes the rows of its input to data files of one Iceberg table.
#[derive(Debug)]
pub(crate) struct IcebergWriteExec {
    input: Arc<dyn ExecutionPlan>,
    target: Arc<Target>,
    recipe: Arc<Recipe>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// How rows become files, decided when the statement is planned.
#[derive(Debug)]
struct Recipe {
    settings: Settings,
    conversions: Vec<Conversion>,
    /// Of the batches that go into the files: the table's columns with their field ids.
    schema: SchemaRef,
}

impl IcebergWriteExec {
    /// # Errors
    /// Columns of the input that the table cannot take.
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, target: Arc<Target>) -> Result<Self> {
        let recipe = Recipe::new(&input.schema(), &target)?;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(output_schema()),
            Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Ok(Self {
            input,
            target,
            recipe: Arc::new(recipe),
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }
}

/// The columns of a partition's result.
fn output_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("data_files", DataType::Utf8, false),
        Field::new("count", DataType::UInt64, false),
    ]))
}

impl Recipe {
    fn new(input: &Schema, target: &Target) -> Result<Self> {
        let metadata = &target.metadata;
        let table =
            schema_to_arrow_schema(metadata.current_schema()).map_err(|e| failed("read the table's schema", &e))?;
        if input.fields().len() != table.fields().len() {
            return Err(Error::schema(format!(
                "table {} has {} columns, the query gives {}",
                target.ident,
                table.fields().len(),
                input.fields().len()
            )));
        }
        // Transforms take the table's own types; and rows that are kept must not hold shared buffers, as views do.
        let exact_type = !metadata.default_partition_spec().is_unpartitioned();
        let conversions = (input.fields().iter().zip(table.fields()))
            .map(|(from, to)| Conversion::new(from.data_type(), to, exact_type))
            .collect::<Result<Vec<_>>>()?;
        let fields: Vec<Field> = (table.fields().iter().zip(&conversions))
            .map(|(field, conversion)| field.as_ref().clone().with_data_type(conversion.data_type().clone()))
            .collect();
        Ok(Self { settings: Settings::of(metadata)?, conversions, schema: Arc::new(Schema::new(fields)) })
    }

    fn apply(&self, batch: &RecordBatch, first_row: u64) -> Result<RecordBatch> {
        let columns = (self.conversions.iter().zip(batch.columns()))
            .map(|(conversion, column)| conversion.apply(column, first_row))
            .collect::<Result<Vec<_>>>()?;
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map_err(|e| Error::data("the rows do not fit the table").with_source(e))
    }
}

impl DisplayAs for IcebergWriteExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partitions = self.input.output_partitioning().partition_count();
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "IcebergWriteExec: table={}, writers={partitions}", self.target.ident)
            }
            DisplayFormatType::TreeRender => write!(f, "table={}\nwriters={partitions}", self.target.ident),
        }
    }
}

impl ExecutionPlan for IcebergWriteExec {
    fn name(&self) -> &'static str {
        "IcebergWriteExec"
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

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let [input] = children.as_slice() else { return internal_err!("IcebergWriteExec has one child") };
        Ok(Arc::new(Self::new(Arc::clone(input), Arc::clone(&self.target))?))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let Some(attempt) = Attempt::of(&context) else {
            return internal_err!("IcebergWriteExec runs only below IcebergCommitExec");
        };
        let writing = Writing {
            input: self.input.execute(partition, context)?,
            target: Arc::clone(&self.target),
            recipe: Arc::clone(&self.recipe),
            attempt,
            partition,
            partitions: self.properties.partitioning.partition_count(),
            rows: MetricBuilder::new(&self.metrics).output_rows(partition),
            files: MetricBuilder::new(&self.metrics).counter("files_written", partition),
            bytes: MetricBuilder::new(&self.metrics).counter("bytes_written", partition),
            time: MetricBuilder::new(&self.metrics).elapsed_compute(partition),
        };
        let result = stream::once(async move { writing.run().await });
        Ok(Box::pin(RecordBatchStreamAdapter::new(output_schema(), result)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The writing of one partition.
struct Writing {
    input: SendableRecordBatchStream,
    target: Arc<Target>,
    recipe: Arc<Recipe>,
    attempt: Arc<Attempt>,
    partition: usize,
    partitions: usize,
    /// Rows written, not rows of the node's output: what a progress display wants to know.
    rows: Count,
    files: Count,
    bytes: Count,
    time: Time,
}

impl Writing {
    async fn run(mut self) -> DataFusionResult<RecordBatch> {
        let metadata = &self.target.metadata;
        let in_table = |e: Error| DataFusionError::from(e.with_context("table", self.target.ident.to_string()));
        let mut files = Files::new(metadata, &self.recipe.settings, &self.attempt, self.partition, self.partitions)
            .await
            .map_err(in_table)?;
        let mut rows = 0_u64;
        while let Some(batch) = self.input.next().await.transpose()? {
            if batch.num_rows() == 0 {
                continue;
            }
            let timer = self.time.timer();
            let converted = self.recipe.apply(&batch, rows + 1).map_err(in_table)?;
            files.write(converted).await.map_err(in_table)?;
            rows += batch.num_rows() as u64;
            self.rows.add(batch.num_rows());
            drop(timer);
            // Neither this loop nor every input ever waits, and a task can only be cancelled where it gives way.
            tokio::task::yield_now().await;
        }
        let files = {
            let _timer = self.time.timer();
            files.close().await.map_err(in_table)?
        };
        let written: u64 = files.iter().map(DataFile::record_count).sum();
        if written != rows {
            return Err(in_table(Error::internal(format!("{rows} rows were given to files that hold {written}"))));
        }
        self.files.add(files.len());
        self.bytes.add(files.iter().map(|f| usize::try_from(f.file_size_in_bytes()).unwrap_or(usize::MAX)).sum());

        let lines = files
            .into_iter()
            .map(|file| serialize_data_file_to_json(file, metadata.default_partition_type(), metadata.format_version()))
            .collect::<::iceberg::Result<Vec<_>>>()
            .map_err(|e| in_table(failed("describe a data file", &e)))?;
        let columns: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from(vec![lines.join("\n")])), Arc::new(UInt64Array::from(vec![rows]))];
        Ok(RecordBatch::try_new(output_schema(), columns)?)
    }
}

/// The files and the number of rows in a batch of [`IcebergWriteExec`]'s output.
///
/// # Errors
/// A batch of another form.
pub(crate) fn read_output(batch: &RecordBatch, target: &Target) -> Result<(Vec<DataFile>, u64)> {
    let columns = (
        batch.column(0).as_any().downcast_ref::<StringArray>(),
        batch.column(1).as_any().downcast_ref::<UInt64Array>(),
    );
    let (Some(files), Some(counts)) = columns else {
        return Err(Error::internal("IcebergWriteExec gave columns of other types"));
    };
    let metadata = &target.metadata;
    let files = (files.iter().flatten().flat_map(str::lines))
        .map(|line| {
            ::iceberg::spec::deserialize_data_file_from_json(
                line,
                metadata.default_partition_spec_id(),
                metadata.default_partition_type(),
                metadata.current_schema(),
            )
        })
        .collect::<::iceberg::Result<Vec<_>>>()
        .map_err(|e| failed("read the description of a data file", &e))?;
    let rows = if counts.null_count() == 0 { counts.values().iter().sum() } else { 0 };
    Ok((files, rows))
}
