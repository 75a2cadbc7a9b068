//! The format table: aligned columns for people.
//!
//! Nothing is cut. The widths of the columns are those of the first rows, so that memory stays small however long the
//! result is; a longer value further down sticks out. A value of several lines takes several lines, the further ones
//! marked by `:` in place of the bars. NULL is `NULL`. Control characters are shown as escapes, so that data cannot
//! command the terminal.

use std::borrow::Cow;
use std::io::{self, Write};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use unicode_width::UnicodeWidthStr;

use super::cells::columns;
use super::json_value::JsonValues;
use super::{PrintError, Printer};

/// Rows that are looked at before the widths are fixed.
const MEASURED_ROWS: usize = 1000;
/// Bytes held back for that at the most (the batch that exceeds it is the last).
const MEASURED_BYTES: usize = 4 << 20;
/// No column is padded to more than this; longer values stick out.
const MAX_PADDING: usize = 100;
const NULL: &str = "NULL";

struct Column {
    width: usize,
    right: bool,
}

/// Prints rows as a table.
pub(super) struct Table {
    schema: SchemaRef,
    header: bool,
    json: JsonValues,
    columns: Vec<Column>,
    held: Vec<RecordBatch>,
    measured: bool,
}

impl Table {
    pub(super) fn new(schema: SchemaRef, header: bool) -> Self {
        let columns = schema
            .fields()
            .iter()
            .map(|field| Column {
                width: if header { lines(field.name()).map(|l| l.width()).max().unwrap_or(0) } else { 0 },
                right: is_number(field.data_type()),
            })
            .collect();
        Self { schema, header, json: JsonValues::new(), columns, held: Vec::new(), measured: false }
    }
}

impl Printer for Table {
    fn batch(&mut self, batch: &RecordBatch, out: &mut dyn Write) -> Result<(), PrintError> {
        if self.measured {
            return self.rows(batch, out);
        }
        self.held.push(batch.clone());
        let rows: usize = self.held.iter().map(RecordBatch::num_rows).sum();
        let bytes: usize = self.held.iter().map(RecordBatch::get_array_memory_size).sum();
        if rows >= MEASURED_ROWS || bytes >= MEASURED_BYTES { self.release(out) } else { Ok(()) }
    }

    fn finish(&mut self, out: &mut dyn Write) -> Result<(), PrintError> {
        if self.measured { Ok(()) } else { self.release(out) }
    }
}

impl Table {
    /// Fixes the widths by the rows held back, then prints the header and them.
    fn release(&mut self, out: &mut dyn Write) -> Result<(), PrintError> {
        let held = std::mem::take(&mut self.held);
        self.measure(&held)?;
        self.measured = true;
        if self.header {
            self.print_header(out)?;
        }
        held.iter().try_for_each(|batch| self.rows(batch, out))
    }

    fn measure(&mut self, held: &[RecordBatch]) -> Result<(), ArrowError> {
        let mut left = MEASURED_ROWS;
        for batch in held {
            let mut cells = columns(&self.schema, batch, &self.json)?;
            for row in 0..batch.num_rows().min(left) {
                for (cell, column) in cells.iter_mut().zip(&mut self.columns) {
                    let width = lines(cell.value(row)?.unwrap_or(NULL)).map(|line| line.width()).max();
                    column.width = column.width.max(width.unwrap_or(0)).min(MAX_PADDING);
                }
            }
            left = left.saturating_sub(batch.num_rows());
        }
        Ok(())
    }

    fn print_header(&self, out: &mut dyn Write) -> io::Result<()> {
        let names: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        self.line(&names, out)?;
        for (i, column) in self.columns.iter().enumerate() {
            write!(out, "{}{:-<width$}", if i > 0 { "+" } else { "" }, "", width = column.width + 2)?;
        }
        out.write_all(b"\n")
    }

    fn rows(&self, batch: &RecordBatch, out: &mut dyn Write) -> Result<(), PrintError> {
        let schema: &Schema = &self.schema;
        let mut cells = columns(schema, batch, &self.json)?;
        for row in 0..batch.num_rows() {
            let values: Vec<&str> =
                cells.iter_mut().map(|cell| Ok(cell.value(row)?.unwrap_or(NULL))).collect::<Result<_, ArrowError>>()?;
            self.line(&values, out)?;
        }
        Ok(())
    }

    /// One row, on as many lines as its value of the most lines has.
    fn line(&self, values: &[&str], out: &mut dyn Write) -> io::Result<()> {
        let mut values: Vec<_> = values.iter().map(|value| lines(value).peekable()).collect();
        let last = self.columns.len().saturating_sub(1);
        let mut bar = (" ", " | ");
        loop {
            for (i, (value, column)) in values.iter_mut().zip(&self.columns).enumerate() {
                let text = value.next().unwrap_or_default();
                let padding = column.width.saturating_sub(text.width());
                let (before, after) = match column.right {
                    true => (padding, 0),
                    // No blanks at the end of a line.
                    false if i == last => (0, 0),
                    false => (0, padding),
                };
                let bar = if i == 0 { bar.0 } else { bar.1 };
                let bar = if i == last && text.is_empty() { bar.trim_end() } else { bar };
                write!(out, "{bar}{:before$}{text}{:after$}", "", "")?;
            }
            out.write_all(b"\n")?;
            if values.iter_mut().all(|value| value.peek().is_none()) {
                return Ok(());
            }
            bar = (":", " : ");
        }
    }
}

/// The lines of a value, control characters escaped. A line break at the very end is not shown.
fn lines(value: &str) -> impl Iterator<Item = Cow<'_, str>> {
    value.strip_suffix('\n').unwrap_or(value).split('\n').map(|line| {
        if !line.contains(char::is_control) {
            return Cow::Borrowed(line);
        }
        let mut escaped = String::with_capacity(line.len() + 8);
        for c in line.chars() {
            if c.is_control() {
                escaped.extend(c.escape_default());
            } else {
                escaped.push(c);
            }
        }
        Cow::Owned(escaped)
    })
}

fn is_number(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_number(value),
        _ => data_type.is_numeric(),
    }
}
