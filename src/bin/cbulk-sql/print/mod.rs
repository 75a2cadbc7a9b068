//! All that is printed. Results go to standard output, by one of the formats; everything else goes to standard error
//! ([`notice`]). Nowhere else is anything printed.

mod binary;
mod cells;
mod delimited;
mod json;
mod json_value;
mod table;
#[cfg(test)]
mod tests;
mod time;

use std::fmt;
use std::io::{self, Write};

use clap::ValueEnum;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;

use delimited::{Delimited, Dialect};
use json::Json;
use table::Table;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns, for people.
    #[default]
    Table,
    /// Comma-separated values, RFC 4180: NULL is an empty field, the empty text is "".
    Csv,
    /// Tab-separated values, PostgreSQL's text format: escapes \t \n \r \\, NULL is \N.
    Tsv,
    /// One JSON array of objects.
    Json,
    /// One JSON object a line.
    Ndjson,
}

impl Format {
    /// The names as the user writes them.
    pub(crate) fn names() -> String {
        let names: Vec<String> = Self::value_variants().iter().map(ToString::to_string).collect();
        names.join(", ")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
        })
    }
}

/// Why printing ended before the result did.
#[derive(Debug)]
pub(crate) enum PrintError {
    /// The reader has gone (`| head`): nothing more is wanted, and nothing is wrong.
    Closed,
    /// Standard output cannot be written, for example because the disk is full.
    Output(io::Error),
    /// A value that the format cannot express.
    Value(ArrowError),
}

impl From<io::Error> for PrintError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Closed } else { Self::Output(error) }
    }
}

impl From<ArrowError> for PrintError {
    fn from(error: ArrowError) -> Self {
        Self::Value(error)
    }
}

/// Prints one result in one format, batch by batch.
pub(crate) trait Printer {
    /// Prints a batch, or holds it back until the layout is known.
    ///
    /// # Errors
    /// See [`PrintError`].
    fn batch(&mut self, batch: &RecordBatch, out: &mut dyn Write) -> Result<(), PrintError>;

    /// Prints what is still due after the last batch.
    ///
    /// # Errors
    /// See [`PrintError`].
    fn finish(&mut self, out: &mut dyn Write) -> Result<(), PrintError>;
}

/// A printer of results of this schema. `header`: the names of the columns come first, where the format has such a line.
pub(crate) fn printer(format: Format, header: bool, schema: SchemaRef) -> Box<dyn Printer> {
    match format {
        Format::Table => Box::new(Table::new(schema, header)),
        Format::Csv => Box::new(Delimited::new(Dialect::Csv, schema, header)),
        Format::Tsv => Box::new(Delimited::new(Dialect::Tsv, schema, header)),
        Format::Json => Box::new(Json::new(&schema, true)),
        Format::Ndjson => Box::new(Json::new(&schema, false)),
    }
}

/// Prints a line on standard error. If that is closed there is nobody to tell.
pub(crate) fn notice(text: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
