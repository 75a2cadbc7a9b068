//! What speaks against an INSERT, each problem with its column and with advice.

use std::fmt::Write;

use datafusion::logical_expr::dml::InsertOp;

use crate::cluster::quote::quote_if_needed;
use crate::cluster::schema::{Column, ColumnKind, CqlType, TableSchema};
use crate::error::Error;
use crate::options::{CassandraOptions, WRITE_TIMESTAMP_US, WRITE_TTL_SECONDS};

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
    if let Some(counter) = counter(table) {
        errors.push(Error::config(format!(
            "{name} has the counter column {}, and rows of counters cannot be inserted",
            counter.name
        )));
    }
    errors
}

/// Options that contradict the table.
pub(super) fn of_options(table: &TableSchema, options: &CassandraOptions) -> Vec<Error> {
    let Some(counter) = counter(table) else { return Vec::new() };
    let of_counters = [
        (WRITE_TTL_SECONDS, options.write_ttl_seconds.is_some(), "live until they are deleted"),
        (WRITE_TIMESTAMP_US, options.write_timestamp_us.is_some(), "have no time that could be chosen"),
    ];
    let given = of_counters.into_iter().filter(|(_, is_given, _)| *is_given);
    given
        .map(|(option, _, why)| {
            Error::config(format!(
                "{option} is set, but counters such as column {} {why}: RESET {option}",
                counter.name
            ))
        })
        .collect()
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

fn counter(table: &TableSchema) -> Option<&Column> {
    table.columns.iter().find(|column| column.cql_type == CqlType::Counter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::schema::TableName;

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
    fn tables_and_options_are_judged_as_a_whole() {
        let mut table = table();
        assert!(of_table(&table, InsertOp::Append).is_empty());
        let options = CassandraOptions {
            write_ttl_seconds: Some("60".parse().unwrap()),
            write_timestamp_us: Some(5),
            ..CassandraOptions::default()
        };
        assert!(of_options(&table, &options).is_empty());
        table.view = true;
        table.node_local = true;
        table.columns.push(column("n", CqlType::Counter, ColumnKind::Regular));
        let told: Vec<String> = of_table(&table, InsertOp::Overwrite)
            .into_iter()
            .chain(of_options(&table, &options))
            .map(|error| error.to_string())
            .collect();
        let expected = [
            "Insert Overwrite is not supported for ks.t",
            "ks.t is a materialized view",
            "INSERT is not possible for ks.t, of which each node has its own",
            "ks.t has the counter column n",
            "cassandra.write_ttl_seconds is set, but counters such as column n live until",
            "cassandra.write_timestamp_us is set, but counters such as column n have no time",
        ];
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for (told, expected) in told.iter().zip(expected) {
            assert!(told.starts_with(expected), "{told}");
        }
    }
}
