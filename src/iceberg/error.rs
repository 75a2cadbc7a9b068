//! Errors of the `iceberg` crate, said in our words.

use ::iceberg::ErrorKind as Theirs;

use crate::error::{Error, ErrorKind};

/// The error of a failed step: `doing` says which ("load table a.b"), the rest is what `iceberg` says, with its causes
/// on one line (its own `Display` prints several, with a backtrace).
pub(crate) fn failed(doing: impl std::fmt::Display, error: &::iceberg::Error) -> Error {
    let kind = match error.kind() {
        Theirs::TableNotFound
        | Theirs::NamespaceNotFound
        | Theirs::TableAlreadyExists
        | Theirs::NamespaceAlreadyExists => ErrorKind::Schema,
        Theirs::CatalogCommitConflicts | Theirs::PreconditionFailed => ErrorKind::Conflict,
        Theirs::DataInvalid => ErrorKind::Data,
        Theirs::FeatureUnsupported => ErrorKind::Config,
        _ => ErrorKind::Unavailable,
    };
    let mut message = format!("could not {doing}: {}", error.message());
    let mut cause = std::error::Error::source(error);
    while let Some(e) = cause {
        message.push_str(": ");
        // An `iceberg` error inside another prints its whole story; its message is enough.
        match e.downcast_ref::<::iceberg::Error>() {
            Some(inner) => message.push_str(inner.message()),
            None => message.push_str(&e.to_string()),
        }
        cause = e.source();
    }
    Error::new(kind, message)
}
