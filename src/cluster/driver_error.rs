//! What the driver's errors mean to us: which may go away by themselves, and what to tell the user.

use scylla::errors::{DbError, ExecutionError, PrepareError, RequestAttemptError};

use crate::error::{Error, ErrorKind};

/// Whether the same request may succeed a moment later: the node was busy, away, or the connection broke; or it has
/// forgotten the statement, twice, because the keyspace was being changed: the driver prepares it again only once.
///
/// Not among them: a replica that reports a failure of its own (`ReadFailure`, `WriteFailure`), and whatever is wrong with the
/// statement or the permissions.
pub(crate) fn is_transient(error: &ExecutionError) -> bool {
    match error {
        ExecutionError::RequestTimeout(_) | ExecutionError::ConnectionPoolError(_) => true,
        ExecutionError::LastAttemptError(attempt) => match attempt {
            RequestAttemptError::BrokenConnectionError(_) | RequestAttemptError::UnableToAllocStreamId => true,
            RequestAttemptError::DbError(db, _) => matches!(
                db,
                DbError::Unavailable { .. }
                    | DbError::Overloaded
                    | DbError::IsBootstrapping
                    | DbError::ReadTimeout { .. }
                    | DbError::WriteTimeout { .. }
                    | DbError::ServerError
                    | DbError::RateLimitReached { .. }
                    | DbError::Unprepared { .. }
            ),
            _ => false,
        },
        _ => false,
    }
}

/// Whether it is certain that a request that has failed so has changed nothing: it was not sent, or was refused before it
/// was carried out. Of what is not listed here nobody knows.
pub(crate) fn changed_nothing(error: &ExecutionError) -> bool {
    match error {
        ExecutionError::BadQuery(_)
        | ExecutionError::EmptyPlan
        | ExecutionError::PrepareError(_)
        | ExecutionError::ConnectionPoolError(_) => true,
        ExecutionError::LastAttemptError(attempt) => match attempt {
            RequestAttemptError::SerializationError(_)
            | RequestAttemptError::CqlRequestSerialization(_)
            | RequestAttemptError::UnableToAllocStreamId => true,
            RequestAttemptError::DbError(db, _) => matches!(
                db,
                DbError::SyntaxError
                    | DbError::Invalid
                    | DbError::AuthenticationError
                    | DbError::Unauthorized
                    | DbError::ConfigError
                    | DbError::Unavailable { .. }
                    | DbError::IsBootstrapping
                    | DbError::RateLimitReached { .. }
                    | DbError::Unprepared { .. }
            ),
            _ => false,
        },
        _ => false,
    }
}

/// What a failed write means for its rows, after all attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteFailure {
    /// No other row will fare better: the permissions, or the statement.
    Everything,
    /// The server does not take these rows.
    Refused,
    /// The cluster was not there, or too busy. The rows may be written again.
    Unavailable,
    /// The rows may have been written or not, and must not be written twice.
    Unknown,
}

impl WriteFailure {
    /// `repeatable`: whether the request may be carried out twice with the same effect.
    pub(crate) fn of(error: &ExecutionError, repeatable: bool) -> Self {
        match kind(error) {
            ErrorKind::Config => Self::Everything,
            _ if !repeatable && !changed_nothing(error) => Self::Unknown,
            _ if is_transient(error) => Self::Unavailable,
            _ => Self::Refused,
        }
    }
}

fn kind(error: &ExecutionError) -> ErrorKind {
    if is_transient(error) {
        return ErrorKind::Unavailable;
    }
    match error {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(db, _)) => match db {
            DbError::Unauthorized | DbError::AuthenticationError | DbError::ConfigError => ErrorKind::Config,
            DbError::SyntaxError | DbError::Invalid | DbError::AlreadyExists { .. } => ErrorKind::Schema,
            _ => ErrorKind::Unavailable,
        },
        ExecutionError::EmptyPlan | ExecutionError::MetadataError(_) => ErrorKind::Unavailable,
        _ => ErrorKind::Internal,
    }
}

/// The server's own words if it is the server that complains, else the driver's; and what they leave out.
fn reason(error: &ExecutionError) -> String {
    let ExecutionError::LastAttemptError(RequestAttemptError::DbError(db, message)) = error else {
        return error.to_string();
    };
    let message = if message.is_empty() { db.to_string() } else { message.clone() };
    match db {
        DbError::Unavailable { required, alive, .. } => format!(
            "{message}: it needs {required} replicas of each row, and only {alive} are up; start the others (`nodetool \
             status` shows them) or choose a lower level for cassandra.read_consistency or cassandra.write_consistency"
        ),
        DbError::ReadTimeout { received, required, .. } | DbError::WriteTimeout { received, required, .. } => format!(
            "{message}: {received} of the {required} replicas that the consistency level needs have answered in time"
        ),
        _ => message,
    }
}

/// A request that failed for good. `what` says what was being done, for example `reading a page`.
pub(crate) fn execution_error(what: &str, error: &ExecutionError) -> Error {
    Error::new(kind(error), format!("{what} failed: {}", reason(error)))
}

/// A statement that the server would not prepare.
pub(crate) fn prepare_error(cql: &str, error: PrepareError) -> Error {
    let text = error.to_string();
    let kind = if text.contains("nauthorized") || text.contains("permission") {
        ErrorKind::Config
    } else if text.contains("Database returned an error") {
        ErrorKind::Schema
    } else {
        ErrorKind::Unavailable
    };
    Error::new(kind, "the server refuses the statement").with_context("cql", cql).with_source(error)
}

#[cfg(test)]
mod tests {
    use scylla::statement::Consistency;

    use super::*;

    #[test]
    fn a_statement_that_the_node_has_forgotten_is_sent_again() {
        let unprepared = DbError::Unprepared { statement_id: vec![1].into() };
        let error = |db| ExecutionError::LastAttemptError(RequestAttemptError::DbError(db, String::new()));
        assert!(is_transient(&error(unprepared)));
        assert!(!is_transient(&error(DbError::Invalid)));
    }

    #[test]
    fn too_few_replicas_are_counted() {
        let unavailable = DbError::Unavailable { consistency: Consistency::All, required: 3, alive: 2 };
        let message = "Cannot achieve consistency level ALL".to_owned();
        let error = ExecutionError::LastAttemptError(RequestAttemptError::DbError(unavailable, message));
        let error = execution_error("reading", &error);
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let text = error.to_string();
        let start =
            "reading failed: Cannot achieve consistency level ALL: it needs 3 replicas of each row, and only 2 are up";
        assert!(text.starts_with(start), "{text}");
    }
}
