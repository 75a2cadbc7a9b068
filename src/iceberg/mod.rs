//! Apache Iceberg tables: a catalog in a SQLite file, data in a folder, scanned and written by nodes of our own.
//!
//! ```text
//! read   catalog ─ table ─ predicate ─ scan ──────────────────────────▶ RecordBatch
//! write  RecordBatch ─ write (N partitions: convert ─ files) ─ commit (one) ──▶ one snapshot, one count
//! ```
//!
//! What holds:
//!
//! - A statement makes one snapshot, or none if it wrote no row. Readers see all of its rows or none of them.
//! - A statement that fails or is cancelled leaves neither a snapshot nor a file: an attempt owns the files until the
//!   catalog has acknowledged them, and deletes them when it is dropped before that.
//! - `CREATE TABLE … AS` makes the table when its rows are written, immediately before the append; until then nothing is
//!   in the catalog, and afterwards nothing is left of a statement that failed.
//! - A value is written exactly or not at all: what an Iceberg type cannot hold is an error that names column and row.
//! - The count returned is the sum over files that the catalog has acknowledged.
//!
//! Everything of `iceberg` that waits (SQLite, manifests) runs on two threads of the catalog's own (`store.rs`). The
//! Parquet files themselves are read and written where DataFusion runs.

mod attempt;
mod catalog;
mod commit;
mod convert;
mod error;
mod files;
mod grouped;
mod insert;
mod partitioning;
mod predicate;
mod scan;
mod scan_tasks;
mod settings;
mod split;
mod store;
mod table;
mod target;
mod types;
mod write;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use catalog::IcebergCatalog;
pub use insert::KeepExactValues;
pub(crate) use target::CreateOptions;

/// Where an [`IcebergCatalog`] lives. Nothing is opened or made before a statement needs it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct IcebergOptions {
    /// The folder with the SQLite file `catalog.db` and the folder `warehouse`. Both are made by the first write; a
    /// folder that is not there is an empty catalog. Default: `iceberg` below the working directory.
    pub folder: PathBuf,
    /// The name under which the SQLite file knows this catalog: one file can hold several, and another program (say
    /// `pyiceberg`) sees the same tables only under the same name. Default: `iceberg`.
    pub name: String,
}

impl Default for IcebergOptions {
    fn default() -> Self {
        Self { folder: PathBuf::from("iceberg"), name: "iceberg".into() }
    }
}

impl IcebergOptions {
    /// A catalog in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), ..Self::default() }
    }
}
