//! The CQL of a load, as text.

use crate::cluster::quote::{quote, quote_table};
use crate::cluster::schema::{Column, TableName};

/// `INSERT` of these columns.
pub(crate) fn insert(table: &TableName, columns: &[Column]) -> String {
    let names: Vec<String> = columns.iter().map(|c| quote(&c.name)).collect();
    let marks = vec!["?"; columns.len()].join(", ");
    format!("INSERT INTO {} ({}) VALUES ({marks})", quote_table(&table.keyspace, &table.table), names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::schema::{ColumnKind, CqlType};

    #[test]
    fn names_are_quoted() {
        let column = |name: &str| Column { name: name.into(), cql_type: CqlType::Int, kind: ColumnKind::Regular };
        assert_eq!(
            insert(&TableName::new("ks", "T"), &[column("a"), column("table")]),
            "INSERT INTO \"ks\".\"T\" (\"a\", \"table\") VALUES (?, ?)"
        );
    }
}
