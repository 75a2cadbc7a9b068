//! What INSERT does to rows: it replaces them, leaves them alone, counts or appends.

use crate::cluster::schema::{Column, CqlType, TableSchema};
use crate::error::Error;
use crate::options::{
    CassandraOptions, ExistingRows, WRITE_TIMESTAMP_US, WRITE_TTL_SECONDS, WriteCollections, WriteNulls,
};
use crate::write::Change;
use crate::write::cql::is_added;

/// What INSERT does to the table, as the columns that it lists and the options say; and what of them contradicts that.
pub(super) fn of<'a>(
    table: &TableSchema,
    columns: impl Iterator<Item = &'a Column>,
    options: &CassandraOptions,
) -> (Change, Vec<Error>) {
    let added: Vec<&Column> = columns.filter(|column| !column.kind.is_key() && is_added(column)).collect();
    let (why, change) = if let Some(counter) = table.counter() {
        if added.is_empty() {
            let message = format!(
                "rows of {} count, and the statement lists no counter to add to: add a column such as {}",
                table.name, counter.name
            );
            return (Change::Count, vec![Error::schema(message)]);
        }
        (format!("counters such as column {} of {} are added to", counter.name, table.name), Change::Count)
    } else if options.write_collections == WriteCollections::Append && !added.is_empty() {
        let lists = added.iter().any(|column| matches!(column.cql_type, CqlType::List(_)));
        ("cassandra.write_collections is 'append'".to_owned(), Change::Append { lists })
    } else if options.existing_rows == ExistingRows::Replace {
        return (Change::Insert, Vec::new());
    } else {
        (format!("cassandra.existing_rows is '{}'", options.existing_rows), Change::InsertNew)
    };
    let (counts, conditional) = (change == Change::Count, change == Change::InsertNew);
    let clashes = [
        (WRITE_TIMESTAMP_US, options.write_timestamp_us.is_some() && (counts || conditional)),
        (WRITE_TTL_SECONDS, options.write_ttl_seconds.is_some() && counts),
        ("cassandra.write_nulls", options.write_nulls == WriteNulls::Tombstone && !conditional),
        ("cassandra.existing_rows", options.existing_rows != ExistingRows::Replace && !conditional),
    ];
    let clashes = clashes.into_iter().filter(|(_, clashes)| *clashes);
    let error = |(name, _)| Error::config(format!("{why}, which does not go together with {name}: leave one out"));
    (change, clashes.map(error).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::schema::{ColumnKind, TableName};

    fn column(name: &str, cql_type: CqlType, kind: ColumnKind) -> Column {
        Column { name: name.into(), cql_type, kind }
    }

    fn table(cql_type: CqlType) -> TableSchema {
        let columns =
            vec![column("k", CqlType::Int, ColumnKind::PartitionKey), column("v", cql_type, ColumnKind::Regular)];
        TableSchema { name: TableName::new("ks", "t"), columns, indexes: Vec::new(), node_local: false, view: false }
    }

    fn judged(cql_type: CqlType, options: &CassandraOptions) -> (Change, Vec<String>) {
        let table = table(cql_type);
        let (change, errors) = of(&table, table.columns.iter(), options);
        (change, errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_table_and_the_options_choose() {
        let options = CassandraOptions::default();
        let list = || CqlType::List(Box::new(CqlType::Int));
        let frozen = || CqlType::Frozen(Box::new(list()));
        assert_eq!(judged(list(), &options), (Change::Insert, vec![]));
        assert_eq!(judged(CqlType::Counter, &options), (Change::Count, vec![]));
        let append = CassandraOptions {
            write_collections: WriteCollections::Append,
            write_timestamp_us: Some(5),
            ..options.clone()
        };
        assert_eq!(judged(list(), &append), (Change::Append { lists: true }, vec![]));
        let set = CqlType::Set(Box::new(CqlType::Int));
        assert_eq!(judged(set, &append), (Change::Append { lists: false }, vec![]));
        assert_eq!(judged(frozen(), &append), (Change::Insert, vec![]));
        let keep = CassandraOptions { existing_rows: ExistingRows::Keep, ..options };
        assert_eq!(judged(list(), &keep), (Change::InsertNew, vec![]));
    }

    #[test]
    fn what_does_not_go_together_is_told_at_once() {
        let all = CassandraOptions {
            write_ttl_seconds: Some("60".parse().unwrap()),
            write_timestamp_us: Some(5),
            write_nulls: WriteNulls::Tombstone,
            existing_rows: ExistingRows::Reject,
            ..CassandraOptions::default()
        };
        let (change, told) = judged(CqlType::Counter, &all);
        assert_eq!((change, told.len()), (Change::Count, 4), "{told:?}");
        assert_eq!(
            told[0],
            "counters such as column v of ks.t are added to, which does not go together with cassandra.write_timestamp_us: \
             leave one out"
        );
        let (change, told) = judged(CqlType::Int, &all);
        assert_eq!((change, told.len()), (Change::InsertNew, 1), "{told:?}");
        let table = table(CqlType::Counter);
        let (_, errors) = of(&table, table.columns.iter().take(1), &all);
        assert!(errors[0].to_string().contains("lists no counter to add to: add a column such as v"), "{errors:?}");
    }
}
