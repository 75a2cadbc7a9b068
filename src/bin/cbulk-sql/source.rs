//! Where the statements of a script come from: an argument, a file or standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor};
use std::path::Path;

use tokio::task::spawn_blocking;

use crate::failure::Failure;
use crate::script::{Piece, Splitter};

/// A script, read line by line, so that it may be long and its writer slow.
pub(crate) struct Source {
    /// Named in errors.
    name: String,
    reader: Option<Box<dyn BufRead + Send>>,
    splitter: Splitter,
    /// Errors do not say where they are: there is only one statement.
    single: bool,
}

impl Source {
    fn new(name: String, reader: impl BufRead + Send + 'static) -> Self {
        Self { name, reader: Some(Box::new(reader)), splitter: Splitter::default(), single: false }
    }

    /// The text of an argument. `single`: it is the only one.
    pub(crate) fn command(sql: String, single: bool) -> Self {
        let mut splitter = Splitter::default();
        let pieces: usize = sql.lines().map(|line| splitter.push(line).len()).sum();
        let pieces = pieces + usize::from(splitter.finish().is_some());
        Self { single: single && pieces <= 1, ..Self::new("--command".to_owned(), Cursor::new(sql)) }
    }

    /// A file, or standard input for `-`.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn file(path: &Path) -> Result<Self, Failure> {
        if path == Path::new("-") {
            return Ok(Self::stdin());
        }
        let name = path.display().to_string();
        let refused = |e: &dyn std::fmt::Display| Failure::usage(format!("cannot read the script '{name}': {e}"));
        let file = File::open(path).map_err(|e| refused(&e))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(refused(&"it is a folder"));
        }
        Ok(Self::new(name, BufReader::new(file)))
    }

    /// Standard input.
    pub(crate) fn stdin() -> Self {
        Self::new("standard input".to_owned(), BufReader::new(io::stdin()))
    }

    /// Reads on to the end of the next line that completes anything; `None` at the end of the script.
    ///
    /// # Errors
    /// Text that cannot be read or is not UTF-8.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Piece>>, Failure> {
        loop {
            let Some(mut reader) = self.reader.take() else { return Ok(None) };
            // On a thread of its own, as a pipe may be silent for long.
            let read = spawn_blocking(move || {
                let mut line = String::new();
                reader.read_line(&mut line).map(|length| (length > 0).then_some((line, reader)))
            });
            let read = read.await.map_err(|e| self.unreadable(&e))?.map_err(|e| self.unreadable(&e))?;
            let Some((line, reader)) = read else {
                let last = std::mem::take(&mut self.splitter).finish();
                return Ok(last.map(|statement| vec![Piece::Statement(statement)]));
            };
            self.reader = Some(reader);
            let pieces = self.splitter.push(line.trim_start_matches('\u{feff}'));
            if !pieces.is_empty() {
                return Ok(Some(pieces));
            }
        }
    }

    /// Adds to a failure where in this script it happened.
    pub(crate) fn locate(&self, failure: Failure, piece: &Piece) -> Failure {
        match piece {
            _ if self.single => failure,
            Piece::Statement(statement) => failure.at(&self.name, statement.line, &statement.text),
            Piece::Command { text, line } => failure.at(&self.name, *line, text),
        }
    }

    fn unreadable(&self, error: &dyn std::fmt::Display) -> Failure {
        let line = self.splitter.lines() + 1;
        Failure::usage(format!("cannot read line {line} of {}: {error}", self.name))
    }
}
