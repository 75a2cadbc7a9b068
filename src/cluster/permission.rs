//! Whether the user may write, asked without writing.

use scylla::statement::unprepared::Statement;

use super::driver_error::is_unauthorized;
use super::quote::{quote, quote_table};
use super::schema::TableSchema;
use super::{Cluster, execution_error};
use crate::error::Result;

impl Cluster {
    /// Asks for a change that the server has to refuse, and looks at why it does: it looks at permissions first. So it
    /// answers for every user, role and authorizer, whatever the tables of permissions say and whoever may read them.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config): the user may not. Any other answer is none: the first row will tell.
    pub(crate) async fn check_modify(&self, table: &TableSchema) -> Result<()> {
        let mut statement = Statement::new(impossible_change(table));
        statement.set_is_idempotent(true);
        match self.session().query_unpaged(statement, ()).await {
            Err(error) if is_unauthorized(&error) => Err(execution_error("asking for permission to write", &error)),
            _ => Ok(()),
        }
    }
}

/// A DELETE needs the permission that INSERT and UPDATE need, and goes for tables of counters, too. No partition key is null,
/// so there would be nothing to delete even if a server took it.
fn impossible_change(table: &TableSchema) -> String {
    let key: Vec<String> = table.partition_key().map(|column| format!("{} = null", quote(&column.name))).collect();
    let name = quote_table(&table.name.keyspace, &table.name.table);
    format!("DELETE FROM {name} WHERE {}", key.join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::schema::{Column, ColumnKind, CqlType, TableName};

    #[test]
    fn the_whole_partition_key_is_null() {
        let column = |name: &str, kind| Column { name: name.into(), cql_type: CqlType::Int, kind };
        let columns = vec![
            column("a", ColumnKind::PartitionKey),
            column("B", ColumnKind::PartitionKey),
            column("c", ColumnKind::Clustering { descending: false }),
            column("v", ColumnKind::Regular),
        ];
        let name = TableName::new("ks", "T");
        let table = TableSchema { name, columns, indexes: Vec::new(), node_local: false, view: false };
        assert_eq!(impossible_change(&table), "DELETE FROM \"ks\".\"T\" WHERE \"a\" = null AND \"B\" = null");
    }
}
