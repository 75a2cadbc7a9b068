//! The node that makes one snapshot of all files of a statement, and gives the count of their rows.
//!
//! A statement whose rows are all in files is nearly done; what can still fail is the catalog. Then the table's metadata
//! is read again: a snapshot with this attempt's id means that the commit arrived, none that it did not. Only if that
//! cannot be read either are files left behind, because they may be in use, and the error says so.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use ::iceberg::Catalog;
use ::iceberg::spec::DataFile;
use ::iceberg::table::Table;
use ::iceberg::transaction::{ApplyTransactionAction, Transaction};
use datafusion::arrow::array::{RecordBatch, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::internal_err;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Distribution, EquivalenceProperties};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::{StreamExt, stream};

use super::attempt::Attempt;
use super::error::failed;
use super::store::{Store, local_path};
use super::target::{NewTable, Target};
use super::write::read_output;
use crate::error::{Error, ErrorKind, Result};

/// The attempt's id in the summary of its snapshot.
const ATTEMPT_PROPERTY: &str = "cbulk.attempt";

/// Appends the files that its input describes to the table, as one snapshot.
#[derive(Debug)]
pub(crate) struct IcebergCommitExec {
    input: Arc<dyn ExecutionPlan>,
    target: Arc<Target>,
    properties: Arc<PlanProperties>,
}

impl IcebergCommitExec {
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, target: Arc<Target>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(count_schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { input, target, properties: Arc::new(properties) }
    }
}

fn count_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("count", DataType::UInt64, false)]))
}

impl DisplayAs for IcebergCommitExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let create = self.target.new.is_some();
        match format {
            DisplayFormatType::Default | DisplayFormatType::Verbose => {
                write!(f, "IcebergCommitExec: table={}", self.target.ident)?;
                if create { write!(f, ", create=true") } else { Ok(()) }
            }
            DisplayFormatType::TreeRender => {
                write!(f, "table={}", self.target.ident)?;
                if create { write!(f, "\ncreate=true") } else { Ok(()) }
            }
        }
    }
}

impl ExecutionPlan for IcebergCommitExec {
    fn name(&self) -> &'static str {
        "IcebergCommitExec"
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

    /// Or only the rows of the first partition would be in the snapshot.
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
        let [input] = children.as_slice() else { return internal_err!("IcebergCommitExec has one child") };
        Ok(Arc::new(Self::new(Arc::clone(input), Arc::clone(&self.target))))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("IcebergCommitExec has one partition, not a partition {partition}");
        }
        let new_location = self.target.new.as_ref().map(|_| self.target.metadata.location());
        let (attempt, ended) = Attempt::start(new_location);
        let input = self.input.execute(0, attempt.put_into(&context))?;
        let target = Arc::clone(&self.target);
        let result = stream::once(async move {
            let result = run(input, target, attempt).await;
            if result.is_err() {
                // Whoever sees the error must not see the files.
                ended.wait().await;
            }
            result
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(count_schema(), result)))
    }
}

async fn run(
    mut input: SendableRecordBatchStream,
    target: Arc<Target>,
    attempt: Arc<Attempt>,
) -> DataFusionResult<RecordBatch> {
    let (mut files, mut rows) = (Vec::new(), 0);
    while let Some(batch) = input.next().await.transpose()? {
        let (more, count) = read_output(&batch, &target)?;
        files.extend(more);
        rows += count;
    }
    drop(input);
    let held: u64 = files.iter().map(DataFile::record_count).sum();
    if held != rows {
        return Err(Error::internal(format!("{rows} rows were written to files that hold {held}")).into());
    }
    let store = Arc::clone(&target.store);
    store
        .run(async move {
            commit(&target, &attempt, files).await.map_err(|e| e.with_context("table", target.ident.to_string()))
        })
        .await?;
    Ok(RecordBatch::try_new(count_schema(), vec![Arc::new(UInt64Array::from(vec![rows]))])?)
}

async fn commit(target: &Target, attempt: &Attempt, files: Vec<DataFile>) -> Result<()> {
    let store = &target.store;
    let table = match &target.new {
        Some(new) => create(store, new, target).await?,
        None => store
            .load(&target.ident)
            .await?
            .ok_or_else(|| Error::new(ErrorKind::Conflict, "the table was dropped while the statement wrote to it"))?,
    };
    if files.is_empty() {
        return Ok(());
    }
    match append(store, target, &table, attempt, files).await {
        Ok(()) => Ok(()),
        Err(error) => {
            if target.new.is_some() && !attempt.is_kept() {
                // As if the statement had never been; the error to report is the first one.
                let _ = store.drop_table(&target.ident).await;
            }
            Err(error)
        }
    }
}

async fn create(store: &Store, new: &NewTable, target: &Target) -> Result<Table> {
    let table = store.create(new.ident(), new.creation()).await?;
    let (made, expected) = (table.metadata(), &target.metadata);
    if made.current_schema().as_struct() != expected.current_schema().as_struct()
        || made.default_partition_spec().fields() != expected.default_partition_spec().fields()
    {
        let _ = store.drop_table(new.ident()).await;
        return Err(Error::internal("the catalog gave the new table other field ids than its files have"));
    }
    Ok(table)
}

async fn append(store: &Store, target: &Target, table: &Table, attempt: &Attempt, files: Vec<DataFile>) -> Result<()> {
    let catalog = store.made().await?;
    let id = attempt.id();
    let transaction = Transaction::new(table);
    let action = transaction
        .fast_append()
        // The names are new; the check reads all manifests of the table.
        .with_check_duplicate(false)
        .set_commit_uuid(id)
        .set_snapshot_properties(HashMap::from([
            ("engine-name".to_owned(), "cbulk".to_owned()),
            ("engine-version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
            (ATTEMPT_PROPERTY.to_owned(), id.to_string()),
        ]))
        .add_data_files(files);
    let committed = match action.apply(transaction) {
        Ok(transaction) => transaction.commit(catalog.as_ref() as &dyn Catalog).await.map(drop),
        Err(e) => Err(e),
    };

    // The crate also drops an error of SQLite's COMMIT, so success is looked up as well.
    match (store.load(&target.ident).await, committed) {
        (Ok(Some(table)), _) if has_snapshot(&table, attempt) => {
            attempt.keep();
            Ok(())
        }
        (Ok(_), committed) => {
            remove_manifests(table, attempt);
            Err(match committed {
                Err(e) => failed("append the files", &e),
                Ok(()) => Error::unavailable("the catalog took the snapshot but has not kept it; is the disk full?"),
            })
        }
        (Err(e), _) => {
            attempt.keep();
            Err(Error::unavailable(format!(
                "whether the rows were committed is unknown, as the catalog cannot be read any more; their files \
                 (named {id}-…) are left in place. Look for snapshot property {ATTEMPT_PROPERTY} = {id}"
            ))
            .with_source(e))
        }
    }
}

fn has_snapshot(table: &Table, attempt: &Attempt) -> bool {
    let id = attempt.id().to_string();
    table.metadata().snapshots().any(|s| s.summary().additional_properties.get(ATTEMPT_PROPERTY) == Some(&id))
}

/// Deletes the manifests of a commit that did not arrive: they carry the attempt's id in their names.
fn remove_manifests(table: &Table, attempt: &Attempt) {
    let id = attempt.id().to_string();
    let folder = local_path(table.metadata().location()).join("metadata");
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().contains(&id) {
            // Best effort; the statement's own error is what must be seen.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
