//! What a table is: its columns in Cassandra's own order, their types and their part in the primary key.

use std::fmt;

pub use super::cql_type::{CqlType, UserType};

/// A keyspace and a table or view in it, as Cassandra spells them (case kept, no quotes).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableName {
    /// The keyspace.
    pub keyspace: String,
    /// The table.
    pub table: String,
}

impl TableName {
    /// Both names, as Cassandra spells them.
    pub fn new(keyspace: impl Into<String>, table: impl Into<String>) -> Self {
        Self { keyspace: keyspace.into(), table: table.into() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.keyspace, self.table)
    }
}

/// The part a column plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// Part of the partition key: decides which nodes hold the row.
    PartitionKey,
    /// Orders the rows within one Cassandra partition.
    Clustering {
        /// Whether the table keeps it in descending order.
        descending: bool,
    },
    /// One value for a whole Cassandra partition.
    Static,
    /// Any other that the table keeps.
    Regular,
    /// None of the table's: the server computes it, and its name is how that is written in CQL, such as `writetime(v)`.
    Computed,
}

impl ColumnKind {
    /// Whether the column belongs to the primary key, and so is never null.
    pub fn is_key(self) -> bool {
        matches!(self, Self::PartitionKey | Self::Clustering { .. })
    }
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Column {
    /// Its name, as Cassandra spells it.
    pub name: String,
    /// Its type.
    pub cql_type: CqlType,
    /// Its part in the table.
    pub kind: ColumnKind,
}

/// What of a column an index knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IndexTarget {
    /// The value.
    Column,
    /// The elements of a list or set, or the values of a map.
    Values,
    /// The keys of a map.
    Keys,
    /// The entries of a map.
    Entries,
    /// A frozen collection as a whole.
    Full,
}

/// What an index can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IndexKind {
    /// Cassandra's first one: equality, one index a statement.
    Legacy,
    /// Storage-attached: equality and ranges, several a statement.
    Sai,
    /// SASI, one that changes texts before it compares them, or one that is not part of Cassandra.
    Other,
}

/// A secondary index.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Index {
    /// The column.
    pub column: String,
    /// What of it.
    pub target: IndexTarget,
    /// What it can answer.
    pub kind: IndexKind,
}

/// A table or materialized view.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableSchema {
    /// Its name.
    pub name: TableName,
    /// All columns in the order of CQL's `SELECT *`: partition key, clustering columns, then static and regular ones by name.
    pub columns: Vec<Column>,
    /// Its secondary indexes.
    pub indexes: Vec<Index>,
    /// Whether each node has rows of its own that no other node has (`system`, `system_schema`, virtual tables): such a
    /// table has no token ring to split.
    pub node_local: bool,
    /// Whether it is a materialized view, which cannot be written.
    pub view: bool,
}

impl TableSchema {
    /// A counter of the table, if it counts.
    pub fn counter(&self) -> Option<&Column> {
        self.columns.iter().find(|column| column.cql_type == CqlType::Counter)
    }

    /// The columns of the partition key, in order.
    pub fn partition_key(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| c.kind == ColumnKind::PartitionKey)
    }

    /// The index that knows this of a column.
    pub fn index(&self, column: &str, target: IndexTarget) -> Option<&Index> {
        self.indexes.iter().find(|index| index.column == column && index.target == target)
    }

    /// Whether an index knows anything of the column.
    pub fn is_indexed(&self, column: &str) -> bool {
        self.indexes.iter().any(|index| index.column == column)
    }

    /// The columns of the primary key, in order.
    pub fn primary_key(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|c| c.kind.is_key())
    }
}
