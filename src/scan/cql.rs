//! The CQL of a scan, as text.

use crate::cluster::quote::{quote, quote_table};
use crate::cluster::schema::{Column, TableSchema};
use crate::codec::is_custom;

/// `SELECT` of these columns over a token range, or over the whole table if it has no ring.
///
/// No column at all still needs one in CQL: the first one of the key, which every row has.
pub(crate) fn select(table: &TableSchema, columns: &[Column], limit: Option<usize>) -> String {
    format!("SELECT {} FROM {}{}", names(table, columns), from_range(table), limited(limit))
}

/// `SELECT` of these columns of the rows with one value for each of the columns `keys`.
pub(crate) fn lookup(table: &TableSchema, columns: &[Column], keys: &[Column], limit: Option<usize>) -> String {
    let name = quote_table(&table.name.keyspace, &table.name.table);
    let equal: Vec<String> = keys.iter().map(|key| format!("{} = ?", quote(&key.name))).collect();
    format!("SELECT {} FROM {name} WHERE {}{}", names(table, columns), equal.join(" AND "), limited(limit))
}

fn names(table: &TableSchema, columns: &[Column]) -> String {
    if columns.is_empty() {
        return table.columns.first().map(|c| quote(&c.name)).unwrap_or_default();
    }
    columns.iter().map(selected).collect::<Vec<_>>().join(", ")
}

fn limited(limit: Option<usize>) -> String {
    limit.map(|n| format!(" LIMIT {n}")).unwrap_or_default()
}

/// A column as it is selected. The driver does not know Java classes and refuses every page that names one, so a column
/// with one in its type is asked for as the bytes it consists of.
fn selected(column: &Column) -> String {
    let name = quote(&column.name);
    if column.cql_type.contains(is_custom) { format!("(blob){name} AS {name}") } else { name }
}

/// `SELECT count(*)` over a token range.
pub(crate) fn count(table: &TableSchema) -> String {
    format!("SELECT count(*) FROM {}", from_range(table))
}

fn from_range(table: &TableSchema) -> String {
    let name = quote_table(&table.name.keyspace, &table.name.table);
    if table.node_local {
        return name;
    }
    let token = token_of(table);
    format!("{name} WHERE {token} > ? AND {token} <= ?")
}

fn token_of(table: &TableSchema) -> String {
    let key: Vec<String> = table.partition_key().map(|c| quote(&c.name)).collect();
    format!("token({})", key.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::schema::{ColumnKind, CqlType, TableName};

    fn table() -> TableSchema {
        let column = |name: &str, kind| Column { name: name.into(), cql_type: CqlType::Int, kind };
        TableSchema {
            name: TableName::new("Ks", "select"),
            columns: vec![
                column("a", ColumnKind::PartitionKey),
                column("say \"b\"", ColumnKind::PartitionKey),
                column("v", ColumnKind::Regular),
            ],
            node_local: false,
            view: false,
        }
    }

    #[test]
    fn names_are_quoted_and_the_range_is_bound() {
        let table = table();
        assert_eq!(
            select(&table, &table.columns[2..], None),
            "SELECT \"v\" FROM \"Ks\".\"select\" WHERE token(\"a\", \"say \"\"b\"\"\") > ? \
             AND token(\"a\", \"say \"\"b\"\"\") <= ?"
        );
    }

    #[test]
    fn no_column_reads_the_first_key_column() {
        assert!(select(&table(), &[], Some(3)).starts_with("SELECT \"a\" FROM"));
        assert!(select(&table(), &[], Some(3)).ends_with(" LIMIT 3"));
    }

    #[test]
    fn a_lookup_binds_each_column_of_the_key() {
        let table = table();
        assert_eq!(
            lookup(&table, &table.columns[2..], &table.columns[..2], Some(1)),
            "SELECT \"v\" FROM \"Ks\".\"select\" WHERE \"a\" = ? AND \"say \"\"b\"\"\" = ? LIMIT 1"
        );
    }

    #[test]
    fn a_node_local_table_has_no_range() {
        let table = TableSchema { node_local: true, ..table() };
        assert_eq!(count(&table), "SELECT count(*) FROM \"Ks\".\"select\"");
    }
}
