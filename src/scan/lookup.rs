//! Keyed joins: the rows of a table that a join needs are looked up by key, and the rest of the table is not read.
//!
//! ```text
//! input ─ window ─ keys (distinct, possible) ─ remembered? ─ page/key (in groups) ─ decode ─ table's steps ─┐
//!            └──────────────────────────── rows of each key ────────────────── matching ◀──────────────────────┘─▶ RecordBatch
//! ```
//!
//! Each row of the *input* (the side that has the keys) is joined by itself, so the rows of an input may be joined in any
//! order and in parts: once more keys came than it is worth to look up, the rest of the input goes to an ordinary join with a
//! scan ([`exec::RemainingInputExec`]), and both results together are the answer. The one exception is the semi join that gives
//! rows of the *table*: each of them once, so the keys looked up are remembered, and the input is one partition.
//!
//! What is in memory: a window of the input (about two batches), the pages in flight, the rows found that make the next
//! batch, and the rows of keys that are remembered (bounded).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::{JoinSide, JoinType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::joins::utils::{ColumnIndex, JoinFilter};

pub mod exec;
mod keys;
mod matching;
mod remembered;
mod run;
pub(crate) mod table;

use super::cql;
use crate::cluster::schema::Column;
use crate::codec::encode::RowEncoder;
use crate::error::{Error, Result};
use table::TableSide;

/// What the join gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LookupKind {
    /// Pairs of a row of the input and a row of the table.
    Inner,
    /// The same, and rows of the input that have no partner.
    Outer,
    /// Rows of the input that have a partner.
    Semi,
    /// Rows of the input that have none.
    Anti,
    /// Rows of the table that have a partner, each once.
    TableSemi,
}

impl LookupKind {
    /// None for joins that keep rows of the table that have no partner: nobody looks them up.
    pub(crate) fn of(join_type: JoinType, table: JoinSide) -> Option<Self> {
        use JoinSide::{Left, Right};
        Some(match (join_type, table) {
            (JoinType::Inner, Left | Right) => Self::Inner,
            (JoinType::Left, Right) | (JoinType::Right, Left) => Self::Outer,
            (JoinType::LeftSemi, Right) | (JoinType::RightSemi, Left) => Self::Semi,
            (JoinType::LeftAnti, Right) | (JoinType::RightAnti, Left) => Self::Anti,
            (JoinType::LeftSemi, Left) | (JoinType::RightSemi, Right) => Self::TableSemi,
            _ => return None,
        })
    }

    /// Whether all that matters is whether a key has a row.
    fn asks_for_existence(self) -> bool {
        matches!(self, Self::Semi | Self::Anti)
    }
}

/// A column of the table's primary key and what it is equal to.
#[derive(Debug, Clone)]
pub(crate) struct LookupKey {
    pub(crate) column: Column,
    /// Over the input.
    pub(crate) value: Arc<dyn PhysicalExpr>,
}

/// What a pair must fulfil besides the key.
#[derive(Debug, Clone)]
pub(crate) struct Residual {
    /// Further equalities: an expression over the input and one over the table's side, of one type.
    pub(crate) equal: Vec<(Arc<dyn PhysicalExpr>, Arc<dyn PhysicalExpr>)>,
    pub(crate) filter: Option<JoinFilter>,
}

impl Residual {
    pub(crate) fn is_empty(&self) -> bool {
        self.equal.is_empty() && self.filter.is_none()
    }
}

/// A join that looks up keys: all that is needed to run it, but its input.
#[derive(Debug)]
pub(crate) struct LookupJoin {
    pub(crate) join_type: JoinType,
    pub(crate) kind: LookupKind,
    pub(crate) table: TableSide,
    /// On which side of the join the table stands.
    pub(crate) table_at: JoinSide,
    pub(crate) keys: Vec<LookupKey>,
    pub(crate) residual: Residual,
    /// Where the columns of the result come from.
    pub(crate) output: Vec<ColumnIndex>,
    pub(crate) schema: SchemaRef,
    /// Keys that are looked up at the most; no limit if there is none.
    pub(crate) max_keys: Option<usize>,
}

impl LookupJoin {
    /// The columns of the key, in the order of the statement.
    fn key_columns(&self) -> Vec<Column> {
        self.keys.iter().map(|key| key.column.clone()).collect()
    }

    /// The form in which keys come.
    fn key_schema(&self, input: &Schema) -> Result<Schema> {
        let field = |key: &LookupKey| Ok(Field::new(&key.column.name, key.value.data_type(input)?, true));
        let fields = self.keys.iter().map(field).collect::<datafusion::error::Result<Vec<_>>>();
        Ok(Schema::new(fields.map_err(|e| Error::internal("a key has no type").with_source(e))?))
    }

    /// Makes of keys what is bound to the statement.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`](crate::ErrorKind::Schema) if a column's values cannot be of the type in which they come.
    pub(crate) fn encoder(&self, input: &Schema) -> Result<RowEncoder> {
        RowEncoder::try_new(&self.key_columns(), &self.key_schema(input)?)
    }

    /// The only column of the key, if one request can ask for several keys.
    fn single_column(&self) -> Option<&Column> {
        let is_several = self.table.scan().options.lookup_keys_per_request.get() > 1;
        match &*self.keys {
            [only] if is_several && self.table.scan().table.partition_key().count() == 1 => Some(&only.column),
            _ => None,
        }
    }

    /// The columns that are read: those of the scan, and behind them the column that tells whose rows they are, if it is not
    /// among them; and where that column stands.
    fn columns(&self) -> (Cow<'_, [Column]>, Option<usize>) {
        let columns = &self.table.scan().columns;
        let Some(key) = self.single_column() else { return (Cow::Borrowed(columns), None) };
        match columns.iter().position(|column| column == key) {
            Some(place) => (Cow::Borrowed(columns), Some(place)),
            None => (columns.iter().chain([key]).cloned().collect(), Some(columns.len())),
        }
    }

    /// The statement that looks up a key, or several.
    pub(crate) fn cql(&self) -> String {
        let table = &self.table.scan().table;
        // One row proves that there is one, unless it may yet be dropped.
        let first_only = self.kind.asks_for_existence() && self.residual.is_empty() && !self.table.drops_rows();
        let (columns, _) = self.columns();
        match self.single_column() {
            Some(key) => cql::lookup_several(table, &columns, key, first_only),
            None => cql::lookup(table, &columns, &self.key_columns(), first_only),
        }
    }

    /// Whether all keys must come in one stream.
    pub(crate) fn needs_one_partition(&self) -> bool {
        // Each partition would look up on its own what may be looked up by all together.
        self.max_keys.is_some() || self.kind == LookupKind::TableSemi
    }
}

impl fmt::Display for LookupJoin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type={}, cql={}, keys=[", self.join_type, self.cql())?;
        for (i, key) in self.keys.iter().enumerate() {
            write!(f, "{}{} = {}", if i == 0 { "" } else { ", " }, key.column.name, key.value)?;
        }
        f.write_str("]")?;
        for (input, table) in &self.residual.equal {
            write!(f, ", and={input} = {table}")?;
        }
        if let Some(filter) = &self.residual.filter {
            write!(f, ", filter={}", filter.expression())?;
        }
        write!(f, "{}", self.table)?;
        match self.max_keys {
            Some(most) => write!(f, ", max_keys={most}")?,
            None => f.write_str(", max_keys=unlimited")?,
        }
        let options = &self.table.scan().options;
        if self.single_column().is_some() {
            write!(f, ", keys_per_request={}", options.lookup_keys_per_request)?;
        }
        write!(f, ", in_flight_per_node={}", options.lookups_in_flight_per_node)
    }
}
