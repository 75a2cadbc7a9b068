//! [`CassandraStatementExec`]: runs one SELECT of CQL as it is, page by page, through the node that the driver picks.

use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, SendableRecordBatchStream,
};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use super::page::{PageMetrics, PageReader, PageSize};
use super::split::{Part, Split};
use crate::cluster::ClusterHandle;
use crate::cluster::retry::RetryPlan;
use crate::cluster::schema::{Column, TableName};
use crate::codec::decode::{PageDecoder, check_columns};
use crate::codec::{ReadAs, result_columns, result_table};
use crate::error::{Error, Result};
use crate::options::CassandraOptions;

/// A SELECT of CQL and the columns of its result, as the server had them when it was prepared.
#[derive(Debug)]
pub(crate) struct Select {
    cluster: ClusterHandle,
    cql: String,
    /// What it reads, for messages.
    table: TableName,
    columns: Vec<Column>,
    schema: SchemaRef,
    read_as: ReadAs,
}

impl Select {
    /// Asks the cluster for the columns of the result. Nothing is read.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`](crate::ErrorKind::Schema) for what is no SELECT, for bind markers, for names that occur twice
    /// in the result, and for what the server refuses.
    pub(crate) async fn prepare(cluster: &ClusterHandle, cql: &str, options: &CassandraOptions) -> Result<Self> {
        if !is_select(cql) {
            return Err(Error::schema(
                "only SELECT can be run as CQL here: write data with INSERT, and change tables in cqlsh",
            )
            .with_context("cql", cql));
        }
        let statement = cluster.connect().await?.prepare_read(cql, options, options.request_timeout()).await?;
        if statement.get_variable_col_specs().len() > 0 {
            let message =
                "the statement has bind markers (?), for which there are no values: write the values in their place";
            return Err(Error::schema(message).with_context("cql", cql));
        }
        let specs = statement.get_current_result_set_col_specs();
        let specs = specs.get();
        let columns = result_columns(specs.as_slice()).map_err(|e| e.with_context("cql", cql))?;
        let mut names = HashSet::new();
        if let Some(twice) = columns.iter().find(|column| !names.insert(&column.name)) {
            let message = format!("the result has more than one column {}: tell them apart with AS", twice.name);
            return Err(Error::schema(message).with_context("cql", cql));
        }
        let table = result_table(specs.as_slice());
        let read_as = ReadAs::of(options);
        let schema = Arc::new(read_as.schema(&columns));
        Ok(Self { cluster: cluster.clone(), cql: cql.to_owned(), table, columns, schema, read_as })
    }

    /// The columns of the result.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

/// Whether the first word, after comments, is SELECT. A text is one statement: the server refuses others behind it.
fn is_select(cql: &str) -> bool {
    let mut rest = cql.trim_start();
    loop {
        let (comment, end) = if rest.starts_with("--") || rest.starts_with("//") {
            (rest, "\n")
        } else if let Some(block) = rest.strip_prefix("/*") {
            (block, "*/")
        } else {
            break;
        };
        rest = comment.split_once(end).map_or("", |(_, after)| after).trim_start();
    }
    let word = rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    word.eq_ignore_ascii_case("select")
}

/// Runs a SELECT of CQL in one partition.
#[derive(Debug)]
pub struct CassandraStatementExec {
    select: Arc<Select>,
    options: CassandraOptions,
    /// The columns of the result that are wanted.
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl CassandraStatementExec {
    pub(crate) fn try_new(
        select: Arc<Select>,
        options: CassandraOptions,
        projection: Option<Vec<usize>>,
    ) -> Result<Self> {
        let schema = match &projection {
            Some(columns) => {
                let schema = select.schema.project(columns);
                Arc::new(schema.map_err(|e| Error::internal("projection").with_source(e))?)
            }
            None => Arc::clone(&select.schema),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Self { select, options, projection, properties: Arc::new(properties), metrics })
    }

    /// The statement, as the server gets it.
    pub fn cql(&self) -> &str {
        &self.select.cql
    }
}

impl DisplayAs for CassandraStatementExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match format {
            DisplayFormatType::TreeRender => writeln!(f, "cql={}", self.cql()),
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "CassandraStatementExec: cql={}", self.cql())
            }
        }
    }
}

impl ExecutionPlan for CassandraStatementExec {
    fn name(&self) -> &'static str {
        "CassandraStatementExec"
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
        let run = StatementRun {
            select: Arc::clone(&self.select),
            options: self.options.clone(),
            projection: self.projection.clone(),
            pages: PageMetrics::new(&self.metrics, partition, 1),
            baseline: BaselineMetrics::new(&self.metrics, partition),
        };
        let batches = stream::once(run.start()).try_flatten().map_err(DataFusionError::from).boxed();
        Ok(Box::pin(cooperative(RecordBatchStreamAdapter::new(self.schema(), batches))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The statement while it runs.
struct StatementRun {
    select: Arc<Select>,
    options: CassandraOptions,
    projection: Option<Vec<usize>>,
    pages: PageMetrics,
    baseline: BaselineMetrics,
}

impl StatementRun {
    /// Connects and prepares, then streams.
    async fn start(self) -> Result<impl Stream<Item = Result<RecordBatch>> + Send> {
        let (select, options) = (Arc::clone(&self.select), &self.options);
        let cluster = select.cluster.connect().await?;
        let mut statement = cluster.prepare_read(&select.cql, options, options.request_timeout()).await?;
        // `SELECT *` has other columns after a table was changed, so every page says which ones it has.
        statement.set_use_cached_result_metadata(false);
        let decoder = PageDecoder::try_new(&select.table, &select.columns, Arc::clone(&select.schema), select.read_as)?
            .with_empty_values(options.empty_values)
            .with_decimal_overflow(options.decimal_overflow);
        let reader = Arc::new(PageReader {
            cluster,
            statement,
            bound: Arc::default(),
            retries: RetryPlan::new(options),
            page_size: PageSize::fixed(options),
            metrics: self.pages.clone(),
            table: select.table.to_string(),
        });
        // Without replicas the driver picks the node.
        let pages = reader.pages(Split { part: Part::Table, replicas: Vec::new() });
        Ok(pages.map(move |page| {
            let page = page?;
            let timer = self.baseline.elapsed_compute().timer();
            check_columns(page.column_specs().as_slice(), &select.columns)
                .map_err(|e| e.with_context("cql", &select.cql))?;
            let batch = decoder.decode(&page)?;
            let batch = match &self.projection {
                Some(columns) => batch.project(columns).map_err(|e| Error::internal("projection").with_source(e))?,
                None => batch,
            };
            timer.done();
            self.baseline.record_output(batch.num_rows());
            Ok(batch)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_select_is_one() {
        for cql in ["SELECT 1", " select*from t", "-- what\n// it\n/* does; */ Select a", "SELECT\n"] {
            assert!(is_select(cql), "{cql}");
        }
        for cql in ["", "INSERT INTO t", "selection", "/* select", "-- select", "(SELECT 1)", "BEGIN BATCH select"] {
            assert!(!is_select(cql), "{cql}");
        }
    }
}
