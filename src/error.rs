//! One error type: few kinds, rich messages.
//!
//! The kind tells a program what to do; the message tells a person. A message is lower case, has no full stop, and says
//! what, where, why and what to do. What is known about the place (table, column, token range, row) is added as
//! context by the layer that knows it.

use std::fmt;

use datafusion::error::DataFusionError;

/// The result of everything in this crate that is not called by DataFusion.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of failure it is, that is, who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An option, flag or statement asks for something that cannot be. Change it; a retry does not help.
    Config,
    /// A keyspace, table, column or type is not there, or not as expected. Correct the name or the schema.
    Schema,
    /// The cluster does not answer, or not in time. Look at the nodes; a retry may help, and was tried.
    Unavailable,
    /// A value cannot be represented on the other side. Correct the value, or choose another type for it.
    Data,
    /// Somebody else changed the same thing at the same time. Run the statement again.
    Conflict,
    /// A bug of cbulk. Please report it.
    Internal,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config => "configuration",
            Self::Schema => "schema",
            Self::Unavailable => "unavailable",
            Self::Data => "data",
            Self::Conflict => "conflict",
            Self::Internal => "internal",
        })
    }
}

/// An error of cbulk. [`std::error::Error::source`] is its cause, which the message does not repeat.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of this kind with a message for people.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), context: Vec::new(), source: None }
    }

    /// [`ErrorKind::Config`].
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// [`ErrorKind::Schema`].
    pub fn schema(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Schema, message)
    }

    /// [`ErrorKind::Unavailable`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// [`ErrorKind::Data`].
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    /// [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Adds where it happened: `key` is a word such as `table`, `column`, `split`, `row`, `node`.
    #[must_use]
    pub fn with_context(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.context.push((key, value.into()));
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Several errors as one: the only one as it is, or all of them numbered, one a line, behind `what`, which says what
    /// cannot be done. Of the kind that all have, or else [`ErrorKind::Config`].
    pub(crate) fn all(what: &str, mut errors: Vec<Self>) -> Self {
        if errors.len() == 1 {
            return errors.swap_remove(0);
        }
        let kind = errors.first().map_or(ErrorKind::Internal, |first| {
            if errors.iter().all(|error| error.kind == first.kind) { first.kind } else { ErrorKind::Config }
        });
        Self::new(kind, listed(what, &errors))
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The `cbulk` error inside a DataFusion error, however deeply DataFusion has wrapped it.
    pub fn find(error: &DataFusionError) -> Option<&Self> {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(e) = cause {
            if let Some(found) = e.downcast_ref::<Self>() {
                return Some(found);
            }
            // Shared errors and collections hide the inner one from `source`.
            if let Some(DataFusionError::Shared(inner)) = e.downcast_ref::<DataFusionError>() {
                cause = Some(inner.as_ref());
            } else {
                cause = e.source();
            }
        }
        None
    }
}

/// `what` cannot be done, and why: the only reason behind a colon, or all of them numbered, one a line.
pub(crate) fn listed(what: &str, reasons: &[impl fmt::Display]) -> String {
    if let [only] = reasons {
        return format!("{what}: {only}");
    }
    let lines = reasons.iter().enumerate().map(|(i, reason)| format!("\n  {}. {reason}", i + 1));
    format!("{what}, for {} reasons:{}", reasons.len(), lines.collect::<String>())
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (i, (key, value)) in self.context.iter().enumerate() {
            write!(f, "{}{key}: {value}", if i == 0 { " (" } else { ", " })?;
        }
        if !self.context.is_empty() {
            f.write_str(")")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        DataFusionError::External(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_message_and_place_but_not_the_cause() {
        let error = Error::data("value does not fit")
            .with_context("table", "ks.t")
            .with_context("column", "a")
            .with_source("the cause");
        assert_eq!(error.to_string(), "value does not fit (table: ks.t, column: a)");
        assert_eq!(std::error::Error::source(&error).map(ToString::to_string).as_deref(), Some("the cause"));
    }

    #[test]
    fn several_are_numbered_and_one_stays_as_it_is() {
        let errors = || vec![Error::schema("no key").with_context("table", "ks.t"), Error::schema("no value")];
        let all = Error::all("nothing can be written", errors());
        assert_eq!(all.kind(), ErrorKind::Schema);
        let expected = "nothing can be written, for 2 reasons:\n  1. no key (table: ks.t)\n  2. no value";
        assert_eq!(all.to_string(), expected);
        let mut mixed = errors();
        mixed.push(Error::config("no time to live"));
        assert_eq!(Error::all("nothing", mixed).kind(), ErrorKind::Config);
        let only = Error::all("nothing", errors().into_iter().take(1).collect());
        assert_eq!(only.to_string(), "no key (table: ks.t)");
        assert_eq!(listed("no table", &["bad name"]), "no table: bad name");
    }

    #[test]
    fn is_found_inside_datafusion_errors() {
        let inner: DataFusionError = Error::schema("no such table").into();
        let wrapped = DataFusionError::Context("planning".into(), Box::new(inner));
        assert_eq!(Error::find(&wrapped).map(Error::kind), Some(ErrorKind::Schema));
        let shared = DataFusionError::Shared(std::sync::Arc::new(wrapped));
        assert_eq!(Error::find(&shared).map(Error::kind), Some(ErrorKind::Schema));
    }
}
