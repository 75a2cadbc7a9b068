//! What the Iceberg tests share: sessions in a folder of their own, statements, pyiceberg.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cbulk::{Session, SessionBuilder};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use futures::TryStreamExt;

use super::cells::cells;
pub(crate) use crate::common::plan;
use crate::common::{self, python};

/// A folder for one test; the catalog in it is not made yet.
pub(crate) struct Folder {
    _parent: tempfile::TempDir,
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        // As pyiceberg will see it, without links.
        let path = parent.path().canonicalize().unwrap().join("catalog folder");
        Self { _parent: parent, path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn text(&self) -> &str {
        self.path.to_str().unwrap()
    }

    pub(crate) fn session(&self) -> Session {
        let builder = SessionBuilder::default().with_iceberg_folder(&self.path);
        builder.with_config(|c| c.with_target_partitions(3)).build().unwrap()
    }
}

/// All files below, relative, sorted.
pub(crate) fn files_of(folder: &Path) -> Vec<String> {
    fn collect(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                collect(&entry.path(), &format!("{name}/"), found);
            } else {
                found.push(name);
            }
        }
    }
    let mut found = Vec::new();
    collect(folder, "", &mut found);
    found.sort();
    found
}

pub(crate) async fn query(session: &Session, sql: &str) -> Vec<RecordBatch> {
    common::run(session, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
}

pub(crate) async fn run(session: &Session, sql: &str) {
    query(session, sql).await;
}

/// The message of a statement that must fail, with its causes.
pub(crate) async fn error(session: &Session, sql: &str) -> String {
    match common::run(session, sql).await {
        Ok(_) => panic!("no error: {sql}"),
        Err(e) => {
            let mut text = e.to_string();
            let mut cause = std::error::Error::source(&e);
            while let Some(inner) = cause {
                text = format!("{text}\n{inner}");
                cause = inner.source();
            }
            text
        }
    }
}

/// The result of a writing statement.
pub(crate) async fn count(session: &Session, sql: &str) -> u64 {
    let planned = plan(session, sql).await;
    assert!(planned.writes, "{sql}");
    let batches: Vec<RecordBatch> =
        planned.execute().unwrap().try_collect().await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let cells = cells(&batches);
    assert_eq!((cells.len(), cells[0].len(), batches[0].schema().field(0).name().as_str()), (1, 1, "count"), "{sql}");
    cells[0][0].as_ref().unwrap().parse().unwrap()
}

pub(crate) async fn text(session: &Session, sql: &str) -> String {
    pretty_format_batches(&query(session, sql).await).unwrap().to_string()
}

pub(crate) fn rows(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

/// Registers batches as a table of that many partitions.
pub(crate) fn register(session: &Session, name: &str, batches: &[RecordBatch], partitions: usize) {
    let schema = batches[0].schema();
    let mut parts = vec![Vec::new(); partitions];
    for (i, batch) in batches.iter().enumerate() {
        parts[i % partitions].push(batch.clone());
    }
    let table = MemTable::try_new(schema, parts).unwrap();
    session.context().register_table(name, Arc::new(table)).unwrap();
}

/// Compressed by zstd, and as the manifest says.
pub(crate) fn assert_files_are_sound(read: &serde_json::Value, what: &str) {
    assert_files_are_sound_but_codec(read, what);
    for file in read["files"].as_array().unwrap() {
        assert_eq!(file["codecs"], serde_json::json!(["ZSTD"]), "{what}");
    }
}

pub(crate) fn assert_files_are_sound_but_codec(read: &serde_json::Value, what: &str) {
    let files = read["files"].as_array().unwrap();
    assert!(!files.is_empty(), "{what}");
    for file in files {
        assert_eq!(file["problems"], serde_json::json!([]), "{what}: {file}");
    }
}

/// What pyiceberg says of a table.
pub(crate) fn pyiceberg_table(folder: &Folder, table: &str) -> serde_json::Value {
    pyiceberg_tables(folder, &[table.to_owned()]).remove(0)
}

/// What pyiceberg says of these tables.
pub(crate) fn pyiceberg_tables(folder: &Folder, tables: &[String]) -> Vec<serde_json::Value> {
    let arguments: Vec<&str> = [folder.text()].into_iter().chain(tables.iter().map(String::as_str)).collect();
    let output = python("iceberg/inspect_table.py", &arguments);
    serde_json::from_str(&output).unwrap_or_else(|e| panic!("{e}: {output}"))
}
