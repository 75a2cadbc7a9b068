//! Options of one INSERT.

use std::sync::Arc;

use datafusion::catalog::TableProvider;

use super::super::json::JsonTable;
use super::super::times::{TIMESTAMP_COLUMN, TTL_COLUMN};
use super::CassandraTable;
use crate::error::{Error, Result};

/// The options that an INSERT heeds, without their prefix. The others say how tables are read.
const OPTIONS: [&str; 21] = [
    "write_consistency",
    "request_timeout_ms",
    "max_retries",
    "retry_backoff_ms",
    "group_rows",
    "group_bytes",
    "groups_in_flight_per_node",
    "sort_by_token",
    "sort_memory_mb",
    "write_nulls",
    "write_ttl_seconds",
    "write_timestamp_us",
    "max_rows_per_second",
    "max_bytes_per_second",
    "logged_groups",
    "existing_rows",
    "write_collections",
    "max_rejected",
    "rejected_path",
    "rejected_format",
    "dry_run",
];

/// The table, written with these options, which take precedence over its own and the session's; `None` if it is none of
/// Cassandra's.
///
/// # Errors
/// An option that an INSERT has not, or a value that cannot be read.
pub(crate) fn with_insert_options(
    table: &dyn TableProvider,
    options: &[(String, String)],
) -> Result<Option<Arc<dyn TableProvider>>> {
    let table = table.as_any();
    if let Some(table) = table.downcast_ref::<CassandraTable>() {
        return Ok(Some(Arc::new(changed(table, options)?)));
    }
    match table.downcast_ref::<JsonTable>() {
        Some(json) => Ok(Some(Arc::new(json.with_table(changed(json.table(), options)?)))),
        None => Ok(None),
    }
}

fn changed(table: &CassandraTable, options: &[(String, String)]) -> Result<CassandraTable> {
    let mut all = table.options.clone();
    for (name, value) in options {
        let plain = name.strip_prefix("cassandra.").unwrap_or(name);
        if [TTL_COLUMN, TIMESTAMP_COLUMN].contains(&plain) {
            let message =
                format!("'{name}' is an option of CREATE EXTERNAL TABLE … STORED AS CASSANDRA, not of an INSERT");
            return Err(Error::config(message));
        }
        if !OPTIONS.contains(&plain) {
            let known = OPTIONS.join(", ");
            return Err(Error::config(format!("'{name}' is not an option of an INSERT: the options are {known}")));
        }
        all.push((plain.to_owned(), value.clone()));
    }
    table.clone().with_options(all)
}

#[cfg(test)]
mod tests {
    use datafusion::common::config::ExtensionOptions;

    use super::*;
    use crate::options::CassandraOptions;

    #[test]
    fn there_are_such_options() {
        let entries = CassandraOptions::default().entries();
        for name in OPTIONS {
            assert!(entries.iter().any(|entry| entry.key == format!("cassandra.{name}")), "{name}");
        }
    }
}
