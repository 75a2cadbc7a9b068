//! The formats json (one array, a row a line) and ndjson (an object a line). Every key is present, also for NULL.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, StructArray};
use datafusion::arrow::datatypes::{Field, Fields, Schema};

use super::json_value::JsonValues;
use super::{PrintError, Printer};

/// Prints rows as JSON objects.
pub(super) struct Json {
    fields: Fields,
    values: JsonValues,
    array: bool,
    rows_before: bool,
}

impl Json {
    /// `array`: all rows are the elements of one array.
    pub(super) fn new(schema: &Schema, array: bool) -> Self {
        // Whether nulls may occur is the business of the plan, not of the printer.
        let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true)).collect();
        Self { fields, values: JsonValues::new(), array, rows_before: false }
    }
}

impl Printer for Json {
    fn batch(&mut self, batch: &RecordBatch, out: &mut dyn Write) -> Result<(), PrintError> {
        let rows = StructArray::try_new(self.fields.clone(), batch.columns().to_vec(), None)?;
        let field = Arc::new(Field::new_struct("", self.fields.clone(), false));
        let mut encoder = self.values.encoder(&field, &rows)?;
        let mut line = Vec::with_capacity(1024);
        for row in 0..batch.num_rows() {
            line.clear();
            if self.array {
                line.extend_from_slice(if self.rows_before { b",\n" } else { b"[" });
            }
            encoder.encode(row, &mut line);
            self.values.check()?;
            if !self.array {
                line.push(b'\n');
            }
            out.write_all(&line)?;
            self.rows_before = true;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut dyn Write) -> Result<(), PrintError> {
        if self.array {
            out.write_all(if self.rows_before { b"]\n" } else { b"[]\n" })?;
        }
        Ok(())
    }
}
