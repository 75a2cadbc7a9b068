//! Dates and times as text, also those that Arrow has no calendar for.

use cbulk::codec::far_time::far_time;
use datafusion::arrow::array::Array;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::ArrayFormatter;

use super::cells::FORMAT;

/// A column of dates, times or intervals.
pub(super) struct TimeText<'a> {
    array: &'a dyn Array,
    formatter: ArrayFormatter<'a>,
}

impl<'a> TimeText<'a> {
    /// # Errors
    /// A type that has no text.
    pub(super) fn try_new(array: &'a dyn Array) -> Result<Self, ArrowError> {
        Ok(Self { array, formatter: ArrayFormatter::try_new(array, &FORMAT)? })
    }

    /// Appends the value of a row that is not null.
    ///
    /// # Errors
    /// It has no text, such as a time of day after midnight.
    pub(super) fn append(&self, row: usize, text: &mut String) -> Result<(), ArrowError> {
        let start = text.len();
        let written = self.formatter.value(row).write(text);
        if written.is_err()
            && let Some(far) = far_time(self.array, row)
        {
            text.truncate(start);
            text.push_str(&far);
            return Ok(());
        }
        written
    }
}
