//! The CQL of a load, as text.

use super::Change;
use super::times::{TIMESTAMP_MARKER, TTL_MARKER};
use crate::cluster::quote::{quote, quote_table};
use crate::cluster::schema::{Column, ColumnKind, CqlType, TableName};
use crate::options::CassandraOptions;

/// The statement for one row, with a marker for each of the columns, in their order. An UPDATE sets those that are not of the
/// primary key, which therefore come first; a DELETE has none but those of the key. An INSERT may have times behind them,
/// see [`TimesLayout::markers`](super::times::TimesLayout::markers).
pub(crate) fn statement(change: Change, name: &TableName, columns: &[Column], options: &CassandraOptions) -> String {
    let using = using(change, columns, options);
    let table = quote_table(&name.keyspace, &name.table);
    let equal = |column: &Column| format!("{} = ?", quote(&column.name));
    let pick = |is_key: bool| columns.iter().filter(move |c| c.kind.is_key() == is_key).map(equal).collect::<Vec<_>>();
    let key = || pick(true).join(" AND ");
    match change {
        Change::Insert => {
            let kept = columns.iter().filter(|column| column.kind != ColumnKind::Computed);
            let names: Vec<String> = kept.map(|column| quote(&column.name)).collect();
            let marks = vec!["?"; names.len()].join(", ");
            format!("INSERT INTO {table} ({}) VALUES ({marks}){using}", names.join(", "))
        }
        Change::InsertNew => {
            let insert = statement(Change::Insert, name, columns, &CassandraOptions::default());
            format!("{insert} IF NOT EXISTS{using}")
        }
        Change::Count | Change::Append { .. } => {
            let set = columns.iter().filter(|c| !c.kind.is_key()).map(|column| {
                let name = quote(&column.name);
                if is_added(column) { format!("{name} = {name} + ?") } else { format!("{name} = ?") }
            });
            format!("UPDATE {table}{using} SET {} WHERE {}", set.collect::<Vec<_>>().join(", "), key())
        }
        Change::Update => format!("UPDATE {table}{using} SET {} WHERE {}", pick(false).join(", "), key()),
        Change::Delete => format!("DELETE FROM {table}{using} WHERE {}", key()),
    }
}

/// Whether what is written can be added to what is there.
pub(crate) fn is_added(column: &Column) -> bool {
    matches!(column.cql_type, CqlType::Counter | CqlType::List(_) | CqlType::Set(_) | CqlType::Map(..))
}

/// The time to live and the time of what is written, where rows or options give them. What is deleted does not live.
fn using(change: Change, columns: &[Column], options: &CassandraOptions) -> String {
    let is_bound = |marker: &str| columns.iter().any(|c| c.kind == ColumnKind::Computed && c.name == marker);
    let given = |word: &str, marker, constant: Option<String>| match constant {
        _ if is_bound(marker) => Some(format!("{word} ?")),
        constant => constant.map(|constant| format!("{word} {constant}")),
    };
    let ttl = options.write_ttl_seconds.filter(|_| change != Change::Delete).map(|ttl| ttl.to_string());
    let ttl = given("TTL", TTL_MARKER, ttl);
    let timestamp = given("TIMESTAMP", TIMESTAMP_MARKER, options.write_timestamp_us.map(|time| time.to_string()));
    let parts: Vec<String> = ttl.into_iter().chain(timestamp).collect();
    if parts.is_empty() { String::new() } else { format!(" USING {}", parts.join(" AND ")) }
}

/// Deletes all rows of a table, at once and everywhere.
pub(crate) fn truncate(table: &TableName) -> String {
    format!("TRUNCATE {}", quote_table(&table.keyspace, &table.table))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::schema::ColumnKind;

    #[test]
    fn names_are_quoted() {
        let column = |name: &str, kind| Column { name: name.into(), cql_type: CqlType::Int, kind };
        let table = TableName::new("ks", "T");
        let (value, other) = (column("a", ColumnKind::Regular), column("table", ColumnKind::Static));
        let key = [column("K", ColumnKind::PartitionKey), column("c", ColumnKind::Clustering { descending: true })];
        let statement =
            |change, table, columns: &[Column]| statement(change, table, columns, &CassandraOptions::default());
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

    #[test]
    fn what_is_written_has_the_time_that_options_say() {
        let table = TableName::new("ks", "t");
        let column = |name: &str, kind| Column { name: name.into(), cql_type: CqlType::Int, kind };
        let columns = [column("v", ColumnKind::Regular), column("k", ColumnKind::PartitionKey)];
        let options = CassandraOptions {
            write_ttl_seconds: Some("60".parse().unwrap()),
            write_timestamp_us: Some(5),
            ..CassandraOptions::default()
        };
        let written = |change, columns: &[Column]| statement(change, &table, columns, &options);
        assert_eq!(
            written(Change::Insert, &columns),
            "INSERT INTO \"ks\".\"t\" (\"v\", \"k\") VALUES (?, ?) USING TTL 60 AND TIMESTAMP 5"
        );
        assert_eq!(
            written(Change::Update, &columns),
            "UPDATE \"ks\".\"t\" USING TTL 60 AND TIMESTAMP 5 SET \"v\" = ? WHERE \"k\" = ?"
        );
        assert_eq!(
            written(Change::Delete, &columns[1..]),
            "DELETE FROM \"ks\".\"t\" USING TIMESTAMP 5 WHERE \"k\" = ?"
        );
        // Those that come with the rows come first.
        let with = |markers: &[&str]| {
            let times = markers.iter().map(|name| column(name, ColumnKind::Computed));
            written(Change::Insert, &columns.iter().cloned().chain(times).collect::<Vec<_>>())
        };
        let insert = "INSERT INTO \"ks\".\"t\" (\"v\", \"k\") VALUES (?, ?) USING";
        assert_eq!(with(&[TTL_MARKER, TIMESTAMP_MARKER]), format!("{insert} TTL ? AND TIMESTAMP ?"));
        assert_eq!(with(&[TIMESTAMP_MARKER]), format!("{insert} TTL 60 AND TIMESTAMP ?"));
    }
}
