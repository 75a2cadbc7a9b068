//! The formats csv and tsv.
//!
//! csv is RFC 4180 with LF line ends. NULL is an empty field and the empty text is `""`. In a result of one column NULL
//! is `""` as well: an empty line would be skipped by most readers, and a row lost.
//!
//! tsv is PostgreSQL's text format, one row a line always: tab, line feed, carriage return and backslash are written
//! `\t`, `\n`, `\r` and `\\`, NULL is `\N`.

use std::io::{self, Write};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;

use super::cells::columns;
use super::json_value::JsonValues;
use super::{PrintError, Printer};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Csv,
    Tsv,
}

/// Prints rows as fields with a delimiter.
pub(super) struct Delimited {
    dialect: Dialect,
    schema: SchemaRef,
    json: JsonValues,
    header_due: bool,
}

impl Delimited {
    pub(super) fn new(dialect: Dialect, schema: SchemaRef, header: bool) -> Self {
        Self { dialect, schema, json: JsonValues::new(), header_due: header }
    }
}

impl Printer for Delimited {
    fn batch(&mut self, batch: &RecordBatch, out: &mut dyn Write) -> Result<(), PrintError> {
        self.header(out)?;
        let schema = self.schema.clone();
        let mut columns = columns(&schema, batch, &self.json)?;
        let alone = columns.len() == 1;
        for row in 0..batch.num_rows() {
            for (i, column) in columns.iter_mut().enumerate() {
                if i > 0 {
                    self.dialect.delimiter(out)?;
                }
                self.dialect.field(column.value(row)?, alone, out)?;
            }
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> Result<(), PrintError> {
        Ok(self.header(out)?)
    }
}

impl Delimited {
    fn header(&mut self, out: &mut dyn Write) -> io::Result<()> {
        if !std::mem::take(&mut self.header_due) {
            return Ok(());
        }
        for (i, field) in self.schema.fields().iter().enumerate() {
            if i > 0 {
                self.dialect.delimiter(out)?;
            }
            self.dialect.field(Some(field.name()), false, out)?;
        }
        out.write_all(b"\n")
    }
}

impl Dialect {
    fn delimiter(self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(match self {
            Self::Csv => b",",
            Self::Tsv => b"\t",
        })
    }

    /// `alone`: the field is the only one of its row.
    fn field(self, value: Option<&str>, alone: bool, out: &mut dyn Write) -> io::Result<()> {
        match (self, value) {
            (Self::Csv, None) if alone => out.write_all(br#""""#),
            (Self::Csv, None) => Ok(()),
            (Self::Csv, Some(text)) => csv_field(text, out),
            (Self::Tsv, None) => out.write_all(br"\N"),
            (Self::Tsv, Some(text)) => tsv_field(text, out),
        }
    }
}

fn csv_field(text: &str, out: &mut dyn Write) -> io::Result<()> {
    if !text.is_empty() && !text.bytes().any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r')) {
        return out.write_all(text.as_bytes());
    }
    out.write_all(b"\"")?;
    for (i, part) in text.split('"').enumerate() {
        if i > 0 {
            out.write_all(b"\"\"")?;
        }
        out.write_all(part.as_bytes())?;
    }
    out.write_all(b"\"")
}

fn tsv_field(text: &str, out: &mut dyn Write) -> io::Result<()> {
    let mut rest = text;
    while let Some(at) = rest.find(['\t', '\n', '\r', '\\']) {
        out.write_all(&rest.as_bytes()[..at])?;
        out.write_all(match rest.as_bytes()[at] {
            b'\t' => br"\t",
            b'\n' => br"\n",
            b'\r' => br"\r",
            _ => br"\\",
        })?;
        rest = &rest[at + 1..];
    }
    out.write_all(rest.as_bytes())
}
