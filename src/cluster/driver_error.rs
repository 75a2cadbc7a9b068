//! What the driver's errors mean to us: which may go away by themselves, and what to tell the user.

use scylla::errors::{DbError, ExecutionError, PrepareError, RequestAttemptError};

use super::quote::quote_if_needed;
use crate::error::{Error, ErrorKind};

/// Whether the same request may succeed a moment later: the node was busy, away, or the connection broke; it has left the
/// cluster after it was chosen; or it has forgotten the statement, twice, because the keyspace was being changed: the driver
/// prepares it again only once.
///
/// Not among them: a replica that reports a failure of its own (`ReadFailure`, `WriteFailure`), and whatever is wrong with the
/// statement or the permissions.
pub(crate) fn is_transient(error: &ExecutionError) -> bool {
    match error {
        ExecutionError::RequestTimeout(_) | ExecutionError::ConnectionPoolError(_) | ExecutionError::EmptyPlan => true,
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
            _ if is_gone(error) => Self::Everything,
            _ if !repeatable && !changed_nothing(error) => Self::Unknown,
            _ if is_transient(error) => Self::Unavailable,
            _ => Self::Refused,
        }
    }
}

/// Whether the server says that the user may not.
pub(super) fn is_unauthorized(error: &ExecutionError) -> bool {
    matches!(error, ExecutionError::LastAttemptError(RequestAttemptError::DbError(DbError::Unauthorized, _)))
}

fn kind(error: &ExecutionError) -> ErrorKind {
    if is_transient(error) {
        return ErrorKind::Unavailable;
    }
    match error {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(db, message)) => match db {
            DbError::Invalid if is_too_large(message) => ErrorKind::Data,
            DbError::Unauthorized | DbError::AuthenticationError | DbError::ConfigError => ErrorKind::Config,
            DbError::SyntaxError | DbError::Invalid | DbError::AlreadyExists { .. } => ErrorKind::Schema,
            _ => ErrorKind::Unavailable,
        },
        ExecutionError::MetadataError(_) => ErrorKind::Unavailable,
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
        DbError::Unauthorized => match grant(&message) {
            Some(grant) => format!("{message}; an administrator allows it with the CQL {grant}"),
            None => message,
        },
        DbError::Invalid if is_too_large(&message) => format!(
            "{message}: write less into one row, or raise max_mutation_size (half of commitlog_segment_size if it is not \
             set) and native_transport_max_frame_size in cassandra.yaml of every node"
        ),
        _ => message,
    }
}

/// Whether the server refuses a request, or the mutation that it makes of one, because of its size.
fn is_too_large(message: &str) -> bool {
    message.starts_with("Request is too big") || message.contains("oversized mutation")
}

/// The statement that allows what the server has refused in words such as `User u has no MODIFY permission on <table ks.t> or
/// any of its parents`.
fn grant(message: &str) -> Option<String> {
    let (user, rest) = message.strip_prefix("User ")?.rsplit_once(" has no ")?;
    let (permission, rest) = rest.split_once(" permission on <")?;
    let (kind, name) = rest.split_once('>')?.0.split_once(' ')?;
    let resource = match kind {
        "table" => {
            let (keyspace, table) = name.split_once('.')?;
            format!("TABLE {}.{}", quote_if_needed(keyspace), quote_if_needed(table))
        }
        "keyspace" => format!("KEYSPACE {}", quote_if_needed(name)),
        _ => return None,
    };
    Some(format!("GRANT {permission} ON {resource} TO {}", quote_if_needed(user)))
}

/// A request that failed for good. `what` says what was being done, for example `reading a page`.
pub(crate) fn execution_error(what: &str, error: &ExecutionError) -> Error {
    Error::new(kind(error), format!("{what} failed: {}", reason(error)))
}

/// Whether a node does not know the table, or a column: these were dropped, or made while the node was away.
pub(crate) fn is_gone(error: &ExecutionError) -> bool {
    matches!(error, ExecutionError::LastAttemptError(RequestAttemptError::DbError(DbError::Invalid, message))
        if GONE.iter().any(|words| message.contains(words)))
}

/// A row, or rows sent together, that could not be written. Their statement was right when the load began: what is not there
/// now has been dropped since.
pub(crate) fn write_error(error: &ExecutionError) -> Error {
    let failed = execution_error("writing", error);
    if is_gone(error) {
        let message = "the table was dropped or changed while rows were written to it: run the statement again when the table is \
                       as it should be";
        return Error::new(ErrorKind::Conflict, message).with_source(failed);
    }
    failed
}

/// What Cassandra 4 and 5 say of tables, keyspaces and columns that are not there.
const GONE: [&str; 4] = ["does not exist", "unconfigured table", "Undefined column name", "Unknown identifier"];

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

    fn refused(db: DbError, message: &str) -> ExecutionError {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(db, message.to_owned()))
    }

    #[test]
    fn what_is_not_allowed_comes_with_the_statement_that_allows_it() {
        let told = |message: &str| execution_error("writing", &refused(DbError::Unauthorized, message)).to_string();
        let message = "User Loader has no MODIFY permission on <table ks.Orders> or any of its parents";
        let expected = format!(
            "writing failed: {message}; an administrator allows it with the CQL GRANT MODIFY ON TABLE ks.\"Orders\" TO \
             \"Loader\""
        );
        assert_eq!(told(message), expected);
        let keyspace = told("User u has no CREATE permission on <keyspace ks> or any of its parents");
        assert!(keyspace.ends_with("GRANT CREATE ON KEYSPACE ks TO u"), "{keyspace}");
        for other in
            ["system keyspace is not user-modifiable", "User u has no EXECUTE permission on <function f(int)> or x"]
        {
            assert_eq!(told(other), format!("writing failed: {other}"));
        }
    }

    #[test]
    fn too_large_is_a_matter_of_the_row() {
        for message in [
            "Request is too big: length 20000050 exceeds maximum allowed length 16777216.",
            "Encountered an oversized mutation (17000000/16777216) for keyspace: ks. Top keys are: t.1",
        ] {
            let error = write_error(&refused(DbError::Invalid, message));
            assert_eq!(error.kind(), ErrorKind::Data);
            let text = error.to_string();
            assert!(text.contains(message) && text.contains("raise max_mutation_size"), "{text}");
        }
    }

    #[test]
    fn a_table_that_is_gone_is_told() {
        let error = write_error(&refused(DbError::Invalid, "table t does not exist"));
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().starts_with("the table was dropped or changed while"), "{error}");
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(cause.as_deref(), Some("writing failed: table t does not exist"));
        let other = write_error(&refused(DbError::Invalid, "Expected 8 or 0 byte long"));
        assert_eq!(other.to_string(), "writing failed: Expected 8 or 0 byte long");
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
