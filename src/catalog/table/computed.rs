//! A table with columns that the server computes.

use super::CassandraTable;
use crate::cluster::schema::Column;

impl CassandraTable {
    /// The same table with these columns, of kind [`Computed`](crate::cluster::schema::ColumnKind::Computed), behind its
    /// own.
    pub(in crate::catalog) fn with_computed(&self, columns: impl IntoIterator<Item = Column>) -> Self {
        let mut definition = self.table.as_ref().clone();
        for column in columns {
            if !definition.columns.contains(&column) {
                definition.columns.push(column);
            }
        }
        self.clone().with_definition(definition)
    }
}
