//! The cells of one column with their times.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, ListArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::compute::{CastOptions, cast_with_options, partition};
use arrow::datatypes::{DataType, Int64Type, TimeUnit};

use super::{Pair, Times};
use crate::error::{Error, Result};
use crate::options::Ttl;

/// The cells of a column, and the statement that each is put into.
#[derive(Debug)]
pub(super) struct Cell {
    nulls: Option<NullBuffer>,
    times: Times,
    /// Of a static column, the first row of each run of rows that have the same cell of the same Cassandra partition.
    runs: Option<Vec<usize>>,
    /// The row that each statement has its value from. Statements behind the last one have none.
    pub(super) rows: Vec<Option<u64>>,
}

impl Cell {
    pub(super) fn new(value: &ArrayRef, times: Times) -> Self {
        Self { nulls: value.logical_nulls(), times, runs: None, rows: Vec::new() }
    }

    /// Writes the cell once for all rows in sequence that are equal in these columns: a static cell comes with every row of
    /// its Cassandra partition.
    pub(super) fn once_for(self, columns: &[ArrayRef]) -> Self {
        // What cannot be compared is written each time, which is the same in the end.
        let runs = partition(columns).map(|runs| runs.ranges().into_iter().map(|run| run.start).collect());
        Self { runs: runs.ok(), ..self }
    }

    /// Whether the row's cell is to be put into a statement.
    pub(super) fn is_written(&self, row: usize) -> bool {
        let is_null = self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
        !is_null && self.runs.as_ref().is_none_or(|runs| runs.binary_search(&row).is_ok())
    }

    /// # Errors
    /// A time cannot be written; the error names the row.
    pub(super) fn pair(&self, row: usize) -> Result<Pair> {
        let pair = self.times.pair(row)?;
        // A cell whose write time is known and that has no time to live never expires, whatever the table's default.
        let lives_on = pair.ttl.is_none() && pair.timestamp.is_some() && self.times.ttl.is_some();
        Ok(if lives_on { Pair { ttl: Some(0), ..pair } } else { pair })
    }

    pub(super) fn write(&mut self, row: usize, statement: usize) {
        self.rows.resize(statement, None);
        self.rows.push(Some(row as u64));
    }

    /// Takes back what was put into later statements.
    pub(super) fn truncate(&mut self, statements: usize) {
        self.rows.truncate(statements);
    }
}

/// A column of times.
#[derive(Debug)]
pub(super) struct Numbers {
    name: String,
    values: Int64Array,
    /// Microseconds in one of them, of times.
    micros: i64,
}

impl Numbers {
    /// Integers, timestamps, or lists of integers, which are times to live: the longest of each list. `fields` are those of the
    /// value that the times are of, if it has fields; those that are null do not count.
    ///
    /// # Errors
    /// It is a column of another type.
    pub(super) fn new(name: &str, array: &ArrayRef, fields: Option<&StructArray>) -> Result<Self> {
        let failed = || Error::internal(format!("column {name} of type {} holds no times", array.data_type()));
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let integers = |array: &dyn Array| {
            let cast = cast_with_options(array, &DataType::Int64, &strict).map_err(|e| failed().with_source(e))?;
            Ok::<_, Error>(cast.as_primitive::<Int64Type>().clone())
        };
        let (values, micros) = match array.data_type() {
            DataType::List(_) => {
                let lists = array.as_list::<i32>();
                (longest(lists, &integers(lists.values())?, fields), 1)
            }
            DataType::Timestamp(TimeUnit::Second, _) => (integers(array)?, 1_000_000),
            DataType::Timestamp(TimeUnit::Millisecond, _) => (integers(array)?, 1_000),
            DataType::Timestamp(TimeUnit::Microsecond, _) => (integers(array)?, 1),
            other if other.is_integer() => (integers(array)?, 1),
            _ => return Err(failed()),
        };
        Ok(Self { name: name.to_owned(), values, micros })
    }

    fn get(&self, row: usize) -> Option<i64> {
        self.values.is_valid(row).then(|| self.values.value(row))
    }

    /// Microseconds since 1970.
    pub(super) fn timestamp(&self, row: usize) -> Result<Option<i64>> {
        let Some(number) = self.get(row) else { return Ok(None) };
        // The least of all is Cassandra's own sign for none.
        let micros = number.checked_mul(self.micros).filter(|&micros| micros != i64::MIN);
        let refused = || self.refused(row, "its microseconds since 1970 must fit in 64 bits", "write time", number);
        micros.map(Some).ok_or_else(refused)
    }

    /// Seconds.
    pub(super) fn ttl(&self, row: usize) -> Result<Option<i32>> {
        let Some(number) = self.get(row) else { return Ok(None) };
        let seconds = i32::try_from(number).ok();
        let seconds = seconds.filter(|seconds| u32::try_from(*seconds).is_ok_and(|s| s <= Ttl::MOST_SECONDS));
        let refused = || {
            let limits =
                format!("it must be 0, which is for ever, to {} seconds, which is 20 years", Ttl::MOST_SECONDS);
            self.refused(row, &limits, "time to live", number)
        };
        seconds.map(Some).ok_or_else(refused)
    }

    #[cold]
    fn refused(&self, row: usize, why: &str, what: &str, number: i64) -> Error {
        Error::data(format!("{number} cannot be written as {what}: {why}"))
            .with_context("column", &self.name)
            .with_context("row", (row + 1).to_string())
    }
}

/// The longest of the times to live of each value, 0 if one of its cells lives for ever; none of a value without cells.
fn longest(lists: &ListArray, ttls: &Int64Array, fields: Option<&StructArray>) -> Int64Array {
    let of_row = |row: usize| {
        if lists.is_null(row) {
            return None;
        }
        let (start, end) = (lists.value_offsets()[row].cast_unsigned(), lists.value_offsets()[row + 1].cast_unsigned());
        let mut most = None;
        for (cell, place) in (start as usize..end as usize).enumerate() {
            // A field that is null has no cell.
            if fields.is_some_and(|fields| fields.columns().get(cell).is_some_and(|field| field.is_null(row))) {
                continue;
            }
            if ttls.is_null(place) {
                return Some(0);
            }
            most = most.max(Some(ttls.value(place)));
        }
        most
    };
    (0..lists.len()).map(of_row).collect()
}
