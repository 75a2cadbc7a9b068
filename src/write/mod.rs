//! The write path.
//!
//! ```text
//! RecordBatch ─ sort, if asked for ─ exec ─ partition (one stream) ─ form ─ codec/encode ─ batch (statement groups) ─ pace ─ sender ─▶ Cassandra
//!                                                         └────────────── rows that cannot be written ──────────────┴─▶ rejected_file
//! ```
//!
//! Rows of one Cassandra partition that arrive together are sent together, as one unlogged statement group, to a replica of
//! that partition. Those that come apart are brought together by `cassandra.sort_by_token` ([`sort`]).
//!
//! Null means *unset*, unless `cassandra.write_nulls` says otherwise: the column is left as it is, no
//! tombstone is written. A request that can be repeated with the same effect is, with a growing wait, when the cluster
//! is busy or a node is away. Those of counters, appended lists and `IF NOT EXISTS` are not, unless nothing can have come of
//! them: their rows are reported as of unknown outcome.
//!
//! How many groups are in flight at each node is found out while the load runs, see `pace.rs`. Rows that cannot be written are kept in files if
//! an option allows them, see [`outcome`]; the number of rows read is always that of those written, not applied, rejected
//! and unknown together.
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

mod ahead;
pub(crate) mod batch;
pub(crate) mod casts;
pub(crate) mod cql;
pub mod create;
pub mod exec;
pub(crate) mod form;
mod hot;
mod load;
pub(crate) mod metrics;
pub mod outcome;
mod pace;
mod partition;
pub(crate) mod read_first;
mod rejected_file;
pub(crate) mod sender;
mod shares;
pub mod sort;
pub(crate) mod times;
pub(crate) mod truncate;
mod unwritten;
pub mod written;

use std::sync::Arc;

use crate::cluster::ClusterHandle;
use crate::cluster::schema::{Column, CqlType, TableSchema};
use crate::codec::encode::RowEncoder;
use crate::options::CassandraOptions;
use form::Form;
use times::TimesLayout;

/// What a row of the input does to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is written, over a row of the same primary key if there is one.
    Insert,
    /// It is written if there is none of its primary key.
    InsertNew,
    /// Its counters are added to those of the row.
    Count,
    /// It is written, and the elements of its collections are added to those of the row. `lists`: also those of lists, which are
    /// there twice if that is done twice.
    Append { lists: bool },
    /// Its columns that are not of the key are set, also to null.
    Update,
    /// The row of its primary key is deleted.
    Delete,
}

impl Change {
    /// What has happened to the rows acknowledged.
    fn done(self) -> &'static str {
        match self {
            Self::Insert | Self::InsertNew | Self::Append { .. } => "written",
            Self::Count => "added to",
            Self::Update => "updated",
            Self::Delete => "deleted",
        }
    }

    /// Whether it may be done twice with the same effect.
    fn is_repeatable(self) -> bool {
        match self {
            Self::Insert | Self::Update | Self::Delete | Self::Append { lists: false } => true,
            // Of a condition, the second answer would be another one.
            Self::InsertNew | Self::Count | Self::Append { lists: true } => false,
        }
    }

    /// Whether the server answers if it was done.
    fn is_conditional(self) -> bool {
        self == Self::InsertNew
    }

    fn is_counter(self) -> bool {
        self == Self::Count
    }

    /// Whether a row with nothing but its key would be left out by the server without a word.
    fn needs_values(self) -> bool {
        matches!(self, Self::Append { .. })
    }

    /// Whether the columns of the key come last, as in UPDATE of CQL.
    pub(crate) fn has_key_last(self) -> bool {
        matches!(self, Self::Update | Self::Count | Self::Append { .. })
    }
}

/// What a load writes and where: all that is needed to run it in this process or another one.
#[derive(Debug, Clone)]
pub(crate) struct WriteRecipe {
    pub(crate) cluster: ClusterHandle,
    pub(crate) table: Arc<TableSchema>,
    pub(crate) change: Change,
    /// The columns bound, in the order of the statement, and which column of the input each one comes from. With `times` or JSON
    /// texts, the columns of the input that these are made of.
    pub(crate) columns: Vec<Column>,
    pub(crate) input_columns: Vec<usize>,
    /// What is made of them before anything else.
    pub(crate) form: Form,
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

    /// Whether a request of it may be sent twice with the same effect. Not if it gives lists a time: what was in them before is
    /// deleted up to the microsecond before that time, and so the elements would be there twice.
    fn is_repeatable(&self) -> bool {
        let has_time =
            self.options.write_timestamp_us.is_some() || self.times.as_ref().is_some_and(TimesLayout::has_time_of_rows);
        let is_list = |column: &Column| matches!(column.cql_type, CqlType::List(_));
        self.change.is_repeatable() && !(has_time && self.columns.iter().any(is_list))
    }

    /// Whether its statement groups are logged batches. Those of counters cannot be, and a condition is sent by itself.
    fn is_logged(&self) -> bool {
        self.options.logged_groups && !self.change.is_counter() && !self.change.is_conditional()
    }

    /// Whether rows that cannot be written are kept and the others go on.
    fn keeps_rejected(&self) -> bool {
        self.options.max_rejected.keeps_rows()
    }
}
