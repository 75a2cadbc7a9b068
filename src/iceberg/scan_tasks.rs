//! Which files, or parts of files, a scan reads, and in which partition of the plan.

use std::sync::Arc;

use ::iceberg::expr::{Bind, Predicate};
use ::iceberg::scan::FileScanTask;
use ::iceberg::spec::{DataContentType, SchemaRef as IcebergSchemaRef, Transform};
use ::iceberg::table::Table;
use datafusion::arrow::datatypes::SchemaRef;
use futures::TryStreamExt;

use super::error::failed;
use crate::error::{Error, Result};

/// A file is read in parts of at least this many bytes.
const MIN_PART_BYTES: u64 = 16 << 20;

/// What a scan is asked for.
pub(crate) struct Request {
    pub(crate) snapshot: Option<i64>,
    pub(crate) schema: IcebergSchemaRef,
    /// The projected columns.
    pub(crate) visible: SchemaRef,
    /// Conjuncts.
    pub(crate) pushed: Vec<Predicate>,
    /// Rows that are enough.
    pub(crate) limit: Option<usize>,
    /// Partitions of the plan that are worth having.
    pub(crate) partitions: usize,
}

/// What a scan will read.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) snapshot: Option<i64>,
    pub(crate) visible: SchemaRef,
    /// For EXPLAIN.
    pub(crate) predicate: Option<String>,
    pub(crate) limit: Option<usize>,
    /// At least one, perhaps an empty one.
    pub(crate) partitions: Vec<Vec<FileScanTask>>,
    pub(crate) files: usize,
    pub(crate) bytes: u64,
    /// Rows of the files, and whether a scan without filters would give just as many.
    pub(crate) rows: Option<(u64, bool)>,
}

impl Request {
    /// Reads the manifests. Call it on the store's threads.
    ///
    /// # Errors
    /// Manifests that cannot be read; a table with equality deletes.
    pub(crate) async fn plan(self, table: Table) -> Result<Planned> {
        let planning = |e: ::iceberg::Error| failed("plan the scan", &e);
        let names: Vec<&str> = self.visible.fields().iter().map(|f| f.name().as_str()).collect();
        let mut builder = table.scan().select(names);
        if let Some(snapshot) = self.snapshot {
            builder = builder.snapshot_id(snapshot);
        }
        let predicate = self.pushed.iter().cloned().reduce(Predicate::and);
        if let Some(predicate) = &predicate {
            builder = builder.with_filter(predicate.clone());
        }
        let scan = builder.build().map_err(planning)?;
        let mut tasks: Vec<FileScanTask> =
            scan.plan_files().await.map_err(planning)?.try_collect().await.map_err(planning)?;
        check_deletes(&tasks)?;
        self.restrict_predicates(&table, &mut tasks)?;

        // Manifests are read at the same time: their order is chance, a plan's should not be.
        tasks.sort_by(|a, b| a.data_file_path.cmp(&b.data_file_path));
        let exact = tasks.iter().all(|task| task.deletes.is_empty()) && predicate.is_none();
        if let Some(limit) = self.limit.filter(|_| exact) {
            let mut before = 0_u64;
            tasks.retain(|task| {
                let needed = before < limit as u64;
                before = before.saturating_add(task.record_count.unwrap_or_default());
                needed
            });
        }
        let rows = tasks.iter().map(|task| task.record_count).sum::<Option<u64>>();
        Ok(Planned {
            snapshot: self.snapshot,
            visible: self.visible,
            predicate: predicate.map(|p| p.to_string()),
            limit: self.limit,
            files: tasks.len(),
            bytes: tasks.iter().map(|task| task.length).sum(),
            rows: rows.map(|rows| (rows, exact)),
            partitions: balance(split_large(tasks, self.partitions), self.partitions),
        })
    }

    /// Row groups and rows are only filtered by columns that stand in the files. The source of an identity partition need
    /// not (Hive's layout); there the reader of `iceberg` 0.10 would take it for NULL. Its values are the same in all of a
    /// file, which has been decided by now.
    fn restrict_predicates(&self, table: &Table, tasks: &mut [FileScanTask]) -> Result<()> {
        let metadata = table.metadata();
        let specs = metadata.partition_specs_iter().flat_map(|spec| spec.fields());
        let identity: Vec<i32> = specs.filter(|f| f.transform == Transform::Identity).map(|f| f.source_id).collect();
        if identity.is_empty() || self.pushed.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = identity.iter().filter_map(|id| self.schema.name_by_field_id(*id)).collect();
        let kept = self.pushed.iter().filter(|p| !names.iter().any(|name| mentions(p, name))).cloned();
        let bound = match kept.reduce(Predicate::and) {
            Some(predicate) => {
                let bound = predicate.rewrite_not().bind(Arc::clone(&self.schema), true);
                Some(bound.map_err(|e| failed("bind the filters", &e))?)
            }
            None => None,
        };
        for task in tasks {
            task.predicate.clone_from(&bound);
        }
        Ok(())
    }
}

fn mentions(predicate: &Predicate, name: &str) -> bool {
    match predicate {
        Predicate::AlwaysTrue | Predicate::AlwaysFalse => false,
        Predicate::And(e) => e.inputs().into_iter().any(|p| mentions(p, name)),
        Predicate::Or(e) => e.inputs().into_iter().any(|p| mentions(p, name)),
        Predicate::Not(e) => e.inputs().into_iter().any(|p| mentions(p, name)),
        Predicate::Unary(e) => e.term().name() == name,
        Predicate::Binary(e) => e.term().name() == name,
        Predicate::Set(e) => e.term().name() == name,
    }
}

fn check_deletes(tasks: &[FileScanTask]) -> Result<()> {
    let equality = |task: &FileScanTask| task.deletes.iter().any(|d| d.file_type == DataContentType::EqualityDeletes);
    if tasks.iter().any(equality) {
        return Err(Error::config(
            "the table has equality deletes, which cannot be read correctly yet (rows with NULL would be lost): \
             compact the table first",
        ));
    }
    Ok(())
}

/// Cuts large files so that each partition of the plan gets about as much. Each row group belongs to the part that holds
/// its middle, so every row is read once. Files with deletes stay whole: their positions count from the start.
fn split_large(tasks: Vec<FileScanTask>, partitions: usize) -> Vec<FileScanTask> {
    let total: u64 = tasks.iter().map(|task| task.length).sum();
    let part = total.div_ceil(partitions.max(1) as u64).max(MIN_PART_BYTES);
    let mut parts = Vec::with_capacity(tasks.len());
    for task in tasks {
        let count = if task.deletes.is_empty() { task.length.div_ceil(part) } else { 1 };
        if count <= 1 {
            parts.push(task);
            continue;
        }
        let length = task.length.div_ceil(count);
        for i in 0..count {
            let start = i * length;
            let length = length.min(task.length - start);
            parts.push(FileScanTask { start: task.start + start, length, record_count: None, ..task.clone() });
        }
    }
    parts
}

/// Deals out tasks to at most that many partitions: each, the largest first, to the partition with the least bytes.
fn balance(mut tasks: Vec<FileScanTask>, partitions: usize) -> Vec<Vec<FileScanTask>> {
    let count = partitions.min(tasks.len()).max(1);
    tasks.sort_by_key(|task| std::cmp::Reverse(task.length));
    let mut bins: Vec<(u64, Vec<FileScanTask>)> = vec![(0, Vec::new()); count];
    for task in tasks {
        if let Some((bytes, bin)) = bins.iter_mut().min_by_key(|(bytes, bin)| (*bytes, bin.len())) {
            *bytes += task.length;
            bin.push(task);
        }
    }
    bins.into_iter().map(|(_, bin)| bin).collect()
}
