//! What the driver's errors mean to us: which may go away by themselves, and what to tell the user.

use scylla::errors::{DbError, ExecutionError, PrepareError, RequestAttemptError};

use crate::error::{Error, ErrorKind};

/// Whether the same request may succeed a moment later: the node was busy, away, or the connection broke.
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
            ),
            _ => false,
        },
        _ => false,
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

/// The server's own words if it is the server that complains, else the driver's.
fn reason(error: &ExecutionError) -> String {
    match error {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(_, message)) if !message.is_empty() => {
            message.clone()
        }
        other => other.to_string(),
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
