//! What speaks against an INSERT, each problem with its column and with advice.

use std::fmt::Write;

use datafusion::logical_expr::dml::InsertOp;

use crate::cluster::quote::quote_if_needed;
use crate::cluster::schema::{Column, ColumnKind, TableSchema};
use crate::error::Error;

/// What no INSERT into this table can do.
pub(super) fn of_table(table: &TableSchema, op: InsertOp) -> Vec<Error> {
    let name = &table.name;
    let mut errors = Vec::new();
    if op != InsertOp::Append {
        errors.push(Error::config(format!(
            "{op} is not supported for {name}: INSERT INTO replaces rows of the same primary key anyway"
        )));
    }
    if table.view {
        errors.push(Error::config(format!("{name} is a materialized view: insert into its base table")));
    }
    if table.node_local {
        errors.push(Error::config(format!("INSERT is not possible for {name}, of which each node has its own")));
    }
    errors
}

/// What is missing of the primary key. Static columns alone need no more than the partition key.
pub(super) fn of_key(table: &TableSchema, listed: &[Column]) -> Option<Error> {
    let is_listed = |column: &&Column| listed.contains(*column);
    let missing: Vec<&Column> = table.primary_key().filter(|column| !is_listed(column)).collect();
    let of_kind = |kind: ColumnKind| listed.iter().filter(move |column| column.kind == kind);
    let clusterings = table.primary_key().filter(|column| column.kind != ColumnKind::PartitionKey);
    let has_whole_partition_key = table.partition_key().all(|column| is_listed(&column));
    let names_no_row = missing.len() == clusterings.count();
    let sets_static = of_kind(ColumnKind::Static).next().is_some();
    let other = of_kind(ColumnKind::Regular).next();
    if missing.is_empty() || (has_whole_partition_key && names_no_row && sets_static && other.is_none()) {
        return None;
    }
    let names: Vec<String> = missing.iter().map(|column| quote_if_needed(&column.name)).collect();
    let mut message = format!(
        "the statement gives no value for {} of the primary key of {}: add {}",
        names.join(", "),
        table.name,
        if missing.len() == 1 { "the column" } else { "the columns" }
    );
    if let Some(other) = other.filter(|_| has_whole_partition_key && names_no_row && sets_static) {
        let other = quote_if_needed(&other.name);
        // Writing to a String cannot fail.
        let _ = write!(message, "; only static columns can do without, and {other} is none");
    }
    Some(Error::schema(message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::schema::{CqlType, TableName};

    fn column(name: &str, cql_type: CqlType, kind: ColumnKind) -> Column {
        Column { name: name.into(), cql_type, kind }
    }

    /// `((a, b), c, d)` with a static column and two others.
    fn table() -> TableSchema {
        let clustering = ColumnKind::Clustering { descending: false };
        let columns = [
            ("a", ColumnKind::PartitionKey),
            ("B", ColumnKind::PartitionKey),
            ("c", clustering),
            ("d", clustering),
            ("s", ColumnKind::Static),
            ("v", ColumnKind::Regular),
        ];
        let columns = columns.into_iter().map(|(name, kind)| column(name, CqlType::Int, kind)).collect();
        let name = TableName::new("ks", "t");
        TableSchema { name, columns, indexes: Vec::new(), node_local: false, view: false }
    }

    fn key_problem(table: &TableSchema, listed: &str) -> Option<String> {
        let is_listed = |column: &&Column| listed.split(' ').any(|name| name == column.name);
        let listed: Vec<Column> = table.columns.iter().filter(is_listed).cloned().collect();
        of_key(table, &listed).map(|error| error.to_string())
    }

    #[test]
    fn static_columns_need_only_the_partition_key() {
        let table = table();
        for enough in ["a B c d", "a B c d v", "a B c d s v", "a B s"] {
            assert_eq!(key_problem(&table, enough), None, "{enough}");
        }
        let problem = |listed| key_problem(&table, listed).unwrap();
        let start = "the statement gives no value for";
        assert_eq!(problem("a B"), format!("{start} c, d of the primary key of ks.t: add the columns"));
        assert_eq!(problem("a B c s"), format!("{start} d of the primary key of ks.t: add the column"));
        assert_eq!(problem("a s"), format!("{start} \"B\", c, d of the primary key of ks.t: add the columns"));
        assert_eq!(
            problem("a B s v"),
            format!(
                "{start} c, d of the primary key of ks.t: add the columns; only static columns can do without, and v is none"
            )
        );
    }

    #[test]
    fn tables_are_judged_as_a_whole() {
        let mut table = table();
        assert!(of_table(&table, InsertOp::Append).is_empty());
        table.view = true;
        table.node_local = true;
        let told: Vec<String> = of_table(&table, InsertOp::Overwrite).iter().map(ToString::to_string).collect();
        let expected = [
            "Insert Overwrite is not supported for ks.t",
            "ks.t is a materialized view",
            "INSERT is not possible for ks.t, of which each node has its own",
        ];
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{told}");
        }
    }
}
