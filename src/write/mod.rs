//! The write path.
//!
//! ```text
//! RecordBatch ─ exec (one stream a partition) ─ codec/encode ─ batch (statement groups) ─ sender ─▶ Cassandra
//! ```
//!
//! Rows of one Cassandra partition that arrive together are sent together, as one unlogged statement group, to a replica of
//! that partition. Null means *unset*, unless `cassandra.write_nulls` says otherwise: the column is left as it is, no
//! tombstone is written. Every request can be repeated with the same effect, and is, with a growing wait, when the cluster
//! is busy or a node is away.
//!
//! What is atomic: the rows of one statement group, on each replica. Nothing more: a statement that fails or is cancelled
//! has written some of its rows, and running it again writes the same rows over them.
//!
//! Of several rows with the same primary key in one statement, any one may be the last; each is written as a whole. Not so
//! with `cassandra.write_timestamp_us`: all have the same time then, and of each cell Cassandra keeps the greatest value.
//!
//! A row is counted as written when the replicas that the consistency level asks for have acknowledged it.
//!
//! `DELETE` and `UPDATE` go the same way, with another statement (`Change`): their rows are those of a SELECT.

pub(crate) mod batch;
pub(crate) mod cql;
pub mod create;
pub mod exec;
pub(crate) mod read_first;
pub(crate) mod sender;
pub(crate) mod times;
pub(crate) mod truncate;

use std::sync::Arc;

use crate::cluster::ClusterHandle;
use crate::cluster::schema::{Column, TableSchema};
use crate::codec::encode::RowEncoder;
use crate::options::CassandraOptions;
use times::TimesLayout;

/// What a row of the input does to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is written, over a row of the same primary key if there is one.
    Insert,
    /// Its columns that are not of the key are set, also to null.
    Update,
    /// The row of its primary key is deleted.
    Delete,
}

impl Change {
    /// What has happened to the rows acknowledged.
    fn done(self) -> &'static str {
        match self {
            Self::Insert => "written",
            Self::Update => "updated",
            Self::Delete => "deleted",
        }
    }
}

/// What a load writes and where: all that is needed to run it in this process or another one.
#[derive(Debug, Clone)]
pub(crate) struct WriteRecipe {
    pub(crate) cluster: ClusterHandle,
    pub(crate) table: Arc<TableSchema>,
    pub(crate) change: Change,
    /// The columns bound, in the order of the statement, and which column of the input each one comes from. With `times`,
    /// the columns of the input that these are made of.
    pub(crate) columns: Vec<Column>,
    pub(crate) input_columns: Vec<usize>,
    /// How rows become statements, where times come with them.
    pub(crate) times: Option<TimesLayout>,
    pub(crate) encoder: RowEncoder,
    pub(crate) options: CassandraOptions,
    /// Whether the input may read what is written here, so that it must have ended before the first row is sent.
    pub(crate) read_first: bool,
}

impl WriteRecipe {
    /// The statement that each row is bound to.
    pub(crate) fn cql(&self) -> String {
        cql::statement(self.change, &self.table.name, &self.columns, &self.options)
    }
}
