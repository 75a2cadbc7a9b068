//! The CQL of a scan, as text.

use crate::cluster::quote::{quote, quote_table};
use crate::cluster::schema::{Column, ColumnKind, TableSchema};
use crate::codec::is_custom;
use crate::scan::ScanRecipe;
use crate::scan::aggregate::Answer;
use crate::scan::restriction::Access;

/// `SELECT` of the recipe's columns from one split.
///
/// No column at all still needs one in CQL: the last one of the key, which every row has.
pub(crate) fn select(recipe: &ScanRecipe, limit: Option<usize>) -> String {
    let names = names(&recipe.table, &recipe.columns);
    let order = if recipe.reversed { format!(" ORDER BY {}", reversed_order(recipe)) } else { String::new() };
    let per_partition = match recipe.options.per_partition_limit {
        Some(rows) if !recipe.table.node_local => format!(" PER PARTITION LIMIT {}", rows.get()),
        _ => String::new(),
    };
    let filtering = if recipe.restriction.allow_filtering { " ALLOW FILTERING" } else { "" };
    format!("SELECT {names} FROM {}{order}{per_partition}{}{filtering}", rows_of_split(recipe), limited(limit))
}

/// `SELECT` of these columns of the rows with one value for each of the columns `keys`; `first_only` gives one row.
pub(crate) fn lookup(table: &TableSchema, columns: &[Column], keys: &[Column], first_only: bool) -> String {
    let equal: Vec<String> = keys.iter().map(|key| format!("{} = ?", quote(&key.name))).collect();
    let limit = limited(first_only.then_some(1));
    format!("SELECT {} FROM {} WHERE {}{limit}", names(table, columns), name(table), equal.join(" AND "))
}

/// The same for several values of the only column of the partition key.
pub(crate) fn lookup_several(table: &TableSchema, columns: &[Column], key: &Column, first_only: bool) -> String {
    let limit = if first_only { " PER PARTITION LIMIT 1" } else { "" };
    format!("SELECT {} FROM {} WHERE {} IN ?{limit}", names(table, columns), name(table), quote(&key.name))
}

fn name(table: &TableSchema) -> String {
    quote_table(&table.name.keyspace, &table.name.table)
}

fn names(table: &TableSchema, columns: &[Column]) -> String {
    if columns.is_empty() {
        // Of a column of the rows themselves, if there is one: see `only_static`.
        let column = table.primary_key().last().or(table.columns.first());
        return column.map(|c| quote(&c.name)).unwrap_or_default();
    }
    columns.iter().map(selected).collect::<Vec<_>>().join(", ")
}

fn limited(limit: Option<usize>) -> String {
    limit.map(|n| format!(" LIMIT {n}")).unwrap_or_default()
}

/// Whether the server takes a SELECT of these columns for one of static columns alone, in which it refuses conditions on
/// clustering columns.
pub(crate) fn only_static<'a>(table: &TableSchema, mut columns: impl Iterator<Item = &'a Column>) -> bool {
    let has_static = table.columns.iter().any(|column| column.kind == ColumnKind::Static);
    has_static && columns.all(|column| matches!(column.kind, ColumnKind::PartitionKey | ColumnKind::Static))
}

/// A column as it is selected. The driver does not know Java classes and refuses every page that names one, so a column
/// with one in its type is asked for as the bytes it consists of.
fn selected(column: &Column) -> String {
    let name = quote(&column.name);
    if column.kind == ColumnKind::Computed {
        return format!("{} AS {name}", column.name);
    }
    if column.cql_type.contains(is_custom) { format!("(blob){name} AS {name}") } else { name }
}

/// `SELECT` of these aggregates over one split.
pub(crate) fn aggregate(recipe: &ScanRecipe, answers: &[Answer]) -> String {
    let selected: Vec<String> = answers.iter().enumerate().map(|(place, answer)| answer.cql(place)).collect();
    // In the order of the key, whatever the order of the answer.
    let is_group = |column: &&Column| answers.contains(&Answer::Group((*column).clone()));
    let groups: Vec<String> = recipe.table.primary_key().filter(is_group).map(|c| quote(&c.name)).collect();
    let group_by = if groups.is_empty() { String::new() } else { format!(" GROUP BY {}", groups.join(", ")) };
    let filtering = if recipe.restriction.allow_filtering { " ALLOW FILTERING" } else { "" };
    format!("SELECT {} FROM {}{group_by}{filtering}", selected.join(", "), rows_of_split(recipe))
}

/// The table and its WHERE: the bind markers are those of the split, then those of the terms.
fn rows_of_split(recipe: &ScanRecipe) -> String {
    let table = &recipe.table;
    let name = name(table);
    if table.node_local {
        return name;
    }
    let mut terms = match &recipe.restriction.access {
        Access::Ring(_) => {
            let token = token_of(recipe);
            vec![format!("{token} > ?"), format!("{token} <= ?")]
        }
        Access::Keys(_) => table.partition_key().map(|column| format!("{} = ?", quote(&column.name))).collect(),
    };
    terms.extend(recipe.restriction.terms.iter().map(super::restriction::Term::cql));
    format!("{name} WHERE {}", terms.join(" AND "))
}

fn token_of(recipe: &ScanRecipe) -> String {
    let key: Vec<String> = recipe.table.partition_key().map(|c| quote(&c.name)).collect();
    format!("token({})", key.join(", "))
}

/// The clustering columns in the order that is not the table's.
fn reversed_order(recipe: &ScanRecipe) -> String {
    let columns = recipe.table.columns.iter().filter_map(|column| match column.kind {
        ColumnKind::Clustering { descending } => {
            Some(format!("{} {}", quote(&column.name), if descending { "ASC" } else { "DESC" }))
        }
        _ => None,
    });
    columns.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cluster::ClusterHandle;
    use crate::cluster::schema::{CqlType, TableName};
    use crate::codec::ReadAs;
    use crate::options::{CassandraOptions, ClusterOptions, Positive};
    use crate::scan::restriction::{PartitionKey, Relation, Restriction, Term, Value};

    fn recipe() -> ScanRecipe {
        let column = |name: &str, kind| Column { name: name.into(), cql_type: CqlType::Int, kind };
        let columns = vec![
            column("a", ColumnKind::PartitionKey),
            column("say \"b\"", ColumnKind::PartitionKey),
            column("c", ColumnKind::Clustering { descending: true }),
            column("v", ColumnKind::Regular),
        ];
        let table = TableSchema {
            name: TableName::new("Ks", "select"),
            columns: columns.clone(),
            indexes: Vec::new(),
            node_local: false,
            view: false,
        };
        ScanRecipe {
            cluster: ClusterHandle::new(ClusterOptions::default()),
            schema: Arc::new(crate::codec::arrow_schema(&columns[3..])),
            columns: columns[3..].to_vec(),
            table: Arc::new(table),
            read_as: ReadAs::default(),
            options: CassandraOptions::default(),
            restriction: Restriction::none(),
            estimate: None,
            reversed: false,
            partitions: Vec::new(),
            splits_in_flight: 1,
        }
    }

    #[test]
    fn names_are_quoted_and_the_range_is_bound() {
        assert_eq!(
            select(&recipe(), None),
            "SELECT \"v\" FROM \"Ks\".\"select\" WHERE token(\"a\", \"say \"\"b\"\"\") > ? \
             AND token(\"a\", \"say \"\"b\"\"\") <= ?"
        );
    }

    #[test]
    fn no_column_reads_the_last_key_column() {
        let recipe = ScanRecipe { columns: Vec::new(), ..recipe() };
        assert!(select(&recipe, Some(3)).starts_with("SELECT \"c\" FROM"));
        assert!(select(&recipe, Some(3)).ends_with(" LIMIT 3"));
    }

    #[test]
    fn what_the_server_computes_is_named_after_itself() {
        let name = "writetime(\"V\")".to_owned();
        let column = Column { name, cql_type: CqlType::BigInt, kind: ColumnKind::Computed };
        let cql = select(&ScanRecipe { columns: vec![column], ..recipe() }, None);
        assert!(cql.starts_with(r#"SELECT writetime("V") AS "writetime(""V"")" FROM"#), "{cql}");
    }

    #[test]
    fn a_lookup_binds_each_column_of_the_key() {
        let table = recipe().table;
        assert_eq!(
            lookup(&table, &table.columns[3..], &table.columns[..2], true),
            "SELECT \"v\" FROM \"Ks\".\"select\" WHERE \"a\" = ? AND \"say \"\"b\"\"\" = ? LIMIT 1"
        );
        assert_eq!(
            lookup_several(&table, &table.columns[3..], &table.columns[0], true),
            "SELECT \"v\" FROM \"Ks\".\"select\" WHERE \"a\" IN ? PER PARTITION LIMIT 1"
        );
    }

    #[test]
    fn a_node_local_table_has_no_range() {
        let mut recipe = recipe();
        recipe.table = Arc::new(TableSchema { node_local: true, ..recipe.table.as_ref().clone() });
        assert_eq!(aggregate(&recipe, &[Answer::CountRows]), "SELECT count(*) FROM \"Ks\".\"select\"");
    }

    #[test]
    fn a_cassandra_partition_is_bound_with_its_terms() {
        let value = |text: &str| Value { bytes: bytes::Bytes::new(), text: text.into() };
        let term = Term::new("c", Relation::In, vec![value("1"), value("2")]);
        let key = PartitionKey::new(vec![value("1"), value("2")]);
        let keys = Access::Keys(key.into_iter().collect());
        let mut recipe = recipe();
        recipe.restriction = Restriction { access: keys, terms: vec![term], allow_filtering: false };
        recipe.reversed = true;
        recipe.options.per_partition_limit = Some(Positive::at_least_one(2));
        assert_eq!(
            select(&recipe, Some(5)),
            "SELECT \"v\" FROM \"Ks\".\"select\" WHERE \"a\" = ? AND \"say \"\"b\"\"\" = ? AND \"c\" IN (?, ?) \
             ORDER BY \"c\" ASC PER PARTITION LIMIT 2 LIMIT 5"
        );
    }
}
