//! The values of one column of a batch as text, the same in the formats table, csv and tsv.
//!
//! Lists, maps and structs are written as JSON; what Arrow writes well (numbers, RFC 3339 times within
//! its calendar, text) is left to it.

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::NullableEncoder;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::binary::BinaryText;
use super::json_value::JsonValues;
use super::time::TimeText;

/// Errors are returned rather than written into the output.
pub(super) const FORMAT: FormatOptions<'static> = FormatOptions::new().with_display_error(false);

enum Text<'a> {
    Formatted(ArrayFormatter<'a>),
    Time(TimeText<'a>),
    Binary(BinaryText<'a>),
    Json { values: &'a JsonValues, encoder: NullableEncoder<'a>, bytes: Vec<u8> },
}

/// One column of a batch.
pub(super) struct Cells<'a> {
    column: &'a str,
    text: Text<'a>,
    nulls: Option<NullBuffer>,
    buffer: String,
}

impl<'a> Cells<'a> {
    /// Decides once for the column how its values are written.
    ///
    /// # Errors
    /// A type that has no text.
    fn new(field: &'a FieldRef, array: &'a dyn Array, json: &'a JsonValues) -> Result<Self, ArrowError> {
        let text = if let Some(binary) = BinaryText::new(field, array) {
            Text::Binary(binary)
        } else if array.data_type().is_nested() {
            Text::Json { values: json, encoder: json.encoder(field, array)?, bytes: Vec::new() }
        } else if array.data_type().is_temporal() {
            Text::Time(TimeText::try_new(array)?)
        } else {
            Text::Formatted(ArrayFormatter::try_new(array, &FORMAT)?)
        };
        Ok(Self { column: field.name(), text, nulls: array.logical_nulls(), buffer: String::new() })
    }

    /// The value of a row, or `None` for NULL.
    ///
    /// # Errors
    /// A value that has no text, such as a time of day that is none.
    pub(super) fn value(&mut self, row: usize) -> Result<Option<&str>, ArrowError> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return Ok(None);
        }
        self.buffer.clear();
        match &mut self.text {
            Text::Formatted(formatter) => {
                formatter.value(row).write(&mut self.buffer).map_err(|e| no_text(self.column, &e))?;
            }
            Text::Time(times) => times.append(row, &mut self.buffer).map_err(|e| no_text(self.column, &e))?,
            Text::Binary(binary) => binary.append(row, &mut self.buffer),
            Text::Json { values, encoder, bytes } => {
                bytes.clear();
                encoder.encode(row, bytes);
                values.check()?;
                self.buffer.push_str(&String::from_utf8_lossy(bytes));
            }
        }
        Ok(Some(&self.buffer))
    }
}

/// The error of a value that cannot be written, with the column where it stands.
pub(super) fn no_text(column: &str, error: &ArrowError) -> ArrowError {
    let why = match error {
        ArrowError::CastError(text) => text.clone(),
        other => other.to_string(),
    };
    ArrowError::CastError(format!("column '{column}' has a value that cannot be written as text: {why}"))
}

/// The cells of every column of a batch.
///
/// # Errors
/// A column whose type has no text.
pub(super) fn columns<'a>(
    schema: &'a Schema,
    batch: &'a RecordBatch,
    json: &'a JsonValues,
) -> Result<Vec<Cells<'a>>, ArrowError> {
    schema.fields().iter().zip(batch.columns()).map(|(field, array)| Cells::new(field, array.as_ref(), json)).collect()
}
