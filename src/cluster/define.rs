//! Statements that change the schema.

use std::time::Duration;

use scylla::errors::ExecutionError;
use scylla::statement::unprepared::Statement;

use super::{Cluster, execution_error};
use crate::error::{Error, Result};

impl Cluster {
    /// Runs a statement such as `CREATE TABLE`, and waits until all nodes know of it. `what` is the statement's name for
    /// messages. Never repeated: it might find what it has done itself.
    ///
    /// # Errors
    /// What the server says of the statement; the nodes do not answer within `timeout`, or do not agree.
    pub(crate) async fn define(&self, what: &str, cql: &str, timeout: Duration) -> Result<()> {
        let mut statement = Statement::new(cql);
        statement.set_request_timeout(Some(timeout));
        statement.set_is_idempotent(false);
        match self.session().query_unpaged(statement, ()).await {
            Ok(_) => Ok(()),
            Err(ExecutionError::SchemaAgreementError(error)) => Err(Error::unavailable(format!(
                "{what} has been done, but the nodes do not agree on the schema: look at `nodetool describecluster`, and \
                 go on when it shows one version"
            ))
            .with_context("cql", cql)
            .with_source(error)),
            Err(error @ ExecutionError::RequestTimeout(_)) => {
                let error = execution_error(what, &error).with_context("cql", cql);
                Err(Error::unavailable("the cluster has not answered in time, and may do it yet: look before you run it again")
                    .with_source(error))
            }
            Err(error) => Err(execution_error(what, &error).with_context("cql", cql)),
        }
    }

    /// Waits until all nodes that can be reached know the same schema; false if they do not within a minute.
    pub(crate) async fn agree_on_schema(&self) -> bool {
        self.session().await_schema_agreement().await.is_ok()
    }

    /// Whether there is a keyspace of this name now.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) if the cluster does not answer.
    pub(crate) async fn has_keyspace(&self, name: &str) -> Result<bool> {
        let cql = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?";
        Ok(self.ask(cql, &(name,)).await?.rows_num() > 0)
    }
}
