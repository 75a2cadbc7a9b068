//! `CREATE EXTERNAL TABLE t STORED AS CASSANDRA LOCATION 'keyspace.table' OPTIONS (…)`: one table of any cluster, for
//! sessions without the catalog.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider, TableProviderFactory};
use datafusion::common::config::{ConfigExtension, ExtensionOptions};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::CreateExternalTable;

use super::table::{CassandraTable, TIMESTAMP_COLUMN, TTL_COLUMN, apply};
use crate::cluster::schema::TableName;
use crate::cluster::{ClusterHandle, no_table};
use crate::codec::ReadAs;
use crate::error::{Error, Result};
use crate::options::{CassandraOptions, ClusterOptions};

/// The word after `STORED AS`.
pub const CASSANDRA: &str = "CASSANDRA";

/// Makes tables for `STORED AS CASSANDRA`.
///
/// `LOCATION` is `keyspace.table`; a name with a dot or quotes in it is written in double quotes. `OPTIONS` are those of
/// [`ClusterOptions`] (without any of them the session's cluster is used) and those of [`CassandraOptions`], each with or
/// without the prefix `cassandra.`; only `compression` needs it, because DataFusion takes the bare word for a file's.
/// Besides, `ttl_column` and `timestamp_column` name columns that INSERT takes the times of each row from.
#[derive(Debug)]
pub struct CassandraTableFactory {
    default: ClusterHandle,
}

impl CassandraTableFactory {
    /// Tables that name no cluster are of this one.
    pub fn new(default: ClusterHandle) -> Self {
        Self { default }
    }

    async fn open(&self, session: &dyn Session, command: &CreateExternalTable) -> Result<CassandraTable> {
        let name = parse_location(&command.location)?;
        let mut cluster: Option<ClusterOptions> = None;
        let mut options = Vec::new();
        let (mut ttl_column, mut timestamp_column) = (None, None);
        for (key, value) in &command.options {
            // DataFusion puts `format.` before each key without a dot.
            let key = key.strip_prefix("format.").or_else(|| key.strip_prefix("cassandra.")).unwrap_or(key);
            if ClusterOptions::NAMES.contains(&key) {
                let default = || self.default.options().cloned().unwrap_or_default();
                cluster.get_or_insert_with(default).set(key, value)?;
            } else if key == TTL_COLUMN {
                ttl_column = Some(value.as_str());
            } else if key == TIMESTAMP_COLUMN {
                timestamp_column = Some(value.as_str());
            } else if known_option(key) {
                options.push((key.to_owned(), value.clone()));
            } else {
                return Err(Error::config(format!(
                    "'{key}' is not an option of a Cassandra table: the options of the connection are {}; \
                     {TTL_COLUMN} and {TIMESTAMP_COLUMN} name columns; `SHOW ALL` lists the others under cassandra.*",
                    ClusterOptions::NAMES.join(", ")
                )));
            }
        }
        let handle = cluster.map_or_else(|| self.default.clone(), ClusterHandle::new);
        let mut own = CassandraOptions::of(session.config_options());
        apply(&mut own, &options)?;
        let table = CassandraTable::open(handle, &name, ReadAs::of(&own)).await?.ok_or_else(|| no_table(&name))?;
        table.with_row_times(ttl_column, timestamp_column)?.with_options(options)
    }
}

fn known_option(name: &str) -> bool {
    let full = format!("{}.{name}", CassandraOptions::PREFIX);
    CassandraOptions::default().entries().iter().any(|entry| entry.key == full)
}

/// `keyspace.table`, each in double quotes if need be.
fn parse_location(location: &str) -> Result<TableName> {
    let parts = split_quoted(location);
    match parts.as_deref() {
        Some([keyspace, table]) if !keyspace.is_empty() && !table.is_empty() => Ok(TableName::new(keyspace, table)),
        _ => Err(Error::config(format!(
            "LOCATION '{location}' is not the name of a Cassandra table: write keyspace.table, names with special \
             characters in double quotes"
        ))),
    }
}

/// Splits at dots outside double quotes; `None` for quotes that do not match.
pub(super) fn split_quoted(text: &str) -> Option<Vec<String>> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let part = parts.last_mut()?;
        match c {
            '.' => parts.push(String::new()),
            '"' => loop {
                match chars.next()? {
                    '"' if chars.peek() == Some(&'"') => {
                        chars.next();
                        part.push('"');
                    }
                    '"' => break,
                    inner => part.push(inner),
                }
            },
            other => part.push(other),
        }
    }
    Some(parts)
}

#[async_trait]
impl TableProviderFactory for CassandraTableFactory {
    async fn create(
        &self,
        session: &dyn Session,
        command: &CreateExternalTable,
    ) -> DataFusionResult<Arc<dyn TableProvider>> {
        if command.unbounded || !command.table_partition_cols.is_empty() || !command.order_exprs.is_empty() {
            return Err(Error::config(
                "UNBOUNDED, PARTITIONED BY and WITH ORDER cannot be given for STORED AS CASSANDRA: the table knows",
            )
            .into());
        }
        if !command.schema.fields().is_empty() {
            return Err(Error::config("columns cannot be given for STORED AS CASSANDRA: the table has them").into());
        }
        Ok(Arc::new(self.open(session, command).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_names_keyspace_and_table() {
        assert_eq!(parse_location("ks.t").unwrap(), TableName::new("ks", "t"));
        assert_eq!(parse_location(r#""K.s"."say ""t""""#).unwrap(), TableName::new("K.s", "say \"t\""));
        for bad in ["t", "a.b.c", "", ".t", "ks.", "\"ks.t"] {
            assert!(parse_location(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn options_are_known_by_name() {
        assert!(known_option("page_size_rows") && known_option("splits") && known_option("read_consistency"));
        assert!(!known_option("page_size") && !known_option(""));
    }
}
