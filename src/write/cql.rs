//! The CQL of a load, as text.

use super::Change;
use crate::cluster::quote::{quote, quote_table};
use crate::cluster::schema::{Column, TableName};

/// The statement for one row, with a marker for each of the columns, in their order. An UPDATE sets those that are not of the
/// primary key, which therefore come first; a DELETE has none but those of the key.
pub(crate) fn statement(change: Change, table: &TableName, columns: &[Column]) -> String {
    let table = quote_table(&table.keyspace, &table.table);
    let equal = |column: &Column| format!("{} = ?", quote(&column.name));
    let pick = |is_key: bool| columns.iter().filter(move |c| c.kind.is_key() == is_key).map(equal).collect::<Vec<_>>();
    let key = || pick(true).join(" AND ");
    match change {
        Change::Insert => {
            let names: Vec<String> = columns.iter().map(|c| quote(&c.name)).collect();
            let marks = vec!["?"; columns.len()].join(", ");
            format!("INSERT INTO {table} ({}) VALUES ({marks})", names.join(", "))
        }
        Change::Update => format!("UPDATE {table} SET {} WHERE {}", pick(false).join(", "), key()),
        Change::Delete => format!("DELETE FROM {table} WHERE {}", key()),
    }
}

/// Deletes all rows of a table, at once and everywhere.
pub(crate) fn truncate(table: &TableName) -> String {
    format!("TRUNCATE {}", quote_table(&table.keyspace, &table.table))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::schema::{ColumnKind, CqlType};

    #[test]
    fn names_are_quoted() {
        let column = |name: &str, kind| Column { name: name.into(), cql_type: CqlType::Int, kind };
        let table = TableName::new("ks", "T");
        let (value, other) = (column("a", ColumnKind::Regular), column("table", ColumnKind::Static));
        let key = [column("K", ColumnKind::PartitionKey), column("c", ColumnKind::Clustering { descending: true })];
        assert_eq!(
            statement(Change::Insert, &table, &[value.clone(), other.clone()]),
            "INSERT INTO \"ks\".\"T\" (\"a\", \"table\") VALUES (?, ?)"
        );
        assert_eq!(statement(Change::Delete, &table, &key), "DELETE FROM \"ks\".\"T\" WHERE \"K\" = ? AND \"c\" = ?");
        let all = [[value, other], key].concat();
        assert_eq!(
            statement(Change::Update, &table, &all),
            "UPDATE \"ks\".\"T\" SET \"a\" = ?, \"table\" = ? WHERE \"K\" = ? AND \"c\" = ?"
        );
        assert_eq!(truncate(&table), "TRUNCATE \"ks\".\"T\"");
    }
}
