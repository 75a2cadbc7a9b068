//! What went wrong, as people read it, and the exit code that says it to programs.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use cbulk::ErrorKind;
use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;

use crate::script::Statement;

/// Exit code: all statements have ended, but some rows could not be written and are kept in files.
pub(crate) const ROWS_REJECTED: u8 = 1;
/// Exit code: the arguments, the SQL or the configuration are wrong; nothing was run.
pub(crate) const USAGE: u8 = 2;
/// Exit code: a statement failed while it ran.
pub(crate) const ABORTED: u8 = 3;

/// An error, ready to be printed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code, if the program ends by this failure.
    pub(crate) code: u8,
    /// The message, then its causes.
    chain: Vec<String>,
    hint: Option<String>,
    /// Where in a script: its name, the line, the beginning of the statement.
    place: Option<String>,
    /// Where in the statement, by line and column from 1.
    position: Option<(usize, usize)>,
}

impl Failure {
    /// A failure that the shell itself has found before anything ran.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE, chain: vec![message.into()], hint: None, place: None, position: None }
    }

    /// A failure of the shell itself while something ran.
    pub(crate) fn aborted(message: impl Into<String>) -> Self {
        Self { code: ABORTED, ..Self::usage(message) }
    }

    /// An error from parsing or planning.
    pub(crate) fn plan(error: &DataFusionError) -> Self {
        Self::new(error, USAGE)
    }

    /// An error while the statement ran.
    pub(crate) fn run(error: &DataFusionError) -> Self {
        Self::new(error, ABORTED)
    }

    fn new(error: &DataFusionError, code: u8) -> Self {
        // The library knows better than the phase who must act.
        let code = match cbulk::Error::find(error).map(cbulk::Error::kind) {
            Some(ErrorKind::Config | ErrorKind::Schema) => USAGE,
            Some(_) => ABORTED,
            None => code,
        };
        let mut chain: Vec<String> = Vec::new();
        let mut tell = |text: &str| {
            let text = sentence(text);
            // What a message above contains is no news.
            if !text.is_empty() && !chain.iter().any(|above| above.contains(&text)) {
                chain.push(text);
            }
        };
        let (contexts, heart) = unwrap(error);
        contexts.into_iter().for_each(&mut tell);
        let mut cause = Some(heart);
        while let Some(error) = cause {
            tell(&own_words(error));
            cause = error.source();
        }
        let mut failure = Self { code, chain, hint: None, place: None, position: None };
        failure.take_position();
        failure.take_hint(error);
        failure
    }

    /// Adds the advice of the last line.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Puts words in front of the message.
    #[must_use]
    pub(crate) fn within(mut self, what: impl fmt::Display) -> Self {
        if let Some(message) = self.chain.first_mut() {
            *message = format!("{what}: {message}");
        }
        self
    }

    /// Adds where in a script it happened, unless a script inside of it has said so already.
    #[must_use]
    pub(crate) fn at(mut self, script: &str, line: usize, text: &str) -> Self {
        self.place.get_or_insert_with(|| format!("{script}, line {line}: {}", beginning(text)));
        self
    }

    /// Translates a position in the statement to one in the script that the statement stands in.
    #[must_use]
    pub(crate) fn in_statement(mut self, statement: &Statement) -> Self {
        if let Some((line, column)) = &mut self.position {
            if *line == 1 {
                *column += statement.column - 1;
            }
            *line += statement.line - 1;
        }
        self
    }

    /// The parser ends its messages by the position; we say it apart, as it changes in a script.
    fn take_position(&mut self) {
        let Some(message) = self.chain.first_mut() else { return };
        let Some((text, position)) = message.rsplit_once(" at Line: ") else { return };
        let Some((line, column)) = position.split_once(", Column: ") else { return };
        if let (Ok(line), Ok(column)) = (line.trim().parse(), column.trim().parse()) {
            self.position = Some((line, column));
            *message = text.to_owned();
        }
    }

    /// Sets advice apart that DataFusion puts into its messages, and adds some of ours.
    fn take_hint(&mut self, error: &DataFusionError) {
        let Some(message) = self.chain.first_mut() else { return };
        let hint = if let Some(at) = ["Did you mean", "Valid fields are"].iter().filter_map(|w| message.find(w)).min() {
            let advice = message.split_off(at).replace("?.", "?");
            Some(sentence(&advice))
        } else if let Some(at) = message.find(" No function matches") {
            let advice = message.split_off(at);
            advice.split_once("Candidate functions:").map(|(_, functions)| {
                let functions: Vec<&str> = functions.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
                format!("it takes {}", functions.join(" or "))
            })
        } else if let Some(name) = unknown_setting(message) {
            *message = format!("there is no setting '{name}'");
            Some("SHOW ALL lists the settings".to_owned())
        } else if message.starts_with("table '") && message.ends_with("' not found") {
            Some(r"\d lists the tables".to_owned())
        } else {
            match error.find_root() {
                DataFusionError::ResourcesExhausted(_) => {
                    Some("SET datafusion.runtime.memory_limit = '2G' allows more memory".to_owned())
                }
                DataFusionError::Internal(_) => {
                    Some("unless a path or a disk explains it, this is a bug: please report it".to_owned())
                }
                _ => None,
            }
        };
        *message = message.trim_end_matches(['.', ' ', '\n']).to_owned();
        self.hint = hint;
    }
}

/// The name in DataFusion's two messages about settings that are not there.
fn unknown_setting(message: &str) -> Option<&str> {
    let quoted = message
        .strip_prefix("could not find config namespace ")
        .map(|rest| rest.trim_start_matches("for key "))
        .or_else(|| Some(message.strip_prefix("config value ")?.split_once(" not found on ")?.0))?;
    Some(quoted.trim_matches('"'))
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chain = self.chain.iter();
        write!(f, "error: {}", chain.next().map_or("unknown", String::as_str))?;
        if let Some((line, column)) = self.position {
            write!(f, " (line {line}, column {column})")?;
        }
        if let Some(place) = &self.place {
            write!(f, "\n  in {place}")?;
        }
        for cause in chain {
            write!(f, "\n  caused by: {cause}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// Takes DataFusion's wrappers off: what they say that is worth saying, and the error inside, ours if there is one.
fn unwrap(error: &DataFusionError) -> (Vec<&str>, &(dyn StdError + 'static)) {
    if let Some(ours) = cbulk::Error::find(error) {
        return (Vec::new(), ours);
    }
    let mut contexts = Vec::new();
    let mut error = error;
    loop {
        let inner: &(dyn StdError + 'static) = match error {
            DataFusionError::Context(context, inner) => {
                if !is_name_of_a_rule(context) {
                    contexts.push(context.as_str());
                }
                inner.as_ref()
            }
            DataFusionError::Diagnostic(_, inner) => inner.as_ref(),
            DataFusionError::Shared(inner) => inner.as_ref(),
            DataFusionError::Collection(errors) => match errors.first() {
                Some(first) => first,
                None => return (contexts, error),
            },
            DataFusionError::External(inner) => inner.as_ref(),
            DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
                ArrowError::ExternalError(inner) => inner.as_ref(),
                inner => inner,
            },
            DataFusionError::ParquetError(inner) => inner.as_ref(),
            DataFusionError::ObjectStore(inner) => inner.as_ref(),
            DataFusionError::IoError(inner) => inner,
            DataFusionError::SQL(inner, _) => inner.as_ref(),
            DataFusionError::SchemaError(inner, _) => inner.as_ref(),
            DataFusionError::ExecutionJoin(inner) => inner.as_ref(),
            _ => return (contexts, error),
        };
        match inner.downcast_ref() {
            Some(wrapped) => error = wrapped,
            None => return (contexts, inner),
        }
    }
}

/// In which of its rules DataFusion was tells nothing to people who write SQL.
fn is_name_of_a_rule(context: &str) -> bool {
    context.contains("ptimizer rule '") || context.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// What an error says itself, without the name of its class.
fn own_words<'a>(error: &'a (dyn StdError + 'static)) -> Cow<'a, str> {
    if let Some(parser) = error.downcast_ref::<ParserError>() {
        return match parser {
            ParserError::ParserError(text) | ParserError::TokenizerError(text) => text.into(),
            ParserError::RecursionLimitExceeded => "the statement is nested too deeply".into(),
        };
    }
    if let Some(datafusion) = error.downcast_ref::<DataFusionError>() {
        return match datafusion {
            // What it allows comes after who has allocated what.
            DataFusionError::ResourcesExhausted(text) => {
                text.rsplit_once("\nError: ").map_or(text.as_str(), |(_, error)| error).into()
            }
            DataFusionError::Internal(text)
            | DataFusionError::NotImplemented(text)
            | DataFusionError::Plan(text)
            | DataFusionError::Configuration(text)
            | DataFusionError::Execution(text)
            | DataFusionError::Substrait(text)
            | DataFusionError::Ffi(text) => text.into(),
            other => other.message(),
        };
    }
    error.to_string().into()
}

/// Names of classes of errors that stand in front of messages and tell people nothing.
const CLASSES: [&str; 12] = [
    "External error: ",
    "Execution error: ",
    "Error during planning: ",
    "Arrow error: ",
    "Parquet error: ",
    "Parser error: ",
    "Cast error: ",
    "Compute error: ",
    "Invalid argument error: ",
    "Csv error: ",
    "Json error: ",
    "Io error: ",
];

/// Words that read ill, and better ones.
const WORDS: [(&str, &str); 7] = [
    ("Expected: ", "expected "),
    (", found: EOF", ", found the end of the statement"),
    (", found: ", ", found "),
    ("Error parsing ", "cannot parse "),
    ("Error while parsing ", "cannot parse "),
    ("expects NativeType::", "expects "),
    ("received NativeType::", "received "),
];

/// A message in our style: no class in front, lower case, no full stop, the parser's telegram style made a sentence.
fn sentence(text: &str) -> String {
    let mut text = text.trim();
    while let Some(rest) = CLASSES.iter().find_map(|class| text.strip_prefix(class)) {
        text = rest;
    }
    let text = text.strip_suffix('.').unwrap_or(text);
    let text = WORDS.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replacen(theirs, ours, 1));
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        // Abbreviations (SQL) and names (INSERT) keep their capitals.
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text,
    }
}

/// As much of a statement as fits into a line.
fn beginning(text: &str) -> String {
    const CHARACTERS: usize = 60;
    let words: Vec<&str> = text.split_whitespace().take(CHARACTERS).collect();
    let text = words.join(" ");
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
