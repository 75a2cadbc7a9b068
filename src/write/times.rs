//! Write times and times to live that come with the rows.
//!
//! A statement of CQL has one time and one time to live for all the cells it writes. Where each cell has its own, a row of
//! the input becomes as many statements as it has different pairs of them, at least one:
//!
//! ```text
//! k  a  b  c  writetime(a)  ttl(a)  writetime(b)  ttl(b)  writetime(c)  ttl(c)
//! 1  x  y  z       5                     9          60         5
//!
//! k  a     b     c     [ttl]  [timestamp]
//! 1  x     null  z       0         5            null is unset: the other statement writes it
//! 1  null  y     null   60         9
//! ```
//!
//! This is done with batches, before they are encoded: what comes out has a row for each statement, and the times are its
//! last columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, UInt64Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field, Schema};

mod cell;

use crate::cluster::schema::{Column, ColumnKind, CqlType};
use crate::error::{Error, Result};
use crate::options::CassandraOptions;
use cell::{Cell, Numbers};

/// The name that Cassandra gives the marker of `USING TTL ?`.
pub(super) const TTL_MARKER: &str = "[ttl]";

/// The name that Cassandra gives the marker of `USING TIMESTAMP ?`.
pub(super) const TIMESTAMP_MARKER: &str = "[timestamp]";

/// A column that is written, and where its cells have their times. Places are those of the input's columns.
#[derive(Debug, Clone)]
pub(crate) struct TimedColumn {
    pub(crate) place: usize,
    pub(crate) kind: ColumnKind,
    /// Microseconds since 1970.
    pub(crate) timestamp: Option<usize>,
    /// Seconds; a list of them where a value has many cells.
    pub(crate) ttl: Option<usize>,
}

/// Where the times of whole rows stand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowTimes {
    pub(crate) timestamp: Option<usize>,
    pub(crate) ttl: Option<usize>,
}

/// How batches become statements.
#[derive(Debug, Clone)]
pub(crate) struct TimesLayout {
    columns: Vec<TimedColumn>,
    /// None: each cell has its own.
    row: Option<RowTimes>,
    /// What is written where no time comes.
    default: Pair,
    /// Whether a static cell that comes with several rows is written with the first of them alone. Not where that row may be
    /// rejected while the others are written.
    static_once: bool,
}

/// The time and the time to live of a statement. Without one, Cassandra takes its own time and the table's time to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Pair {
    timestamp: Option<i64>,
    ttl: Option<i32>,
}

impl Pair {
    /// The same, with what it lacks.
    fn or(self, default: Self) -> Self {
        Self { timestamp: self.timestamp.or(default.timestamp), ttl: self.ttl.or(default.ttl) }
    }
}

/// The statements of a batch.
#[derive(Debug)]
pub(crate) struct Statements {
    /// A row for each, with the columns that are bound.
    pub(crate) batch: RecordBatch,
    /// The row of the input that each belongs to, from 0, in the order of the rows; none where there is one for each.
    pub(crate) row_of: Option<Vec<usize>>,
    /// The rows of the input that have none, because their times cannot be written, and why; in order.
    pub(crate) refused: Vec<(usize, Error)>,
    /// Whether a statement brings its own time, so that it may share a group with others of the same primary key: what
    /// becomes of their cells then does not depend on the group. Those behind the last one do not.
    pub(crate) timed: Vec<bool>,
}

impl Statements {
    /// One for each row, without times.
    pub(crate) fn of_rows(batch: RecordBatch) -> Self {
        Self { batch, row_of: None, refused: Vec::new(), timed: Vec::new() }
    }
}

impl TimesLayout {
    /// Each cell has its own times; none if these come for no cell.
    pub(crate) fn of_cells(columns: Vec<TimedColumn>, options: &CassandraOptions) -> Option<Self> {
        Self { columns, row: None, default: Pair::default(), static_once: false }.with_default(options)
    }

    /// Each row has its own times; none if these do not come.
    pub(crate) fn of_rows(columns: Vec<TimedColumn>, row: RowTimes, options: &CassandraOptions) -> Option<Self> {
        Self { columns, row: Some(row), default: Pair::default(), static_once: false }.with_default(options)
    }

    fn with_default(self, options: &CassandraOptions) -> Option<Self> {
        let (has_ttl, has_timestamp) = (self.has_ttl(), self.has_timestamp());
        // What has no marker has its constant in the statement.
        let ttl = options.write_ttl_seconds.filter(|_| has_ttl).and_then(|ttl| i32::try_from(ttl.seconds()).ok());
        let timestamp = options.write_timestamp_us.filter(|_| has_timestamp).map(u64::cast_signed);
        (has_ttl || has_timestamp).then_some(Self {
            default: Pair { timestamp, ttl },
            static_once: !options.max_rejected.keeps_rows(),
            ..self
        })
    }

    fn has_ttl(&self) -> bool {
        self.row.map_or_else(|| self.columns.iter().any(|column| column.ttl.is_some()), |row| row.ttl.is_some())
    }

    /// Whether whole rows have times, and so their lists too.
    pub(super) fn has_time_of_rows(&self) -> bool {
        self.row.is_some_and(|row| row.timestamp.is_some())
    }

    fn has_timestamp(&self) -> bool {
        self.row
            .map_or_else(|| self.columns.iter().any(|column| column.timestamp.is_some()), |row| row.timestamp.is_some())
    }

    /// What is bound behind the columns of the table, in this order.
    pub(crate) fn markers(&self) -> Vec<Column> {
        let marker = |name: &str, cql_type| Column { name: name.to_owned(), cql_type, kind: ColumnKind::Computed };
        let ttl = self.has_ttl().then(|| marker(TTL_MARKER, CqlType::Int));
        let timestamp = self.has_timestamp().then(|| marker(TIMESTAMP_MARKER, CqlType::BigInt));
        ttl.into_iter().chain(timestamp).collect()
    }

    /// The columns of [`Statements::batch`] for an input of these columns.
    ///
    /// # Errors
    /// The input is not the one that the layout was made for.
    pub(crate) fn schema(&self, input: &Schema) -> Result<Schema> {
        let places: Vec<usize> = self.columns.iter().map(|column| column.place).collect();
        let bound = input.project(&places).map_err(|e| Error::internal("columns with times").with_source(e))?;
        let ttl = self.has_ttl().then(|| Field::new(TTL_MARKER, DataType::Int32, true));
        let timestamp = self.has_timestamp().then(|| Field::new(TIMESTAMP_MARKER, DataType::Int64, true));
        // Null is unset, and keys are checked where they are bound.
        let bound = bound.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
        Ok(Schema::new(bound.chain(ttl).chain(timestamp).collect::<Vec<_>>()))
    }

    /// The statements of a batch of the input.
    ///
    /// # Errors
    /// The batch is not of the input that the layout was made for. What is wrong with single rows is no error here, see
    /// [`Statements::refused`].
    pub(crate) fn statements(&self, batch: &RecordBatch) -> Result<Statements> {
        let plan = match self.row {
            Some(row) => self.plan_rows(batch, row),
            None => self.plan_cells(batch),
        }?;
        self.build(batch, plan).map_err(|e| Error::internal("statements with times").with_source(e))
    }

    /// One statement for each row.
    fn plan_rows(&self, batch: &RecordBatch, row: RowTimes) -> Result<Plan> {
        let times = Times { timestamp: numbers(batch, row.timestamp, None)?, ttl: numbers(batch, row.ttl, None)? };
        let mut plan = Plan::default();
        for row in 0..batch.num_rows() {
            match times.pair(row) {
                Ok(pair) => plan.push(row, pair.or(self.default)),
                Err(error) => plan.refused.push((row, error)),
            }
        }
        plan.moves = !plan.refused.is_empty();
        Ok(plan)
    }

    /// One statement for each different pair of a row.
    fn plan_cells(&self, batch: &RecordBatch) -> Result<Plan> {
        let mut cells = self.cells(batch)?;
        let mut plan = Plan::default();
        for row in 0..batch.num_rows() {
            if let Err(error) = self.plan_row(&mut plan, &mut cells, row) {
                plan.refused.push((row, error));
            }
        }
        let is_static = self.columns.iter().any(|column| column.kind == ColumnKind::Static);
        plan.moves = is_static || plan.row_of.len() != batch.num_rows() || !plan.refused.is_empty();
        plan.cells = cells.into_iter().map(|cell| cell.map(|cell| cell.rows)).collect();
        Ok(plan)
    }

    /// The cells of each column that is not of the key.
    fn cells(&self, batch: &RecordBatch) -> Result<Vec<Option<Cell>>> {
        let is_partition_key = |column: &&TimedColumn| column.kind == ColumnKind::PartitionKey;
        let partition_key: Vec<ArrayRef> =
            self.columns.iter().filter(is_partition_key).map(|column| Arc::clone(batch.column(column.place))).collect();
        let cell = |column: &TimedColumn| {
            if column.kind.is_key() {
                return Ok(None);
            }
            let value = batch.column(column.place);
            let times = Times {
                timestamp: numbers(batch, column.timestamp, None)?,
                ttl: numbers(batch, column.ttl, Some(value))?,
            };
            let cell = Cell::new(value, times);
            if column.kind != ColumnKind::Static || !self.static_once {
                return Ok(Some(cell));
            }
            let places = [column.timestamp, column.ttl].into_iter().flatten();
            let of_cell = [Arc::clone(value)].into_iter().chain(places.map(|place| Arc::clone(batch.column(place))));
            Ok(Some(cell.once_for(&partition_key.iter().cloned().chain(of_cell).collect::<Vec<_>>())))
        };
        self.columns.iter().map(cell).collect()
    }

    /// Adds the statements of a row; none if one of its times cannot be written.
    fn plan_row(&self, plan: &mut Plan, cells: &mut [Option<Cell>], row: usize) -> Result<()> {
        let first = plan.row_of.len();
        for index in 0..cells.len() {
            let Some(cell) = cells.get_mut(index).and_then(Option::as_mut) else { continue };
            if !cell.is_written(row) {
                continue;
            }
            let pair = match cell.pair(row) {
                Ok(pair) => pair.or(self.default),
                Err(error) => {
                    plan.truncate(first);
                    cells.iter_mut().flatten().for_each(|cell| cell.truncate(first));
                    return Err(error);
                }
            };
            let same = (first..plan.pairs.len()).find(|&statement| plan.pairs[statement] == pair);
            let statement = same.unwrap_or_else(|| {
                plan.push(row, pair);
                plan.pairs.len() - 1
            });
            cell.write(row, statement);
        }
        if plan.row_of.len() == first {
            plan.push(row, self.default);
        }
        Ok(())
    }

    fn build(&self, batch: &RecordBatch, plan: Plan) -> Result<Statements, arrow::error::ArrowError> {
        let Plan { row_of, pairs, refused, moves, cells } = plan;
        let rows = UInt64Array::from_iter_values(row_of.iter().map(|&row| row as u64));
        let mut cells = cells.into_iter();
        let mut columns = Vec::with_capacity(self.columns.len() + 2);
        for column in &self.columns {
            let array = batch.column(column.place);
            let cell = cells.next().flatten();
            columns.push(match cell {
                _ if !moves => Arc::clone(array),
                Some(mut cell) => {
                    cell.resize(row_of.len(), None);
                    take(array, &UInt64Array::from(cell), None)?
                }
                None => take(array, &rows, None)?,
            });
        }
        if self.has_ttl() {
            columns.push(Arc::new(pairs.iter().map(|pair| pair.ttl).collect::<Int32Array>()));
        }
        if self.has_timestamp() {
            columns.push(Arc::new(pairs.iter().map(|pair| pair.timestamp).collect::<Int64Array>()));
        }
        let schema =
            self.schema(&batch.schema()).map_err(|e| arrow::error::ArrowError::from_external_error(e.into()))?;
        let timed = pairs.iter().map(|pair| pair.timestamp.is_some()).collect();
        Ok(Statements { batch: RecordBatch::try_new(Arc::new(schema), columns)?, row_of: Some(row_of), refused, timed })
    }
}

/// The times of a row or cell.
#[derive(Debug)]
struct Times {
    timestamp: Option<Numbers>,
    ttl: Option<Numbers>,
}

impl Times {
    /// # Errors
    /// One of them cannot be written; the error names the row.
    fn pair(&self, row: usize) -> Result<Pair> {
        Ok(Pair {
            timestamp: self.timestamp.as_ref().map_or(Ok(None), |numbers| numbers.timestamp(row))?,
            ttl: self.ttl.as_ref().map_or(Ok(None), |numbers| numbers.ttl(row))?,
        })
    }
}

fn numbers(batch: &RecordBatch, place: Option<usize>, value: Option<&ArrayRef>) -> Result<Option<Numbers>> {
    let Some(place) = place else { return Ok(None) };
    let fields = value.and_then(|value| value.as_struct_opt());
    Numbers::new(batch.schema().field(place).name(), batch.column(place), fields).map(Some)
}

/// Which statements there are, and what is in them.
#[derive(Debug, Default)]
struct Plan {
    row_of: Vec<usize>,
    pairs: Vec<Pair>,
    refused: Vec<(usize, Error)>,
    /// Whether statements are other than the rows as they are.
    moves: bool,
    /// For each column the row that a statement has its value from; none of keys, which every statement has.
    cells: Vec<Option<Vec<Option<u64>>>>,
}

impl Plan {
    fn push(&mut self, row: usize, pair: Pair) {
        self.row_of.push(row);
        self.pairs.push(pair);
    }

    fn truncate(&mut self, statements: usize) {
        self.row_of.truncate(statements);
        self.pairs.truncate(statements);
    }
}

#[cfg(test)]
mod tests;
