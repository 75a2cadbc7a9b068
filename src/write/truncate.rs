//! `TRUNCATE`: all rows of a table at once.

use super::cql;
use crate::cluster::schema::TableName;
use crate::cluster::{ClusterHandle, execution_error};
use crate::error::Result;
use crate::options::CassandraOptions;

/// Deletes all rows of the table, with its static columns. Every node must be up. Never repeated: between two attempts
/// others may have written rows.
///
/// # Errors
/// What the cluster says, and no answer within [`CassandraOptions::request_timeout_ms`].
pub(crate) async fn truncate(cluster: &ClusterHandle, table: &TableName, options: &CassandraOptions) -> Result<()> {
    options.check_not_dry("TRUNCATE")?;
    let cluster = cluster.connect().await?;
    let mut statement = cluster.prepare_write(&cql::truncate(table), options).await?;
    statement.set_is_idempotent(false);
    let answer = cluster.session().execute_unpaged(&statement, ()).await;
    answer.map_err(|e| execution_error("TRUNCATE", &e).with_context("table", table.to_string()))?;
    Ok(())
}
